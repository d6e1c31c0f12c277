/** `serve` and `replay` behind a proxy that comes and goes (docs/operations.md, Through a proxy). */
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { type ConnectProxy, startConnectProxy } from "../support/delivery/connect-proxy.js";
import { apiOf, callIdOf } from "../support/process/served-api.js";
import { eventually, Home } from "../support/process/whcb-process.js";

const PASSWORD = "never-shown-p4ss";
const FAULT = "the egress proxy can't be used: it refused the connection";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** Answers with `status`, and counts. */
async function anEndpoint() {
  const endpoint = { status: 200, requests: 0, port: 0 };
  const server = createServer((request, response) => {
    endpoint.requests += 1;
    request.resume();
    response.writeHead(endpoint.status).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  endings.push(() => {
    server.close();
    server.closeAllConnections();
  });
  endpoint.port = (server.address() as AddressInfo).port;
  return endpoint;
}

async function aProxy(port = 0): Promise<ConnectProxy> {
  const proxy = await startConnectProxy({ port });
  endings.push(() => proxy.close().catch(() => undefined));
  return proxy;
}

it("without its proxy, calls wait and none fails, neither of serve nor of a replay, and all go when it is back", async () => {
  const home = new Home();
  endings.push(() => home.leave());
  const endpoint = await anEndpoint();
  const first = await aProxy();
  const { port } = first;
  await first.close();
  const env = { WHCB_EGRESS_PROXY: `http://ada:${PASSWORD}@127.0.0.1:${port}` };
  const server = await home.serve(["--no-endpoint-check"], { env });
  expect(server.stderr).toContain(`through 127.0.0.1:${port}`);
  const api = apiOf(home);
  const id = await api.create({ name: "demo", url: `http://orders.example:${endpoint.port}/hook`, retriesEnabled: false });
  const ids = Array.from({ length: 30 }, (_, index) => callIdOf(index));
  await api.hand(id, ids);
  const sendingOf = async () => (await api.readiness()) as unknown;
  const waits = { status: 200, body: { status: "ready", sending: `waits: ${FAULT}` } };
  await eventually(sendingOf, (answer) => JSON.stringify(answer) === JSON.stringify(waits));
  await server.says(/it refused the connection/);
  const [shown] = JSON.parse((await home.whcb(["status", "-o", "json"])).stdout).callbacks;
  expect(shown).toMatchObject({ state: "up", sending: `waits: ${FAULT}`, waiting: 30 });
  expect((await api.list(id, "PENDING")).map(({ attemptCount }) => attemptCount)).toEqual(ids.map(() => 0));

  const second = await aProxy(port);
  await eventually(
    () => api.count(id, "SUCCESS"),
    (count) => count === 30,
  );
  expect(await api.outages(id)).toEqual([]);
  expect(await api.readiness()).toEqual({ status: 200, body: { status: "ready" } });
  expect((await home.whcb(["status"])).stdout).toMatch(/^demo {2}up .*\n {2}no failed calls\n$/);

  endpoint.status = 503;
  await api.hand(id, [callIdOf(0, "later"), callIdOf(1, "later")]);
  await eventually(
    () => api.count(id, "FAILED"),
    (count) => count === 2,
  );
  endpoint.status = 200;
  await second.close();
  const lost = await home.whcb(["replay", "demo", "--failed", "--yes"], { env });
  expect(lost).toMatchObject({ code: 5, stderr: expect.stringContaining(FAULT) });
  expect(lost.stdout).toContain("replay --resume");
  const plan = await home.whcb(["replay", "demo", "--failed", "--dry-run"], { env });
  expect(plan.stdout).toContain(`/hook, through the egress proxy 127.0.0.1:${port}`);
  expect((await api.list(id, "FAILED")).map(({ attemptCount }) => attemptCount)).toEqual([1, 1]);

  const third = await aProxy(port);
  const direct = await home.whcb(["replay", "--resume"]);
  expect(direct).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("was begun through an egress proxy, and"),
  });
  const resumed = await home.whcb(["replay", "--resume"], { env });
  expect(resumed).toMatchObject({ code: 0 });
  expect(third.asked).toHaveLength(2);
  expect([await api.count(id, "SUCCESS"), endpoint.requests]).toEqual([32, 34]);
  const { stdout, stderr } = await server.stop();
  expect(stdout + stderr + lost.stdout + lost.stderr + resumed.stdout + resumed.stderr).not.toContain(PASSWORD);
});

it("a replay that was begun without a proxy asks before it is resumed through one", async () => {
  const home = new Home();
  endings.push(() => home.leave());
  const endpoint = await anEndpoint();
  const server = await home.serve(["--no-endpoint-check"]);
  const api = apiOf(home);
  const id = await api.create({ name: "demo", url: `http://orders.example:${endpoint.port}/hook`, retriesEnabled: false });
  await api.hand(id, [callIdOf(0), callIdOf(1)]);
  await eventually(
    () => api.count(id, "FAILED"),
    (count) => count === 2,
  );
  expect((await home.whcb(["replay", "demo", "--failed", "--yes"])).stdout).toContain("replay --resume");
  const proxy = await aProxy();
  const env = { WHCB_EGRESS_PROXY: `http://127.0.0.1:${proxy.port}` };
  const asked = await home.whcb(["replay", "--resume"], { env });
  expect(asked).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      `The run was begun without an egress proxy, and would now send through 127.0.0.1:${proxy.port}.\nSend the rest of the run there?\n`,
    ),
  });
  expect(endpoint.requests).toBe(0);
  const [, run = ""] = /--resume (\S+)/.exec(asked.stderr) ?? [];
  const first = home.path("data", "runs", `${run}.ndjson`);
  const journal = readFileSync(first, "utf8");
  writeFileSync(first, journal.replace('"viaService":false', '"viaService":false,"throughProxy":"127.0.0.1:1"'));
  expect(await home.whcb(["replay", "--resume"], { env })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("The run was begun through 127.0.0.1:1, and would now send through 127.0.0.1:"),
  });
  expect(await home.whcb(["replay", "--resume"], { env: { ...env, NO_PROXY: "example" } })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("was begun through an egress proxy, and would now send directly"),
  });
  expect(endpoint.requests).toBe(0);
  expect(await home.whcb(["replay", "--resume", run, "--yes"], { env })).toMatchObject({ code: 0 });
  expect([await api.count(id, "SUCCESS"), endpoint.requests]).toEqual([2, 2]);
  await server.stop();
});
