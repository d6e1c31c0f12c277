/** A client's reports of attempts are listed and shown, and change nothing of what the service does (docs/contract.md). */
import { describe, expect, it } from "vitest";
import type { Attempt } from "../../src/domain/attempt.js";
import type { Callback } from "../../src/domain/callback.js";
import type { Store } from "../../src/store/open-store.js";
import { ACCEPTED, anAttempt, REFUSED_503 } from "../support/builders.js";
import { fetchBacklog, fetchDue, fetchPending } from "../support/store/waiting-calls.js";
import {
  aCallback,
  accept,
  aGroup,
  anEndpoint,
  aReplay,
  attempt,
  callOf,
  DAY,
  hold,
  idsOf,
  MINUTE,
  markMatching,
  NOW,
  type OpenStore,
  POLICY,
} from "./store-support.js";

const NOT_FOUND = { kind: "answered", statusCode: 404, statusMessage: "Not Found", body: "" } as const;

function reportOf(over: Partial<Attempt> = {}) {
  const { number: _, ...made } = anAttempt({ startedAt: NOW, cause: "replay", sentFrom: "ada@desk", result: NOT_FOUND, ...over });
  return made;
}

function report(store: Store, callback: Callback, ids: readonly string[], over: Partial<Attempt> = {}, at = NOW): Promise<void> {
  return store.calls.recordReplays(
    callback.id,
    ids.map((callId) => ({ callId, attempt: reportOf(over) })),
    at,
  );
}

export function describeReports(open: OpenStore): void {
  describe("attempts that a client reports", () => {
    it.each([
      ["ahead of the clock", 5 * MINUTE],
      ["of long before the call", -400 * DAY],
    ])("%s don't move the pace of their call", async (_, ahead) => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A"]);
      await attempt(store, callback, ["A"], { startedAt: NOW });
      const before = await callOf(store, callback, "A");
      await report(store, callback, ["A"], { startedAt: NOW + ahead });
      const { attemptedAt, statusCode, statusMessage, attemptCount, ...after } = await callOf(store, callback, "A");
      expect({ ...before, ...after }).toEqual(before);
      const shown = ahead > 0 ? [NOW + ahead, 404, "Not Found", 2] : [NOW, 503, "Service Unavailable", 2];
      expect([attemptedAt, statusCode, statusMessage, attemptCount]).toEqual(shown);
      const read = { attemptedBefore: NOW };
      expect(idsOf(await fetchDue(store, callback.id, NOW + DAY, 9, read))).toEqual(["A"]);
      expect(idsOf(await fetchBacklog(store, callback.id, 1, 9, read))).toEqual(["A"]);
      expect(idsOf(await fetchDue(store, callback.id, NOW + DAY, 9, { attemptedBefore: NOW - 1 }))).toEqual([]);
    });

    it("are added to a call until it has 1 000 attempts, and then ignored", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A"]);
      const attempts = Array.from({ length: 1_001 }, (_, index) => ({
        callId: "A",
        attempt: reportOf({ startedAt: NOW + index }),
      }));
      for (let start = 0; start < attempts.length; start += 100) {
        await store.calls.recordReplays(callback.id, attempts.slice(start, start + 100), NOW);
      }
      expect(await callOf(store, callback, "A")).toMatchObject({ attemptCount: 1_000, attemptedAt: NOW + 999 });
      await attempt(store, callback, ["A"], { startedAt: NOW + 5_000 });
      expect(await callOf(store, callback, "A")).toMatchObject({ attemptCount: 1_001, attemptedAt: NOW + 5_000 });
    });

    it("leave the first attempt of a waiting call the first", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A"]);
      await report(store, callback, ["A"], { startedAt: NOW - 7 });
      expect((await fetchPending(store, callback.id, 9)).map(({ sentAt, attemptCount }) => [sentAt, attemptCount])).toEqual([
        [null, 1],
      ]);
      await attempt(store, callback, ["A"], { startedAt: NOW });
      expect(await callOf(store, callback, "A")).toMatchObject({
        sentAt: NOW,
        firstFailedAt: NOW,
        statusCode: 503,
        attemptCount: 2,
      });
    });

    it("leave a held call held: it may be the probe, and keeps its one attempt when retries are switched off", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["tried", "held", "held before", "replayed"]);
      await attempt(store, callback, ["tried"]);
      await report(store, callback, ["held"]);
      await hold(store, callback, ["held", "held before", "replayed"], NOW);
      expect(await callOf(store, callback, "held")).toMatchObject({
        statusCode: null,
        statusMessage: expect.stringContaining("Held"),
      });
      await report(store, callback, ["tried", "held", "replayed"], { startedAt: NOW + 7 });
      await report(store, callback, ["held before"], { startedAt: NOW - 7 });
      await store.replays.request(callback.id, aReplay({ callIds: ["replayed"] }), NOW + 8);
      const [probes = []] = await store.queue.fetchHeld([{ callbackId: callback.id, limit: 9 }]);
      expect(idsOf(probes)).toEqual(["held", "held before", "replayed"]);
      const paced = await fetchDue(store, callback.id, Number.POSITIVE_INFINITY, 9, { attemptedBefore: NOW - DAY });
      expect(idsOf(paced).sort()).toEqual(["held", "held before", "replayed"]);

      await store.callbacks.update(callback.id, { ...callback, retriesEnabled: false }, NOW + 9, POLICY);
      expect(idsOf(await fetchPending(store, callback.id, 9))).toEqual(["held", "held before", "replayed"]);
      expect(await callOf(store, callback, "held")).toMatchObject({ attemptedAt: NOW + 7, statusCode: 404, attemptCount: 2 });
      expect(await callOf(store, callback, "held before")).toMatchObject({ statusMessage: null, attemptCount: 1 });
      expect(await store.calls.count(callback.id)).toEqual({ PENDING: 3, FAILED: 1, SUCCESS: 0 });
      expect(await store.calls.listFailures(callback.id)).toEqual([{ statusCode: 404, reason: null, count: 1 }]);
      expect(await store.replays.find(callback.id, "REPLAY")).toMatchObject({ total: 1, cancelled: 1, left: 0 });
    });

    it("with a mark aren't the attempts of a replay by the service", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "C"]);
      await attempt(store, callback, ["A", "B", "C"]);
      await store.replays.request(callback.id, aReplay({ callIds: ["A", "B", "C"] }), NOW + 1);
      const replays = [{ callId: "A", attempt: reportOf({ result: ACCEPTED }) }];
      await store.calls.mark(callback.id, ["A"], "SUCCESS", NOW + 2, { settledBy: "replay", replays });
      await report(store, callback, ["B"], { result: ACCEPTED });
      expect(await store.replays.find(callback.id, "REPLAY")).toMatchObject({ succeeded: 0, failed: 0, cancelled: 1, left: 2 });
      await attempt(store, callback, ["B"], { cause: "replay", result: ACCEPTED });
      await attempt(store, callback, ["C"], { cause: "replay" });
      expect(await store.replays.find(callback.id, "REPLAY")).toMatchObject({ succeeded: 1, failed: 1, cancelled: 1, left: 0 });
    });

    it("change neither why the calls of an outage failed nor what became of them", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A", "B"]);
      await report(store, callback, ["A"], { startedAt: NOW - 1 });
      const outage = { id: "O1", startedAt: NOW, failedCalls: 2, quietSince: null };
      await store.outcomes.commit(aGroup({ endpoints: [{ callbackId: callback.id, endpoint: anEndpoint(), outage }] }));
      await attempt(store, callback, ["A", "B"], { startedAt: NOW, outageId: outage.id });
      await attempt(store, callback, ["B"], { startedAt: NOW + MINUTE, cause: "retry", result: ACCEPTED });
      await report(store, callback, ["B"], { startedAt: NOW + 2 * MINUTE });
      expect(await store.outages.readCalls(outage.id)).toMatchObject({
        ...{ retried: 1, replayed: 0, marked: 0, failed: 1, uncounted: 0 },
        failures: [{ statusCode: 503, reason: null, count: 2 }],
      });
    });

    it("move no call into a set that was confirmed before, nor one that was accepted into the undo of a mark", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B"]);
      await attempt(store, callback, ["A", "B"], { result: NOT_FOUND });
      const confirmed = { status: "FAILED", statusCodes: [{ code: 503 }], changedBefore: NOW + 1 } as const;
      await report(store, callback, ["A"], { startedAt: NOW + 2, result: REFUSED_503 }, NOW + 3);
      expect(await markMatching(store, callback.id, confirmed, { status: "SUCCESS", now: NOW + 4 })).toBe(0);
      await store.calls.mark(callback.id, ["A", "B"], "SUCCESS", NOW + 5);
      await report(store, callback, ["B"], { startedAt: NOW + 4, result: ACCEPTED }, NOW + 6);
      await markMatching(store, callback.id, { status: "SUCCESS", markedAt: NOW + 5 }, { status: "FAILED", now: NOW + 7 });
      expect([(await callOf(store, callback, "A")).status, (await callOf(store, callback, "B")).status]).toEqual([
        "FAILED",
        "SUCCESS",
      ]);
    });

    it("that was accepted makes a mark by hand a replay's, though the service tried it later and failed", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A"]);
      await attempt(store, callback, ["A"], { startedAt: NOW + 4, result: REFUSED_503 });
      await store.calls.mark(callback.id, ["A"], "SUCCESS", NOW + 5);
      await report(store, callback, ["A"], { startedAt: NOW + 1, result: ACCEPTED }, NOW + 6);
      await markMatching(store, callback.id, { status: "SUCCESS", markedAt: NOW + 5 }, { status: "FAILED", now: NOW + 7 });
      expect(await callOf(store, callback, "A")).toMatchObject({ status: "SUCCESS", settledBy: "user" });
      await store.calls.mark(callback.id, ["A"], "SUCCESS", NOW + 8, { settledBy: "replay" });
      expect(await callOf(store, callback, "A")).toMatchObject({ status: "SUCCESS", settledBy: "replay", statusCode: 503 });
    });

    it("leave a mark as it was made, so that exactly these calls can be marked back", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A"]);
      await attempt(store, callback, ["A"]);
      await store.calls.mark(callback.id, ["A"], "SUCCESS", NOW + 1);
      await report(store, callback, ["A"], { startedAt: NOW + 5 * MINUTE });
      const mark = { status: "FAILED", now: NOW + 2 } as const;
      expect(await markMatching(store, callback.id, { status: "SUCCESS", markedAt: NOW + 1 }, mark)).toBe(1);
    });

    it("aren't in the future any more once the clock was set back, and the service's own attempts aren't either", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A", "held"]);
      await hold(store, callback, ["held"], NOW);
      await attempt(store, callback, ["A"], { startedAt: NOW, result: REFUSED_503 });
      await report(store, callback, ["A", "held"], { startedAt: NOW + MINUTE });
      await store.outcomes.clampTimes({ now: NOW - DAY, latestDueAt: NOW });
      const clamped = { attemptedAt: NOW - DAY, firstFailedAt: NOW - DAY };
      expect(await callOf(store, callback, "A")).toMatchObject({ ...clamped, sentAt: NOW - DAY });
      expect(await callOf(store, callback, "held")).toMatchObject({ ...clamped, sentAt: null });
    });
  });
}
