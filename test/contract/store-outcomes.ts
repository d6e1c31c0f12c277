import { describe, expect, it } from "vitest";
import { holdCall, recordAttempt } from "../../src/domain/call.js";
import { ACCEPTED, anAttempt, REFUSED_503 } from "../support/builders.js";
import { fetchPending } from "../support/store/waiting-calls.js";
import {
  aCallback,
  accept,
  aGroup,
  anEndpoint,
  attempt,
  callOf,
  countRows,
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
        callSeq: call.seq,
        attempt: anAttempt({ startedAt: NOW + index, durationMs: 5, result: results[index] ?? ACCEPTED }),
        random: 0.9,
        recovery: index,
      }));
      const policy = { ...POLICY, jitter: true };
      await store.commitOutcomes(aGroup({ attempts, policy }));
      for (const [index, { attempt, random, recovery }] of attempts.entries()) {
        const call = before[index];
        if (call === undefined) throw new Error("three calls were accepted");
        expect(await store.findCall(callback.id, call.id)).toEqual(
          recordAttempt(call, attempt, { retriesEnabled: true, policy, random }, recovery),
        );
        expect((await store.listAttempts(callback.id, [call.id])).get(call.id)).toEqual([attempt]);
      }
      expect(await store.countCalls(callback.id)).toEqual({ PENDING: 0, SUCCESS: 1, FAILED: 2 });
      expect(await countRows(store, callback)).toEqual({ PENDING: 0, SUCCESS: 1, FAILED: 2 });
    });

    it("uses the retry setting stored at that moment", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["failed", "held"]);
      const [failed, held] = await fetchPending(store, callback.id, 2);
      await store.updateCallback(callback.id, { ...callback, retriesEnabled: false }, NOW, POLICY);
      const of = (call: typeof failed) => ({ callbackId: callback.id, callSeq: call?.seq ?? 0, random: 0.5 });
      await store.commitOutcomes(
        aGroup({
          attempts: [{ ...of(failed), attempt: anAttempt({ startedAt: NOW }), recovery: 0 }],
          holdings: [{ ...of(held), at: NOW, downSince: NOW }],
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
      const of = { callbackId: callback.id, callSeq: call.seq, random: 0.5 };
      const failed = anAttempt({ startedAt: NOW + 2, cause: "probe" });
      const done = anAttempt({ number: 2, startedAt: NOW + 3, cause: "retry", result: ACCEPTED });
      await store.commitOutcomes(
        aGroup({
          attempts: [
            { ...of, attempt: failed, recovery: 0 },
            { ...of, attempt: done, recovery: 0 },
          ],
          holdings: [{ ...of, at: NOW, downSince: NOW - MINUTE }],
        }),
      );
      const rule = { retriesEnabled: true, policy: POLICY, random: 0.5 };
      const expected = recordAttempt(recordAttempt(holdCall(call, NOW, NOW - MINUTE, rule), failed, rule), done, rule);
      expect(await callOf(store, callback, "A")).toEqual(expected);
      expect(expected.firstFailedAt).toBe(NOW);
      expect((await store.listAttempts(callback.id, ["A"])).get("A")).toEqual([failed, done]);
    });

    it("records in which recovery a call failed last, even if it succeeds in the same group", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A"]);
      await attempt(store, callback, ["A"]);
      const call = await callOf(store, callback, "A");
      const of = { callbackId: callback.id, callSeq: call.seq, random: 0.5 };
      const failed = anAttempt({ number: 2, startedAt: NOW + 1, cause: "retry" });
      const done = anAttempt({ number: 3, startedAt: NOW + 2, cause: "retry", result: ACCEPTED });
      await store.commitOutcomes(
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

    it("skips calls that no longer exist, and another callback's", async () => {
      const store = await open();
      const [callback, deleted] = [await aCallback(store), await aCallback(store)];
      await accept(store, callback, ["A"]);
      await accept(store, deleted, ["B"]);
      const [a, b] = [await callOf(store, callback, "A"), await callOf(store, deleted, "B")];
      await store.deleteCallback(deleted.id, NOW);
      const outcome = (callbackId: string, callSeq: number) => ({
        callbackId,
        callSeq,
        attempt: anAttempt({ result: ACCEPTED }),
        random: 0,
        recovery: 0,
      });
      const outage = { id: "O1", startedAt: NOW, failedCalls: 1, quietSince: null };
      await store.commitOutcomes(
        aGroup({
          attempts: [outcome(deleted.id, b.seq), outcome(deleted.id, a.seq), outcome(callback.id, 999), outcome("nope", a.seq)],
          endpoints: [{ callbackId: deleted.id, endpoint: anEndpoint(), outage }],
          mails: [{ outageId: "O1", callbackId: deleted.id, to: "a@b", subject: "", text: "", createdAt: NOW }],
        }),
      );
      expect(idsOf(await fetchPending(store, callback.id, 9))).toEqual(["A"]);
      expect((await store.listAttempts(callback.id, ["A"])).size).toBe(0);
      expect((await store.listOutages({ limit: 9, offset: 0 })).items).toEqual([]);
      expect(await store.nextMailAt()).toBeNull();
    });

    it("does nothing for an empty group", async () => {
      const store = await open();
      await store.commitOutcomes(aGroup());
      expect(await store.listEndpoints()).toEqual([]);
    });

    it("commits a thousand outcomes at once", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(
        store,
        callback,
        Array.from({ length: 1_000 }, (_, index) => `call ${index}`),
      );
      const attempts = (await fetchPending(store, callback.id, 1_000)).map(({ seq }) => ({
        callbackId: callback.id,
        callSeq: seq,
        attempt: anAttempt({ startedAt: NOW, result: ACCEPTED }),
        random: 0,
        recovery: 0,
      }));
      await store.commitOutcomes(aGroup({ attempts }));
      expect(await store.countCalls(callback.id)).toEqual({ PENDING: 0, SUCCESS: 1_000, FAILED: 0 });
      expect(await countRows(store, callback)).toEqual({ PENDING: 0, SUCCESS: 1_000, FAILED: 0 });
    });
  });
}
