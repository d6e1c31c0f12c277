import { describe, expect, it } from "vitest";
import { holdCall, recordAttempt } from "../../src/domain/call.js";
import { ACCEPTED, anAttempt, REFUSED_503, someSettings } from "../support/builders.js";
import { fetchDue, fetchPending } from "../support/store/waiting-calls.js";
import {
  aCallback,
  accept,
  aGroup,
  anEndpoint,
  attempt,
  callOf,
  countRows,
  everyCall,
  hold,
  idsOf,
  MINUTE,
  NOW,
  type OpenStore,
  POLICY,
} from "./store-support.js";

export function describeOutcomes(open: OpenStore): void {
  describe("a group of outcomes", () => {
    it("applies the domain's transitions to each call, and updates the counters", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["good", "bad", "unreachable"]);
      const results = [ACCEPTED, REFUSED_503, { kind: "unreachable", reason: "refused", detail: "ECONNREFUSED" } as const];
      const before = await fetchPending(store, callback.id, 3);
      const attempts = before.map((call, index) => ({
        callbackId: callback.id,
        callId: call.id,
        callSeq: call.seq,
        attempt: anAttempt({ startedAt: NOW + index, durationMs: 5, result: results[index] ?? ACCEPTED }),
        random: 0.9,
        recovery: index,
      }));
      const policy = { ...POLICY, jitter: true };
      await store.outcomes.commit(aGroup({ attempts, policy }));
      for (const [index, { attempt, random, recovery }] of attempts.entries()) {
        const call = before[index];
        if (call === undefined) throw new Error("three calls were accepted");
        expect(await store.calls.find(callback.id, call.id)).toEqual(
          recordAttempt(call, attempt, { retriesEnabled: true, policy, random }, recovery),
        );
        expect((await store.calls.listAttempts(callback.id, [call.id])).get(call.id)).toEqual([attempt]);
      }
      expect(await store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 1, FAILED: 2 });
      expect(await countRows(store, callback)).toEqual({ PENDING: 0, SUCCESS: 1, FAILED: 2 });
    });

    it("uses the retry setting stored at that moment", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["failed", "held"]);
      const [failed, held] = await fetchPending(store, callback.id, 2);
      await store.callbacks.update(callback.id, { ...callback, retriesEnabled: false }, NOW, POLICY);
      const of = (call: typeof failed) => ({
        callbackId: callback.id,
        callId: call?.id ?? "",
        callSeq: call?.seq ?? 0,
        random: 0.5,
      });
      await store.outcomes.commit(
        aGroup({
          attempts: [{ ...of(failed), attempt: anAttempt({ startedAt: NOW }), recovery: 0 }],
          holdings: [{ ...of(held), at: NOW }],
        }),
      );
      expect(await callOf(store, callback, "failed")).toMatchObject({ status: "FAILED", due: null });
      expect(await callOf(store, callback, "held")).toEqual(held);
    });

    it("applies a holding before an attempt of the same call, and attempts in order", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A"]);
      const call = await callOf(store, callback, "A");
      const of = { callbackId: callback.id, callId: call.id, callSeq: call.seq, random: 0.5 };
      const failed = anAttempt({ startedAt: NOW + 2, cause: "probe" });
      const done = anAttempt({ number: 2, startedAt: NOW + 3, cause: "retry", result: ACCEPTED });
      await store.outcomes.commit(
        aGroup({
          attempts: [
            { ...of, attempt: failed, recovery: 0 },
            { ...of, attempt: done, recovery: 0 },
          ],
          holdings: [{ ...of, at: NOW }],
        }),
      );
      const rule = { retriesEnabled: true, policy: POLICY, random: 0.5 };
      const expected = recordAttempt(recordAttempt(holdCall(call, NOW, POLICY), failed, rule), done, rule);
      expect(await callOf(store, callback, "A")).toEqual(expected);
      expect(expected.firstFailedAt).toBe(NOW);
      expect((await store.calls.listAttempts(callback.id, ["A"])).get("A")).toEqual([failed, done]);
    });

    it("records in which recovery a call failed last, even if it succeeds in the same group", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A"]);
      await attempt(store, callback, ["A"]);
      const call = await callOf(store, callback, "A");
      const of = { callbackId: callback.id, callId: call.id, callSeq: call.seq, random: 0.5 };
      const failed = anAttempt({ number: 2, startedAt: NOW + 1, cause: "retry" });
      const done = anAttempt({ number: 3, startedAt: NOW + 2, cause: "retry", result: ACCEPTED });
      await store.outcomes.commit(
        aGroup({
          attempts: [
            { ...of, attempt: failed, recovery: 4 },
            { ...of, attempt: done, recovery: 4 },
          ],
        }),
      );
      const rule = { retriesEnabled: true, policy: POLICY, random: 0.5 };
      expect(await callOf(store, callback, "A")).toEqual(recordAttempt(recordAttempt(call, failed, rule, 4), done, rule, 4));
    });

    it("skips calls that no longer exist, another callback's, and those whose seq another call has now", async () => {
      const store = await open();
      const [callback, deleted, other] = [await aCallback(store), await aCallback(store), await aCallback(store)];
      await accept(store, callback, ["A"]);
      await accept(store, deleted, ["B"]);
      const [a, b] = [await callOf(store, callback, "A"), await callOf(store, deleted, "B")];
      await store.callbacks.delete(deleted.id, NOW);
      const outcome = (callbackId: string, callId: string, callSeq: number) => ({
        callbackId,
        callId,
        callSeq,
        attempt: anAttempt({ result: ACCEPTED }),
        random: 0,
        recovery: 0,
      });
      const outage = { id: "O1", startedAt: NOW, failedCalls: 1, quietSince: null };
      await store.outcomes.commit(
        aGroup({
          attempts: [
            outcome(deleted.id, "B", b.seq),
            outcome(deleted.id, "A", a.seq),
            outcome(other.id, "A", a.seq),
            outcome(callback.id, "A", 999),
            outcome(callback.id, "of before", a.seq),
            outcome("nope", "A", a.seq),
          ],
          holdings: [{ callbackId: callback.id, callId: "of before", callSeq: a.seq, at: NOW }],
          endpoints: [{ callbackId: deleted.id, endpoint: anEndpoint(), outage }],
          mails: [{ outageId: "O1", callbackId: deleted.id, to: "a@b", subject: "", text: "", createdAt: NOW }],
        }),
      );
      expect(idsOf(await fetchPending(store, callback.id, 9))).toEqual(["A"]);
      expect((await store.calls.listAttempts(callback.id, ["A"])).size).toBe(0);
      expect((await store.outages.list({ limit: 9, offset: 0 })).items).toEqual([]);
      expect(await store.mails.nextTryAt()).toBeNull();
    });

    it("is recorded once if it is repeated after its commit, with the same result", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["again", "held", "marked", "new"]);
      const [again, held, marked] = (await fetchPending(store, callback.id, 4)).map(({ id, seq }) => {
        return { callbackId: callback.id, callId: id, callSeq: seq, random: 0.5, recovery: 0 };
      });
      if (!again || !held || !marked) throw new Error("four calls were accepted");
      await store.calls.mark(callback.id, ["marked"], "SUCCESS", NOW);
      const failed = anAttempt({ startedAt: NOW });
      const retried = anAttempt({ number: 2, startedAt: NOW + MINUTE, cause: "retry", result: ACCEPTED });
      const outage = { id: "O", startedAt: NOW, failedCalls: 2, quietSince: null };
      const group = aGroup({
        attempts: [
          { ...again, attempt: failed },
          { ...again, attempt: retried },
        ],
        holdings: [held, marked].map((call) => ({ ...call, at: NOW })),
        endpoints: [{ callbackId: callback.id, endpoint: anEndpoint(), outage }],
        mails: [{ outageId: "O", callbackId: callback.id, to: "a@b", subject: "", text: "", createdAt: NOW }],
      });
      const committed = await store.outcomes.commit(group);
      const state = async () => [
        await everyCall(store, callback, {}),
        await store.calls.listAttempts(callback.id, ["again"]),
        await store.calls.count(callback.id),
        await store.activity.list(callback.id, { since: NOW, until: NOW + 10 * MINUTE, maxPoints: 10 }),
        await store.outages.list({ limit: 9, offset: 0 }),
        await store.mails.fetchQueued(NOW, 9),
      ];
      const before = await state();
      expect(await store.outcomes.commit({ ...group, isRepeated: true })).toEqual(committed);
      expect(await state()).toEqual(before);
      expect((await store.calls.listAttempts(callback.id, ["again"])).get("again")).toEqual([failed, retried]);
    });

    it("keeps the outage that an earlier try opened, without the calls that were released before the repeat", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["failed", "held"]);
      const [failed, held] = (await fetchPending(store, callback.id, 2)).map(({ id, seq }) => {
        return { callbackId: callback.id, callId: id, callSeq: seq, random: 0.5, recovery: 0 };
      });
      if (!failed || !held) throw new Error("two calls were accepted");
      const outage = { id: "O", startedAt: NOW, failedCalls: 2, quietSince: null };
      const group = aGroup({
        attempts: [{ ...failed, attempt: anAttempt({ startedAt: NOW }) }],
        holdings: [{ ...held, at: NOW + 1 }],
        endpoints: [{ callbackId: callback.id, endpoint: anEndpoint(), outage }],
        mails: [{ outageId: "O", callbackId: callback.id, to: "a@b", subject: "", text: "", createdAt: NOW }],
      });
      await store.outcomes.commit(group);
      await store.callbacks.update(callback.id, someSettings({ name: callback.name, retriesEnabled: false }), NOW + 2, POLICY);
      const { skippedHoldings } = await store.outcomes.commit({ ...group, isRepeated: true });
      expect(skippedHoldings).toEqual(new Map([[callback.id, 1]]));
      const left = { outage: { ...outage, failedCalls: 1 }, pendingCalls: 1 };
      expect(await store.endpoints.list([callback.id])).toMatchObject([left]);
    });

    it("is recorded if an earlier try wasn't committed, beside what others recorded meanwhile", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A", "B"]);
      const of = { callbackId: callback.id, random: 0.5, recovery: 0 };
      const reported = anAttempt({ startedAt: NOW + 1, cause: "replay" });
      await store.calls.recordReplays(callback.id, [{ callId: "A", attempt: { ...reported, sentFrom: "a laptop" } }], NOW + 1);
      const attempts = [];
      for (const id of ["A", "B"]) {
        const { seq } = await callOf(store, callback, id);
        attempts.push({ ...of, callId: id, callSeq: seq, attempt: anAttempt({ startedAt: NOW, result: ACCEPTED }) });
      }
      await store.outcomes.commit(aGroup({ attempts, isRepeated: true }));
      await store.outcomes.commit(aGroup({ attempts, isRepeated: true }));
      const counts = (await everyCall(store, callback, { status: "SUCCESS" })).map(({ id, attemptCount }) => [id, attemptCount]);
      expect(counts.toSorted()).toEqual([
        ["A", 2],
        ["B", 1],
      ]);
    });

    it("writes nothing of a callback that another dispatcher has taken, and says what is lost", async () => {
      const store = await open();
      const [taken, own] = [await aCallback(store), await aCallback(store)];
      await accept(store, taken, ["A", "B"]);
      await accept(store, own, ["C"]);
      const failed = async (callback: typeof own, id: string) => {
        const { seq } = await callOf(store, callback, id);
        const of = { callbackId: callback.id, callId: id, callSeq: seq, random: 0.5, recovery: 0 };
        return { ...of, attempt: anAttempt({ startedAt: NOW }) };
      };
      const attempts = [await failed(taken, "A"), await failed(own, "C"), await failed(taken, "B")];
      const outage = { id: "O1", startedAt: NOW, failedCalls: 2, quietSince: null };
      const endpoints = [{ callbackId: taken.id, endpoint: anEndpoint({ recovery: 7 }), outage }];
      const group = aGroup({ attempts, endpoints, fences: new Map([[taken.id, 99]]) });
      expect(await store.outcomes.commit(group)).toEqual({
        skippedHoldings: new Map(),
        staleCallbacks: new Set([taken.id]),
        lostAttempts: 2,
      });
      expect([await countRows(store, taken), await countRows(store, own)]).toEqual([
        { PENDING: 2, SUCCESS: 0, FAILED: 0 },
        { PENDING: 0, SUCCESS: 0, FAILED: 1 },
      ]);
      expect(await store.endpoints.list([taken.id])).toMatchObject([{ endpoint: anEndpoint(), outage: null, pendingCalls: 2 }]);
      expect(await store.outcomes.commit(aGroup({ attempts: attempts.slice(0, 1) }))).toMatchObject({
        staleCallbacks: new Set(),
        lostAttempts: 0,
      });
    });

    it("does nothing for an empty group", async () => {
      const store = await open();
      await store.outcomes.commit(aGroup());
      expect(await store.endpoints.list()).toEqual([]);
    });

    it("commits a thousand outcomes at once", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(
        store,
        callback,
        Array.from({ length: 1_000 }, (_, index) => `call ${index}`),
      );
      const attempts = (await fetchPending(store, callback.id, 1_000)).map(({ id, seq }) => ({
        callbackId: callback.id,
        callId: id,
        callSeq: seq,
        attempt: anAttempt({ startedAt: NOW, result: ACCEPTED }),
        random: 0,
        recovery: 0,
      }));
      await store.outcomes.commit(aGroup({ attempts }));
      expect(await store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 1_000, FAILED: 0 });
      expect(await countRows(store, callback)).toEqual({ PENDING: 0, SUCCESS: 1_000, FAILED: 0 });
    });
  });

  describe("a start with an earlier clock", () => {
    it("leaves no time of a FAILED call in the future, and no retry later than usual", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["ahead", "now", "held ahead", "again", "delivered"]);
      await attempt(store, callback, ["ahead", "delivered"], { startedAt: NOW + MINUTE });
      await attempt(store, callback, ["delivered"], { startedAt: NOW + 2 * MINUTE, cause: "retry", result: ACCEPTED });
      await attempt(store, callback, ["now", "again"], { startedAt: NOW - POLICY.intervalMs });
      await attempt(store, callback, ["again"], { startedAt: NOW + MINUTE, cause: "retry" });
      await hold(store, callback, ["held ahead"], NOW + 1);
      const timesOf = async (id: string) => {
        const { attemptedAt, firstFailedAt, due } = await callOf(store, callback, id);
        return { attemptedAt, firstFailedAt, dueAt: due?.at };
      };
      const [now, delivered] = [await timesOf("now"), await timesOf("delivered")];
      const latestDueAt = NOW + POLICY.intervalMs;
      await store.outcomes.clampTimes({ now: NOW, latestDueAt });
      expect(await timesOf("ahead")).toEqual({ attemptedAt: NOW, firstFailedAt: NOW, dueAt: latestDueAt });
      expect(await timesOf("again")).toEqual({
        attemptedAt: NOW,
        firstFailedAt: NOW - POLICY.intervalMs,
        dueAt: latestDueAt,
      });
      expect(await timesOf("held ahead")).toMatchObject({ firstFailedAt: NOW, dueAt: latestDueAt });
      expect([await timesOf("now"), await timesOf("delivered")]).toEqual([now, delivered]);
    });

    it("clamps at most 1 000 calls in a transaction, and says whether there may be more", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      const ids = Array.from({ length: 1_001 }, (_, index) => `C${index}`);
      await accept(store, callback, ids);
      await attempt(store, callback, ids, { startedAt: NOW - 1 });
      const clamp = () => store.outcomes.clampTimes({ now: NOW, latestDueAt: NOW });
      expect([await clamp(), (await fetchDue(store, callback.id, NOW, 1_002)).length]).toEqual([null, 1_000]);
      expect([await clamp(), (await fetchDue(store, callback.id, NOW, 1_002)).length]).toEqual([[], 1_001]);
    });

    it("leaves no open outage that began, or got quiet, in the future", async () => {
      const store = await open();
      const [ahead, quiet, before] = [await aCallback(store), await aCallback(store), await aCallback(store)];
      const outage = (id: string, startedAt: number, quietSince: number | null) => ({
        id,
        startedAt,
        failedCalls: 1,
        quietSince,
      });
      const endpoints = [
        { callbackId: ahead.id, endpoint: anEndpoint(), outage: outage("O1", NOW + 1, null) },
        { callbackId: quiet.id, endpoint: anEndpoint(), outage: outage("O2", NOW - 2, NOW + 1) },
        { callbackId: before.id, endpoint: anEndpoint(), outage: outage("O3", NOW - 2, NOW - 1) },
      ];
      const ended = { ...outage("O0", NOW + 5, null), callbackId: before.id, endedAt: NOW + 6 };
      await store.outcomes.commit(aGroup({ endpoints, closedOutages: [ended] }));
      await store.outcomes.clampTimes({ now: NOW, latestDueAt: NOW });
      expect((await store.endpoints.list()).map((record) => record.outage)).toEqual([
        outage("O1", NOW, null),
        outage("O2", NOW - 2, NOW),
        outage("O3", NOW - 2, NOW - 1),
      ]);
      expect(await store.outages.find(before.id, "O0")).toMatchObject({ startedAt: NOW + 5, endedAt: NOW + 6 });
    });
  });
}
