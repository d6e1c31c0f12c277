/** Calls are settled by others between the list of a replay and its sends and marks: none is sent twice without a word. */
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import type { Client } from "../../src/client/client.js";
import { WhcbError } from "../../src/domain/errors.js";
import { systemClock } from "../../src/platform/clock.js";
import { planReconcile } from "../../src/runs/plan/plan-reconcile.js";
import { planReplay } from "../../src/runs/plan/plan-replay.js";
import { readSeenList } from "../../src/runs/plan/seen-list.js";
import { resumeRun } from "../../src/runs/resume-run.js";
import type { RunDeps } from "../../src/runs/run-deps.js";
import { planMarks, planUndo, runMarks } from "../../src/runs/run-marks.js";
import { DEFAULT_REPLAY_OPTIONS, type ReplayOptions } from "../../src/runs/run-options.js";
import { runReconcile } from "../../src/runs/run-reconcile.js";
import { runReplay } from "../../src/runs/run-replay.js";
import { aResponse } from "../support/builders.js";
import { CliMachine } from "../support/cli/cli-service.js";
import { clientOver, injectTransport } from "../support/client/client-services.js";
import { OK as ANSWER_OK, DeliverySetup } from "../support/delivery/delivery-setup.js";
import { platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { removeEnd } from "../support/replay/killed-run.js";
import { countingEndpoint, type EndpointAnswer, openDesk } from "../support/replay/replay-desk.js";
import { BUSY, OK, pendingCalls, recordAttempts } from "../support/server/recorded-calls.js";
import { CALLBACK_SETTINGS, closeService, openService } from "../support/server/server-fixture.js";

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** The calls order-0, order-1 … have failed. `onRequest` is called with the number of each request that the endpoint gets, before its answer. */
async function failedCalls(calls: number, onRequest: (number: number) => void | Promise<void> = () => {}) {
  const endpoint = await countingEndpoint((_, number) => ({ status: 200, after: Promise.resolve(onRequest(number)) }));
  return { endpoint, ...(await failedCallsOf(endpoint.url, calls)) };
}

async function failedCallsOf(url: string, calls: number) {
  const service = await openService();
  const lookups: number[] = [];
  const opened = clientOver(injectTransport(service.app));
  let takesMarks = true;
  let rejectsMarks = false;
  let isMarkLost = false;
  let takesLookups = true;
  let [reportMs, markMs] = [0, 0];
  let aheadMs = 0;
  let whileConnecting = async (): Promise<void> => {};
  const client: Client = {
    ...opened,
    async markCalls(...parameters) {
      await systemClock.sleepUntil(Date.now() + markMs);
      if (isMarkLost) {
        await systemClock.sleepUntil(Date.now() + 20);
        await opened.markCalls(...parameters);
      }
      if (!takesMarks) throw new WhcbError("unavailable", "no marks now");
      if (rejectsMarks) throw new WhcbError("invalid", "no such marks");
      return opened.markCalls(...parameters);
    },
    async recordReplays(...parameters) {
      await systemClock.sleepUntil(Date.now() + reportMs);
      return opened.recordReplays(...parameters);
    },
    async findStates(callbackId, ids) {
      lookups.push(ids.length);
      if (!takesLookups) throw new WhcbError("unavailable", "no lookups now");
      return opened.findStates(callbackId, ids);
    },
  };
  const { id } = await client.createCallback({ ...CALLBACK_SETTINGS, url });
  const ids = Array.from({ length: calls }, (_, index) => `order-${index}`);
  const submit = async (startedAt: () => number) => {
    await client.submitCalls(
      id,
      ids.map((callId) => ({ id: callId, response: aResponse({ messageId: callId }) })),
    );
    const waiting = await pendingCalls(service.store, id);
    await recordAttempts(service.store, waiting, (_, index) => ({ result: BUSY, startedAt: startedAt() + index }));
    return waiting;
  };
  const waiting = await submit(() => Date.now() - 60_000);
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
  const desk = openDesk({ client, clock });
  const { deliverer } = desk.deps;
  const deps: RunDeps = {
    ...desk.deps,
    deliverer: {
      async deliverIf(maySend, request) {
        await whileConnecting();
        return deliverer.deliverIf(maySend, request);
      },
    },
  };
  closing.push(() => closeService(service), desk.leave);
  const replay = async (options: Partial<ReplayOptions> = {}, beforeRun: () => Promise<void> = async () => {}) => {
    const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, deps);
    await beforeRun();
    return runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, ...options }, deps, desk.listener);
  };
  const reconcile = async (listed: readonly string[]) => {
    const callback = await client.getCallback("demo");
    const seen = readSeenList(`webhook-id\n${listed.join("\n")}\n`, "UTC");
    const plan = await planReconcile({ callback, seen, timezone: "UTC", country: null, sendAmbiguous: false }, deps);
    return runReconcile(plan, DEFAULT_REPLAY_OPTIONS, deps, desk.listener);
  };
  return {
    client,
    lookups,
    events: desk.events,
    mark: async (callIds: readonly string[], status: "SUCCESS" | "FAILED" = "SUCCESS", by: "user" | "replay" = "user") =>
      void (await opened.markCalls(id, callIds, status, { by })),
    /** A run of this data folder marks all calls, and is undone. The undo may be killed once the service has made it. */
    async markAndUndo(how: "answered" | "killed" = "answered") {
      const marked = await runMarks(await planMarks({ callbacks: ["demo"], calls: { filter: {} } }, "SUCCESS", deps), {}, deps);
      const undo = await planUndo(marked.header.runId, deps);
      isMarkLost = how === "killed";
      takesMarks = how === "answered";
      const { header } = await runMarks(undo, {}, deps);
      isMarkLost = false;
      takesMarks = true;
      if (how === "killed") removeEnd(header.runId, deps);
    },
    /** Requests take so long to arrive. */
    delay(reports: number, marks: number) {
      [reportMs, markMs] = [reports, marks];
    },
    rejectMarks(isRejecting: boolean) {
      rejectsMarks = isRejecting;
    },
    /** A reconcile marks all calls, and is undone. */
    async reconcileAndUndo() {
      const { header } = await reconcile(ids);
      await runMarks(await planUndo(header.runId, deps), {}, deps);
    },
    /** A user marks all calls, they expire, and the sender uses their ids for new ones, which fail, too. */
    async replaceCalls() {
      await opened.markCalls(id, ids, "SUCCESS");
      await service.store.retention.purgeExpired(Date.now() + 999 * 86_400_000, 100);
      await submit(() => Date.now() - 20);
    },
    /** The service has delivered them, by a retry. */
    deliver: (callIds: readonly string[]) =>
      recordAttempts(
        service.store,
        waiting.filter((call) => callIds.includes(call.id)).map((call) => ({ ...call, attemptCount: 1 })),
        () => ({ result: OK, startedAt: Date.now() }),
      ),
    callOf: (callId: string) => client.getCall(id, callId),
    attemptsOf: async (callId: string) => (await client.listAttempts(id, callId)) ?? [],
    replay,
    /** Each connection takes so long to open, by the monotonic clock. Meanwhile `work` is done, and nobody can look at calls if it says so. */
    connectSlowly(ms: number, work: () => Promise<unknown>) {
      whileConnecting = async () => {
        aheadMs += ms;
        takesLookups = (await work()) !== "no lookups";
      };
    },
    /** The list of a reconcile has four of five calls, and none is marked. The returned function resumes the run. */
    async reconcileUnmarked() {
      takesMarks = false;
      const listed = ids.filter((_, index) => index % 5 < 4);
      const { header, counts } = await reconcile(listed);
      takesMarks = true;
      expect([counts.seen, counts.marked]).toEqual([listed.length, 0]);
      return () => resumeRun(header.runId, { resendUnknown: false }, desk.deps, desk.listener);
    },
    /** The endpoint accepts all calls, and none is marked, or the service's answer is lost. The returned function resumes the run. */
    async replayUnmarked(how: "rejected" | "lost" = "rejected") {
      takesMarks = false;
      isMarkLost = how === "lost";
      const { header, counts } = await replay();
      takesMarks = true;
      isMarkLost = false;
      expect([counts.accepted, counts.marked]).toEqual([calls, 0]);
      return () => resumeRun(header.runId, { resendUnknown: false }, desk.deps, desk.listener);
    },
  };
}

const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `order-${from + index}`);

describe("what was settled since it was listed", () => {
  it("isn't sent: by a user, while the question was open", async () => {
    const { endpoint, replay, mark } = await failedCalls(6);
    closing.push(endpoint.close);
    const { counts, error } = await replay({}, () => mark(["order-1", "order-4"]));
    expect(endpoint.received).toEqual(["order-0", "order-2", "order-3", "order-5"]);
    expect([error, counts.accepted, counts.marked, counts.skipped.settled]).toEqual([null, 4, 4, 2]);
  });

  it("isn't sent: by a retry, while earlier calls are sent; a request looks at a hundred calls", async () => {
    const { endpoint, replay, deliver, lookups } = await failedCalls(450, async (number) => {
      if (number === 1) await deliver(numbered(300, 400));
    });
    closing.push(endpoint.close);
    const { counts } = await replay();
    expect(endpoint.received.filter((id) => numbered(300, 400).includes(id))).toEqual([]);
    expect([counts.accepted, counts.twice, counts.skipped.settled]).toEqual([350, 0, 100]);
    expect(lookups.length).toBeLessThan(12);
  });

  it("is asked about while the hundred before are sent", async () => {
    let lookupsAtFirst = 0;
    const { endpoint, replay, lookups } = await failedCalls(250, (number) => {
      if (number === 1) lookupsAtFirst = lookups.length;
    });
    closing.push(endpoint.close);
    await replay();
    expect([lookupsAtFirst, lookups.slice(0, 2)]).toEqual([2, [100, 100]]);
  });

  it("isn't sent, though it was looked at long before: with --rate, a look counts for a second", async () => {
    const { endpoint, replay, mark } = await failedCalls(5, async (number) => {
      if (number === 1) await mark(["order-4"]);
    });
    closing.push(endpoint.close);
    const { counts } = await replay({ rate: 2, canary: false });
    expect([endpoint.received.length, counts.skipped.settled]).toEqual([4, 1]);
  });

  it("isn't sent once its connection is open, which took over a second", async () => {
    const { endpoint, replay, connectSlowly, mark, lookups } = await failedCalls(2);
    closing.push(endpoint.close);
    connectSlowly(1_001, () => mark(["order-0"]));
    const { counts, error } = await replay();
    expect(endpoint.received).toEqual(["order-1"]);
    expect([error, counts.accepted, counts.marked, counts.twice, counts.skipped.settled]).toEqual([null, 1, 1, 0, 1]);
    expect(lookups).toContain(1);
  });

  it("isn't asked about again if the connection takes less", async () => {
    const { endpoint, replay, connectSlowly, lookups } = await failedCalls(1);
    closing.push(endpoint.close);
    connectSlowly(500, async () => {});
    await replay();
    expect([endpoint.received.length, lookups]).toEqual([1, [1]]);
  });

  it("may still be sent later, if the service doesn't answer once the connection is open", async () => {
    const { endpoint, replay, connectSlowly } = await failedCalls(1);
    closing.push(endpoint.close);
    connectSlowly(1_001, async () => "no lookups");
    const { counts, error } = await replay();
    expect([endpoint.received, counts.left, counts.unknown]).toEqual([[], 1, 0]);
    expect(error).toMatchObject({ code: "unavailable", message: "no lookups now" });
  });

  it("is sent to another receiver that marks nothing: it gets what was listed", async () => {
    const { endpoint, replay, mark, lookups } = await failedCalls(3);
    closing.push(endpoint.close);
    const { counts } = await replay({ to: endpoint.url, mark: false }, () => mark(["order-1"]));
    expect([endpoint.received.length, counts.accepted, lookups]).toEqual([3, 3, []]);
  });

  it("isn't sent, and the callback's end isn't a failure of the service, if it is deleted meanwhile", async () => {
    const { endpoint, replay, client } = await failedCalls(250, async (number) => {
      if (number === 1) await client.deleteCallback("demo");
    });
    closing.push(endpoint.close);
    const { error, callbacks } = await replay({ mark: false });
    expect([error?.code, callbacks[0]?.stopped]).toEqual(["items-failed", "gone"]);
    expect(endpoint.received.length).toBeLessThanOrEqual(200);
  });
});

it("counts as delivered twice, and keeps its attempts, what the service delivers between the send and the mark", async () => {
  const { endpoint, replay, deliver, attemptsOf } = await failedCalls(3, async (number) => {
    if (number === 2) await deliver(["order-1"]);
  });
  closing.push(endpoint.close);
  const { counts, error } = await replay();
  expect([error, counts]).toMatchObject([null, { accepted: 3, marked: 3, toMark: 0, twice: 1, skipped: { settled: 0 } }]);
  expect((await attemptsOf("order-1")).map(({ number, cause }) => [number, cause])).toEqual([
    [1, "first"],
    [2, "first"],
    [3, "replay"],
  ]);
});

it("counts as delivered twice what another run has sent and marked between the send and the mark", async () => {
  const { endpoint, replay, mark } = await failedCalls(3, async (number) => {
    if (number === 2) await mark(["order-1"], "SUCCESS", "replay");
  });
  closing.push(endpoint.close);
  expect((await replay()).counts).toMatchObject({ accepted: 3, marked: 3, twice: 1 });
});

it("doesn't count as delivered twice what the run itself has marked, as its answer was lost before it was resumed", async () => {
  const { endpoint, replayUnmarked, mark } = await failedCalls(3);
  closing.push(endpoint.close);
  const resume = await replayUnmarked("lost");
  await mark(["order-1"], "FAILED");
  await mark(["order-1"]);
  expect((await resume()).counts).toMatchObject({ accepted: 3, marked: 3, twice: 1 });
});

it("says in the journal, the counts and the history that a request was sent again on a fresh connection", async () => {
  const setup = new DeliverySetup();
  // No connection is reused in the time after the first answer in which a second one might come.
  const answersAfterMs = () => (setup.server.requests() === 2 ? 200 : 0);
  await setup.start((socket, number) => {
    if (number > 1) socket.resetAndDestroy();
    else setTimeout(() => socket.write(ANSWER_OK), answersAfterMs());
  });
  closing.push(() => setup.end());
  const { replay, attemptsOf, events } = await failedCallsOf(setup.server.url, 3);
  const { counts } = await replay({ concurrency: 1 });
  expect([setup.server.requests(), counts.accepted, counts.resent]).toEqual([4, 3, 1]);
  const accepted = events.flatMap((event) =>
    event.type === "step" && event.step.step === "accepted" ? [event.step.resent] : [],
  );
  expect(accepted).toEqual([undefined, undefined, true]);
  expect((await attemptsOf("order-1")).at(-1)?.isResent).toBe(false);
  expect((await attemptsOf("order-2")).at(-1)).toMatchObject({ cause: "replay", isResent: true });
});

it("doesn't say that the callback's endpoint accepted what another one did: with --to and --mark, the user has marked it", async () => {
  const { endpoint, replay, callOf, attemptsOf } = await failedCalls(2);
  closing.push(endpoint.close);
  const { counts } = await replay({ to: `${endpoint.url}/staging`, mark: true });
  expect(counts).toMatchObject({ accepted: 2, marked: 2, twice: 0 });
  expect(await callOf("order-0")).toMatchObject({ status: "SUCCESS", settledBy: "user", statusCode: 503, attemptCount: 1 });
  expect((await attemptsOf("order-1")).map(({ cause }) => cause)).toEqual(["first"]);
});

it("lists again, after a question, what a service has that can't be asked about several calls at once", async () => {
  const endpoint = await countingEndpoint();
  const calls = platformCalls(60);
  const callbacks = [{ id: "00112233445566AA", name: "demo", url: endpoint.url, key: "s3cret-key", calls }];
  const platform = scriptedPlatform({ clock: systemClock, callbacks });
  const desk = openDesk({ transport: platform.transport() });
  closing.push(endpoint.close, desk.leave);
  const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, desk.deps);
  const settled = calls.slice(10, 15).map(({ id }) => id);
  await desk.deps.client.markCalls("00112233445566AA", settled, "SUCCESS");
  const { counts, error } = await runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, wasAsked: true }, desk.deps);
  expect(endpoint.received.filter((id) => settled.includes(id))).toEqual([]);
  expect([error, counts.accepted, counts.marked, counts.skipped.settled]).toEqual([null, 55, 55, 5]);
});

describe("another response whose id was used again", () => {
  const asSubmitted = async ({ callOf }: Pick<Awaited<ReturnType<typeof failedCalls>>, "callOf">, calls: number) =>
    (await Promise.all(numbered(0, calls).map(callOf))).map(({ status, attemptCount }) => [status, attemptCount]);

  it("isn't sent or marked in place of the one that was listed, and the run says so", async () => {
    const desk = await failedCalls(2);
    closing.push(desk.endpoint.close);
    const { counts, error } = await desk.replay({}, desk.replaceCalls);
    expect(desk.endpoint.received).toEqual([]);
    expect([counts.marked, counts.left, counts.skipped]).toEqual([0, 0, { settled: 0, order: 0, reopened: 2 }]);
    expect(error).toMatchObject({ code: "items-failed" });
    expect(await asSubmitted(desk, 2)).toEqual([
      ["FAILED", 1],
      ["FAILED", 1],
    ]);
  });

  it.each([{}, { to: "elsewhere", mark: true }])("isn't marked for the one that is being sent (%j)", async (options) => {
    const desk = await failedCalls(1, () => desk.replaceCalls());
    closing.push(desk.endpoint.close);
    const { counts, error } = await desk.replay("to" in options ? { ...options, to: desk.endpoint.url } : {});
    expect(desk.endpoint.received).toEqual(["order-0"]);
    expect([counts.marked, counts.toMark, counts.skipped.reopened]).toEqual([0, 0, 1]);
    expect(error).toMatchObject({ code: "items-failed" });
    expect(await asSubmitted(desk, 1)).toEqual([["FAILED", 1]]);
  });

  it("isn't marked, or counted as delivered twice, if the service has delivered it meanwhile", async () => {
    const desk = await failedCalls(1, async () => {
      await desk.replaceCalls();
      await desk.mark(["order-0"]);
    });
    closing.push(desk.endpoint.close);
    const { counts, error } = await desk.replay();
    expect([counts.marked, counts.twice, counts.skipped.settled, error]).toEqual([0, 0, 1, null]);
    expect(await asSubmitted(desk, 1)).toEqual([["SUCCESS", 1]]);
    expect(await desk.callOf("order-0")).toMatchObject({ settledBy: "user" });
  });

  it("isn't marked when the run is resumed, though it had the id before the other one was accepted", async () => {
    const desk = await failedCalls(1, () => desk.replaceCalls());
    closing.push(desk.endpoint.close);
    const resume = await desk.replayUnmarked();
    expect((await resume()).counts).toMatchObject({ marked: 0, toMark: 0, skipped: { reopened: 1 } });
    expect(await asSubmitted(desk, 1)).toEqual([["FAILED", 1]]);
  });

  it("doesn't keep what a retry has changed from being sent and marked", async () => {
    const desk = await failedCalls(2);
    closing.push(desk.endpoint.close);
    const { counts } = await desk.replay({}, () => desk.mark(numbered(0, 2), "FAILED"));
    expect([desk.endpoint.received.length, counts.marked]).toEqual([2, 2]);
  });
});

it("what a user had made FAILED before is marked, though a busy moment of the endpoint is reported just before", async () => {
  const endpoint = await countingEndpoint((_, number) =>
    number === 1 ? { status: 503, headers: { "retry-after": "0" } } : { status: 200 },
  );
  closing.push(endpoint.close);
  const { replay, mark, delay } = await failedCallsOf(endpoint.url, 1);
  for (const status of ["SUCCESS", "FAILED"] as const) await mark(["order-0"], status);
  delay(1_200, 500);
  const { counts } = await replay();
  expect([endpoint.received.length, counts.accepted, counts.marked, counts.skipped.reopened]).toEqual([2, 1, 1, 0]);
});

describe("what was accepted in a run that couldn't mark it", () => {
  it("stays as a user has left it since, when the run is resumed, and the rest is marked", async () => {
    const { endpoint, replayUnmarked, mark, callOf } = await failedCalls(3);
    closing.push(endpoint.close);
    // This is the state that the run has listed, so its mark isn't a later decision.
    await mark(["order-2"], "FAILED");
    const resume = await replayUnmarked();
    await mark(["order-1"]);
    await mark(["order-1"], "FAILED");
    const { counts, error } = await resume();
    expect([counts.marked, counts.toMark, counts.skipped]).toEqual([2, 0, { settled: 0, order: 0, reopened: 1 }]);
    expect(error).toMatchObject({ code: "items-failed" });
    const calls = await Promise.all(numbered(0, 3).map(callOf));
    expect(calls.map(({ status, settledBy, attemptCount }) => [status, settledBy, attemptCount])).toEqual([
      ["SUCCESS", "replay", 2],
      ["FAILED", "user", 2],
      ["SUCCESS", "replay", 2],
    ]);
  });

  it("is marked, though a user changed it after the first of them had arrived, and before it did", async () => {
    const desk = await failedCalls(2, async (number) => {
      if (number === 1) return;
      await systemClock.sleepUntil(Date.now() + 1_000);
      await desk.mark(["order-1"]);
      await desk.mark(["order-1"], "FAILED");
      await systemClock.sleepUntil(Date.now() + 50);
    });
    closing.push(desk.endpoint.close);
    const resume = await desk.replayUnmarked();
    expect((await resume()).counts).toMatchObject({ marked: 2, skipped: { reopened: 0 } });
  });

  it("is marked, though the run had sent it before at a busy moment of the endpoint", async () => {
    const isBusy = (callId: string, number: number) => callId === "order-1" && number === 2;
    const endpoint = await countingEndpoint((callId, number) =>
      isBusy(callId, number) ? { status: 503, headers: { "retry-after": "0" } } : { status: 200 },
    );
    closing.push(endpoint.close);
    const { replayUnmarked } = await failedCallsOf(endpoint.url, 2);
    const resume = await replayUnmarked();
    expect(endpoint.received).toEqual(["order-0", "order-1", "order-1"]);
    expect((await resume()).counts).toMatchObject({ marked: 2, skipped: { reopened: 0 } });
  });

  it("is marked after an undo, but for what a user has made FAILED since", async () => {
    const { endpoint, replayUnmarked, markAndUndo, mark, callOf } = await failedCalls(3);
    closing.push(endpoint.close);
    const resume = await replayUnmarked();
    await markAndUndo();
    await mark(["order-1"]);
    await mark(["order-1"], "FAILED");
    expect((await resume()).counts).toMatchObject({ marked: 2, skipped: { reopened: 1 } });
    const calls = await Promise.all(numbered(0, 3).map(callOf));
    expect(calls.map(({ status, settledBy }) => [status, settledBy])).toEqual([
      ["SUCCESS", "replay"],
      ["FAILED", "user"],
      ["SUCCESS", "replay"],
    ]);
  });

  it("is marked after an undo, though its mark was rejected since", async () => {
    const { endpoint, replayUnmarked, markAndUndo, rejectMarks } = await failedCalls(2);
    closing.push(endpoint.close);
    const resume = await replayUnmarked();
    await markAndUndo();
    rejectMarks(true);
    expect((await resume()).counts).toMatchObject({ marked: 0, toMark: 2 });
    rejectMarks(false);
    expect((await resume()).counts).toMatchObject({ marked: 2, skipped: { reopened: 0 } });
  });

  it("is marked after an undo that was killed", async () => {
    const { endpoint, replayUnmarked, markAndUndo, callOf } = await failedCalls(2);
    closing.push(endpoint.close);
    const resume = await replayUnmarked();
    await markAndUndo("killed");
    expect(await callOf("order-0")).toMatchObject({ status: "FAILED", settledBy: "user" });
    expect((await resume()).counts).toMatchObject({ marked: 2, skipped: { reopened: 0 } });
  });

  it("is marked after an undo in several requests", async () => {
    const { endpoint, replayUnmarked, markAndUndo } = await failedCalls(150);
    closing.push(endpoint.close);
    const resume = await replayUnmarked();
    await markAndUndo();
    expect((await resume()).counts).toMatchObject({ marked: 150, skipped: { reopened: 0 } });
  });

  it("isn't taken for a new call with its id", async () => {
    const { endpoint, replayUnmarked, replaceCalls, callOf } = await failedCalls(2);
    closing.push(endpoint.close);
    const resume = await replayUnmarked();
    await replaceCalls();
    expect((await resume()).counts).toMatchObject({ marked: 0, toMark: 0 });
    const calls = await Promise.all(numbered(0, 2).map(callOf));
    expect(calls.map(({ status, attemptCount }) => [status, attemptCount])).toEqual([
      ["FAILED", 1],
      ["FAILED", 1],
    ]);
  });
});

describe("what a list had in a run that couldn't mark it", () => {
  const markedAfter = async (change: (desk: Awaited<ReturnType<typeof failedCalls>>) => Promise<void>, calls = 2) => {
    const desk = await failedCalls(calls);
    closing.push(desk.endpoint.close);
    const resume = await desk.reconcileUnmarked();
    // Calls of one second are marked together.
    await systemClock.sleepUntil(Date.now() + 1_000);
    await change(desk);
    await desk.markAndUndo();
    const { counts } = await resume();
    return [counts.marked, counts.skipped.reopened];
  };

  it("is marked after an undo", async () => {
    expect(await markedAfter(async () => {})).toEqual([2, 0]);
  });

  it("is marked after an undo in several requests", async () => {
    expect(await markedAfter(async () => {}, 150)).toEqual([150, 0]);
  });

  it("stays as a user had left it before the mark that was undone", async () => {
    const change = async ({ mark }: Awaited<ReturnType<typeof failedCalls>>) => {
      await mark(["order-0"]);
      await mark(["order-0"], "FAILED");
    };
    expect(await markedAfter(change)).toEqual([1, 1]);
  });

  it("is marked after a longer list that was undone", async () => {
    expect(await markedAfter(({ reconcileAndUndo }) => reconcileAndUndo())).toEqual([2, 0]);
  });

  it("is marked after two marks that were undone, but for what a user has made FAILED between them", async () => {
    expect(await markedAfter(({ markAndUndo }) => markAndUndo())).toEqual([2, 0]);
    const change = async ({ mark, markAndUndo }: Awaited<ReturnType<typeof failedCalls>>) => {
      await markAndUndo();
      await mark(["order-0"]);
      await mark(["order-0"], "FAILED");
    };
    expect(await markedAfter(change)).toEqual([1, 1]);
  });

  it("isn't taken for other responses that had the ids before the mark that was undone", async () => {
    expect(await markedAfter(({ replaceCalls }) => replaceCalls())).toEqual([0, 2]);
  });
});

describe("on the command line", () => {
  const machines: CliMachine[] = [];

  afterEach(async () => {
    for (const machine of machines.splice(0)) await machine.leave();
  });

  /** Some of 40 calls have failed, and the others wait for the endpoint that is down; with retries on, the service sends all of them again. */
  async function outage(answer: () => EndpointAnswer) {
    let status = 503;
    const endpoint = await countingEndpoint(() => (status === 200 ? answer() : { status }));
    closing.push(endpoint.close);
    const machine = new CliMachine();
    machines.push(machine);
    await machine.serve();
    await machine.rehearse("demo", endpoint.url, 20, ["--retries", "on"]);
    await machine.works(["trigger", "demo", "-n", "20"]);
    await machine.settled("demo");
    status = 200;
    return { machine, endpoint };
  }

  /** On a slow machine all of them may have been sent once. */
  const FAILED =
    /^\d+ failed calls(?: and \d+ without an outcome yet)? of demo -> .*\n {2}(?:.*\n {2})?the service is still retrying 40 of them: (.*)$/m;

  it("--yes says on stderr, in every format, what the question would have said", async () => {
    for (const format of [[], ["-o", "json"], ["-o", "ndjson"]]) {
      const { machine } = await outage(() => ({ status: 200 }));
      await machine.works(["callbacks", "pause", "demo"]);
      const { stderr } = await machine.whcb(["replay", "demo", "--failed", "--yes", ...format]);
      expect(stderr).toMatch(FAILED);
      expect(FAILED.exec(stderr)?.[1]).toContain("the receiver may see those twice");
      expect(stderr).toContain("they are sent from here all the same");
    }
  });

  it("mark-success says what it is about to settle, and that a replay may be sending it", async () => {
    const moments = new EventTarget();
    const marked = once(moments, "marked").then(() => undefined);
    const sending = once(moments, "sending");
    const { machine, endpoint } = await outage(() => {
      moments.dispatchEvent(new Event("sending"));
      return { status: 200, after: marked };
    });
    await machine.works(["callbacks", "pause", "demo"]);
    const dryRun = await machine.whcb(["mark-success", "demo", "--failed", "--dry-run"]);
    expect(FAILED.exec(dryRun.stdout)?.[1]).toBe("it sends none that is marked");
    expect(dryRun.stdout).not.toContain("another run");
    const before = endpoint.received.length;
    const replaying = machine.whcb(["replay", "demo", "--failed", "--yes"]);
    await sending;
    const others = (await machine.ids("demo", "--failed")).filter((id) => id !== endpoint.received.at(-1));
    const { stderr } = await machine.whcb(["mark-success", "demo", ...others, "--yes"]);
    expect(stderr).toContain("another run is working on the calls of demo: run ");
    expect(stderr).toContain("0 of 40 calls done; it may send or mark some of these");
    // The run looks again after a second.
    await systemClock.sleepUntil(systemClock.now() + 1_100);
    moments.dispatchEvent(new Event("marked"));
    const { stdout } = await replaying;
    expect(stdout).toContain("1 of 40 calls replayed");
    expect(stdout).toMatch(/settled meanwhile +39/);
    expect(endpoint.received.length - before).toBe(1);
  });
});
