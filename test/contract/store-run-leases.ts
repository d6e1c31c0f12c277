import { describe, expect, it } from "vitest";
import type { RunLease } from "../../src/domain/callback.js";
import { ACCEPTED, REFUSED_503 } from "../support/builders.js";
import { fetchReplays } from "../support/store/waiting-calls.js";
import { VirtualClock } from "../support/time/virtual-clock.js";
import { aCallback, accept, aReplay, attempt, callOf, DAY, idsOf, MINUTE, NOW, type OpenStore, POLICY } from "./store-support.js";

const HOUR = 60 * MINUTE;

const aLease = (over: Partial<RunLease> = {}): RunLease => ({ run: "RUN-1", holder: "ada@desk", done: 0, total: 0, ...over });

export function describeRunLeases(open: OpenStore): void {
  describe("a callback's run lease", () => {
    it("is held by one run for 30 seconds, and by no other until then", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const other = aLease({ run: "RUN-2", holder: "bob@desk" });
      expect(await store.runLeases.take(callback.id, aLease({ done: 3, total: 9 }), NOW)).toBeNull();
      expect(await store.runLeases.find(callback.id, NOW + 29_999)).toEqual(aLease({ done: 3, total: 9 }));
      expect(await store.runLeases.find(callback.id, NOW + 30_000)).toBeNull();
      expect(await store.runLeases.take(callback.id, other, NOW + 29_999)).toEqual(aLease({ done: 3, total: 9 }));
      expect(await store.runLeases.take(callback.id, other, NOW + 30_000)).toBeNull();
    });

    it("starts again when the service starts, as its run couldn't renew it, and a long forgotten one doesn't", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const other = aLease({ run: "RUN-2", holder: "bob@desk" });
      const startAt = (now: number) => store.outcomes.clampTimes({ now, latestDueAt: now });
      await store.runLeases.take(callback.id, aLease(), NOW);
      await startAt(NOW + 35_000);
      expect(await store.runLeases.take(callback.id, other, NOW + 36_000)).toEqual(aLease());
      await startAt(NOW - HOUR);
      expect(await store.runLeases.take(callback.id, other, NOW - HOUR + 29_999)).toEqual(aLease());
      await startAt(NOW + DAY);
      expect(await store.runLeases.take(callback.id, other, NOW + DAY)).toBeNull();
    });

    it("is renewed by the same run of the same user and machine only", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await store.runLeases.take(callback.id, aLease(), NOW);
      expect(await store.runLeases.take(callback.id, aLease({ done: 5, total: 9 }), NOW + 20_000)).toBeNull();
      expect(await store.runLeases.take(callback.id, aLease({ holder: "ada@laptop" }), NOW + 49_999)).toEqual(
        aLease({ done: 5, total: 9 }),
      );
    });

    it("is free once it is released by the run that holds it", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const other = aLease({ run: "RUN-2" });
      await store.runLeases.take(callback.id, aLease(), NOW);
      await store.runLeases.release(callback.id, other, NOW);
      expect(await store.runLeases.take(callback.id, other, NOW)).toEqual(aLease());
      await store.runLeases.release(callback.id, aLease(), NOW);
      expect(await store.runLeases.take(callback.id, other, NOW)).toBeNull();
    });

    it("puts off the probe that a replay's mark asks for until it ends: released, or not renewed", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const probeAt = async () => (await store.callbacks.find(callback.id))?.replayProbeAt;
      const mark = (at: number) => store.calls.mark(callback.id, ["A"], "SUCCESS", at, { settledBy: "replay" });
      await accept(store, callback, ["A"]);
      await store.runLeases.take(callback.id, aLease(), NOW);
      expect(await probeAt()).toBe(0);
      await mark(NOW + 1_000);
      expect(await probeAt()).toBe(NOW + 30_000);
      await store.runLeases.take(callback.id, aLease(), NOW + 10_000);
      expect(await probeAt()).toBe(NOW + 40_000);
      await store.runLeases.release(callback.id, aLease({ run: "RUN-2" }), NOW + 11_000);
      expect(await probeAt()).toBe(NOW + 40_000);
      const position = await store.changes.readLatest();
      await store.runLeases.release(callback.id, aLease(), NOW + 12_000);
      expect(await probeAt()).toBe(NOW + 12_000);
      expect((await store.changes.read(position, 10)).callbackIds).toEqual([callback.id]);
      await store.runLeases.take(callback.id, aLease(), NOW + 13_000);
      await mark(NOW + 60_000);
      expect(await probeAt()).toBe(NOW + 60_000);
    });

    it("of one callback leaves the others free", async () => {
      const store = await open();
      const [one, other] = [await aCallback(store), await aCallback(store)];
      expect(await store.runLeases.take(one.id, aLease(), NOW)).toBeNull();
      expect(await store.runLeases.take(other.id, aLease({ run: "RUN-2" }), NOW)).toBeNull();
    });

    it("isn't taken by a run that read the clock earlier and then waited for the database", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await store.runLeases.take(callback.id, aLease(), NOW);
      expect(await store.runLeases.take(callback.id, aLease({ run: "RUN-2" }), NOW - 1)).toEqual(aLease());
      expect(await store.runLeases.take(callback.id, aLease({ run: "RUN-2" }), NOW - 30_000)).toEqual(aLease());
    });

    it("is prolonged by 30 seconds at most when the clock is set back", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await store.runLeases.take(callback.id, aLease(), NOW);
      expect(await store.runLeases.take(callback.id, aLease({ run: "RUN-2" }), NOW - 30_001)).toBeNull();
    });

    it("of another run keeps the service from replaying; the run itself may request it", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B"]);
      await attempt(store, callback, ["A", "B"]);
      await store.runLeases.take(callback.id, aLease(), NOW);
      const request = (run: RunLease | null, at: number) =>
        store.replays.request(callback.id, aReplay({ callIds: ["A"] }, { by: run }), at);
      const locked = { code: "locked", message: expect.stringContaining("Run RUN-1 of ada@desk") };
      await expect(request(null, NOW + 29_999)).rejects.toMatchObject(locked);
      await expect(request(aLease({ holder: "ada@laptop" }), NOW)).rejects.toMatchObject(locked);
      await expect(store.replays.request(callback.id, aReplay({ filter: {} }), NOW)).rejects.toMatchObject(locked);
      expect(await request(aLease(), NOW)).toMatchObject({ accepted: 1 });
      expect(await request(null, NOW + 30_000)).toMatchObject({ accepted: 1 });
    });

    it("isn't given while the service replays, except to the run that requested it", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "C"]);
      await attempt(store, callback, ["A", "B", "C"]);
      await store.runLeases.take(callback.id, aLease(), NOW);
      await store.replays.request(callback.id, aReplay({ callIds: ["A", "B"] }, { id: "RUN-1", by: aLease() }), NOW);
      expect(await store.runLeases.take(callback.id, aLease({ done: 1, total: 2 }), NOW + 1)).toBeNull();
      await store.runLeases.release(callback.id, aLease(), NOW);
      const other = aLease({ run: "RUN-2" });
      const service = { run: "", holder: "the service", replay: "RUN-1", total: 2 };
      expect(await store.runLeases.take(callback.id, other, NOW + 2)).toEqual({ ...service, done: 0 });
      await attempt(store, callback, ["A"], { cause: "replay" });
      expect(await store.runLeases.take(callback.id, other, NOW + 3)).toEqual({ ...service, done: 1 });
      // The run was killed or left it to the service, and comes back.
      expect(await store.runLeases.take(callback.id, aLease(), NOW + 4)).toBeNull();
      await store.runLeases.release(callback.id, aLease(), NOW);
      await store.calls.mark(callback.id, ["B"], "SUCCESS", NOW + 5, { settledBy: "user" });
      expect(await store.runLeases.take(callback.id, other, NOW + 6)).toBeNull();
    });

    it("isn't given back to a run that slept while the service began a replay", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A"]);
      await attempt(store, callback, ["A"]);
      await store.runLeases.take(callback.id, aLease(), NOW);
      await store.replays.request(callback.id, aReplay({ callIds: ["A"] }), NOW + 30_000);
      expect(await store.runLeases.take(callback.id, aLease(), NOW + 30_001)).toMatchObject({ run: "", replay: "REPLAY" });
    });

    describe("of a service", () => {
      const other = aLease({ run: "RUN-2", holder: "bob@desk" });

      async function aService() {
        const clock = new VirtualClock();
        const store = await open({ clock, isServed: true });
        const callback = await aCallback(store);
        await store.runLeases.take(callback.id, aLease(), NOW);
        await store.runLeases.endUnrenewed();
        const pass = async (ms: number, stepMs = 5_000) => {
          for (let left = ms; left > 0; left -= stepMs) {
            clock.advance(Math.min(left, stepMs));
            await store.runLeases.endUnrenewed();
          }
        };
        return { store, pass, takeByOther: (at = NOW) => store.runLeases.take(callback.id, other, at), callback };
      }

      it.each([
        ["forward", NOW + DAY],
        ["back", NOW - DAY],
      ])("lasts when the clock is set %s, and the service replays nothing", async (_, at) => {
        const { store, callback, takeByOther } = await aService();
        await accept(store, callback, ["A"]);
        await attempt(store, callback, ["A"]);
        expect(await takeByOther(at)).toEqual(aLease());
        const requested = store.replays.request(callback.id, aReplay({ callIds: ["A"] }), at);
        await expect(requested).rejects.toMatchObject({ code: "locked" });
      });

      it("ends with a start if it was forgotten long before", async () => {
        const { store, takeByOther } = await aService();
        await store.outcomes.clampTimes({ now: NOW + DAY, latestDueAt: NOW + DAY });
        expect(await takeByOther(NOW + DAY)).toBeNull();
      });

      it("ends once it was seen for 25 seconds without a renewal, whatever the wall clock says", async () => {
        const { store, callback, pass, takeByOther } = await aService();
        await pass(24_000);
        await store.runLeases.take(callback.id, aLease(), NOW + 1);
        await pass(24_000 + 5_000);
        expect(await takeByOther()).toEqual(aLease());
        await pass(1_000);
        expect(await takeByOther()).toBeNull();
      });

      it("lasts 25 seconds more after the service or its database stood still, as no run could renew it", async () => {
        const { pass, takeByOther } = await aService();
        await pass(20_000);
        await pass(60_000, 60_000);
        await pass(24_000);
        expect(await takeByOther()).toEqual(aLease());
        await pass(1_000);
        expect(await takeByOther()).toBeNull();
      });
    });

    it("needs a callback", async () => {
      const store = await open();
      await expect(store.runLeases.take("NONE", aLease(), NOW)).rejects.toMatchObject({ code: "not-found" });
    });
  });

  describe("a replay by the service", () => {
    async function failedCalls(ids: readonly string[]) {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ids);
      await attempt(store, callback, ids, { startedAt: NOW, result: REFUSED_503 });
      const request = (id: string, callIds: readonly string[], at = NOW) =>
        store.replays.request(callback.id, aReplay({ callIds }, { id }), at);
      const cancel = (replayId: string, begun: readonly number[] = []) =>
        store.replays.cancelChunk(callback.id, {
          ...{ replayId, now: NOW + 9, policy: POLICY, random: 0.5 },
          begunCalls: () => new Set(begun),
        });
      return { store, callback, request, cancel, find: (id: string) => store.replays.find(callback.id, id) };
    }

    it.each([
      ["ada", null, "ada"],
      ["ada", "ceo@headquarters", "ada (says: ceo@headquarters)"],
      ["ada@desk", "ada@desk", "ada@desk"],
      [null, "ada@desk", "(says: ada@desk)"],
      [null, null, null],
    ])("names the user %s who asked for it, and beside that what the run says of itself: %s", async (user, holder, shown) => {
      const { store, callback, find } = await failedCalls(["A"]);
      const by = holder === null ? null : aLease({ holder });
      const author = { user, via: "api", address: null, at: NOW } as const;
      await store.replays.request(callback.id, aReplay({ callIds: ["A"] }, { id: "R1", by, author }), NOW);
      expect((await find("R1"))?.requestedBy).toBe(shown);
    });

    it("counts its calls by outcome; those of an earlier one stay with that one", async () => {
      const { store, callback, request, find } = await failedCalls(["A", "B", "C", "D", "E"]);
      expect(await request("R1", ["A", "B", "C"])).toEqual({ id: "R1", total: 3, accepted: 3 });
      expect(await request("R2", ["C", "E"])).toEqual({ id: "R2", total: 1, accepted: 2 });
      expect(await request("R1", ["C", "D"], NOW + 5)).toEqual({ id: "R1", total: 4, accepted: 2 });
      expect(idsOf(await fetchReplays(store, callback.id, 9))).toEqual(["A", "B", "C", "D", "E"]);
      await attempt(store, callback, ["A"], { cause: "replay", result: ACCEPTED });
      await attempt(store, callback, ["B"], { cause: "replay", result: REFUSED_503 });
      // The run began before the request.
      await attempt(store, callback, ["C"], { cause: "retry", result: REFUSED_503 });
      await store.calls.mark(callback.id, ["D"], "SUCCESS", NOW + 6);
      const counts = { total: 4, succeeded: 1, failed: 1, cancelled: 1, left: 1 };
      expect(await find("R1")).toMatchObject({ id: "R1", requestedAt: NOW, ...counts, cancelledAt: null });
      expect(await store.replays.listFailures(callback.id, { requestedAt: NOW })).toEqual([
        { statusCode: 503, reason: null, count: 1 },
      ]);
      expect(await find("R2")).toMatchObject({ total: 1, left: 1 });
      expect(await find("R3")).toBeNull();
    });

    it("is cancelled but for the calls in flight, and takes no more; the others get their retries back", async () => {
      const { store, callback, request, cancel, find } = await failedCalls(["A", "B"]);
      await request("R0", []);
      await cancel("R0");
      await expect(request("R0", ["B"])).rejects.toMatchObject({ code: "locked" });
      await request("R1", ["A", "B"]);
      const inFlight = (await callOf(store, callback, "A")).seq;
      expect(await cancel("R1", [inFlight])).toBe(true);
      expect(await find("R1")).toMatchObject({ cancelled: 1, left: 1, cancelledAt: NOW + 9 });
      expect((await callOf(store, callback, "B")).due).toEqual({ at: NOW + POLICY.intervalMs, cause: "retry" });
      expect(await store.runLeases.take(callback.id, aLease(), NOW)).toMatchObject({ run: "", replay: "R1" });
      await expect(request("R1", ["B"])).rejects.toMatchObject({ code: "locked" });
      await attempt(store, callback, ["A"], { cause: "replay", result: ACCEPTED });
      expect(await find("R1")).toMatchObject({ succeeded: 1, cancelled: 1, left: 0 });
      expect(await store.runLeases.take(callback.id, aLease(), NOW)).toBeNull();
      await expect(cancel("R2")).rejects.toMatchObject({ code: "not-found" });
    });

    it("keeps its calls when the clock is set back, and later ones follow", async () => {
      const { store, callback, request, find } = await failedCalls(["A", "B"]);
      await request("R1", ["A"], NOW + DAY);
      await store.outcomes.clampTimes({ now: NOW, latestDueAt: NOW + MINUTE });
      await request("R2", ["B"], NOW);
      expect(idsOf(await fetchReplays(store, callback.id, 9))).toEqual(["A", "B"]);
      for (const id of ["A", "B"]) await attempt(store, callback, [id], { cause: "replay", result: ACCEPTED });
      expect([await find("R1"), await find("R2")]).toMatchObject([
        { succeeded: 1, left: 0 },
        { succeeded: 1, left: 0 },
      ]);
    });
  });
}
