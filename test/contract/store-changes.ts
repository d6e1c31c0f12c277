import { describe, expect, it } from "vitest";
import { aCallback, accept, aReplay, attempt, idsOf, NOW, type OpenStore, POLICY } from "./store-support.js";

export function describeChanges(open: OpenStore): void {
  describe("the change log", () => {
    it("lists callbacks in the order of their latest change, each once, in chunks", async () => {
      const store = await open();
      const [one, two, three] = [await aCallback(store), await aCallback(store), await aCallback(store)];
      const start = await store.readLatestChange();
      for (const callback of [one, two, three, one]) await accept(store, callback, [`${callback.id} ${Math.random()}`]);
      const first = await store.readChanges(start, 2);
      expect(first.callbackIds).toEqual([two.id, three.id]);
      const second = await store.readChanges(first.position, 2);
      expect(second.callbackIds).toEqual([one.id]);
      expect(await store.readChanges(second.position, 2)).toEqual({ callbackIds: [], position: second.position });
      expect(await store.readLatestChange()).toBe(second.position);
    });

    it("records responses, marks, requests for a replay, new settings and deletions, and nothing that the dispatcher commits", async () => {
      const store = await open();
      const callback = await aCallback(store);
      let position = await store.readLatestChange();
      const isRecorded = async (work: () => Promise<unknown>) => {
        await work();
        const changes = await store.readChanges(position, 10);
        position = changes.position;
        return changes.callbackIds.length === 1;
      };
      const recorded = {
        accept: await isRecorded(() => accept(store, callback, ["A", "B"])),
        attempt: await isRecorded(() => attempt(store, callback, ["A", "B"])),
        mark: await isRecorded(() => store.markCalls(callback.id, ["A"], "SUCCESS", NOW)),
        replay: await isRecorded(() => store.requestReplays(callback.id, aReplay({ callIds: ["B"] }), NOW)),
        update: await isRecorded(() => store.updateCallback(callback.id, { ...callback, email: "x@y" }, NOW, POLICY)),
        delete: await isRecorded(() => store.deleteCallback(callback.id, NOW)),
      };
      expect(recorded).toEqual({ accept: true, attempt: false, mark: true, replay: true, update: true, delete: true });
    });

    it("still has a deleted callback that was purged, and never uses a position again", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const start = await store.readLatestChange();
      await store.deleteCallback(callback.id, NOW);
      await store.purgeDeleted(10);
      const { callbackIds, position } = await store.readChanges(start, 10);
      expect(callbackIds).toEqual([callback.id]);
      const again = await store.createCallback(callback.id, callback, NOW);
      await accept(store, again, ["A"]);
      expect(await store.readChanges(position, 10)).toMatchObject({ callbackIds: [callback.id] });
    });

    it("isn't needed to find the callbacks that may need the dispatcher", async () => {
      const store = await open();
      const [idle, pending, failing] = [
        await aCallback(store),
        await aCallback(store),
        await aCallback(store, { retriesEnabled: true }),
      ];
      await accept(store, pending, ["P"]);
      await accept(store, failing, ["F"]);
      await attempt(store, failing, ["F"]);
      expect(await store.listActiveCallbacks()).toEqual([pending.id, failing.id]);
      expect(idsOf((await store.listEndpoints()).map(({ callback }) => callback))).toEqual([pending.id, failing.id]);
      expect(await store.listEndpoints([idle.id])).toHaveLength(1);
    });
  });
}
