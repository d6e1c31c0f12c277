import { describe, expect, it } from "vitest";
import type { Callback } from "../../src/domain/callback.js";
import { shortId, systemRandom } from "../../src/platform/random.js";
import type { Store } from "../../src/store/open-store.js";
import { ACCEPTED, REFUSED_503, someSettings } from "../support/builders.js";
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
  MINUTE,
  NOW,
  type OpenStore,
  POLICY,
} from "./store-support.js";

const HOUR = 60 * MINUTE;
/** The window of what failed at NOW is over. */
const LATER = NOW + DAY + MINUTE;
const HOOK = "0123456789abcdef";

async function aFailing(store: Store, ids: readonly string[], at = NOW): Promise<Callback> {
  const callback = await aCallback(store, { retriesEnabled: true });
  await accept(store, callback, ids);
  await attempt(store, callback, ids, { startedAt: at, result: REFUSED_503 });
  return callback;
}

const expire = (store: Store, { id }: Callback, now = LATER) =>
  store.queue.expireRetries([{ callbackId: id, firstFailedBefore: now - POLICY.windowMs, fence: 0 }], 100);

/** Resolves to what is shown of the callback. */
async function countOf(store: Store, { id }: Callback): Promise<number | undefined> {
  return (await store.endpoints.listReports([id]))[0]?.expiredCalls;
}

async function notice(store: Store, now: number, destinations = [HOOK]): Promise<number> {
  return store.expiries.queueNotices({ destinations, now, newId: () => shortId(systemRandom) });
}

/** Resolves to how many calls each queued notice counts, and the oldest of them, and records them as sent. */
async function sent(store: Store, at: number, destination = HOOK): Promise<readonly (readonly [number, string])[]> {
  const notices = await store.notices.fetch(destination, at, 9);
  for (const each of notices) await store.notices.recordSent(each, at);
  return notices.flatMap((each) =>
    each.event === "expired" ? [[each.report.expiredCalls, each.report.oldest.callId] as const] : [],
  );
}

export function describeExpiredCalls(open: OpenStore): void {
  describe("calls that aren't retried any more", () => {
    it("are those whose retry is ended by the window, also by a last attempt, until they are settled", async () => {
      const store = await open();
      const callback = await aFailing(store, ["A", "B", "C", "D"]);
      expect(await countOf(store, callback)).toBe(0);
      await attempt(store, callback, ["A"], { startedAt: NOW + POLICY.windowMs, cause: "retry", result: REFUSED_503 });
      expect(await countOf(store, callback)).toBe(1);
      expect(await expire(store, callback)).toBe(3);
      expect([await countOf(store, callback), (await store.readGauges()).expired]).toEqual([4, 4]);
      await store.calls.mark(callback.id, ["A"], "SUCCESS", LATER);
      await store.replays.request(callback.id, aReplay({ callIds: ["B", "C"] }), LATER);
      expect(await countOf(store, callback)).toBe(3);
      await attempt(store, callback, ["B"], { startedAt: LATER, cause: "replay", result: ACCEPTED });
      await attempt(store, callback, ["C"], { startedAt: LATER, cause: "replay", result: REFUSED_503 });
      expect(await countOf(store, callback)).toBe(2);
      await store.retention.purgeExpired(LATER + 400 * DAY, 100);
      expect(await countOf(store, callback)).toBe(0);
    });

    it("aren't those of callbacks without retries, what was marked, or what was replayed when it had none", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: false });
      await accept(store, callback, ["A", "B"]);
      await attempt(store, callback, ["A", "B"], { result: REFUSED_503 });
      await store.callbacks.update(callback.id, someSettings({ ...callback, retriesEnabled: true }), LATER, POLICY);
      await store.calls.mark(callback.id, ["A"], "FAILED", LATER);
      await store.replays.request(callback.id, aReplay({ callIds: ["B"] }), LATER);
      await attempt(store, callback, ["B"], { startedAt: LATER, cause: "replay", result: REFUSED_503 });
      expect([await expire(store, callback), await countOf(store, callback), await notice(store, LATER)]).toEqual([0, 0, 0]);
    });

    it("are those whose window ended while they waited for a replay, once it fails or is cancelled", async () => {
      const store = await open();
      const callback = await aFailing(store, ["A", "B"]);
      await store.replays.request(callback.id, aReplay({ callIds: ["A", "B"] }), NOW + HOUR);
      await attempt(store, callback, ["A"], { startedAt: LATER, cause: "replay", result: REFUSED_503 });
      expect(await countOf(store, callback)).toBe(1);
      await store.replays.cancelChunk(callback.id, {
        ...{ replayId: "REPLAY", now: LATER, policy: POLICY, random: 0.5 },
        begunCalls: () => new Set(),
      });
      expect(await countOf(store, callback)).toBe(2);
    });

    it("are retried again by a longer window, and then expire again", async () => {
      const store = await open();
      const callback = await aFailing(store, ["A", "B"]);
      await expire(store, callback);
      await store.calls.mark(callback.id, ["B"], "SUCCESS", LATER);
      const longer = { ...POLICY, windowMs: 2 * DAY };
      for (const retriesEnabled of [false, true])
        await store.callbacks.update(callback.id, someSettings({ ...callback, retriesEnabled }), LATER, longer);
      expect([(await callOf(store, callback, "A")).due?.cause, await countOf(store, callback)]).toEqual(["retry", 0]);
      expect([await expire(store, callback, LATER + DAY), await countOf(store, callback)]).toEqual([1, 1]);
    });

    it("don't count once they are released, held and without an attempt", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["held"]);
      await hold(store, callback, ["held"]);
      await expire(store, callback);
      expect(await countOf(store, callback)).toBe(1);
      await store.replays.request(callback.id, aReplay({ callIds: ["held"] }), LATER);
      await store.callbacks.update(callback.id, someSettings({ ...callback, retriesEnabled: false }), LATER, POLICY);
      expect([(await callOf(store, callback, "held")).status, await countOf(store, callback)]).toEqual(["PENDING", 0]);
    });

    it("are in one notice each, at most one an hour for each callback, without those that were settled before it", async () => {
      const store = await open();
      const callback = await aFailing(store, ["C", "A", "B"]);
      await attempt(store, callback, ["A"], { startedAt: NOW + DAY, cause: "retry", result: REFUSED_503 });
      expect([await notice(store, LATER, [HOOK, "other"]), await notice(store, LATER)]).toEqual([1, 0]);
      expect([await sent(store, LATER), await sent(store, LATER, "other")]).toEqual([[[1, "A"]], [[1, "A"]]]);
      await accept(store, callback, ["later"]);
      await attempt(store, callback, ["later"], { startedAt: NOW + 1, result: REFUSED_503 });
      await expire(store, callback);
      await store.calls.mark(callback.id, ["B"], "SUCCESS", LATER);
      expect(await notice(store, LATER + HOUR - 1)).toBe(0);
      expect([await notice(store, LATER + HOUR), await sent(store, LATER + HOUR)]).toEqual([1, [[2, "C"]]]);
      // A replay that fails again, and a mark that is undone, are no new ends of a window.
      await store.replays.request(callback.id, aReplay({ callIds: ["C"] }), LATER + HOUR);
      await attempt(store, callback, ["C"], { startedAt: LATER + HOUR, cause: "replay", result: REFUSED_503 });
      await store.calls.mark(callback.id, ["later"], "SUCCESS", LATER + HOUR);
      await store.calls.mark(callback.id, ["later"], "FAILED", LATER + HOUR);
      expect([await expire(store, callback), await notice(store, LATER + 3 * HOUR)]).toEqual([0, 0]);
    });

    it("are in a notice that names their callback and the oldest of them", async () => {
      const store = await open();
      const callback = await aFailing(store, ["B", "A"], NOW + 1);
      await attempt(store, callback, ["A"], { startedAt: NOW + 1 + DAY, cause: "retry", result: REFUSED_503 });
      await expire(store, callback, LATER);
      await store.expiries.queueNotices({ destinations: [HOOK], now: LATER, newId: () => "0".repeat(32) });
      const { id, name, email } = callback;
      const queued = { destination: HOOK, callback: { id, name, email }, isDeleted: false, tries: 0 };
      const report = {
        ...{ event: "expired", noticeId: "0".repeat(32), callback: queued.callback, expiredCalls: 2, asOf: LATER },
        oldest: { callId: expect.stringMatching(/^[AB]$/), firstFailedAt: NOW + 1 },
      };
      expect(await store.notices.fetch(HOOK, LATER, 9)).toEqual([{ event: "expired", ...queued, report }]);
    });

    it("are in no notice if all are settled, their callback is deleted, or it had no destination then", async () => {
      const store = await open();
      const [settled, deleted, unwanted] = [
        await aFailing(store, ["A"]),
        await aFailing(store, ["B"]),
        await aFailing(store, ["C"]),
      ];
      for (const callback of [settled, deleted, unwanted]) await expire(store, callback);
      await store.calls.mark(settled.id, ["A"], "SUCCESS", LATER);
      await store.callbacks.delete(deleted.id, LATER);
      expect(await notice(store, LATER, [])).toBe(1);
      expect([await notice(store, LATER + 2 * HOUR), await sent(store, LATER + 2 * HOUR)]).toEqual([0, []]);
      await store.retention.purgeDeleted(100);
      await store.retention.purgeDeleted(100);
      expect(await store.callbacks.find(deleted.id)).toBeNull();
    });

    it("are in the next notice at once after the clock was set back", async () => {
      const store = await open();
      const callback = await aFailing(store, ["A", "B"], NOW);
      await attempt(store, callback, ["A"], { startedAt: NOW + DAY, cause: "retry", result: REFUSED_503 });
      expect(await notice(store, LATER)).toBe(1);
      await expire(store, callback);
      expect([await notice(store, LATER + 1), await notice(store, LATER - 1)]).toEqual([0, 1]);
    });

    it("are counted once when a group of outcomes is repeated", async () => {
      const store = await open();
      const callback = await aFailing(store, ["A"]);
      const { id: callId, seq: callSeq } = await callOf(store, callback, "A");
      const outcome = { callbackId: callback.id, callId, callSeq, random: 0.5, recovery: 0 };
      const last = { number: 2, startedAt: NOW + DAY, durationMs: 5, cause: "retry", result: REFUSED_503 } as const;
      const group = aGroup({
        attempts: [{ ...outcome, attempt: last }],
        endpoints: [{ callbackId: callback.id, endpoint: anEndpoint(), outage: null }],
      });
      await store.outcomes.commit(group);
      await notice(store, LATER);
      await store.outcomes.commit({ ...group, isRepeated: true });
      expect([await countOf(store, callback), await notice(store, LATER + 2 * HOUR)]).toEqual([1, 0]);
    });
  });
}
