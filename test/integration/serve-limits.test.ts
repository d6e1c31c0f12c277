import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";
import { callIdOf, ServedApi, USER_ENV } from "../support/process/served-api.js";

let machine: CliMachine;
let databases = 0;
beforeEach(() => {
  machine = new CliMachine();
});
afterEach(() => machine.leave());

/**
 * Answers none of `calls` requests before it has `atOnce` of them, or the last ones, and waits for more than it should get. Notes
 * how many it had at once, and their bytes.
 */
async function slowEndpoint(calls: number, atOnce: number) {
  const most = { requests: 0, bytes: 0 };
  const open = { requests: 0, bytes: 0 };
  let answers: (() => void)[] = [];
  let left = calls;
  const server = createServer(async (request, response) => {
    if (request.method === "GET") return void response.end();
    const bytes = Number(request.headers["content-length"]);
    left -= 1;
    open.requests += 1;
    open.bytes += bytes;
    most.requests = Math.max(most.requests, open.requests);
    most.bytes = Math.max(most.bytes, open.bytes);
    request.resume();
    answers.push(() => {
      open.requests -= 1;
      open.bytes -= bytes;
      response.end();
    });
    if (answers.length < atOnce && left > 0) return;
    const due = answers;
    answers = [];
    setTimeout(() => {
      for (const answer of due) answer();
    }, 150);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/hook`;
  return { url, most, close: () => server.close() };
}

async function deliver(flags: readonly string[], contents: readonly string[], atOnce: number) {
  const endpoint = await slowEndpoint(contents.length, atOnce);
  const served = await machine.serve(["--db", machine.path(`${databases++}.db`), ...flags], { env: USER_ENV });
  const api = new ServedApi(served.url);
  const callback = await api.create({ name: "demo", url: endpoint.url });
  const calls = contents.map((content, number) => ({ id: callIdOf(number), responseMessage: { content } }));
  const headers = { "content-type": "application/json" };
  const accepted = await api.fetch(`/callbacks/${callback}/calls`, { method: "POST", headers, body: JSON.stringify({ calls }) });
  expect(accepted.status).toBe(202);
  await expect.poll(() => api.count(callback, "SUCCESS")).toBe(contents.length);
  const { stderr } = await served.stop();
  endpoint.close();
  return { most: endpoint.most, stderr };
}

test("no more requests than --max-in-flight are in flight, and all arrive", async () => {
  const { most, stderr } = await deliver(["--max-in-flight", "3"], Array(12).fill("yes"), 2);
  expect(most.requests).toBeGreaterThan(1);
  expect(most.requests).toBeLessThanOrEqual(3);
  expect(stderr).toContain("at most 3 requests in flight, with 64MiB of bodies\n");
});

test("bodies in flight take no more than --body-memory, and all arrive", async () => {
  const large = Array(8).fill("x".repeat(900_000));
  const { most, stderr } = await deliver(["--body-memory", "2MiB"], large, 1);
  expect(most.bytes).toBeGreaterThan(900_000);
  expect(most.bytes).toBeLessThanOrEqual(2 * 1024 * 1024);
  expect(stderr).toContain("at most 512 requests in flight, with 2MiB of bodies\n");
  expect((await deliver([], large, 3)).most.bytes).toBeGreaterThan(2 * 1024 * 1024);
});

test.each([
  ["--max-in-flight", "0", "must be a whole number, from 1 to 10000"],
  ["--body-memory", "1000", "must be a size of 1MiB or more"],
])("%s %s is a usage error", async (flag, value, problem) => {
  const { code, stderr } = await machine.whcb(["serve", flag, value]);
  expect([code, stderr]).toEqual([2, expect.stringContaining(problem)]);
});
