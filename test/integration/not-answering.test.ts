import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startService } from "../../src/main/start-service.js";
import { type Clock, systemClock } from "../../src/platform/clock.js";
import { CliMachine } from "../support/cli/cli-service.js";

let behindMs = 0;
const clock: Clock = {
  ...systemClock,
  now: () => Date.now() - behindMs,
  sleepUntil: (at, signal) => systemClock.sleepUntil(at + behindMs, signal),
};
let machine: CliMachine;

beforeEach(() => {
  machine = new CliMachine({
    startService: (options) => startService(options, { version: "1.2.3", log: process.stderr, clock }),
  });
});

afterEach(() => machine.leave());

test("an endpoint that hangs isn't answering, over HTTP and in file mode, as long as something sends to it", async () => {
  const db = machine.path("x.db");
  const inFile = { env: { WHCB_URL: db } };
  behindMs = 11_000;
  const service = await machine.serve(["--db", db]);
  const endpoint = await machine.listen(["--hang"]);
  const create = ["callbacks", "create", "--name", "demo", "--url", `${endpoint.url}/hook`, "--email", "ops@example.com"];
  await machine.works(create, { env: { WHCB_CALLBACK_KEY: "PLANTED-CALLBACK-KEY" } });
  await machine.works(["trigger", "demo", "-n", "3"]);
  expect(await machine.works(["status"])).toMatch(/^demo {2}up /);
  behindMs = 0;
  for (const options of [{}, inFile]) {
    expect(await machine.works(["status"], options)).toMatch(
      /^demo {2}not answering .*\n {2}not answering: no attempt has ended since the oldest waiting call was accepted at .* \(1\ds ago\)\n {2}3 calls wait for their first attempt to end, the oldest since .*\n {2}no failed calls\n$/,
    );
    expect(await machine.works(["check", "--max-waiting-age", "1h"], options)).toBe("ok: 0 failed calls of demo\n");
    expect(await machine.whcb(["check", "--max-waiting-age", "10s"], options)).toMatchObject({
      code: 8,
      stdout: expect.stringMatching(/^exceeded: demo: a call has waited since .*, longer than --max-waiting-age allows\n$/),
    });
  }
  await endpoint.stop();
  await service.stop();
  await machine.works(["trigger", "demo", "-n", "3"], inFile);
  expect(await machine.works(["status"], inFile)).not.toContain("not answering");
  const rehearsed = await machine.serve(["--db", db, "--no-dispatch"]);
  behindMs = -11_000;
  const status = await machine.works(["status"]);
  expect(status).toContain("\n  sending waits: no process that sends calls is known to run\n");
  expect(status).not.toContain("not answering");
  expect(await machine.whcb(["check", "--max-waiting-age", "1ms"])).toMatchObject({ code: 8 });
  await rehearsed.stop();
});

test("an endpoint isn't blamed for an egress proxy that can't be used", async () => {
  behindMs = 11_000;
  const service = await machine.serve([
    "--db",
    machine.path("proxied.db"),
    "--no-endpoint-check",
    "--egress-proxy",
    "http://127.0.0.1:9",
  ]);
  await machine.works(
    ["callbacks", "create", "--name", "demo", "--url", "http://orders.example/hook", "--email", "ops@example.com"],
    {
      env: { WHCB_CALLBACK_KEY: "PLANTED-CALLBACK-KEY" },
    },
  );
  await machine.works(["trigger", "demo", "-n", "3"]);
  await vi.waitUntil(async () => (await machine.works(["status"])).includes("sending waits: "), { timeout: 10_000 });
  behindMs = 0;
  expect(await machine.works(["status"])).toMatch(
    /^demo {2}up .*\n {2}sending waits: the egress proxy can't be used: .*\n {2}3 calls wait for their first attempt to end, .*\n {2}no failed calls\n$/,
  );
  await service.stop();
});
