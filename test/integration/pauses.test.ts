/** A callback is paused and resumed by the command line, over HTTP and in a database file (docs/dispatcher.md, A pause). */
import { userInfo } from "node:os";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { someSettings } from "../support/builders.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { scriptedPlatform } from "../support/platform/scripted-platform.js";
import { CREDENTIALS, closeService, openService } from "../support/server/server-fixture.js";

let machine: CliMachine;

beforeEach(() => {
  machine = new CliMachine();
});

afterEach(() => machine.leave());

const create = (url: string) =>
  machine.works(["callbacks", "create", "--name", "demo", "--url", `${url}/hook`, "--email", "ops@example.com"]);

it("keeps what is accepted until it is resumed, and is shown by each command", async () => {
  await machine.serve();
  const endpoint = await machine.listen(["--status", "503"]);
  await machine.rehearse("demo", endpoint.url, 2);
  expect(await machine.whcb(["callbacks", "pause", "demo", "--for", "2h"])).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^demo is paused by local until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n$/),
  });
  await machine.works(["trigger", "demo", "-n", "3"]);
  const paused = /paused by local until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d/;
  expect(await machine.works(["status", "demo"])).toMatch(
    new RegExp(`^demo  paused  .*\n  ${paused.source}: what is.*\n  3 calls wait`),
  );
  expect(await machine.works(["check", "--max-failed", "2", "--max-waiting-age", "1ms"])).toBe("ok: 2 failed calls of demo\n");
  expect(await machine.works(["callbacks", "get", "demo"])).toMatch(new RegExp(`State +${paused.source}\n`));
  expect(await machine.works(["callbacks", "list"], { columns: 200 })).toMatch(
    /PAUSED UNTIL.*PAUSED BY.*\n.*-\d\d \d\d:\d\d:\d\d +local\n/,
  );
  expect(JSON.parse(await machine.works(["status", "-o", "json"])).callbacks).toMatchObject([
    {
      state: "paused",
      paused: { by: "local", until: expect.any(String) },
      sending: null,
      waiting: 3,
      waitingSince: expect.any(String),
    },
  ]);
  expect(await machine.works(["audit", "-n", "1"])).toMatch(/paused until \d{4}-/);
  const [id = ""] = await machine.ids("demo", "--pending");
  expect(await machine.works(["calls", "get", "demo", id])).toMatch(
    new RegExp(`demo is ${paused.source}; nothing is sent to it`),
  );
  expect((await machine.whcb(["replay", "demo", "--failed", "--dry-run"])).stdout).toMatch(
    new RegExp(`\n  demo is ${paused.source}: they are sent from here all the same\n`),
  );
  expect(await machine.ids("demo", "--pending")).toHaveLength(3);
  expect(await machine.whcb(["callbacks", "resume", "demo"])).toMatchObject({
    code: 0,
    stderr: "demo is resumed: what has waited is sent\n",
  });
  await machine.settled("demo");
  expect((await machine.whcb(["callbacks", "resume", "demo"])).stderr).toBe("demo wasn't paused\n");
  expect(await machine.works(["callbacks", "list"], { columns: 200 })).not.toContain("PAUSED");
});

it("is said in a database file too, by the user of the machine, and waits for the service that starts next", async () => {
  const db = machine.path("x.db");
  const before = await machine.serve(["--db", db, "--no-endpoint-check"]);
  const endpoint = await machine.listen();
  await create(endpoint.url);
  await before.stop();
  const inFile = ["--service", db];
  const said = await machine.whcb(["callbacks", "pause", "demo", ...inFile]);
  expect(said.stderr).toContain(`demo is paused by ${userInfo().username}@`);
  expect(said.stderr).toContain(" until it is resumed\n");
  await machine.works(["trigger", "demo", "-n", "1", ...inFile]);
  await machine.serve(["--db", db]);
  expect(await machine.works(["status", "demo", ...inFile])).toContain("demo  paused");
  await machine.works(["callbacks", "resume", "demo", ...inFile]);
  await machine.settled("demo");
  expect(await machine.ids("demo", "--success")).toHaveLength(1);
});

it("isn't known to other services", async () => {
  const demo = { id: "528F17736481BA9A", name: "demo", url: "http://127.0.0.1:9/hook", key: "", calls: [] };
  const platform = await scriptedPlatform({ clock: systemClock, callbacks: [demo] }).listen();
  const env = { WHCB_URL: platform.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
  for (const verb of ["pause", "resume"]) {
    expect(await machine.whcb(["callbacks", verb, "demo"], { env })).toEqual({
      code: 2,
      stdout: "",
      stderr: `${verb === "resume" ? `service: ${platform.url}\n` : ""}error: ${platform.url} can't pause callbacks\nhint: only \`whcb serve\` can\n`,
    });
  }
  await platform.close();
});

it("rejects what isn't a pause, tells the dispatcher, and adds nothing to a callback that isn't paused", async () => {
  const service = await openService();
  const callback = await service.store.callbacks.create("00112233445566AA", someSettings(), 1);
  const headers = { ...CREDENTIALS, accept: "application/json" };
  const ask = (method: "POST" | "DELETE" | "GET", path: string, payload?: object) =>
    service.app.inject({ method, url: `/callbacks/demo${path}`, headers, ...(payload && { payload }) });
  const before = (await ask("GET", "")).json();
  for (const body of [
    { durationMs: 0 },
    { durationMs: 1.5 },
    { durationMs: 366 * 86_400_000 },
    { duration: 1 },
    { by: "mallory" },
  ]) {
    expect((await ask("POST", "/pause", body)).statusCode, JSON.stringify(body)).toBe(422);
  }
  expect((await ask("GET", "")).json()).toEqual(before);
  expect((await ask("POST", "/pause", { durationMs: 60_000 })).statusCode).toBe(204);
  expect((await ask("GET", "")).json()).toEqual({
    ...before,
    state: "paused",
    stateSince: expect.any(String),
    pausedUntil: expect.any(String),
    pausedBy: "demo",
  });
  expect((await ask("POST", "/pause")).statusCode).toBe(204);
  expect((await ask("GET", "")).json()).not.toHaveProperty("pausedUntil");
  expect((await ask("DELETE", "/pause")).statusCode).toBe(204);
  expect((await ask("GET", "")).json()).toEqual(before);
  expect(service.work).toEqual(Array(3).fill({ callbackId: callback.id, kind: "changed" }));
  await closeService(service);
});
