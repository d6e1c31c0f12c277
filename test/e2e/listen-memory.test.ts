import { Agent, request } from "node:http";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Home } from "../support/process/whcb-process.js";

let home: Home;

beforeEach(() => {
  home = new Home();
});
afterEach(() => home.leave());

it("a temporary endpoint remembers ids in bounded memory, however long they are", async () => {
  const env = { NODE_OPTIONS: "--max-old-space-size=64" };
  const endpoint = home.start(["listen", "--port", "0"], { env });
  const [, url = ""] = await endpoint.says(/(http:\/\/127\.0\.0\.1:\d+)/);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const post = (id: string) =>
    new Promise<void>((resolve, reject) => {
      const sent = request(url, { method: "POST", agent, headers: { "webhook-id": id } });
      sent.on("error", reject).end();
      sent.on("response", (answer) => answer.resume().on("end", resolve));
    });
  const long = "x".repeat(15_000);
  for (const id of ["A", "A"]) await post(id);
  for (let number = 0; number < 8_000; number++) await post(`${number}-${long}`);
  for (const id of ["A", "A"]) await post(id);
  agent.destroy();
  endpoint.child.kill("SIGINT");
  const { code, stdout } = await endpoint.ended;
  const posts = stdout.split("\n").filter((line) => line.includes(" POST "));
  const repeats = posts.flatMap((line, index) => (line.includes("(seen before)") ? [index] : []));
  expect([code, posts.length, repeats]).toEqual([0, 8_004, [1, 8_003]]);
});
