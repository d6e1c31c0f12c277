/** What a client has given up while `whcb serve` was stopped isn't done when it goes on. */
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { callIdOf, HEADERS, ServedApi, USER_ENV } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

it.each([
  ["closes its connection", "end", "finish"],
  ["resets its connection", "resetAndDestroy", "close"],
] as const)("a mark isn't made if the client %s before the service reads it", async (_, giveUp, given) => {
  const server = await home.serve([], { env: USER_ENV });
  const api = new ServedApi(server.url);
  const endpoint = await home.listen(["--status", "503"]);
  const id = await api.create({ name: "demo", url: endpoint.url });
  await api.hand(id, [callIdOf(0)]);
  await eventually(
    () => api.list(id, "FAILED"),
    (calls) => calls.length === 1,
  );
  server.child.kill("SIGSTOP");
  const { hostname, port } = new URL(server.url);
  const socket = connect({ host: hostname, port: Number(port) });
  const body = JSON.stringify({ status: "SUCCESS" });
  const headers = Object.entries({ ...HEADERS, host: `${hostname}:${port}`, "content-type": "application/json" });
  const head = [`PUT /callbacks/${id}/calls?id=${callIdOf(0)} HTTP/1.1`, ...headers.map((pair) => pair.join(": "))];
  await new Promise<void>((sent) => {
    socket.write(`${head.join("\r\n")}\r\ncontent-length: ${body.length}\r\n\r\n${body}`, () => sent());
  });
  const isGivenUp = once(socket, given);
  socket[giveUp]();
  await isGivenUp;
  server.child.kill("SIGCONT");
  // The service answers these after it, on other connections.
  for (let round = 0; round < 3; round += 1) expect((await api.list(id, "FAILED")).length).toBe(1);
});
