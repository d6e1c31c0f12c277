import { describe, expect, it } from "vitest";
import type { RunLease } from "../../src/domain/callback.js";
import { aCallback, accept, attempt, NOW, type OpenStore } from "./store-support.js";

const aLease = (over: Partial<RunLease> = {}): RunLease => ({ run: "RUN-1", holder: "ada@desk", done: 0, total: 0, ...over });

export function describeRunLeases(open: OpenStore): void {
  describe("a callback's run lease", () => {
    it("is held by one run for 30 seconds, and by no other until then", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const other = aLease({ run: "RUN-2", holder: "bob@desk" });
      expect(await store.takeRunLease(callback.id, aLease({ done: 3, total: 9 }), NOW)).toBeNull();
      expect(await store.takeRunLease(callback.id, other, NOW + 29_999)).toEqual(aLease({ done: 3, total: 9 }));
      expect(await store.takeRunLease(callback.id, other, NOW + 30_000)).toBeNull();
    });

    it("is renewed by the same run of the same user and machine only", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await store.takeRunLease(callback.id, aLease(), NOW);
      expect(await store.takeRunLease(callback.id, aLease({ done: 5, total: 9 }), NOW + 20_000)).toBeNull();
      expect(await store.takeRunLease(callback.id, aLease({ holder: "ada@laptop" }), NOW + 49_999)).toEqual(
        aLease({ done: 5, total: 9 }),
      );
    });

    it("is free once it is released by the run that holds it", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const other = aLease({ run: "RUN-2" });
      await store.takeRunLease(callback.id, aLease(), NOW);
      await store.releaseRunLease(callback.id, other);
      expect(await store.takeRunLease(callback.id, other, NOW)).toEqual(aLease());
      await store.releaseRunLease(callback.id, aLease());
      expect(await store.takeRunLease(callback.id, other, NOW)).toBeNull();
    });

    it("of one callback leaves the others free", async () => {
      const store = await open();
      const [one, other] = [await aCallback(store), await aCallback(store)];
      expect(await store.takeRunLease(one.id, aLease(), NOW)).toBeNull();
      expect(await store.takeRunLease(other.id, aLease({ run: "RUN-2" }), NOW)).toBeNull();
    });

    it("isn't taken by a run that read the clock earlier and then waited for the database", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await store.takeRunLease(callback.id, aLease(), NOW);
      expect(await store.takeRunLease(callback.id, aLease({ run: "RUN-2" }), NOW - 1)).toEqual(aLease());
      expect(await store.takeRunLease(callback.id, aLease({ run: "RUN-2" }), NOW - 30_000)).toEqual(aLease());
    });

    it("is prolonged by 30 seconds at most when the clock is set back", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await store.takeRunLease(callback.id, aLease(), NOW);
      expect(await store.takeRunLease(callback.id, aLease({ run: "RUN-2" }), NOW - 30_001)).toBeNull();
    });

    it("of another run keeps the service from replaying; the run itself may request it", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B"]);
      await attempt(store, callback, ["A", "B"]);
      await store.takeRunLease(callback.id, aLease(), NOW);
      const request = (run: RunLease | null, at: number) => store.requestReplays(callback.id, { callIds: ["A"] }, at, run);
      const locked = { code: "locked", message: expect.stringContaining("Run RUN-1 of ada@desk") };
      await expect(request(null, NOW + 29_999)).rejects.toMatchObject(locked);
      await expect(request(aLease({ holder: "ada@laptop" }), NOW)).rejects.toMatchObject(locked);
      await expect(store.requestReplays(callback.id, { filter: {} }, NOW)).rejects.toMatchObject(locked);
      expect(await request(aLease(), NOW)).toBe(1);
      expect(await request(null, NOW + 30_000)).toBe(1);
    });

    it("isn't given while the service replays, except to the run that requested it", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "C"]);
      await attempt(store, callback, ["A", "B", "C"]);
      await store.takeRunLease(callback.id, aLease(), NOW);
      await store.requestReplays(callback.id, { callIds: ["A", "B"] }, NOW, aLease());
      expect(await store.takeRunLease(callback.id, aLease({ done: 1, total: 2 }), NOW + 1)).toBeNull();
      await store.releaseRunLease(callback.id, aLease());
      expect(await store.takeRunLease(callback.id, aLease(), NOW + 2)).toEqual({
        run: "",
        holder: "the service",
        done: 0,
        total: 2,
      });
      await attempt(store, callback, ["A"], { cause: "replay" });
      await store.markCalls(callback.id, ["B"], "SUCCESS", NOW + 3, "user");
      expect(await store.takeRunLease(callback.id, aLease(), NOW + 4)).toBeNull();
    });

    it("needs a callback", async () => {
      const store = await open();
      await expect(store.takeRunLease("NONE", aLease(), NOW)).rejects.toMatchObject({ code: "not-found" });
    });
  });
}
