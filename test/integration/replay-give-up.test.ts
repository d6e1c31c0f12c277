/** One problem doesn't stop the rest, such as a callback that is deleted, a mark that is rejected, or an endpoint that asks for pauses. */
import { afterEach, describe, expect, it } from "vitest";
import type { Client } from "../../src/client/client.js";
import type { Transport } from "../../src/client/transport.js";
import { type OngoingWait, SILENT_WAIT, type Wait } from "../../src/client/wait.js";
import { WhcbError } from "../../src/domain/errors.js";
import { type Clock, systemClock } from "../../src/platform/clock.js";
import { readRun } from "../../src/runs/journal/stored-runs.js";
import { planReplay } from "../../src/runs/plan/plan-replay.js";
import { resumeRun } from "../../src/runs/resume-run.js";
import type { RunDeps } from "../../src/runs/run-deps.js";
import { DEFAULT_REPLAY_OPTIONS, type ReplayOptions } from "../../src/runs/run-options.js";
import { runReplay } from "../../src/runs/run-replay.js";
import type { RunControl } from "../../src/runs/run-session.js";
import { type PlatformCall, platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { type CountingEndpoint, countingEndpoint, type EndpointAnswer, openDesk } from "../support/replay/replay-desk.js";

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Scene {
  readonly deps: RunDeps;
  readonly endpoint: CountingEndpoint;
  readonly calls: readonly PlatformCall[][];
}

const IDS = ["00112233445566AA", "00112233445566BB"];

/** There is a callback for each number of calls. */
async function scene(counts: readonly number[], answer?: (callId: string, number: number) => EndpointAnswer): Promise<Scene> {
  const endpoint = await countingEndpoint(answer);
  let made = 0;
  const calls = counts.map((count) => {
    made += count;
    return platformCalls(made).slice(made - count);
  });
  const callbacks = calls.map((own, index) => {
    return { id: IDS[index] ?? "", name: `callback-${index}`, url: endpoint.url, key: "k", calls: own };
  });
  const platform = scriptedPlatform({ clock: systemClock, callbacks });
  const desk = openDesk({ transport: platform.transport() });
  closing.push(endpoint.close, desk.leave);
  return { deps: desk.deps, endpoint, calls };
}

async function replay(deps: RunDeps, over: Partial<ReplayOptions & RunControl> = {}) {
  const plan = await planReplay({ callbacks: null, calls: { filter: {} }, skipRetrying: false }, deps);
  return runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, ...over }, deps);
}

/** What the summary counts is what the journal says. */
async function expectSameCounts({ deps }: Scene, { header, counts }: Awaited<ReturnType<typeof replay>>): Promise<void> {
  expect((await readRun(deps, header.runId)).counts).toEqual(counts);
}

const gone = async (): Promise<never> => {
  throw new WhcbError("not-found", "no such callback");
};

describe("a callback that is deleted during a replay", () => {
  it("is given up, but for what was accepted; the other callback's calls are sent and marked", async () => {
    const at = await scene([40, 60], (_, number) => ({ status: number > 300 ? 500 : 200, delayMs: 1 }));
    const { client } = at.deps;
    const deleted: Client = {
      ...client,
      markCalls: (id, ...rest) =>
        id === IDS[0] ? Promise.reject(new WhcbError("not-found", "gone")) : client.markCalls(id, ...rest),
      getCallback: (id) => (id === IDS[0] && at.endpoint.received.length > 0 ? gone() : client.getCallback(id)),
    };
    const summary = await replay({ ...at.deps, client: deleted });
    expect(summary.callbacks.map(({ stopped }) => stopped)).toEqual(["gone", null]);
    expect(summary.callbacks[1]?.counts).toMatchObject({ planned: 60, accepted: 60, marked: 60 });
    const { accepted = 0, ...given } = summary.callbacks[0]?.counts ?? {};
    expect(accepted).toBeGreaterThan(0);
    expect(given).toMatchObject({ planned: 40, notFound: 40 - accepted, left: 0, toMark: accepted });
    expect(summary).toMatchObject({ isResumable: true, error: { code: "items-failed" } });
    expect(summary.error?.message).toContain("callback-0 no longer exists");
    await expectSameCounts(at, summary);
    const resumed = await resumeRun(summary.header.runId, { resendUnknown: false }, at.deps);
    expect(resumed).toMatchObject({ isResumable: false, counts: { accepted: 60 + accepted, marked: 60 + accepted } });
  });

  it("isn't taken for gone because of a moment's 404: the rest is sent once the run is resumed", async () => {
    const at = await scene([250]);
    const { client } = at.deps;
    let lookups = 0;
    const hidden: Client = { ...client, findStates: (...asked) => (++lookups === 2 ? gone() : client.findStates(...asked)) };
    const summary = await replay({ ...at.deps, client: hidden });
    expect(summary).toMatchObject({ isResumable: true, counts: { notFound: 0 }, error: { code: "not-found" } });
    expect((await resumeRun(summary.header.runId, { resendUnknown: false }, at.deps)).counts).toMatchObject({ marked: 250 });
    expect(at.endpoint.received).toHaveLength(250);
  });

  it("is given up by a resumed run too, which ends finished", async () => {
    const stop = new AbortController();
    const at = await scene([40, 60], (_, number) => {
      if (number === 10) stop.abort();
      return { status: 200 };
    });
    const { header } = await replay(at.deps, { signal: stop.signal });
    const { client } = at.deps;
    const deleted: Client = { ...client, getCallback: (id) => (id === IDS[0] ? gone() : client.getCallback(id)) };
    const summary = await resumeRun(header.runId, { resendUnknown: false }, { ...at.deps, client: deleted });
    expect(summary.callbacks[1]?.counts).toMatchObject({ accepted: 60, marked: 60 });
    expect(summary).toMatchObject({ isResumable: false, counts: { left: 0, unknown: 0 } });
    expect(summary.counts.notFound).toBeGreaterThan(0);
    await expectSameCounts(at, summary);
  });

  it("isn't taken for one that was named after its id since: nothing of that one is sent or marked", async () => {
    const at = await scene([3, 0]);
    const { client } = at.deps;
    const down = async () => {
      throw new WhcbError("unavailable", "down");
    };
    const { header } = await replay({ ...at.deps, client: { ...client, markCalls: down } });
    const marked: string[] = [];
    const named: Client = {
      ...client,
      getCallback: () => client.getCallback(IDS[1] ?? ""),
      async markCalls(id) {
        marked.push(id);
        return [];
      },
    };
    const summary = await resumeRun(header.runId, { resendUnknown: false }, { ...at.deps, client: named });
    expect({ marked, sent: at.endpoint.received.length }).toEqual({ marked: [], sent: 3 });
    expect(summary).toMatchObject({ isResumable: true, counts: { notFound: 0, toMark: 3 } });
    await expectSameCounts(at, summary);
  });
});

/** The service answers the marks of the first callback with 429 until its pause is over, which time skips to at `release`. */
async function pausedScene(retryAfterSeconds: number) {
  const endpoint = await countingEndpoint();
  const [one = [], other = []] = [platformCalls(60), platformCalls(100).slice(60)];
  const callbacks = [one, other].map((calls, index) => {
    return { id: IDS[index] ?? "", name: `callback-${index}`, url: endpoint.url, key: "k", calls };
  });
  let skippedMs = 0;
  let onRelease = (): void => {};
  const released = new Promise<void>((resolve) => {
    onRelease = () => {
      skippedMs = retryAfterSeconds * 1_000;
      resolve();
    };
  });
  const clock: Clock = {
    ...systemClock,
    now: () => systemClock.now() + skippedMs,
    async sleepUntil(at, signal) {
      if (at - clock.now() < 30_000) return systemClock.sleepUntil(at - skippedMs, signal);
      const aborted = new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
      await Promise.race([released, aborted]);
    },
  };
  const platform = scriptedPlatform({ clock, callbacks });
  let rejectedAt = 0;
  const transport: Transport = {
    ...platform.transport(),
    async send(request) {
      if (request.method !== "PUT" || !request.path.includes(IDS[0] ?? "")) return platform.answer(request);
      if (rejectedAt === 0) rejectedAt = clock.now();
      if (clock.now() >= rejectedAt + retryAfterSeconds * 1_000) return platform.answer(request);
      return { status: 429, headers: { "retry-after": String(retryAfterSeconds) }, body: "" };
    },
  };
  const desk = openDesk({ transport, clock });
  closing.push(endpoint.close, desk.leave);
  return { deps: desk.deps, endpoint, calls: [one, other], release: () => onRelease() };
}

const failedOf = (calls: readonly PlatformCall[][]) => calls.map((own) => own.filter(({ status }) => status === "FAILED").length);

describe("a pause that the service asks for when it is told to mark", () => {
  it("is waited for; meanwhile the other callbacks' calls are sent and marked", async () => {
    const at = await pausedScene(3_600);
    const pauses: Wait[] = [];
    const beginWait = (wait: Wait): OngoingWait => {
      if (wait.for === "pause") pauses.push(wait);
      return SILENT_WAIT(wait);
    };
    const plan = await planReplay({ callbacks: null, calls: { filter: {} }, skipRetrying: false }, at.deps);
    const summary = await runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS }, { ...at.deps, beginWait }, (event) => {
      if (event.type === "step" && event.callbackId === IDS[1] && event.counts.marked === 40) at.release();
    });
    expect(pauses).toEqual([{ for: "pause", from: "service", until: expect.any(Number), status: null, retryAfterMs: 3_600_000 }]);
    expect([at.endpoint.received.length, failedOf(at.calls)]).toEqual([100, [0, 0]]);
    expect(summary).toMatchObject({ error: null, isResumable: false, counts: { accepted: 100, marked: 100, toMark: 0 } });
  });

  it("ends with Ctrl-C; --resume marks what was accepted and sends nothing twice", async () => {
    const at = await pausedScene(3_600);
    const stop = new AbortController();
    const plan = await planReplay({ callbacks: null, calls: { filter: {} }, skipRetrying: false }, at.deps);
    const summary = await runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, signal: stop.signal }, at.deps, (event) => {
      if (event.type === "step" && event.callbackId === IDS[1] && event.counts.marked === 40) stop.abort();
    });
    expect(summary).toMatchObject({ error: { code: "interrupted" }, isResumable: true, counts: { accepted: 100, toMark: 60 } });
    at.release();
    const resumed = await resumeRun(summary.header.runId, { resendUnknown: false }, at.deps);
    expect(resumed).toMatchObject({ error: null, isResumable: false, counts: { accepted: 100, marked: 100 } });
    expect([at.endpoint.received.length, failedOf(at.calls)]).toEqual([100, [0, 0]]);
  });

  it("of more than two hours ends the run, and the message names the command that continues it", async () => {
    const at = await pausedScene(7_260);
    const summary = await replay(at.deps);
    expect(summary).toMatchObject({ isResumable: true, error: { code: "rate-limited" } });
    expect(summary.error?.message).toContain("it asks for a pause of 2h 1m");
    expect(summary.error?.hint).toContain(`whcb replay --resume ${summary.header.runId}`);
    at.release();
    await resumeRun(summary.header.runId, { resendUnknown: false }, at.deps);
    expect([new Set(at.endpoint.received).size, at.endpoint.received.length, failedOf(at.calls)]).toEqual([100, 100, [0, 0]]);
  });
});

describe("a mark that the service rejects", () => {
  it.each(["malformed", "not-found", "duplicate-name", "invalid"] as const)(
    "with %s doesn't stop the others: it is listed, and stays to be marked if the service has it",
    async (code) => {
      const at = await scene([250]);
      const bad = at.calls[0]?.[77]?.id ?? "";
      const message = "the endpoint accepted it, but it can't be marked: one of them can't be marked";
      const { client } = at.deps;
      const strict: Client = {
        ...client,
        async markCalls(id, callIds, ...rest) {
          if (callIds.includes(bad)) throw new WhcbError(code, "one of them can't be marked");
          return client.markCalls(id, callIds, ...rest);
        },
      };
      const summary = await replay({ ...at.deps, client: strict });
      const isGone = code === "not-found";
      const [notFound, toMark] = isGone ? [1, 0] : [0, 1];
      expect(summary.counts).toMatchObject({ accepted: 250, notFound, marked: 249, toMark, left: 0 });
      expect(summary).toMatchObject({ isResumable: !isGone, troubled: [{ id: bad, message }], error: { code: "items-failed" } });
      await expectSameCounts(at, summary);
      if (isGone) return;
      const resumed = await resumeRun(summary.header.runId, { resendUnknown: false }, at.deps);
      expect(resumed).toMatchObject({ error: null, troubled: [], counts: { accepted: 250, marked: 250, toMark: 0 } });
      expect(at.endpoint.received.length).toBe(250);
    },
  );
});

describe("pauses that the endpoint asks for", () => {
  it("aren't failures: a concurrency of 16 against a rate-limited endpoint ends with all calls accepted", async () => {
    let windowStart = 0;
    let inWindow = 0;
    const at = await scene([60], () => {
      const now = performance.now();
      if (now - windowStart > 1_000) [windowStart, inWindow] = [now, 0];
      inWindow += 1;
      return inWindow <= 30 ? { status: 200, delayMs: 3 } : { status: 429, headers: { "retry-after": "1" } };
    });
    const summary = await replay(at.deps, { concurrency: 16, maxFailures: 3 });
    expect([summary.error, summary.counts]).toMatchObject([null, { accepted: 60, rejected: 0 }]);
    await expectSameCounts(at, summary);
  });

  it("hold back the canary, which is then sent again", async () => {
    const at = await scene([5], (_, number) =>
      number === 1 ? { status: 503, headers: { "retry-after": "1" } } : { status: 200 },
    );
    expect(await replay(at.deps)).toMatchObject({ error: null, counts: { accepted: 5 } });
  });
});

describe("a canary that was rejected", () => {
  it("is sent again when the run is resumed", async () => {
    const at = await scene([20], (_, number) => ({ status: number === 1 ? 502 : 200 }));
    const first = await replay(at.deps);
    expect(first.counts).toMatchObject({ rejected: 1, left: 19 });
    const second = await resumeRun(first.header.runId, { resendUnknown: false }, at.deps);
    expect(second).toMatchObject({ error: null, rejections: [], counts: { accepted: 20, rejected: 0, marked: 20, left: 0 } });
    await expectSameCounts(at, second);
  });
});

describe("rejections", () => {
  it("are grouped by answer in the summary, and too many in a row name the limit and its flag", async () => {
    const at = await scene([30], (_, number) => ({ status: number <= 5 ? 200 : number % 3 === 0 ? 502 : 503 }));
    const summary = await replay(at.deps, { concurrency: 1 });
    const groups = summary.rejections.map(({ statusCode, message, calls }) => [statusCode, message, calls]);
    expect(groups).toEqual([
      [503, "Service Unavailable", 6],
      [502, "Bad Gateway", 4],
    ]);
    expect(summary.rejections[0]?.first.id).not.toBe(summary.rejections[0]?.last.id);
    expect(summary.error?.message).toBe("10 failures in a row (--max-failures 10); 10 rejected");
  });
});
