import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NewAttempt } from "../../src/domain/attempt.js";
import type { Callback } from "../../src/domain/callback.js";
import type { NewMail } from "../../src/domain/outage.js";
import { systemClock } from "../../src/platform/clock.js";
import type { Store } from "../../src/store/open-store.js";
import type { ActivityPoint } from "../../src/store/outcomes/activity.js";
import type { AttemptOutcome } from "../../src/store/outcomes/commit-outcomes.js";
import type { ClosedOutage } from "../../src/store/outcomes/outages.js";
import { ACCEPTED, anAttempt, aResponse, REFUSED_503 } from "../support/builders.js";
import { aCallback, accept, aGroup, anEndpoint, attempt, DAY, hold, MINUTE, NOW, type OpenStore } from "./store-support.js";

export function describeActivity(open: OpenStore, runs: number): void {
  describe("activity", () => {
    it("counts every recorded attempt in the minute in which it began, by cause and outcome", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyAttempt, { maxLength: 40 }).map(differing), fc.boolean(), async (attempts, isOneCommit) => {
          const store = await open();
          const callbacks = [await aCallback(store), await aCallback(store)];
          for (const callback of callbacks) await accept(store, callback, [`${callback.id} A`]);
          const seqs: number[] = [];
          for (const callback of callbacks) seqs.push((await store.calls.find(callback.id, `${callback.id} A`))?.seq ?? 0);
          const outcomes = attempts
            .filter(({ attempt }) => attempt.sentFrom === undefined)
            .map(({ callback, attempt }) => {
              const { id = "" } = callbacks[callback] ?? {};
              const of = { callbackId: id, callId: `${id} A`, callSeq: seqs[callback] ?? 0 };
              return { ...of, attempt: { ...attempt, number: 1 }, random: 0, recovery: 0 };
            });
          if (isOneCommit) await store.outcomes.commit(aGroup({ attempts: outcomes }));
          else for (const outcome of outcomes) await store.outcomes.commit(aGroup({ attempts: [outcome] }));
          for (const { callback, attempt } of attempts) {
            const { id = "" } = callbacks[callback] ?? {};
            if (attempt.sentFrom !== undefined) await store.calls.recordReplays(id, [{ callId: `${id} A`, attempt }], NOW);
          }
          for (const [index, callback] of callbacks.entries()) {
            const own = attempts.filter((each) => each.callback === index).map((each) => each.attempt);
            expect((await between(store, callback, NOW, NOW + 10 * MINUTE)).points).toEqual(meant(own));
          }
        }),
        { numRuns: runs },
      );
    });

    it("counts a client's replay that comes with the mark of its call, and one that is sent twice once", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A"]);
      await attempt(store, callback, ["A"], { startedAt: NOW });
      const sent = { startedAt: NOW + MINUTE, durationMs: 1, cause: "replay", sentFrom: "me@here", result: ACCEPTED } as const;
      for (let times = 0; times < 2; times += 1) {
        const replays = [{ callId: "A", attempt: sent }];
        await store.calls.mark(callback.id, ["A"], "SUCCESS", NOW + 2 * MINUTE, { settledBy: "replay", replays });
      }
      const { points } = await between(store, callback, NOW + MINUTE, NOW + 2 * MINUTE);
      expect(points).toEqual([aPoint(NOW + MINUTE, { clientReplays: { accepted: 1, failed: 0 } })]);
    });

    it("has samples of waiting calls: as an outage opens and closes, and each minute between", async () => {
      const store = await open();
      const [one, two, healthy] = [
        await aCallback(store, { retriesEnabled: true }),
        await aCallback(store, { retriesEnabled: true }),
        await aCallback(store),
      ];
      for (const callback of [one, two, healthy]) {
        const ids = ["A", "B", "C"].map((name) => `${callback.id} ${name}`);
        await accept(store, callback, ids);
      }
      await opening(store, one, NOW);
      await opening(store, two, NOW);
      expect(await between(store, one, NOW, NOW + DAY)).toEqual({
        bucketMs: 10 * MINUTE,
        points: [aPoint(NOW, { scheduled: { accepted: 0, failed: 1 }, waiting: { at: NOW, pending: 2, failed: 1 } })],
      });
      await hold(store, one, [`${one.id} B`], NOW + MINUTE);
      expect(await sampleAll(store, NOW + MINUTE + 59_999)).toBe(3);
      await attempt(store, one, [`${one.id} A`, `${one.id} B`], { startedAt: NOW + 2 * MINUTE, result: ACCEPTED });
      await closing(store, one, NOW + 3 * MINUTE);
      expect(await sampleAll(store, NOW + 4 * MINUTE)).toBe(2);
      const waitingOf = async (callback: Callback) =>
        (await between(store, callback, NOW, NOW + 5 * MINUTE)).points.map(({ at, waiting }) => [
          (at - NOW) / MINUTE,
          waiting && { pending: waiting.pending, failed: waiting.failed },
        ]);
      expect(await waitingOf(one)).toEqual([
        [0, { pending: 2, failed: 1 }],
        [1, { pending: 1, failed: 2 }],
        [2, null],
        [3, { pending: 1, failed: 0 }],
      ]);
      expect(await waitingOf(two)).toEqual([0, 1, 4].map((minute) => [minute, { pending: 2, failed: 1 }]));
      expect(await waitingOf(healthy)).toEqual([]);
      await store.callbacks.delete(two.id, NOW + 5 * MINUTE);
      expect(await sampleAll(store, NOW + 5 * MINUTE)).toBe(1);
    });

    it("is merged into at most as many points as asked for, with the largest sample of each", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A", "B"]);
      await opening(store, callback, NOW, "A");
      for (let minute = 1; minute < 300; minute += 1) {
        if (minute === 200) await attempt(store, callback, ["B"], { startedAt: NOW + minute * MINUTE, result: ACCEPTED });
        await store.activity.sampleWaiting(NOW + minute * MINUTE, 0, 10);
      }
      const whole = await between(store, callback, NOW, NOW + 300 * MINUTE, 5);
      expect(whole).toEqual({
        bucketMs: 60 * MINUTE,
        points: [0, 1, 2, 3, 4].map((hour) =>
          aPoint(NOW + hour * 60 * MINUTE, {
            scheduled: { accepted: hour === 3 ? 1 : 0, failed: hour === 0 ? 1 : 0 },
            waiting: { at: NOW + hour * 60 * MINUTE, pending: hour < 4 ? 1 : 0, failed: 1 },
          }),
        ),
      });
      for (const maxPoints of [2, 3, 7, 60, 300, 1_000]) {
        for (const until of [NOW + 17 * MINUTE, NOW + 299 * MINUTE, NOW + 40 * DAY, NOW + 900 * DAY]) {
          const { bucketMs, points } = await between(store, callback, NOW + 61_000, until, maxPoints);
          expect(points.length).toBeLessThanOrEqual(maxPoints);
          expect(Math.floor((until - 1) / bucketMs) - Math.floor(NOW / bucketMs)).toBeLessThan(maxPoints);
          expect(points.reduce((sum, { scheduled }) => sum + scheduled.accepted, 0)).toBe(until > NOW + 200 * MINUTE ? 1 : 0);
        }
      }
      expect((await between(store, callback, NOW, NOW + 17 * MINUTE, 17)).bucketMs).toBe(MINUTE);
    });

    it("has the largest sample of its minutes, and all of their attempts", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A", "B", "C", "D"]);
      await attempt(store, callback, ["A"], { startedAt: NOW });
      await opening(store, callback, NOW + MINUTE, "B");
      const sample = async (minute: number) => {
        expect(await store.activity.sampleWaiting(NOW + minute * MINUTE, 0, 10)).toBeNull();
      };
      await hold(store, callback, ["C"], NOW + 2 * MINUTE);
      await accept(store, callback, ["E", "F"]);
      await sample(2);
      await attempt(store, callback, ["E"], { startedAt: NOW + 3 * MINUTE, result: ACCEPTED });
      await sample(3);
      await attempt(store, callback, ["A"], { startedAt: NOW + 4 * MINUTE, cause: "replay" });
      expect(await between(store, callback, NOW, NOW + 5 * MINUTE, 2)).toEqual({
        bucketMs: 5 * MINUTE,
        points: [
          aPoint(NOW, {
            scheduled: { accepted: 1, failed: 2 },
            serviceReplays: { accepted: 0, failed: 1 },
            waiting: { at: NOW + 2 * MINUTE, pending: 3, failed: 3 },
          }),
        ],
      });
    });

    it("is told apart by callback and minute, in one commit too", async () => {
      const store = await open();
      const callbacks = [await aCallback(store), await aCallback(store)];
      const [attempts, mails] = [[], []] as [AttemptOutcome[], NewMail[]];
      for (const { id: callbackId } of callbacks) {
        await store.calls.accept([{ callbackId, calls: [{ id: `${callbackId} A`, response: aResponse() }] }], NOW);
        const call = await store.calls.find(callbackId, `${callbackId} A`);
        const of = { callbackId, callId: `${callbackId} A`, callSeq: call?.seq ?? 0, random: 0, recovery: 0 };
        for (const minute of [0, 1])
          attempts.push({ ...of, attempt: anAttempt({ number: minute + 1, startedAt: NOW + minute * MINUTE }) });
        mails.push({ outageId: `O ${callbackId}`, callbackId, to: "a@b", subject: "", text: "", createdAt: NOW });
      }
      await store.outcomes.commit(aGroup({ attempts, mails }));
      const failed = { scheduled: { accepted: 0, failed: 1 } };
      const points = [aPoint(NOW, { ...failed, waiting: { at: NOW, pending: 0, failed: 1 } }), aPoint(NOW + MINUTE, failed)];
      for (const callback of callbacks) expect((await between(store, callback, NOW, NOW + DAY, 1_440)).points).toEqual(points);
    });

    it("is read by the week, between which the event loop turns, and has each attempt once", async () => {
      let turns = 0;
      const nextTurn = async () => {
        turns += 1;
      };
      const store = await open({ clock: { ...systemClock, nextTurn } });
      const callback = await aCallback(store);
      await accept(store, callback, ["A"]);
      const minutes = [0, 10_079, 10_080, 10_081, 20_159, 20_160];
      for (const minute of minutes) await attempt(store, callback, ["A"], { startedAt: NOW + minute * MINUTE });
      const week = 10_080 * MINUTE;
      const total = async (until: number, maxPoints: number) => {
        turns = 0;
        const { points } = await between(store, callback, NOW, until, maxPoints);
        return [points.reduce((sum, { scheduled }) => sum + scheduled.failed, 0), turns];
      };
      expect([await total(NOW + week, 2), await total(NOW + week + 1, 2)]).toEqual([
        [2, 0],
        [3, 1],
      ]);
      expect([await total(NOW + 2 * week + MINUTE, 2), await total(NOW + 2 * week + MINUTE, 20_161)]).toEqual([
        [6, 2],
        [6, 2],
      ]);
    });

    it("has the narrowest buckets of whole days that are few enough", async () => {
      const store = await open();
      const callback = await aCallback(store);
      for (const since of [NOW, NOW + 23 * 60 * MINUTE]) {
        for (const maxPoints of [2, 3, 7, 30]) {
          for (const days of [1.2, 2, 3.5, 40, 365, 900]) {
            const until = since + days * DAY;
            const { bucketMs } = await between(store, callback, since, until, maxPoints);
            const buckets = (width: number) => Math.floor((until - 1) / width) - Math.floor(since / width) + 1;
            expect(buckets(bucketMs)).toBeLessThanOrEqual(maxPoints);
            if (bucketMs > DAY) expect([since, days, buckets(bucketMs - DAY) > maxPoints]).toEqual([since, days, true]);
          }
        }
      }
    });

    it("is kept as long as SUCCESS calls where nothing failed and no outage was open, otherwise as long as FAILED ones", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A", "B", "C"]);
      await attempt(store, callback, ["A"], { startedAt: NOW, result: ACCEPTED });
      await attempt(store, callback, ["B"], { startedAt: NOW + MINUTE });
      await opening(store, callback, NOW + 2 * MINUTE, "C");
      await attempt(store, callback, ["B", "C"], { startedAt: NOW + 3 * MINUTE, result: ACCEPTED });
      await closing(store, callback, NOW + 3 * MINUTE);
      const kept = async () =>
        (await between(store, callback, NOW, NOW + DAY, 1_440)).points.map(({ at }) => (at - NOW) / MINUTE);
      await store.retention.purgeExpired(NOW + 30 * DAY, 10);
      expect(await kept()).toEqual([0, 1, 2, 3]);
      await store.retention.purgeExpired(NOW + 30 * DAY + MINUTE, 10);
      expect(await kept()).toEqual([1, 2, 3]);
      await store.retention.purgeExpired(NOW + 365 * DAY + 3 * MINUTE, 10);
      expect(await kept()).toEqual([3]);
    });

    it("goes with its callback, in chunks", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A"]);
      for (let minute = 0; minute < 55; minute += 1) await attempt(store, callback, ["A"], { startedAt: NOW + minute * MINUTE });
      await store.callbacks.delete(callback.id, NOW);
      await expect(between(store, callback, NOW, NOW + DAY)).rejects.toMatchObject({ code: "not-found" });
      const chunks = [];
      for (let chunk = 0; chunk < 4; chunk += 1) chunks.push(await store.retention.purgeDeleted(2));
      expect(chunks).toEqual([2, 2, 2, 0]);
      const again = await store.callbacks.create(callback.id, callback, NOW);
      expect((await between(store, again, NOW, NOW + DAY)).points).toEqual([]);
    });
  });
}

/** Two reports that are equal would be one that was sent twice. */
function differing(attempts: readonly { readonly callback: number; readonly attempt: NewAttempt }[]) {
  return attempts.map(({ callback, attempt }, index) => ({ callback, attempt: { ...attempt, durationMs: index } }));
}

/** All attempts are within 10 minutes. */
const anyAttempt = fc
  .record({
    callback: fc.constantFrom(0, 1),
    minute: fc.nat(9),
    ms: fc.constantFrom(0, 59_999),
    cause: fc.constantFrom("first", "retry", "probe", "replay", "client"),
    isGood: fc.boolean(),
  })
  .map(({ callback, minute, ms, cause, isGood }) => {
    const startedAt = NOW + minute * MINUTE + ms;
    const by = cause === "client" ? ({ cause: "replay", sentFrom: "me@here" } as const) : { cause };
    const attempt: NewAttempt = { startedAt, durationMs: 60_000, ...by, result: isGood ? ACCEPTED : REFUSED_503 };
    return { callback, attempt };
  });

function meant(attempts: readonly NewAttempt[]): ActivityPoint[] {
  const points = [];
  for (let at = NOW; at < NOW + 10 * MINUTE; at += MINUTE) {
    const own = attempts.filter(({ startedAt }) => startedAt >= at && startedAt < at + MINUTE);
    const counts = (isOf: (attempt: NewAttempt) => boolean) => {
      const some = own.filter(isOf);
      const accepted = some.filter(({ result }) => result === ACCEPTED).length;
      return { accepted, failed: some.length - accepted };
    };
    if (own.length === 0) continue;
    points.push(
      aPoint(at, {
        scheduled: counts(({ cause }) => cause !== "replay"),
        serviceReplays: counts(({ cause, sentFrom }) => cause === "replay" && sentFrom === undefined),
        clientReplays: counts(({ sentFrom }) => sentFrom !== undefined),
      }),
    );
  }
  return points;
}

function aPoint(at: number, over: Partial<ActivityPoint>): ActivityPoint {
  const none = { accepted: 0, failed: 0 };
  return { at, scheduled: none, serviceReplays: none, clientReplays: none, waiting: null, ...over };
}

const between = (store: Store, callback: Callback, since: number, until: number, maxPoints = 150) =>
  store.activity.list(callback.id, { since, until, maxPoints });

/** Samples one callback at a time, and returns the number of chunks. */
async function sampleAll(store: Store, now: number): Promise<number> {
  let after: number | null = 0;
  for (let chunks = 1; ; chunks += 1) {
    after = await store.activity.sampleWaiting(now, after, 1);
    if (after === null) return chunks;
  }
}

const anOutage = ({ id }: Callback, at: number) => ({ id: `outage of ${id}`, startedAt: at, failedCalls: 1, quietSince: null });

/** Records the first failure of a call, as the dispatcher commits it. */
async function opening(store: Store, callback: Callback, at: number, callId = `${callback.id} A`): Promise<void> {
  const outage = anOutage(callback, at);
  const seq = (await store.calls.find(callback.id, callId))?.seq ?? 0;
  const attempts = [
    { callbackId: callback.id, callId, callSeq: seq, attempt: anAttempt({ startedAt: at }), random: 0, recovery: 0 },
  ];
  const mail = { outageId: outage.id, callbackId: callback.id, to: "a@b", subject: "s", text: "t", createdAt: at };
  const endpoints = [{ callbackId: callback.id, endpoint: anEndpoint(), outage }];
  await store.outcomes.commit(aGroup({ attempts, endpoints, mails: [mail] }));
}

async function closing(store: Store, callback: Callback, endedAt: number): Promise<void> {
  const closed: ClosedOutage = { ...anOutage(callback, NOW), callbackId: callback.id, endedAt };
  const endpoints = [{ callbackId: callback.id, endpoint: anEndpoint(), outage: null }];
  await store.outcomes.commit(aGroup({ endpoints, closedOutages: [closed] }));
}
