import { copyFileSync, mkdirSync, readdirSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Client } from "../../src/client/client.js";
import type { ReplayAttempt } from "../../src/client/run-requests.js";
import { systemClock } from "../../src/platform/clock.js";
import { openJournalFile } from "../../src/runs/journal/journal.js";
import { latestUnfinishedRun, listRuns, readRun } from "../../src/runs/journal/stored-runs.js";
import { planReplay } from "../../src/runs/plan/plan-replay.js";
import { type ResumeOptions, resumeRun } from "../../src/runs/resume-run.js";
import type { RunDeps } from "../../src/runs/run-deps.js";
import { DEFAULT_REPLAY_OPTIONS, type ReplayOptions } from "../../src/runs/run-options.js";
import { runReplay } from "../../src/runs/run-replay.js";
import type { RunControl } from "../../src/runs/run-session.js";
import { type PlatformCall, platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { type CountingEndpoint, countingEndpoint, type Desk, type DeskOptions, openDesk } from "../support/replay/replay-desk.js";

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function endpointOf(...parameters: Parameters<typeof countingEndpoint>): Promise<CountingEndpoint> {
  const endpoint = await countingEndpoint(...parameters);
  closing.push(endpoint.close);
  return endpoint;
}

/** The desk stands before a platform with these calls, which are sent to `url`. */
function deskFor(calls: PlatformCall[], url: string, over: DeskOptions["over"] = {}): Desk {
  const callback = { id: "00112233445566AA", name: "demo", url, key: "an-endpoint-s-key", calls };
  const platform = scriptedPlatform({ clock: systemClock, callbacks: [callback] });
  const desk = openDesk({ transport: platform.transport(), over });
  closing.push(desk.leave);
  return desk;
}

async function replay(desk: Desk, over: Partial<ReplayOptions & RunControl> = {}) {
  const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, desk.deps, desk.listener);
  return runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, ...over }, desk.deps, desk.listener);
}

/** The latest unfinished run is resumed, unless one is named. */
async function resume(desk: Desk, options: Partial<ResumeOptions> = {}, runId?: string) {
  const wanted = runId ?? (await unfinished(desk.deps))?.runId;
  if (wanted === undefined) throw new Error("No run is unfinished.");
  return resumeRun(wanted, { resendUnknown: false, ...options }, desk.deps, desk.listener);
}

function unfinished(deps: RunDeps) {
  return latestUnfinishedRun(deps, ({ profile }) => profile === deps.profile);
}

function journalOf(desk: Desk): string {
  const [name = ""] = readdirSync(desk.deps.runsDirectory).filter((file) => file.endsWith(".ndjson"));
  return join(desk.deps.runsDirectory, name);
}

function aCall(calls: readonly PlatformCall[], index: number): PlatformCall {
  const call = calls[index];
  if (call === undefined) throw new Error(`There is no call ${index}.`);
  return call;
}

const clone = (calls: readonly PlatformCall[]): PlatformCall[] => calls.map((call) => ({ ...call }));
const failed = (calls: readonly PlatformCall[]): string[] =>
  calls.filter(({ status }) => status === "FAILED").map(({ id }) => id);

/** A kill would have left a replay of 400 calls so when the endpoint had so many requests. */
async function killedAt(requests: number, concurrency = 8) {
  const calls = platformCalls(400);
  let left: { journal: string; received: string[]; calls: PlatformCall[]; endpointUrl: string } | null = null;
  const killed = deskFor([], "http://127.0.0.1:9/");
  const endpoint: CountingEndpoint = await endpointOf((_, number) => {
    if (number === requests && left === null) {
      mkdirSync(killed.deps.runsDirectory, { recursive: true });
      const journal = journalOf(desk);
      copyFileSync(journal, join(killed.deps.runsDirectory, journal.split("/").at(-1) ?? ""));
      left = { journal, received: [...endpoint.received], calls: clone(calls), endpointUrl: endpoint.url };
    }
    return { status: 200, delayMs: number % 3 };
  });
  const desk = deskFor(calls, endpoint.url);
  await replay(desk, { concurrency });
  if (left === null) throw new Error("The run ended before it was killed.");
  const { received, calls: callsThen }: { received: string[]; calls: PlatformCall[] } = left;
  const again = await endpointOf();
  const platformThen = deskFor(callsThen, again.url, { runsDirectory: killed.deps.runsDirectory });
  return { received, calls: callsThen, again, desk: platformThen };
}

describe("a run whose process was killed", () => {
  it("resumes without repeating sends that may have arrived, and reports at most its concurrency as unknown", async () => {
    for (const requests of [1, 2, 9, 50, 137, 260, 399]) {
      const { received, calls, again, desk } = await killedAt(requests);
      const summary = await resume(desk);
      const unknown = (await readRun(desk.deps, summary.header.runId)).calls
        .filter(({ state }) => state === "unknown")
        .map(({ id }) => id);
      expect(unknown.length).toBeLessThanOrEqual(8);
      expect(summary.counts.unknown).toBe(unknown.length);
      expect(again.received.filter((id) => received.includes(id))).toEqual([]);
      expect(new Set(again.received).size).toBe(again.received.length);
      // What is left FAILED is what is unknown, and nothing else.
      expect(failed(calls).sort()).toEqual(unknown.sort());
      expect(summary.error).toMatchObject({ code: "items-failed" });
    }
  });

  it("doesn't list a call as unknown that was settled meanwhile", async () => {
    const { calls, desk } = await killedAt(100);
    for (const call of calls) call.status = "SUCCESS";
    expect(await resume(desk)).toMatchObject({ counts: { unknown: 0, left: 0 }, troubled: [] });
  });

  it("repeats the unknown sends if asked to, and is then finished", async () => {
    const { calls, again, desk } = await killedAt(100);
    const first = await resume(desk);
    const unknown = failed(calls);
    expect(unknown.length).toBe(first.counts.unknown);
    const before = again.received.length;
    const second = await resume(desk, { resendUnknown: true });
    expect(again.received.slice(before).sort()).toEqual(unknown.sort());
    expect(second.counts).toMatchObject({ planned: 400, accepted: 400, marked: 400, unknown: 0, left: 0 });
    expect([second.error, second.troubled]).toEqual([null, []]);
    expect(await unfinished(desk.deps)).toBeNull();
  });

  it("first marks accepted calls that aren't marked yet, without sending them", async () => {
    const { received, calls, again, desk } = await killedAt(60);
    const run = (await listRuns(desk.deps))[0];
    const accepted = (await readRun(desk.deps, run?.runId ?? "")).calls.filter(({ state }) => state === "accepted");
    expect(run).toMatchObject({ state: "unfinished", counts: { accepted: accepted.length, toMark: accepted.length } });
    expect(failed(calls)).toEqual(expect.arrayContaining(accepted.map(({ id }) => id)));
    await resume(desk);
    const steps = desk.events.flatMap((event) => (event.type === "step" ? [event.step.step] : []));
    expect(steps.find((step) => step === "marked" || step === "accepted")).toBe("marked");
    expect(again.received.filter((id) => received.includes(id))).toEqual([]);
    expect(failed(calls).filter((id) => accepted.some((call) => call.id === id))).toEqual([]);
  });

  it("reports when the endpoint accepted calls, before it marks them", async () => {
    const { desk } = await killedAt(60);
    const [run] = await listRuns(desk.deps);
    const steps = readFileSync(journalOf(desk), "utf8").trim().split("\n");
    const accepted = steps.map((line) => JSON.parse(line)).filter(({ step }) => step === "accepted");
    const seen: (string | ReplayAttempt)[] = [];
    const client: Client = {
      ...desk.deps.client,
      async recordReplays(_, { attempts }) {
        seen.push(...attempts);
        return true;
      },
      markCalls(...parameters) {
        seen.push("mark");
        return desk.deps.client.markCalls(...parameters);
      },
    };
    await resumeRun(run?.runId ?? "", { resendUnknown: false }, { ...desk.deps, client });
    const result = { kind: "answered", statusCode: 200, statusMessage: "", body: "" };
    expect(accepted.length).toBeGreaterThan(40);
    expect(new Set(seen.slice(0, seen.indexOf("mark")))).toEqual(
      new Set(accepted.map(({ call, at, ms }) => ({ callId: call, startedAt: at - ms, durationMs: ms, result }))),
    );
  });

  it("skips calls that were settled meanwhile", async () => {
    const { calls, again, desk } = await killedAt(50);
    for (const call of calls) call.status = "SUCCESS";
    const summary = await resume(desk);
    expect(again.received).toEqual([]);
    expect(summary.error).toBeNull();
    expect(summary.counts.skipped.settled).toBeGreaterThan(300);
    expect(summary.counts).toMatchObject({ left: 0, unknown: 0 });
  });

  it("isn't resumed from a journal that ends inside its plan, as if that were all of it", async () => {
    const { again, desk } = await killedAt(50);
    const [session = ""] = /\n\{"step":"session".*\n/.exec(readFileSync(journalOf(desk), "utf8")) ?? [];
    const runId = (await unfinished(desk.deps))?.runId ?? "";
    truncateSync(journalOf(desk), readFileSync(journalOf(desk), "utf8").indexOf(session) + 1);
    await expect(resume(desk, {}, runId)).rejects.toMatchObject({
      code: "malformed",
      message: `the journal of run ${runId} ends inside its plan`,
    });
    expect([again.received, await unfinished(desk.deps)]).toEqual([[], null]);
  });

  it("resumes from a journal whose last line is cut at any point", async () => {
    const { calls, again, desk } = await killedAt(30, 2);
    const journal = journalOf(desk);
    const whole = readFileSync(journal);
    const lastStart = whole.lastIndexOf("\n", -2) + 1;
    truncateSync(journal, lastStart + Math.floor((whole.length - lastStart) / 2));
    const summary = await resume(desk);
    expect(summary.counts.unknown).toBeLessThanOrEqual(2);
    expect(failed(calls).length).toBe(summary.counts.unknown);
    expect(new Set(again.received).size).toBe(again.received.length);
    expect((await readRun(desk.deps, summary.header.runId)).counts).toEqual(summary.counts);
  });
});

describe("an interrupted run", () => {
  it("continues in the same order, and its record shows both sessions", async () => {
    const calls = platformCalls(200);
    const stop = new AbortController();
    const endpoint = await endpointOf((_, number) => {
      if (number === 80) stop.abort();
      return { status: 200 };
    });
    const desk = deskFor(calls, endpoint.url);
    const first = await replay(desk, { signal: stop.signal, concurrency: 1 });
    expect(first.counts).toMatchObject({ accepted: 80, left: 120, unknown: 0 });
    const second = await resume(desk);
    expect(second.counts).toMatchObject({ planned: 200, accepted: 200, marked: 200, left: 0 });
    expect(endpoint.received).toEqual(calls.map(({ id }) => id).reverse());
    expect(await listRuns(desk.deps)).toMatchObject([{ state: "finished", counts: second.counts }]);
  });

  it("isn't resumed by another profile, or by name against another service", async () => {
    const stop = new AbortController();
    const endpoint = await endpointOf((_, number) => {
      if (number === 5) stop.abort();
      return { status: 200 };
    });
    const desk = deskFor(platformCalls(20), endpoint.url);
    const { header } = await replay(desk, { signal: stop.signal, concurrency: 1 });
    const other = { ...desk.deps, profile: "other", client: { ...desk.deps.client, name: "https://elsewhere.invalid" } };
    expect(await unfinished(other)).toBeNull();
    await expect(resumeRun(header.runId, { resendUnknown: false }, other)).rejects.toMatchObject({ code: "config" });
    await expect(resume(desk, {}, "20200101-000000-AAAA")).rejects.toMatchObject({ code: "not-found" });
    // This is another database of the same profile, and its callbacks aren't deleted ones.
    const stranger = scriptedPlatform({ clock: systemClock, callbacks: [] }).transport();
    const elsewhere = openDesk({
      transport: { ...stranger, name: "/elsewhere.db" },
      over: { runsDirectory: desk.deps.runsDirectory },
    });
    closing.push(elsewhere.leave);
    const before = readFileSync(journalOf(desk), "utf8");
    await expect(resumeRun(header.runId, { resendUnknown: false }, elsewhere.deps)).rejects.toMatchObject({
      code: "config",
      message: expect.stringMatching(/; \/elsewhere\.db has none of its callbacks$/),
      hint: "Add `--service https://api.platform.invalid`.",
    });
    expect(readFileSync(journalOf(desk), "utf8")).toBe(before);
    expect((await resume(desk, {}, header.runId.slice(-6))).counts.accepted).toBe(20);
  });
});

it("an interrupted run whose callback was deleted can only be discarded, at whatever address its database is served", async () => {
  const onDatabase = (desk: Desk, name: string): Desk => ({
    ...desk,
    deps: { ...desk.deps, client: { ...desk.deps.client, name, databaseId: () => "D" } },
  });
  const endpoint = await endpointOf(() => ({ status: 503 }));
  const desk = onDatabase(deskFor(platformCalls(2), endpoint.url), "https://one.invalid");
  const { runId } = (await replay(desk)).header;
  const transport = scriptedPlatform({ clock: systemClock, callbacks: [] }).transport();
  const emptied = openDesk({ transport, over: { runsDirectory: desk.deps.runsDirectory } });
  closing.push(emptied.leave);
  await expect(resume(onDatabase(emptied, "https://other.invalid"), {}, runId)).rejects.toMatchObject({
    code: "config",
    message: expect.stringMatching(/made with https:\/\/one\.invalid .* which has none of its callbacks now$/),
    hint: expect.stringContaining(`\`whcb runs discard ${runId}\` gives the run up`),
  });
});

describe("an interrupted run with ids that are spelled differently, but equal", () => {
  const DASHED = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
  const LOWER = DASHED.replaceAll("-", "");
  const UPPER = LOWER.toUpperCase();

  /** Of 45 calls, on three pages, only the last was sent. */
  async function stoppedAfterOne(ids: Readonly<Record<number, string>>) {
    const stop = new AbortController();
    const endpoint = await endpointOf(() => {
      stop.abort();
      return { status: 200 };
    });
    const calls = platformCalls(45).map((call, index) => ({ ...call, id: ids[index] ?? call.id }));
    const desk = deskFor(calls, endpoint.url);
    expect((await replay(desk, { signal: stop.signal, concurrency: 1 })).counts).toMatchObject({ accepted: 1 });
    const received = () =>
      new Map(endpoint.received.map((id, index) => [id, JSON.parse(endpoint.bodies[index] ?? "").responseMessage.content]));
    return { calls, desk, received };
  }

  it("sends each its own response, on whatever page it is", async () => {
    const { calls, desk, received } = await stoppedAfterOne({ 0: UPPER, 1: LOWER, 30: DASHED });
    expect((await resume(desk)).counts).toMatchObject({ planned: 45, accepted: 45, marked: 45, left: 0 });
    expect(received()).toEqual(new Map(calls.map(({ id }, index) => [id, `Reply ${index}`])));
  });

  it("sends a call that the service spells differently now", async () => {
    const { calls, desk, received } = await stoppedAfterOne({ 0: UPPER });
    calls[0] = { ...aCall(calls, 0), id: DASHED };
    await resume(desk);
    expect(received().get(UPPER)).toBe("Reply 0");
  });

  it("doesn't send a new call in place of one that is SUCCESS meanwhile", async () => {
    const { calls, desk, received } = await stoppedAfterOne({ 0: UPPER });
    const settled = aCall(calls, 0);
    calls.push({ ...settled, id: DASHED });
    settled.status = "SUCCESS";
    expect((await resume(desk)).counts).toMatchObject({ accepted: 44, left: 0, skipped: { settled: 1 } });
    expect([received().has(UPPER), failed(calls)]).toEqual([false, [DASHED]]);
  });

  it("doesn't send a new call in place of two that are gone", async () => {
    const { calls, desk, received } = await stoppedAfterOne({ 0: UPPER, 1: LOWER });
    calls.splice(0, 2, { ...aCall(calls, 0), id: DASHED });
    expect((await resume(desk)).counts).toMatchObject({ accepted: 43, left: 0, skipped: { settled: 2 } });
    expect([received().has(UPPER), received().has(LOWER), failed(calls)]).toEqual([false, false, [DASHED]]);
  });
});

describe("a running run", () => {
  it("can't be resumed while it is running", async () => {
    let rejected: unknown = null;
    const endpoint = await endpointOf(() => ({ status: 200, delayMs: 5 }));
    const desk = deskFor(platformCalls(30), endpoint.url);
    const running = replay(desk, { concurrency: 1 });
    while (endpoint.received.length < 3) await new Promise((resolve) => setImmediate(resolve));
    const [run] = await listRuns(desk.deps);
    expect(run?.state).toBe("running");
    await resume(desk, {}, run?.runId ?? "").catch((error: unknown) => {
      rejected = error;
    });
    expect(rejected).toMatchObject({ code: "unavailable" });
    expect(await unfinished(desk.deps)).toBeNull();
    expect((await running).counts.accepted).toBe(30);
    expect(endpoint.received.length).toBe(30);
  });
});

describe("a disk that fills up during a run", () => {
  it("stops the sending and loses no mark; the run can be resumed when there is space", async () => {
    const calls = platformCalls(300);
    const endpoint = await endpointOf();
    let room = 45_000;
    const desk = deskFor(calls, endpoint.url, {
      openJournalFile(path, at) {
        const file = openJournalFile(path, at);
        return {
          ...file,
          write(bytes) {
            const taken = Math.min(bytes.length, room);
            if (taken === 0) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
            room -= taken;
            return file.write(bytes.subarray(0, taken));
          },
        };
      },
    });
    const summary = await replay(desk);
    expect(summary.error).toMatchObject({ code: "unavailable", message: expect.stringContaining("ENOSPC") });
    const before = endpoint.received.length;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(300);
    expect(summary.counts).toMatchObject({ accepted: before, marked: before });
    expect(failed(calls).length).toBe(300 - before);
    room = Number.POSITIVE_INFINITY;
    const resumed = await resume(desk);
    // Without a last line, what was written ahead can't be distinguished from what was sent: it is reported as unknown.
    expect(resumed.counts.unknown).toBeLessThanOrEqual(8);
    expect(failed(calls).length).toBe(resumed.counts.unknown);
    expect((await resume(desk, { resendUnknown: true }, summary.header.runId)).counts).toMatchObject({ unknown: 0, left: 0 });
    expect(new Set(endpoint.received).size).toBe(endpoint.received.length);
    expect(failed(calls)).toEqual([]);
  });

  it("sends nothing if the run can't begin", async () => {
    const endpoint = await endpointOf();
    const desk = deskFor(platformCalls(3), endpoint.url, {
      openJournalFile(path, at) {
        return {
          ...openJournalFile(path, at),
          write: () => {
            throw new Error("ENOSPC");
          },
        };
      },
    });
    await expect(replay(desk)).rejects.toMatchObject({ code: "unavailable" });
    expect(endpoint.received).toEqual([]);
    expect(readdirSync(desk.deps.runsDirectory)).toEqual([]);
  });

  it("leaves no journal open if the run can't be resumed", async () => {
    const stop = new AbortController();
    const endpoint = await endpointOf((_, number) => {
      if (number === 5) stop.abort();
      return { status: 200 };
    });
    const desk = deskFor(platformCalls(20), endpoint.url);
    const { header } = await replay(desk, { signal: stop.signal, concurrency: 1 });
    const open = new Set<string>();
    const fullDisk: RunDeps = {
      ...desk.deps,
      openJournalFile(path, at) {
        const file = openJournalFile(path, at);
        open.add(path);
        return {
          ...file,
          write: () => {
            throw new Error("ENOSPC");
          },
          close() {
            open.delete(path);
            file.close();
          },
        };
      },
    };
    await expect(resumeRun(header.runId, { resendUnknown: false }, fullDisk)).rejects.toMatchObject({ code: "unavailable" });
    expect([...open]).toEqual([]);
    expect((await resume(desk)).counts.accepted).toBe(20);
  });
});

describe("a run that is resumed with another pace", () => {
  /** Its canary failed. */
  async function stoppedRun(calls: PlatformCall[], over: Partial<ReplayOptions> = {}) {
    const endpoint = await endpointOf((_, number) => ({ status: number === 1 ? 503 : 200, delayMs: 5 }));
    const desk = deskFor(calls, endpoint.url);
    await replay(desk, over);
    return { desk, endpoint };
  }

  it("is sent at its rate and concurrency, and so is every later session", async () => {
    const { desk, endpoint } = await stoppedRun(platformCalls(35));
    const stop = new AbortController();
    const begunAt = performance.now();
    const stopped = await resumeRun(
      (await unfinished(desk.deps))?.runId ?? "",
      { resendUnknown: false, pace: { rate: 10, concurrency: 2 }, signal: stop.signal },
      desk.deps,
      (event) => {
        if (event.type === "step" && event.counts.accepted === 15) stop.abort();
      },
    );
    expect(performance.now() - begunAt).toBeGreaterThan(1_000);
    expect([stopped.error?.code, endpoint.mostAtOnce()]).toEqual(["interrupted", 2]);
    const { counts } = await resume(desk);
    expect(performance.now() - begunAt).toBeGreaterThan(2_000);
    expect([counts.accepted, endpoint.mostAtOnce()]).toEqual([35, 2]);
    expect((await readRun(desk.deps, stopped.header.runId)).options).toMatchObject({ rate: 10, concurrency: 2, maxFailures: 10 });
  });

  it("counts as unknown, if it is killed, what its concurrency may have sent", async () => {
    const { desk } = await stoppedRun(platformCalls(60), { concurrency: 1 });
    await resume(desk, { pace: { concurrency: 16 } });
    const lines = readFileSync(journalOf(desk), "utf8");
    expect(lines).toMatch(
      /"step":"session".*"concurrency":1}\n[\s\S]*"step":"session".*"concurrency":16,"options":{"concurrency":16}}\n/,
    );
  });

  it("stops after its number of failures, has no canary without one, and keeps the order that it names", async () => {
    const calls = platformCalls(30, () => ({ from: { mobile: "1" } }));
    const { desk, endpoint } = await stoppedRun(calls);
    const ordered = await resume(desk, { pace: { serialBy: "from" } });
    expect([ordered.counts.accepted, endpoint.mostAtOnce()]).toEqual([30, 1]);
    const down = await endpointOf(() => ({ status: 503 }));
    const other = deskFor(platformCalls(30), down.url);
    await replay(other);
    const { error } = await resume(other, { pace: { canary: false, maxFailures: 4, concurrency: 1 } });
    expect([error?.message, down.received.length]).toEqual(["4 failures in a row (--max-failures 4); 4 rejected", 5]);
  });
});
