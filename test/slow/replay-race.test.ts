/**
 * Processes replay the same calls at the same time, and each call is sent once. WHCB_RACE_CALLS=5000 makes it as large as an outage, and
 * WHCB_RACE_PROCESSES sets how many there are.
 */
import { rmSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { callbackId, openRecordedPlatform, PLATFORM_USER, recordedCalls } from "../support/platform/recorded-platform.js";
import { apiOf } from "../support/process/served-api.js";
import { eventually, Home, type Outcome, type Running, type RunOptions } from "../support/process/whcb-process.js";
import { countingEndpoint } from "../support/replay/replay-desk.js";
import { newestJournal, OUTAGE_SERVICE, type ReplayOutage, replayOutage, works } from "../support/replay/replay-outage.js";

const CALLS = Number(process.env.WHCB_RACE_CALLS ?? 150);
const PROCESSES = Number(process.env.WHCB_RACE_PROCESSES ?? 3);
/** These processes share this machine with other tests. */
vi.setConfig({ testTimeout: 120_000 + 20 * CALLS });

let home: Home;
/** Several tests share it, as its start takes longer than they do. */
let serving: Running | undefined;
const closing: (() => Promise<void>)[] = [];

beforeAll(() => {
  home = new Home();
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  if (serving?.child.exitCode === null && serving.child.signalCode === null)
    await apiOf(home).fetch("/callbacks/demo", { method: "DELETE" });
  rmSync(home.path("data", "runs"), { recursive: true, force: true });
});

afterAll(() => home.leave());

async function outageOf(answer?: Parameters<typeof replayOutage>[2]): Promise<ReplayOutage> {
  serving ??= await home.serve(OUTAGE_SERVICE);
  const outage = await replayOutage(home, CALLS, answer, { isServed: true });
  closing.push(outage.close);
  return outage;
}

function replays(processes: number, args: readonly string[] = [], options: RunOptions = {}): Promise<Outcome[]> {
  const replay = () => home.whcb(["replay", "demo", "--failed", "--yes", ...args], options);
  return Promise.all(Array.from({ length: processes }, replay));
}

const twice = (ids: readonly string[]): readonly string[] => ids.filter((id, index) => ids.indexOf(id) !== index);

describe(`${PROCESSES} processes that replay the same calls at the same time`, () => {
  it("over HTTP send each call once: one replays, the others say who does and exit 5", async () => {
    const outage = await outageOf();
    const outcomes = await replays(PROCESSES);
    expect(twice(outage.received())).toEqual([]);
    expect(outage.received().length).toBe(CALLS);
    expect(await outage.failedIds()).toEqual([]);
    const codes = outcomes.map(({ code }) => code).sort();
    expect(codes.filter((code) => code === 0).length).toBeGreaterThanOrEqual(1);
    for (const { code, stderr } of outcomes) {
      // One that starts when the winner has finished finds nothing to replay.
      if (code !== 0)
        expect([code, stderr]).toEqual([5, expect.stringContaining("another run is working on the calls of demo: run ")]);
    }
  });

  it("over HTTP with --wait list again when it is their turn, and find nothing", async () => {
    const outage = await outageOf();
    const outcomes = await replays(PROCESSES, ["--wait"]);
    expect(outcomes.map(({ code }) => code)).toEqual(Array(PROCESSES).fill(0));
    expect(twice(outage.received())).toEqual([]);
    expect(outcomes.filter(({ stderr }) => stderr.includes("nothing to replay")).length).toBe(PROCESSES - 1);
  });

  it("in file mode send each call once", async () => {
    const outage = await outageOf();
    const outcomes = await replays(PROCESSES, ["--wait", "--service", home.path("x.db")]);
    expect(outcomes.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual(Array(PROCESSES).fill(0));
    expect([outage.received().length, twice(outage.received())]).toEqual([CALLS, []]);
  });

  it.each(["guide", "openapi"] as const)("against the platform, as in its %s, send each call once", async (edition) => {
    const endpoint = await countingEndpoint();
    const calls = recordedCalls(CALLS);
    const settings = { auth: { type: "httpheader", key: "an-endpoint-s-key" }, contentType: "json", removeHTML: "disabled" };
    const callback = { id: callbackId(0), name: "demo", url: endpoint.url, settings, calls };
    const platform = await openRecordedPlatform({ edition, callbacks: [callback] });
    closing.push(endpoint.close, platform.close);
    await home.countAsServed(platform.url);
    const { apiKey, username, password } = PLATFORM_USER;
    const env = { WHCB_URL: platform.url, WHCB_API_KEY: apiKey, WHCB_USERNAME: username, WHCB_PASSWORD: password };
    const outcomes = await replays(PROCESSES, ["--wait"], { env });
    expect(outcomes.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual(Array(PROCESSES).fill(0));
    expect([endpoint.received.length, twice(endpoint.received)]).toEqual([CALLS, []]);
    expect(calls.filter(({ status }) => status === "FAILED")).toEqual([]);
  });
});

describe("two competing replays that are killed", () => {
  it("leave nothing sent twice, and the rest to be resumed without waiting", async () => {
    const outage = await outageOf((_, number) => ({ status: 200, delayMs: number % 7 }));
    const two = [0, 1].map(() => home.start(["replay", "demo", "--failed", "--yes", "--concurrency", "4"]));
    await outage.hasReceived(100);
    for (const { child } of two) child.kill("SIGKILL");
    await Promise.all(two.map(({ ended }) => ended));
    const { runId = "", marked = new Set() } = newestJournal(home) ?? {};
    // Another run has to wait until the lease of the killed one has expired.
    const { code, stderr } = await home.whcb(["replay", "demo", "--failed", "--yes"]);
    const resume = `\`whcb replay --resume ${runId}\``;
    expect([code, stderr]).toEqual([
      5,
      expect.stringContaining("was stopped before its end, and keeps the calls of demo for up to 30"),
    ]);
    expect(stderr).toContain(`\nhint: ${resume} continues it now`);
    const [, arrived = "0", again = "0"] =
      new RegExp(
        `^note: .*${resume} finishes it(?:, and marks (\\d+) calls? that arrived)?(?:\\. A new run sends up to (\\d+) calls? of it a second time)?$`,
        "m",
      ).exec((await home.whcb(["status", "demo"])).stderr) ?? [];
    const sent = outage.received().length - marked.size;
    expect(Number(arrived)).toBeLessThanOrEqual(sent);
    expect(Number(arrived) + Number(again)).toBeGreaterThanOrEqual(sent);
    expect(Number(again)).toBeLessThanOrEqual(4);
    const resumed = await home.whcb(["replay", "--resume"]);
    const unknown = await outage.failedIds();
    expect(unknown.length).toBeLessThanOrEqual(4);
    for (const id of unknown) expect(resumed.stdout).toContain(id);
    expect(twice(outage.received())).toEqual([]);
  });
});

it("a second --resume of a run that is being resumed leaves the callback locked", async () => {
  const outage = await outageOf((_, number) => ({ status: 200, delayMs: number > 40 ? 100 : 0 }));
  const killed = home.start(["replay", "demo", "--failed", "--yes", "--concurrency", "1"]);
  await outage.hasReceived(40);
  await killed.stop("SIGKILL");
  const resumed = home.start(["replay", "--resume"]);
  await outage.hasReceived(45);
  const second = await home.whcb(["replay", "--resume", newestJournal(home)?.runId ?? ""]);
  expect([second.code, second.stderr]).toEqual([5, expect.stringMatching(/process \d+ is working on run/)]);
  const other = await home.whcb(["replay", "demo", "--failed", "--yes"]);
  expect([other.code, other.stderr]).toEqual([5, expect.stringContaining("another run is working on the calls of demo")]);
  await resumed.stop("SIGINT");
  expect(twice(outage.received())).toEqual([]);
});

/** Any client of the API may send such a POST /replays of all failed calls, which names no run. */
const askService = () => apiOf(home).fetch("/callbacks/demo/replays?status=FAILED", { method: "POST" });

describe("a replay by the service", () => {
  it("is rejected while a run sends, naming it", async () => {
    const outage = await outageOf(() => ({ status: 200, delayMs: 20 }));
    const replay = home.start(["replay", "demo", "--failed", "--yes", "--concurrency", "1"]);
    await outage.hasReceived(2);
    const rejected = await askService();
    expect([rejected.status, await rejected.json()]).toMatchObject([
      409,
      { errorDetail: expect.stringMatching(/^Run \S+ of \S+ is working on its calls$/) },
    ]);
    const asked = await home.whcb(["replay", "demo", "--failed", "--yes", "--via", "service"]);
    expect([asked.code, asked.stderr]).toEqual([5, expect.stringContaining("another run is working on the calls of demo: run ")]);
    await replay.stop("SIGINT");
    expect((await askService()).status).toBe(202);
    await eventually(outage.failedIds, (failed) => failed.length === 0);
    expect(twice(outage.received())).toEqual([]);
  });

  it("keeps other runs out until it ends; one that waits finds nothing left", async () => {
    let answerAll = () => {};
    const after = new Promise<void>((resolve) => (answerAll = resolve));
    const outage = await outageOf(() => ({ status: 200, after }));
    await works(home, ["replay", "demo", "--failed", "--yes", "--via", "service", "--detach"]);
    const waiting = home.whcb(["replay", "demo", "--failed", "--yes", "--wait"]);
    const second = await home.whcb(["replay", "demo", "--failed", "--yes"]);
    expect(second).toMatchObject({ code: 5, stderr: expect.stringMatching(/the service is replaying \d+ calls of demo itself/) });
    answerAll();
    expect(await waiting).toMatchObject({ code: 0, stderr: expect.stringContaining("nothing to replay") });
    expect([outage.received().length, twice(outage.received())]).toEqual([CALLS, []]);
  });

  it("is followed until it ends, and goes on after a kill -9 of the service", async () => {
    const outage = await outageOf((_, number) => ({ status: number % 10 === 0 ? 500 : 200, delayMs: 50 }));
    await works(home, ["replay", "demo", "--failed", "--yes", "--via", "service", "--detach"]);
    await outage.hasReceived(CALLS / 3);
    await serving?.stop("SIGKILL");
    serving = await home.serve(["--no-endpoint-check"]);
    const runId = newestJournal(home)?.runId ?? "";
    const { code, stdout, stderr } = await home.whcb(["replay", "--resume", runId, "-o", "json"]);
    const { viaService } = JSON.parse(stdout);
    expect([code, stderr]).toEqual([8, expect.stringContaining(`${viaService.failed} failed again`)]);
    expect(viaService).toMatchObject({ total: CALLS, cancelled: 0, left: 0 });
    expect(viaService.succeeded + viaService.failed).toBe(CALLS);
    expect((await outage.failedIds()).length).toBe(viaService.failed);
    // Only what was in flight at the kill is sent twice.
    expect(twice(outage.received()).length).toBeLessThanOrEqual(64);
  });

  it("counts what is marked meanwhile, waiting or in flight, as settled and not as cancelled", async () => {
    let answerAll = () => {};
    const after = new Promise<void>((resolve) => (answerAll = resolve));
    const outage = await outageOf(() => ({ status: 200, after }));
    const asked = home.start(["replay", "demo", "--failed", "--yes", "--via", "service", "-o", "json"]);
    await outage.hasReceived(1);
    const [inFlight = ""] = outage.received();
    await works(home, ["mark-success", "demo", inFlight, outage.callIds.at(-1) ?? "", "--yes"]);
    answerAll();
    const { code, stdout, stderr } = await asked.ended;
    expect(code, stderr).toBe(0);
    const counts = { total: CALLS, succeeded: CALLS - 2, failed: 0, settled: 2, cancelled: 0, left: 0 };
    expect(JSON.parse(stdout).viaService).toEqual(counts);
  });

  it("is cancelled while the endpoint is down, by the command that a refused run names", async () => {
    const outage = await outageOf(() => ({ status: 503 }));
    const asked = home.start(["replay", "demo", "--failed", "--yes", "--via", "service", "-o", "json"]);
    await outage.hasReceived(10);
    await asked.stop("SIGINT");
    expect(await asked.ended).toMatchObject({ code: 130, stderr: expect.stringContaining("the service goes on") });
    const refused = await home.whcb(["replay", "demo", "--failed", "--yes"]);
    const [, command = ""] = /`whcb ([^`]+)` cancels the rest/.exec(refused.stderr) ?? [];
    expect([refused.code, command]).toEqual([5, `replay demo --cancel ${newestJournal(home)?.runId}`]);
    const cancelled = JSON.parse(await works(home, [...command.split(" "), "-o", "json"]));
    expect(cancelled).toMatchObject({ state: "cancelled", succeeded: 0, left: 0 });
    expect(cancelled.failed + cancelled.cancelled).toBe(cancelled.total);
    const canary = await home.whcb(["replay", "demo", "--failed", "--yes"]);
    expect([canary.code, canary.stderr]).toEqual([8, expect.stringContaining("the first call failed")]);
  });

  it("that is cancelled keeps its lock until the calls in flight have ended", async () => {
    let answerAll = () => {};
    const after = new Promise<void>((resolve) => (answerAll = resolve));
    const outage = await outageOf(() => ({ status: 200, after }));
    await works(home, ["replay", "demo", "--failed", "--yes", "--via", "service", "--detach"]);
    await outage.hasReceived(5);
    const discarded = await home.whcb(["runs", "discard", newestJournal(home)?.runId ?? ""]);
    expect([discarded.code, discarded.stderr]).toEqual([0, expect.stringContaining("the service sends no more of its calls")]);
    expect((await home.whcb(["replay", "demo", "--failed", "--yes"])).code).toBe(5);
    answerAll();
    expect(await home.whcb(["replay", "demo", "--failed", "--yes", "--wait"])).toMatchObject({ code: 0 });
    expect([outage.received().length, twice(outage.received())]).toEqual([CALLS, []]);
  });

  it("is given up at another address of its database, though its callback was deleted", async () => {
    await outageOf();
    await serving?.stop("SIGTERM");
    serving = undefined;
    const onFile = (...args: string[]) => home.whcb([...args, "--service", home.path("x.db")]);
    await onFile("replay", "demo", "--failed", "--yes", "--via", "service");
    await onFile("replay", "demo", "--cancel", newestJournal(home)?.runId ?? "");
    expect(await onFile("callbacks", "delete", "demo", "--yes")).toMatchObject({ code: 0 });
    serving = await home.serve(OUTAGE_SERVICE);
    expect(await home.whcb(["runs", "discard", newestJournal(home)?.runId ?? ""])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("is discarded"),
    });
  });

  it("that waits in a file that nothing serves is cancelled there", async () => {
    const outage = await outageOf();
    await serving?.stop("SIGTERM");
    serving = undefined;
    const onFile = (...args: string[]) => home.whcb([...args, "--service", home.path("x.db")]);
    const asked = await onFile("replay", "demo", "--failed", "--yes", "--via", "service");
    expect(asked).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`not sent yet +${CALLS}\n`)) });
    expect((await onFile("replay", "demo", "--failed", "--yes")).code).toBe(5);
    expect((await onFile("runs", "discard", newestJournal(home)?.runId ?? "")).code).toBe(0);
    expect((await onFile("replay", "demo", "--failed", "--yes")).code).toBe(0);
    expect([outage.received().length, twice(outage.received())]).toEqual([CALLS, []]);
  });
});
