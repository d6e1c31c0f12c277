import { describe, expect, it } from "vitest";
import { isCollecting, replayState } from "../../src/domain/callback.js";
import { ACCEPTED, REFUSED_503 } from "../support/builders.js";
import { fetchReplays } from "../support/store/waiting-calls.js";
import { aCallback, aReplay, attempt, callOf, manyFailed, NOW, type OpenStore, POLICY } from "./store-support.js";

const LATER = NOW + 60_000;

export function describeCollectedReplays(open: OpenStore): void {
  describe("a replay of a confirmed set of calls", () => {
    async function failedCalls(calls: number) {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await manyFailed(store, callback, calls, () => ({}));
      const filter = { status: "FAILED", changedBefore: NOW + 1_000 } as const;
      const begin = (confirmed: number, id = "REPLAY") =>
        store.replays.begin(
          callback.id,
          { id, filter, confirmed, author: { user: "ada", via: "console", address: "127.0.0.1", at: LATER } },
          LATER,
        );
      const collect = (now = LATER) => store.replays.collect(callback.id, "REPLAY", now);
      const collectAll = async () => {
        for (let replay = await collect(); ; replay = await collect()) if (!isCollecting(replay)) return replay;
      };
      const cancel = () =>
        store.replays.cancelChunk(callback.id, {
          ...{ replayId: "REPLAY", now: LATER + 9, policy: POLICY, random: 0.5 },
          begunCalls: () => new Set<number>(),
        });
      return { store, callback, begin, collect, collectAll, cancel };
    }

    it("has no call at first; they are counted, then added in chunks, by whichever process", async () => {
      const { store, callback, begin, collect } = await failedCalls(1_500);
      expect(await begin(1_500)).toMatchObject({ total: 0, requestedBy: "ada", confirmed: 1_500, collecting: { counted: 0 } });
      expect(await store.replays.findCollecting()).toEqual({ callbackId: callback.id, replayId: "REPLAY" });
      expect(await collect()).toMatchObject({ total: 0, collecting: { step: "add", counted: 1_500 } });
      expect(await begin(1_500)).toMatchObject({ collecting: { step: "add" } });
      const part = await collect(LATER + 1);
      expect(part).toMatchObject({ total: 1_000, left: 1_000, collecting: { step: "add" } });
      expect(replayState(part)).toBe("running");
      const whole = await collect(LATER + 2);
      expect(whole).toMatchObject({ total: 1_500, left: 1_500, collecting: null });
      expect(await collect()).toEqual(whole);
      expect(await store.replays.findCollecting()).toBeNull();
      expect(await fetchReplays(store, callback.id, 2_000)).toHaveLength(1_500);
      // More rounds would be sent to an endpoint that is down.
      expect((await store.callbacks.find(callback.id))?.replayRequestedAt).toBe(LATER + 1);
    });

    it("has exactly the calls that were confirmed, without those attempted, marked or asked for since", async () => {
      const { store, callback, begin, collect, collectAll } = await failedCalls(10);
      await begin(10);
      await collect();
      await attempt(store, callback, ["call 1"], { startedAt: LATER, cause: "retry" });
      await store.calls.mark(callback.id, ["call 2"], "SUCCESS", LATER);
      await store.calls.mark(callback.id, ["call 3"], "SUCCESS", LATER);
      await store.calls.mark(callback.id, ["call 3"], "FAILED", LATER + 1);
      await manyFailed(store, callback, 1, () => ({ startedAt: LATER }), "new");
      await store.replays.request(callback.id, aReplay({ callIds: ["call 4"] }, { id: "LATER" }), LATER + 1);
      expect(await collectAll()).toMatchObject({ total: 6, inEarlier: 0 });
      expect((await callOf(store, callback, "call 4")).due).toEqual({ at: LATER + 1, cause: "replay" });
    });

    it("leaves calls with an earlier one, and counts them", async () => {
      const { store, callback, begin, collectAll } = await failedCalls(3);
      await store.replays.request(callback.id, aReplay({ callIds: ["call 1"] }, { id: "EARLIER" }), NOW + 500);
      await begin(3);
      expect(await collectAll()).toMatchObject({ total: 2, inEarlier: 1, collecting: null });
    });

    it("has none if more match than were confirmed", async () => {
      const { store, callback, begin, collectAll } = await failedCalls(3);
      await begin(2);
      const replay = await collectAll();
      expect(replay).toMatchObject({ total: 0, cancelledAt: LATER, collecting: { step: "more", counted: 3 } });
      expect(replayState(replay)).toBe("cancelled");
      expect(await fetchReplays(store, callback.id, 9)).toEqual([]);
    });

    it("keeps runs out until it is whole or cancelled, and gets no more calls then", async () => {
      const { store, callback, begin, collect, cancel } = await failedCalls(1_200);
      const lease = { run: "RUN", holder: "ada@desk", done: 0, total: 0 };
      await begin(1_200);
      expect(await store.runLeases.take(callback.id, lease, LATER)).toMatchObject({ replay: "REPLAY" });
      await collect();
      await collect();
      for (let isDone = false; !isDone; ) isDone = await cancel();
      const stopped = await collect();
      expect(stopped).toMatchObject({ total: 1_000, cancelled: 1_000, left: 0 });
      expect([replayState(stopped), await store.replays.findCollecting()]).toEqual(["cancelled", null]);
      expect(await store.runLeases.take(callback.id, lease, LATER)).toBeNull();
      await expect(begin(1_200, "OTHER")).rejects.toMatchObject({ code: "locked" });
    });

    it("counts what failed again by reason", async () => {
      const { store, callback, begin, collectAll } = await failedCalls(4);
      await begin(4);
      const replay = await collectAll();
      const refused = { kind: "unreachable", reason: "refused", detail: "" } as const;
      await attempt(store, callback, ["call 0"], { startedAt: LATER, cause: "replay", result: ACCEPTED });
      await attempt(store, callback, ["call 1"], { startedAt: LATER, cause: "replay", result: refused });
      await attempt(store, callback, ["call 2", "call 3"], { startedAt: LATER, cause: "replay", result: REFUSED_503 });
      expect(await store.replays.listFailures(callback.id, replay)).toEqual([
        { statusCode: 503, reason: null, count: 2 },
        { statusCode: null, reason: "refused", count: 1 },
      ]);
    });
  });
}
