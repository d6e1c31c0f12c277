/** Replays meet the scripted platform, a real endpoint and real journals. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { readRun } from "../../src/runs/journal/stored-runs.js";
import { planReplay } from "../../src/runs/plan/plan-replay.js";
import { resumeRun } from "../../src/runs/resume-run.js";
import { DEFAULT_REPLAY_OPTIONS, type ReplayOptions } from "../../src/runs/run-options.js";
import { runReplay } from "../../src/runs/run-replay.js";
import type { RunControl } from "../../src/runs/run-session.js";
import { type PlatformCall, platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import {
  type CountingEndpoint,
  countingEndpoint,
  type Desk,
  type EndpointAnswer,
  openDesk,
} from "../support/replay/replay-desk.js";

const KEY = "an-endpoint-s-secret-key";
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Scene {
  readonly desk: Desk;
  readonly endpoint: CountingEndpoint;
  readonly calls: PlatformCall[];
}

async function scene(
  calls: PlatformCall[],
  answer?: (callId: string, number: number) => EndpointAnswer,
  key: string | null = KEY,
): Promise<Scene> {
  const endpoint = await countingEndpoint(answer);
  const callback = { id: "00112233445566AA", name: "demo", url: endpoint.url, key, calls };
  const platform = scriptedPlatform({ clock: systemClock, callbacks: [callback] });
  const desk = openDesk({ transport: platform.transport() });
  closing.push(endpoint.close, desk.leave);
  return { desk, endpoint, calls };
}

async function replay({ desk }: Scene, over: Partial<ReplayOptions & RunControl> = {}) {
  const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, desk.deps, desk.listener);
  return runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, ...over }, desk.deps, desk.listener);
}

/** The summary's counts match the journal's, whatever happened. */
async function expectSameBooks({ desk }: Scene, { header, counts }: Awaited<ReturnType<typeof replay>>): Promise<void> {
  expect((await readRun(desk.deps, header.runId)).counts).toEqual(counts);
}

const statuses = (calls: readonly PlatformCall[]): string[] => [...new Set(calls.map(({ status }) => status))];

/** The platform lists the newest call first. */
const oldestFirst = (count: number, over: Parameters<typeof platformCalls>[1] = () => ({})) =>
  platformCalls(count, (index) => over(count - 1 - index));
const sendingOrder = ({ calls }: Scene): string[] => calls.map(({ id }) => id).toReversed();

describe("a replay", () => {
  it("sends each failed call once, marks the accepted ones, and keeps a record", async () => {
    const at = await scene(platformCalls(250));
    const summary = await replay(at);
    expect(summary.error).toBeNull();
    expect(summary.isResumable).toBe(false);
    expect(summary.counts).toMatchObject({ planned: 250, accepted: 250, marked: 250, left: 0, toMark: 0, unknown: 0 });
    expect([...at.endpoint.received].sort()).toEqual(at.calls.map(({ id }) => id).sort());
    expect(statuses(at.calls)).toEqual(["SUCCESS"]);
    await expectSameBooks(at, summary);
    const record = await readRun(at.desk.deps, summary.header.runId);
    expect(record).toMatchObject({ state: "finished", kind: "replay", who: "ada@desk", profile: "test" });
  });

  it("sends the body that the service itself would send, with the callback's auth", async () => {
    const at = await scene(platformCalls(1));
    await replay(at);
    expect(at.endpoint.headers[0]).toMatchObject({ "x-whispir-callback-key": KEY, "content-type": "application/json" });
    expect(JSON.parse(at.endpoint.bodies[0] ?? "")).toMatchObject({
      messageid: at.calls[0]?.fields.messageId,
      responseMessage: { channel: "sms", acknowledged: "24/11/26 09:30", content: "Reply 0" },
    });
  });

  it("keeps the callback's key and the calls' contents out of the journal, a 0600 file", async () => {
    const at = await scene(platformCalls(3), () => ({ status: 500 }));
    const { header } = await replay(at);
    const folder = at.desk.deps.runsDirectory;
    expect(readdirSync(folder).sort()).toEqual([`${header.runId}.lock`, `${header.runId}.ndjson`]);
    const text = readFileSync(join(folder, `${header.runId}.ndjson`), "utf8");
    expect(text).not.toContain(KEY);
    expect(text).not.toContain("Reply");
    expect(statSync(join(folder, `${header.runId}.ndjson`)).mode & 0o777).toBe(0o600);
  });

  it("sends nothing more if its canary is rejected", async () => {
    const at = await scene(platformCalls(50), () => ({ status: 503 }));
    const summary = await replay(at);
    expect(at.endpoint.received.length).toBe(1);
    expect(summary.error).toMatchObject({ code: "items-failed" });
    expect(summary.counts).toMatchObject({ planned: 50, rejected: 1, left: 49, unknown: 0 });
    expect(summary.isResumable).toBe(true);
    expect(summary.callbacks[0]?.stopped).toBe("canary");
    await expectSameBooks(at, summary);
  });

  describe.each([400, 406, 409, 413, 415, 422, 500])("whose first calls are rejected with %i", (status) => {
    it("tries others, with other messages and senders, and goes on once one is accepted", async () => {
      const over = (age: number) => (age < 20 ? { messageId: "M", from: { mobile: age < 10 ? "1" : "2" } } : {});
      const at = await scene(oldestFirst(50, over), (_, number) => ({ status: number < 3 ? status : 200 }));
      const summary = await replay(at);
      const [first, second, third, ...rest] = at.endpoint.received.map((id) => sendingOrder(at).indexOf(id));
      expect([first, second, third]).toEqual([0, 20, 21]);
      expect(rest.length).toBe(47);
      expect(summary.counts).toMatchObject({ accepted: 48, rejected: 2, marked: 48, left: 0 });
      expect([summary.isResumable, summary.callbacks[0]?.stopped]).toEqual([false, null]);
      await expectSameBooks(at, summary);
    });

    it("stops after three, and sends none of them again when it is resumed", async () => {
      const at = await scene(platformCalls(50), (_, number) => ({ status: number < 4 ? status : 200 }));
      const summary = await replay(at);
      expect(at.endpoint.received.length).toBe(3);
      expect(summary.counts).toMatchObject({ rejected: 3, left: 47 });
      expect(summary.callbacks[0]?.stopped).toBe("canaries");
      const resumed = await resumeRun(summary.header.runId, { resendUnknown: false }, at.desk.deps);
      expect(resumed.counts).toMatchObject({ accepted: 47, rejected: 3, left: 0 });
      expect(new Set(at.endpoint.received).size).toBe(50);
      await expectSameBooks(at, resumed);
    });
  });

  it.each([
    ["messages", { messageId: "M" }],
    ["senders", { from: { mobile: "1" } }],
    ["messages or senders", { messageId: "M", from: { mobile: "1" } }],
  ])("tries the next calls if there are no others with other %s", async (_, same) => {
    const at = await scene(
      oldestFirst(20, (age) => ({ from: { mobile: String(age) }, ...same })),
      (_id, number) => ({ status: number < 3 ? 422 : 200 }),
    );
    expect((await replay(at)).counts).toMatchObject({ accepted: 18, rejected: 2 });
    expect(at.endpoint.received.slice(0, 3)).toEqual(sendingOrder(at).slice(0, 3));
  });

  it("sends nothing more if the second canary gets no answer about its body, and sends that one again", async () => {
    const at = await scene(platformCalls(50), (_, number) => ({ status: [422, 503][number - 1] ?? 200 }));
    const summary = await replay(at);
    expect(at.endpoint.received.length).toBe(2);
    expect(summary.callbacks[0]?.stopped).toBe("canary");
    const resumed = await resumeRun(summary.header.runId, { resendUnknown: false }, at.desk.deps);
    expect(resumed.counts).toMatchObject({ accepted: 49, rejected: 1, left: 0 });
    expect(at.endpoint.received.filter((id) => id === sendingOrder(at)[0]).length).toBe(1);
    await expectSameBooks(at, resumed);
  });

  it("keeps each sender's order while it looks for a canary", async () => {
    // After the first call, the next with another message is the third of the second sender.
    const senders = ["1", "2", "2", "2", "3"];
    const over = (age: number) => ({ messageId: age === 3 ? "N" : "M", from: { mobile: senders[age] ?? "4" } });
    const at = await scene(oldestFirst(8, over), (_, number) => ({ status: number === 1 ? 422 : 200 }));
    await replay(at, { serialBy: "from" });
    const ofSecond = sendingOrder(at).slice(1, 4);
    expect(at.endpoint.received.filter((id) => ofSecond.includes(id))).toEqual(ofSecond);
    expect(at.endpoint.received.length).toBe(8);
  });

  it("stops after ten failures in a row, and not before", async () => {
    const at = await scene(platformCalls(100), (_, number) => ({ status: number > 20 ? 500 : 200 }));
    const summary = await replay(at, { concurrency: 1 });
    expect(at.endpoint.received.length).toBe(30);
    expect(summary.counts).toMatchObject({ accepted: 20, rejected: 10, left: 70, marked: 20 });
    expect(summary.callbacks[0]?.stopped).toBe("max-failures");
    const other = await scene(platformCalls(100), (_, number) => ({ status: number % 10 === 1 ? 200 : 500 }));
    expect((await replay(other, { concurrency: 1 })).counts).toMatchObject({ accepted: 10, rejected: 90, left: 0 });
  });

  it("reports each rejection with its status and continues with the others", async () => {
    const bad = platformCalls(40)[11]?.id;
    const at = await scene(platformCalls(40), (id) => ({ status: id === bad ? 422 : 200 }));
    const summary = await replay(at);
    expect(summary.counts).toMatchObject({ accepted: 39, rejected: 1 });
    expect(summary.rejections).toMatchObject([
      { statusCode: 422, message: "Unprocessable Entity", calls: 1, first: { id: bad } },
    ]);
    expect(at.calls.filter(({ status }) => status === "FAILED").map(({ id }) => id)).toEqual([bad]);
  });

  it("starts with one request at a time and never has more in flight than its concurrency", async () => {
    const at = await scene(platformCalls(120), () => ({ status: 200, delayMs: 2 }));
    await replay(at, { concurrency: 4 });
    expect(at.endpoint.mostAtOnce()).toBe(4);
  });

  it("waits as long as the endpoint asks, then repeats the postponed calls", async () => {
    let isBusy = true;
    const at = await scene(platformCalls(30), (_, number) => {
      if (number !== 10 || !isBusy) return { status: 200 };
      isBusy = false;
      return { status: 429, headers: { "retry-after": "1" } };
    });
    const summary = await replay(at, { concurrency: 1 });
    expect(summary.counts).toMatchObject({ accepted: 30, rejected: 0 });
    expect(at.endpoint.received.length).toBe(31);
    expect(summary.durationMs).toBeGreaterThanOrEqual(1_000);
    expect(at.desk.events.filter((event) => event.type === "step" && event.step.step === "deferred").length).toBe(1);
    await expectSameBooks(at, summary);
  });

  it("ends if the endpoint asks for a pause that is too long", async () => {
    const at = await scene(platformCalls(30), (_, number) =>
      number > 5 ? { status: 503, headers: { "retry-after": "7200" } } : { status: 200 },
    );
    const summary = await replay(at, { concurrency: 1 });
    expect(summary.counts).toMatchObject({ accepted: 5, rejected: 0, left: 25 });
    expect([at.endpoint.received.length, summary.isResumable]).toEqual([6, true]);
    await expectSameBooks(at, summary);
    expect(summary.callbacks[0]?.stopped).toBe("retry-after");
  });

  it("keeps each sender's order, and sends nothing more of a sender after a rejection", async () => {
    const calls = platformCalls(70);
    const at = await scene(calls, (id) => ({ status: id === calls[69 - 7]?.id ? 500 : 200, delayMs: Math.random() * 3 }));
    const summary = await replay(at, { serialBy: "from" });
    const senderOf = new Map(calls.map(({ id }, index) => [id, index % 7]));
    // The oldest is sent first, though the list has the newest first.
    for (let sender = 0; sender < 7; sender++) {
      const sent = at.endpoint.received.filter((id) => senderOf.get(id) === sender);
      const inOrder = calls
        .map(({ id }) => id)
        .filter((id) => senderOf.get(id) === sender)
        .reverse();
      expect(sent).toEqual(inOrder.slice(0, sent.length));
    }
    expect(summary.counts).toMatchObject({ rejected: 1, skipped: { order: 8, settled: 0 }, accepted: 61 });
    await expectSameBooks(at, summary);
  });

  it("to another URL sends no auth and marks nothing, unless asked to", async () => {
    const other = await countingEndpoint();
    closing.push(other.close);
    const at = await scene(platformCalls(5));
    const summary = await replay(at, { to: other.url, mark: false });
    expect([at.endpoint.received.length, other.received.length]).toEqual([0, 5]);
    expect(JSON.stringify(other.headers)).not.toContain(KEY);
    expect(statuses(at.calls)).toEqual(["FAILED"]);
    expect(summary.counts).toMatchObject({ accepted: 5, marked: 0, toMark: 0 });
    await replay(at, { to: other.url, mark: true, withAuth: true });
    expect(other.headers.at(-1)).toMatchObject({ "x-whispir-callback-key": KEY });
    expect(statuses(at.calls)).toEqual(["SUCCESS"]);
  });

  it("sends nothing to a callback without a known key, and uses a given one", async () => {
    const at = await scene(platformCalls(3), undefined, null);
    await expect(replay(at)).rejects.toMatchObject({ code: "config" });
    expect(at.endpoint.received).toEqual([]);
    expect(readdirSync(at.desk.deps.runsDirectory)).toEqual([]);
    const summary = await replay(at, { keys: new Map([["00112233445566AA", KEY]]) });
    expect(summary.counts.accepted).toBe(3);
    expect(at.endpoint.headers[0]).toMatchObject({ "x-whispir-callback-key": KEY });
  });

  it("when interrupted, finishes and marks the calls in flight, and can be resumed", async () => {
    const stop = new AbortController();
    const at = await scene(platformCalls(300), (_, number) => {
      if (number === 100) stop.abort();
      return { status: 200, delayMs: 1 };
    });
    const summary = await replay(at, { signal: stop.signal });
    expect(summary.error).toMatchObject({ code: "interrupted" });
    expect(summary.counts.accepted).toBe(at.endpoint.received.length);
    expect(summary.counts.accepted).toBeLessThan(110);
    expect(summary.counts).toMatchObject({ unknown: 0, toMark: 0, marked: summary.counts.accepted });
    expect(summary.isResumable).toBe(true);
    await expectSameBooks(at, summary);
  });
});
