import { describe, expect, it } from "vitest";
import type { Callback } from "../../src/domain/callback.js";
import type { OpenOutage } from "../../src/domain/outage.js";
import type { Store } from "../../src/store/open-store.js";
import {
  aCallback,
  accept,
  aGroup,
  anEndpoint,
  aReplay,
  attempt,
  hold,
  idsOf,
  MINUTE,
  NOW,
  type OpenStore,
  POLICY,
} from "./store-support.js";

export function describeChanges(open: OpenStore): void {
  describe("the change log", () => {
    it("lists callbacks in the order of their latest change, each once, in chunks", async () => {
      const store = await open();
      const [one, two, three] = [await aCallback(store), await aCallback(store), await aCallback(store)];
      const start = await store.changes.readLatest();
      for (const callback of [one, two, three, one]) await accept(store, callback, [`${callback.id} ${Math.random()}`]);
      const first = await store.changes.read(start, 2);
      expect(first.callbackIds).toEqual([two.id, three.id]);
      const second = await store.changes.read(first.position, 2);
      expect(second.callbackIds).toEqual([one.id]);
      expect(await store.changes.read(second.position, 2)).toEqual({ callbackIds: [], position: second.position });
      expect(await store.changes.read(await store.changes.readLatest(), 2)).toMatchObject({ callbackIds: [] });
    });

    it("records responses, marks, requests for a replay, new settings and deletions, and nothing that the dispatcher commits", async () => {
      const store = await open();
      const callback = await aCallback(store);
      let position = await store.changes.readLatest();
      const isRecorded = async (work: () => Promise<unknown>) => {
        await work();
        const changes = await store.changes.read(position, 10);
        position = changes.position;
        return changes.callbackIds.length === 1;
      };
      const recorded = {
        accept: await isRecorded(() => accept(store, callback, ["A", "B"])),
        attempt: await isRecorded(() => attempt(store, callback, ["A", "B"])),
        mark: await isRecorded(() => store.calls.mark(callback.id, ["A"], "SUCCESS", NOW)),
        replay: await isRecorded(() => store.replays.request(callback.id, aReplay({ callIds: ["B"] }), NOW)),
        update: await isRecorded(() => store.callbacks.update(callback.id, { ...callback, email: "x@y" }, NOW, POLICY)),
        delete: await isRecorded(() => store.callbacks.delete(callback.id, NOW)),
      };
      expect(recorded).toEqual({ accept: true, attempt: false, mark: true, replay: true, update: true, delete: true });
    });

    it("still has a deleted callback that was purged, and never uses a position again", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const start = await store.changes.readLatest();
      await store.callbacks.delete(callback.id, NOW);
      await store.retention.purgeDeleted(10);
      const { callbackIds, position } = await store.changes.read(start, 10);
      expect(callbackIds).toEqual([callback.id]);
      const again = await store.callbacks.create(callback.id, callback, NOW);
      await accept(store, again, ["A"]);
      expect(await store.changes.read(position, 10)).toMatchObject({ callbackIds: [callback.id] });
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
      expect(await store.endpoints.listActive()).toEqual([pending.id, failing.id]);
      expect(idsOf((await store.endpoints.list()).map(({ callback }) => callback))).toEqual([pending.id, failing.id]);
      expect(await store.endpoints.list([idle.id])).toHaveLength(1);
    });
  });

  describe("a callback's version", () => {
    it("is another one after each change of what is shown of it, and other callbacks keep theirs", async () => {
      const store = await open();
      const [callback, other] = [await aCallback(store), await aCallback(store)];
      const before = (await store.callbacks.readVersions([other.id])).get(other.id);
      const outage: OpenOutage = { id: "O1", startedAt: NOW, failedCalls: 1, quietSince: null };
      const mail = { callbackId: callback.id, to: "ops@example.com", subject: "It fails", text: "", createdAt: NOW };
      const commit = (group: Parameters<typeof aGroup>[0]) => store.outcomes.commit(aGroup(group));
      const of = { callbackId: callback.id, endpoint: anEndpoint() };
      const steps: Record<string, () => Promise<unknown>> = {
        accept: () => accept(store, callback, ["A", "B", "C"]),
        attempt: () => attempt(store, callback, ["A", "B"]),
        "attempt that fails again": () => attempt(store, callback, ["A"], { startedAt: NOW + 1 }),
        "attempt that began before the last one": () => attempt(store, callback, ["B"], { startedAt: NOW - MINUTE }),
        hold: async () => {
          await store.callbacks.update(callback.id, { ...callback, retriesEnabled: true }, NOW, POLICY);
          await hold(store, callback, ["C"]);
        },
        "outage opens": () => commit({ endpoints: [{ ...of, outage }], mails: [{ ...mail, outageId: "O1" }] }),
        "outage goes on": () => commit({ endpoints: [{ ...of, outage: { ...outage, failedCalls: 2 } }] }),
        "waiting calls are counted": () => store.activity.sampleWaiting(NOW + MINUTE, 0, 10),
        "endpoint is down": () =>
          commit({ endpoints: [{ ...of, endpoint: anEndpoint({ state: "down", downSince: NOW }), outage }] }),
        "mail fails": () => store.mails.recordFailed("O1", "421", NOW + MINUTE),
        "mail is sent": () => store.mails.recordSent("O1", NOW + MINUTE, "smtp"),
        "outage ends": () => commit({ closedOutages: [{ ...outage, callbackId: callback.id, endedAt: NOW + MINUTE }] }),
        "replay is requested": () => store.replays.request(callback.id, aReplay({ callIds: ["A", "B"] }), NOW + MINUTE),
        "replay goes on": () => attempt(store, callback, ["A"], { startedAt: NOW - 1, cause: "replay" }),
        mark: () => store.calls.mark(callback.id, ["B"], "SUCCESS", NOW),
        update: () => store.callbacks.update(callback.id, { ...callback, email: "x@y" }, NOW, POLICY),
      };
      const versions = [await versionOf(store, callback)];
      for (const [name, step] of Object.entries(steps)) {
        await step();
        const version = await versionOf(store, callback);
        expect(versions, name).not.toContain(version);
        versions.push(version);
      }
      expect(await versionOf(store, callback)).toBe(versions.at(-1));
      expect(await versionOf(store, other)).toBe(before);
      await store.callbacks.delete(callback.id, NOW);
      expect(await versionOf(store, callback)).toBeUndefined();
    });

    it("needs no reading while nothing is written", async () => {
      const store = await open();
      const callback = await aCallback(store);
      let before = "";
      const isSame = async () => {
        before = await store.callbacks.readWriteCounter();
        await versionOf(store, callback);
        return (await store.callbacks.readWriteCounter()) === before;
      };
      // PostgreSQL counts the writes to other databases of its server, too.
      await expect.poll(isSame, { interval: 1 }).toBe(true);
      await accept(store, callback, ["A"]);
      expect(await store.callbacks.readWriteCounter()).not.toBe(before);
    });
  });
}

async function versionOf(store: Store, { id }: Callback): Promise<string | undefined> {
  return (await store.callbacks.readVersions([id])).get(id);
}
