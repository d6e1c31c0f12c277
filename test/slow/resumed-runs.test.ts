/**
 * Runs are processes, disturbed by gateways, other runs, changed callbacks and clocks. Nothing is given up, sent twice or marked by
 * mistake.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../src/platform/clock.js";
import { toPlatformDate } from "../../src/wire/dates.js";
import { CliMachine } from "../support/cli/cli-service.js";
import {
  type PlatformCall,
  type PlatformCallback,
  type PlatformOptions,
  platformCalls,
  type ScriptedPlatform,
  scriptedPlatform,
} from "../support/platform/scripted-platform.js";
import { Home, type Outcome } from "../support/process/whcb-process.js";
import { type CountingEndpoint, countingEndpoint, type EndpointAnswer } from "../support/replay/replay-desk.js";
import { replayOutage } from "../support/replay/replay-outage.js";
import { minuteSkippingClock } from "../support/time/minute-skipping-clock.js";

const DEMO = "528F17736481BA9A";

let home: Home;
let machine: CliMachine;
let arrive: () => Promise<unknown>;
let answer: (number: number) => EndpointAnswer;
let endpoint: CountingEndpoint;
let callbacks: PlatformCallback[];
let instead: NonNullable<PlatformOptions["instead"]>;
let platform: ScriptedPlatform;
let listening: Awaited<ReturnType<ScriptedPlatform["listen"]>>;

beforeEach(async () => {
  home = new Home();
  arrive = async () => undefined;
  machine = new CliMachine({ clock: minuteSkippingClock(() => arrive()) }, home.paths);
  answer = () => ({ status: 200 });
  endpoint = await countingEndpoint((_, number) => answer(number));
  callbacks = [];
  instead = () => null;
  platform = scriptedPlatform({ clock: systemClock, callbacks, instead: (request) => instead(request) });
  listening = await platform.listen();
  await home.countAsServed(listening.url);
});

afterEach(async () => {
  await listening.close();
  await endpoint.close();
  await home.leave();
});

function addDemo(calls: PlatformCall[], over: Partial<PlatformCallback> = {}): void {
  callbacks.splice(0, 1, { id: DEMO, name: "demo", url: endpoint.url, key: "planted-key", calls, ...over });
}

const env = () => ({ WHCB_URL: listening.url, WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" });
const whcb = (...args: readonly string[]): Promise<Outcome> => machine.whcb(args, { env: env() });
const statuses = (calls: readonly PlatformCall[]): string => [...new Set(calls.map(({ status }) => status))].sort().join(" ");
const isMark = ({ method, path }: { readonly method: string; readonly path: string }) =>
  method === "PUT" && path.includes("/calls?");

const GATEWAY = { status: 404, body: "default backend - 404" };
const NOT_ALLOWED = { status: 403, body: JSON.stringify({ errorSummary: "Forbidden", errorText: "", errorDetail: "no" }) };

describe("a gateway that answers 404 itself", () => {
  it("while a replay marks, doesn't stand for a deleted callback: the run is resumed, and marks what was accepted", async () => {
    const calls = platformCalls(30);
    addDemo(calls);
    let isDown = false;
    instead = (request) => {
      isDown ||= isMark(request);
      return isDown ? GATEWAY : null;
    };
    const stopped = await whcb("replay", "demo", "--failed", "--yes");
    expect(stopped).toMatchObject({ code: 5, stdout: expect.not.stringContaining("not found") });
    expect(stopped.stderr).toContain("answered 404\nhint: the service says: default backend - 404");
    instead = () => null;
    expect(await whcb("replay", "--resume")).toMatchObject({ code: 0, stdout: expect.stringMatching(/marked +30\n/) });
    expect([new Set(endpoint.received).size, endpoint.received.length, statuses(calls)]).toEqual([30, 30, "SUCCESS"]);
  });

  it("while a run is resumed, gives up none of its calls", async () => {
    const calls = platformCalls(10);
    addDemo(calls);
    answer = (number) => (number > 3 ? { status: 503, headers: { "retry-after": "3600" } } : { status: 200 });
    await whcb("replay", "demo", "--failed", "--yes");
    instead = ({ path }) => (path.startsWith(`/callbacks/${DEMO}`) ? GATEWAY : null);
    expect(await whcb("replay", "--resume")).toMatchObject({ code: 5 });
    instead = () => null;
    answer = () => ({ status: 200 });
    expect(await whcb("replay", "--resume")).toMatchObject({ code: 0 });
    expect(statuses(calls)).toBe("SUCCESS");
  });
});

describe("a callback that has another name or URL than when the run began, as one that was created again under its id has", () => {
  const asFailed = (calls: readonly PlatformCall[]): PlatformCall[] => calls.map((call) => ({ ...call, status: "FAILED" }));

  it.each([
    { kind: "replay", over: { url: "http://127.0.0.1:9/new" }, shown: "http://127.0.0.1:9/new, before: http://127.0.0.1:" },
    { kind: "replay", over: { name: "other" }, shown: "demo: named other now" },
    { kind: "mark-success", over: { name: "other" }, shown: "demo: named other now" },
  ])("is named before calls are marked: $kind, $over", async ({ kind, over, shown }) => {
    const calls = platformCalls(3);
    addDemo(calls);
    instead = (request) => (isMark(request) ? NOT_ALLOWED : null);
    const stopped = await whcb(kind, "demo", "--failed", "--yes");
    expect(stopped).toMatchObject({ code: 4 });
    const [, run = ""] = /--resume (\S+)/.exec(stopped.stdout + stopped.stderr) ?? [];
    instead = () => null;
    const others = asFailed(calls);
    addDemo(others, over);
    const asked = await whcb("replay", "--resume", run);
    expect({ code: asked.code, statuses: statuses(others) }).toEqual({ code: 2, statuses: "FAILED" });
    expect(asked.stderr).toContain("has changed since the run began.\n");
    expect(asked.stderr).toContain(shown);
    expect(asked.stderr).toContain("Finish the run all the same?\n");
    expect(await whcb("replay", "--resume", run, "--yes")).toMatchObject({ code: 0 });
    expect(statuses(others)).toBe("SUCCESS");
  });

  it("may not be needed: a run that stopped more than a day ago is asked about, as its ids may be others' by now", async () => {
    const calls = platformCalls(3);
    addDemo(calls);
    instead = (request) => (isMark(request) ? NOT_ALLOWED : null);
    await whcb("mark-success", "demo", "--failed", "--yes");
    instead = () => null;
    const [journal = ""] = readdirSync(home.path("data", "runs")).filter((name) => name.endsWith(".ndjson"));
    const path = home.path("data", "runs", journal);
    const earlier = (at: string): string => String(Number(at) - 25 * 3_600_000);
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(/(?<="at":)\d+/g, earlier));
    const run = journal.replace(".ndjson", "");
    const asked = await whcb("replay", "--resume", run);
    expect(asked.stderr).toContain(
      "The run stopped 25 hours ago: other calls may have its ids by now, if theirs were removed.\n",
    );
    expect({ code: asked.code, statuses: statuses(calls) }).toEqual({ code: 2, statuses: "FAILED" });
    expect(await whcb("replay", "--resume", run, "--yes")).toMatchObject({ code: 0 });
  });

  it("is named before a failed canary is sent again, which is all that is left", async () => {
    addDemo(platformCalls(1));
    answer = () => ({ status: 503 });
    const stopped = await whcb("replay", "demo", "--failed", "--yes");
    const [, run = ""] = /\(run (\S+)\)/.exec(stopped.stdout) ?? [];
    const elsewhere = await countingEndpoint();
    addDemo(platformCalls(1), { url: elsewhere.url });
    expect(await whcb("replay", "--resume", run)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/\nThe URL has changed since the run began\.\n.*\nSend the rest of the run there\?\n/),
    });
    const sent = elsewhere.received.length;
    await elsewhere.close();
    expect(sent).toBe(0);
  });

  it("is named before the rest is sent", async () => {
    const calls = platformCalls(3);
    addDemo(calls);
    answer = (number) => (number > 1 ? { status: 503, headers: { "retry-after": "3600" } } : { status: 200 });
    await whcb("replay", "demo", "--failed", "--yes", "--concurrency", "1");
    answer = () => ({ status: 200 });
    const sent = endpoint.received.length;
    const others = asFailed(calls);
    addDemo(others, { name: "other" });
    const asked = await whcb("replay", "--resume");
    expect({ code: asked.code, statuses: statuses(others), sent: endpoint.received.length }).toEqual({
      code: 2,
      statuses: "FAILED",
      sent,
    });
    expect(asked.stderr).toContain("demo: named other now\nSend the rest of the run there?\n");
    addDemo(others);
    expect(await whcb("replay", "--resume")).toMatchObject({ code: 0 });
  });
});

it("a mark-failed of all callbacks that waits reads the service's clock, and not this machine's, as the time when it was typed", async () => {
  const outage = await replayOutage(home, 2);
  const clock: Clock = {
    ...systemClock,
    now: () => systemClock.now() - 50_000,
    sleepUntil: (at, signal) => systemClock.sleepUntil(at + 50_000, signal),
  };
  const behind = new CliMachine({ clock }, home.paths);
  expect(await behind.whcb(["replay", "demo", "--failed", "--yes"])).toMatchObject({ code: 0 });
  const marked = await behind.whcb(["mark-failed", "--all-callbacks", "--success", "--wait", "--yes"]);
  expect(marked).toMatchObject({ code: 0, stdout: expect.stringContaining("2 calls marked FAILED") });
  await outage.close();
});

it("nothing is sent without run locks where the calls are those of `whcb serve`, as a gateway may have answered for it", async () => {
  addDemo(platformCalls(2, () => ({ attemptCount: 1 })));
  expect(await whcb("replay", "demo", "--failed", "--yes")).toMatchObject({
    code: 5,
    stderr: expect.stringContaining(
      `error: ${listening.url} has run locks, and something between here and it said that it hasn't\n`,
    ),
  });
  expect(endpoint.received).toEqual([]);
});

it("an undo that is resumed says that it hadn't found all calls of its run", async () => {
  const calls = platformCalls(3);
  addDemo(calls);
  const marked = await whcb("mark-success", "demo", "--failed", "--yes", "-o", "json");
  const { runId } = JSON.parse(marked.stdout);
  const [hidden] = calls.splice(0, 1);
  instead = (request) => (isMark(request) ? NOT_ALLOWED : null);
  const undo = JSON.parse((await whcb("undo", runId, "--yes", "-o", "json")).stdout);
  instead = () => null;
  calls.push(...(hidden ? [hidden] : []));
  const resumed = await whcb("replay", "--resume", undo.runId, "--yes");
  expect(resumed).toMatchObject({
    code: 8,
    stderr: expect.stringContaining(`error: 1 call of run ${runId} left out, as the undo didn't find all that it had marked\n`),
  });
  expect(await whcb("undo", runId, "--yes")).toMatchObject({ code: 0 });
  expect(statuses(calls)).toBe("FAILED");
});

it("a mark-failed names by its run what its last request may have made FAILED, too", async () => {
  const calls = platformCalls(120);
  for (const call of calls) call.status = "SUCCESS";
  addDemo(calls);
  let marks = 0;
  instead = (request) => (isMark(request) && ++marks === 2 ? NOT_ALLOWED : null);
  const { stdout } = await whcb("mark-failed", "demo", "--success", "--yes", "-o", "json");
  const ids = (await whcb("runs", "show", JSON.parse(stdout).runId, "-o", "ids")).stdout.trim().split("\n");
  expect(ids.toSorted()).toEqual(calls.map(({ id }) => id).toSorted());
});

it("a replay that stopped as a mark wasn't answered may mark calls later: a mark-failed waits, and `runs discard` says so", async () => {
  const calls = platformCalls(2);
  addDemo(calls);
  instead = (request) => (isMark(request) ? NOT_ALLOWED : null);
  const elsewhere = await countingEndpoint();
  const flags = ["--to", elsewhere.url, "--mark", "--allow-network", "127.0.0.0/8", "--yes", "-o", "json"];
  const { stdout } = await whcb("replay", "demo", "--failed", ...flags);
  await elsewhere.close();
  const run = JSON.parse(stdout).runId;
  const discarded = `run ${run} is discarded; its calls stay as they are, but its last request may be executed within the next minute\n`;
  expect(await whcb("runs", "discard", run, "--yes")).toMatchObject({ code: 0, stderr: expect.stringContaining(discarded) });
  instead = () => null;
  arrive = async () => {
    for (const call of calls) call.status = "SUCCESS";
  };
  const waiting = `the last request of run ${run} may still be executed: waiting until `;
  const marked = await whcb("mark-failed", "demo", ...calls.map(({ id }) => id), "--yes");
  expect(marked).toMatchObject({ code: 0, stderr: expect.stringContaining(waiting) });
  expect(statuses(calls)).toBe("FAILED");
});

describe("an unfinished run of mark-success", () => {
  /** The run has 250 calls, and the second of three requests isn't executed. */
  async function stopped(calls = platformCalls(250)): Promise<{ readonly calls: PlatformCall[]; readonly run: string }> {
    addDemo(calls);
    let marks = 0;
    instead = (request) => (isMark(request) && ++marks === 2 ? NOT_ALLOWED : null);
    const { code, stdout } = await whcb("mark-success", "demo", "--failed", "--yes", "-o", "json");
    expect({ code, marked: marked(calls) }).toEqual({ code: 4, marked: 100 });
    return { calls, run: JSON.parse(stdout).runId };
  }

  /** Another run of mark-success marks it, which no undo of the first one takes back. */
  async function markLast(calls: readonly PlatformCall[]): Promise<void> {
    instead = () => null;
    expect(await whcb("mark-success", "demo", calls.at(-1)?.id ?? "", "--yes")).toMatchObject({ code: 0 });
  }

  /** The second request is executed, but its answer says nothing of it. */
  function loseSecondMark(calls: readonly PlatformCall[], onExecuted: () => void = () => {}): void {
    let marks = 0;
    instead = (request) => {
      if (!isMark(request) || ++marks !== 2) return null;
      const ids = new URL(request.path, "http://platform.invalid").searchParams.getAll("id");
      for (const call of calls) if (ids.includes(call.id)) call.status = "SUCCESS";
      onExecuted();
      return NOT_ALLOWED;
    };
  }

  const marked = (calls: readonly PlatformCall[]) => calls.filter(({ status }) => status === "SUCCESS").length;
  const resumeHint = (run: string) => `whcb replay --resume ${run} --service ${listening.url}`;

  it("that is undone is discarded: none of its calls is marked later", async () => {
    const { calls, run } = await stopped();
    await markLast(calls);
    const rest = "the run is discarded: it won't mark the 150 calls left\n";
    expect(await whcb("mark-failed", "--undo", run, "--dry-run")).toMatchObject({ stdout: expect.stringContaining(rest) });
    expect(await whcb("runs", "list")).toMatchObject({ stdout: expect.stringContaining("unfinished") });
    expect(await whcb("mark-failed", "--undo", run, "--yes")).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(
        new RegExp(
          `^the last request of run ${run} may still be executed: waiting until .+\nservice: .+\n100 calls of demo -> FAILED, last attempts from .+\n100 calls left out: listed as FAILED, but the run's last request may have marked them; look again later\n${rest}they aren't retried: .+\nrun ${run} is discarded\n$`,
        ),
      ),
    });
    expect(marked(calls)).toBe(1);
    expect(await whcb("replay", "--resume")).toMatchObject({ code: 0, stderr: "no unfinished run\n" });
    expect(await whcb("replay", "--resume", run)).toMatchObject({ code: 2, stderr: `error: run ${run} was discarded\n` });
    expect(marked(calls)).toBe(1);
    // The last request was executed after all.
    for (const call of calls.filter(({ status }) => status === "FAILED").slice(0, 200)) call.status = "SUCCESS";
    expect(await whcb("undo", run, "--yes")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("200 calls marked FAILED"),
    });
    expect(await whcb("undo", run, "--yes")).toMatchObject({ code: 2, stderr: expect.stringContaining("was undone by run ") });
  });

  it.each([false, true])(
    "may mark calls later: only a mark-failed of these waits for its last request (resumed: %s)",
    async (isResumed) => {
      const inOtherZone = toPlatformDate(Date.now() + 8 * 3_600_000, "UTC");
      const { calls, run } = await stopped(
        platformCalls(250, () => ({ callback: { attemptedDate: inOtherZone, statusCode: "503" } })),
      );
      const asked = calls.filter(({ status }) => status === "FAILED").slice(0, 100);
      arrive = async () => {
        for (const call of asked) call.status = "SUCCESS";
      };
      const waiting = `the last request of run ${run} may still be executed: waiting until `;
      const dry = await whcb("mark-failed", "demo", asked[0]?.id ?? "", "--dry-run");
      const others = await whcb("mark-failed", "demo", calls.at(-1)?.id ?? "", "--yes");
      if (isResumed) expect(await whcb("replay", "--resume", run)).toMatchObject({ code: 0 });
      expect([dry.stderr, others.stderr].filter((stderr) => stderr.includes("waiting"))).toEqual([]);
      const { code, stderr } = await whcb("mark-failed", "demo", ...asked.map(({ id }) => id), "--yes");
      expect({ code, first: stderr.slice(0, waiting.length) }).toEqual({ code: 0, first: waiting });
      expect(statuses(asked)).toBe("FAILED");
    },
  );

  it("may mark calls later: an undo of another run that has marked these waits, too", async () => {
    const { calls, run } = await stopped();
    const asked = calls.filter(({ status }) => status === "FAILED").slice(0, 100);
    const ids = asked.map(({ id }) => id);
    const other = JSON.parse((await whcb("mark-success", "demo", ...ids, "--yes", "-o", "json")).stdout).runId;
    arrive = async () => {
      for (const call of asked) call.status = "SUCCESS";
    };
    const waiting = `the last request of run ${run} may still be executed: waiting until `;
    expect(await whcb("undo", other, "--yes")).toMatchObject({ code: 0, stderr: expect.stringContaining(waiting) });
    expect(statuses(asked)).toBe("FAILED");
  });

  it("is noted though all its calls are SUCCESS, if it is an undo", async () => {
    const calls = platformCalls(150);
    addDemo(calls);
    const marked = await whcb("mark-success", "demo", "--failed", "--yes", "-o", "json");
    instead = (request) => (isMark(request) ? NOT_ALLOWED : null);
    await whcb("undo", JSON.parse(marked.stdout).runId, "--yes");
    instead = () => null;
    expect((await whcb("status")).stderr).toMatch(
      /^note: the mark-failed of .* is unfinished; .* marks 150 more calls FAILED, /m,
    );
  });

  it("is noted by a reconcile, as its last request may mark what a later list lacks", async () => {
    const { run } = await stopped();
    writeFileSync(home.path("seen.txt"), "");
    const { stderr } = await whcb("reconcile", "demo", "--seen", home.path("seen.txt"), "--allow-empty", "--dry-run");
    const undo = `whcb undo ${run} --service ${listening.url}`;
    expect(stderr).toContain(
      `gives it up. Its last request may have marked, or still mark, 100 calls SUCCESS, which \`${undo}\` takes back\n`,
    );
  });

  it("that has marked nothing is discarded by an undo, too, if that is confirmed", async () => {
    const calls = platformCalls(3);
    addDemo(calls);
    instead = (request) => (isMark(request) ? NOT_ALLOWED : null);
    const { stdout } = await whcb("mark-success", "demo", "--failed", "--yes", "-o", "json");
    instead = () => null;
    const run = JSON.parse(stdout).runId;
    expect(await whcb("mark-failed", "--undo", run)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        "it won't mark the 3 calls left\nDiscard the run?\nerror: confirmation needed: add --yes\n",
      ),
    });
    expect(await whcb("runs", "list")).toMatchObject({ stdout: expect.stringContaining("unfinished") });
    expect(await whcb("mark-failed", "--undo", run, "--yes")).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(
        `\nrun ${run} is discarded\nnothing to undo\n3 calls left out: listed as FAILED, but the run's last request may have marked them; look again later\n`,
      ),
    });
    expect(await whcb("replay", "--resume")).toMatchObject({ stderr: "no unfinished run\n" });
  });

  it("that was killed before it noted that its calls are marked, is undone with them", async () => {
    const calls = platformCalls(250);
    addDemo(calls);
    loseSecondMark(calls, () => running.child.kill("SIGKILL"));
    const running = home.start(["mark-success", "demo", "--failed", "--yes"], { env: env() });
    await running.ended;
    expect(marked(calls)).toBe(200);
    const { stdout } = await whcb("runs", "list", "-o", "ids");
    await markLast(calls);
    expect(await whcb("mark-failed", "--undo", stdout.trim(), "--yes")).toMatchObject({ code: 0 });
    expect(marked(calls)).toBe(1);
  });

  it("whose last request was executed, though its answer was lost, is undone with it", async () => {
    const calls = platformCalls(250);
    addDemo(calls);
    loseSecondMark(calls);
    const { stdout } = await whcb("mark-success", "demo", "--failed", "--yes", "-o", "json");
    expect(marked(calls)).toBe(200);
    await markLast(calls);
    expect(await whcb("mark-failed", "--undo", JSON.parse(stdout).runId, "--yes")).toMatchObject({ code: 0 });
    expect(marked(calls)).toBe(1);
  });

  it("isn't taken for a replay by --resume, which names the command that finishes it", async () => {
    const { calls, run } = await stopped();
    expect(await whcb("replay", "--resume", "--yes")).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: the latest unfinished run is a mark-success\nhint: \`${resumeHint(run)}\` finishes it, \`whcb runs discard ${run} --service ${listening.url}\` gives it up\n`,
    });
    expect(marked(calls)).toBe(100);
    expect(await whcb("replay", "--resume", run)).toMatchObject({ code: 0 });
    expect(marked(calls)).toBe(250);
  });
});

it("an interrupted reconcile isn't taken for a replay by --resume: it would mark what its list has", async () => {
  const calls = platformCalls(2);
  addDemo(calls);
  instead = (request) => (isMark(request) ? NOT_ALLOWED : null);
  const reconcile = ["reconcile", "demo", "--seen", "-", "--yes"];
  await home.whcb(reconcile, { env: env(), input: `${calls[0]?.id}\n` });
  instead = () => null;
  expect(await whcb("replay", "--resume", "--yes")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^error: the latest unfinished run is a reconcile\nhint: `whcb replay --resume /),
  });
  expect(statuses(calls)).toBe("FAILED");
});

it("a run of mark-success over two callbacks is undone in the one that is left", async () => {
  const [calls, others] = [platformCalls(2), platformCalls(4).slice(2)];
  addDemo(calls);
  callbacks.push({ id: "0F1E2D3C4B5A6978", name: "other", url: endpoint.url, key: "k", calls: others });
  const { stdout } = await whcb("mark-success", "--failed", "--all-callbacks", "--yes", "-o", "json");
  callbacks.pop();
  expect(await whcb("mark-failed", "--undo", JSON.parse(stdout).runId, "--yes")).toMatchObject({
    code: 8,
    stderr: expect.stringContaining("no such calls: "),
  });
  expect([statuses(calls), statuses(others)]).toEqual(["FAILED", "SUCCESS"]);
});

describe("a second run of the same callback", () => {
  const replay = ["replay", "demo", "--failed", "--yes", "--concurrency", "2"];

  /** The first run has sent a call, and the endpoint answers nothing until the second run has ended. */
  async function raced(second: () => Promise<Outcome>): Promise<Outcome> {
    const calls = platformCalls(20);
    addDemo(calls);
    let release: () => void = () => {};
    const after = new Promise<void>((resolve) => (release = resolve));
    const arrived = new Promise<void>((resolve) => {
      answer = (number) => {
        resolve();
        return number > 20 ? { status: 200 } : { status: 200, after };
      };
    });
    const first = home.start(replay, { env: env() });
    await arrived;
    const outcome = await second().finally(() => release());
    expect(await first.ended).toMatchObject({ code: 0 });
    expect([endpoint.received.length, new Set(endpoint.received).size, statuses(calls)]).toEqual([20, 20, "SUCCESS"]);
    return outcome;
  }

  const isLock = ({ path }: { readonly path: string }) => path.endsWith("/run-lock");

  it("ends on the same machine, though the service answers 204 to whatever is asked", async () => {
    instead = (request) => (isLock(request) ? { status: 204, body: "" } : null);
    expect(await raced(() => whcb(...replay))).toMatchObject({
      code: 5,
      stderr: expect.stringContaining("another run is working on the calls of demo: run "),
    });
  });

  it("ends on the same machine, though the service's URL is written in another way", async () => {
    const WHCB_URL = listening.url.replace("127.0.0.1", "localhost");
    expect(await raced(() => home.whcb(replay, { env: { ...env(), WHCB_URL } }))).toMatchObject({ code: 5 });
  });

  it.each([404, 403, 405, 200])(
    "ends on another machine, though a gateway answers its first request for the lock with %i",
    async (status) => {
      let lease: { readonly run: string } | null = null;
      let others = 0;
      instead = (request) => {
        if (!isLock(request)) return null;
        const asked: { readonly run: string } = JSON.parse(request.body ?? "{}");
        if (request.method === "DELETE" || lease === null || lease.run === asked.run) {
          lease = request.method === "DELETE" ? null : asked;
          return { status: 204, body: "" };
        }
        return others++ === 0 ? { status, body: "gateway" } : { status: 409, body: JSON.stringify(lease) };
      };
      const other = new Home();
      try {
        expect(await raced(() => other.whcb(replay, { env: env() }))).toMatchObject({ code: 5 });
      } finally {
        await other.leave();
      }
    },
  );
});

describe("a mark-failed that was stopped, of a call that the endpoint has accepted since", () => {
  const MINUTE = 60_000;
  const attemptedAt = (at: number) => ({ callback: { attemptedDate: new Date(at).toISOString(), statusCode: "200" } });

  /** Every clock of the process is so many ms ahead. */
  const ahead = (ms: number) => {
    const shift = `const { now } = Date; Date.now = () => now() + ${ms};`;
    return { ...env(), NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(shift)}"` };
  };

  it.each([
    { before: 10 * MINUTE, after: 10 * MINUTE, clock: "is ten minutes ahead" },
    { before: 10 * MINUTE, after: 0, clock: "was ten minutes ahead, and has been set" },
    { before: -10 * MINUTE, after: -10 * MINUTE, clock: "is ten minutes behind" },
    { before: 30_000, after: 30_000, clock: "is half a minute ahead" },
  ])("leaves it SUCCESS if our clock $clock", async ({ before, after }) => {
    const earlier = attemptedAt(Date.now() - 5 * MINUTE);
    const calls = platformCalls(2, () => earlier).map((call) => ({ ...call, status: "SUCCESS" as const }));
    addDemo(calls);
    instead = (request) => (isMark(request) ? NOT_ALLOWED : null);
    const marking = ["mark-failed", "demo", "--success", "--yes", "-o", "json"];
    const { stdout } = await home.whcb(marking, { env: ahead(before) });
    instead = () => null;
    const [first] = calls;
    if (first) calls[0] = { ...first, fields: { ...first.fields, ...attemptedAt(Date.now()) } };
    expect(await home.whcb(["replay", "--resume", JSON.parse(stdout).runId, "--yes"], { env: ahead(after) })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/marked +1\n +settled meanwhile +1\n/),
    });
    expect(calls.map(({ status }) => status)).toEqual(["SUCCESS", "FAILED"]);
  });
});

describe("a profile's default callback", () => {
  it("doesn't become all callbacks where WHCB_URL names another service", async () => {
    const calls = platformCalls(3);
    addDemo(calls);
    const profile = { url: "http://127.0.0.1:9", callback: "demo" };
    mkdirSync(home.path("config"), { recursive: true });
    writeFileSync(home.path("config", "config.json"), JSON.stringify({ current: "staging", profiles: { staging: profile } }), {
      mode: 0o600,
    });
    for (const command of [["mark-success"], ["replay"], ["mark-failed"]]) {
      const which = command[0] === "mark-failed" ? "--success" : "--failed";
      expect(await whcb(...command, which, "--yes")).toMatchObject({
        code: 2,
        stderr: 'error: the profile\'s default callback "demo" is of another service or account\nhint: name the callback\n',
      });
    }
    expect([statuses(calls), endpoint.received.length]).toEqual(["FAILED", 0]);
    expect(await whcb("mark-success", "demo", "--failed", "--yes")).toMatchObject({ code: 0 });
    expect(statuses(calls)).toBe("SUCCESS");
  });
});
