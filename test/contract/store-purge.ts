import { describe, expect, it } from "vitest";
import { ACCEPTED, aResponse } from "../support/builders.js";
import {
  aCallback,
  accept,
  aGroup,
  anEndpoint,
  aReplay,
  attempt,
  callOf,
  countRows,
  DAY,
  everyCall,
  hold,
  idsOf,
  NOW,
  type OpenStore,
  POLICY,
} from "./store-support.js";

export function describePurge(open: OpenStore): void {
  describe("purging", () => {
    it("removes a deleted callback's calls in chunks, then its other rows", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A", "B", "C", "D", "E"]);
      await attempt(store, callback, ["A", "B"], { result: ACCEPTED });
      await attempt(store, callback, ["C"]);
      const outage = { id: "O1", startedAt: NOW, failedCalls: 1, quietSince: null };
      await store.outcomes.commit(aGroup({ endpoints: [{ callbackId: callback.id, endpoint: anEndpoint(), outage }] }));
      await store.callbacks.delete(callback.id, NOW);
      const chunks = [];
      for (let chunk = 0; chunk < 4; chunk += 1) chunks.push(await store.retention.purgeDeleted(2));
      expect(chunks).toEqual([2, 2, 1, 0]);
      const again = await store.callbacks.create(callback.id, callback, NOW);
      expect(await store.calls.accept([{ callbackId: again.id, calls: [{ id: "A", response: aResponse() }] }], NOW)).toEqual([
        "A",
      ]);
      expect(await countRows(store, again)).toEqual({ PENDING: 1, SUCCESS: 0, FAILED: 0 });
      expect((await store.calls.listAttempts(again.id, ["A"])).size).toBe(0);
    });

    it("keeps a deleted callback's row until its queued mail is sent", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const mail = { outageId: "O1", callbackId: callback.id, to: "a@b", subject: "s", text: "t", createdAt: NOW };
      await store.outcomes.commit(aGroup({ mails: [mail] }));
      await store.callbacks.delete(callback.id, NOW);
      await store.retention.purgeDeleted(10);
      expect(await store.mails.fetchQueued(NOW, 10)).toEqual([{ ...mail, tries: 0 }]);
      await store.mails.recordSent("O1", NOW, "file");
      await store.retention.purgeDeleted(10);
      expect((await store.callbacks.create(callback.id, callback, NOW)).id).toBe(callback.id);
    });

    it("keeps SUCCESS calls 30 days and FAILED calls a year after their last change, whether retries are on or off", async () => {
      const store = await open();
      const callbacks = [await aCallback(store, { retriesEnabled: true }), await aCallback(store)];
      for (const callback of callbacks) {
        const [good, bad] = [`${callback.id} good`, `${callback.id} bad`];
        await accept(store, callback, [good, bad]);
        await attempt(store, callback, [good], { startedAt: NOW, result: ACCEPTED });
        await attempt(store, callback, [bad], { startedAt: NOW });
        // This ends the retry.
        await store.calls.mark(callback.id, [bad], "FAILED", NOW);
        await store.queue.expireRetries([{ callbackId: callback.id, firstFailedBefore: NOW + 1, fence: 0 }], 10);
      }
      expect(await store.retention.purgeExpired(NOW + 30 * DAY, 10)).toBe(0);
      expect(await store.retention.purgeExpired(NOW + 30 * DAY + 1, 10)).toBe(2);
      for (const callback of callbacks) {
        expect(idsOf(await everyCall(store, callback, {}))).toEqual([`${callback.id} bad`]);
        expect(await store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 0, FAILED: 1 });
        expect((await store.calls.listAttempts(callback.id, [`${callback.id} good`])).size).toBe(0);
      }
      expect(await store.retention.purgeExpired(NOW + 365 * DAY, 10)).toBe(0);
      expect(await store.retention.purgeExpired(NOW + 365 * DAY + 1, 10)).toBe(2);
    });

    it("keeps calls as long as the stored settings say", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A"]);
      await attempt(store, callback, ["A"], { startedAt: NOW, result: ACCEPTED });
      await store.settings.save({ retainSuccessMs: DAY });
      expect(await store.retention.purgeExpired(NOW + DAY, 10)).toBe(0);
      expect(await store.retention.purgeExpired(NOW + DAY + 1, 10)).toBe(1);
    });

    it("keeps the failures of 40 days when retries are switched on", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A"]);
      await attempt(store, callback, ["A"], { startedAt: NOW });
      await store.callbacks.update(callback.id, { ...callback, retriesEnabled: true }, NOW + 40 * DAY, POLICY);
      expect(await store.retention.purgeExpired(NOW + 40 * DAY, 10)).toBe(0);
      expect(await store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 0, FAILED: 1 });
    });

    it("keeps closed outages and sent e-mails a year, in chunks, and queued e-mails and open outages for longer", async () => {
      const store = await open();
      const callbacks = [await aCallback(store), await aCallback(store), await aCallback(store)];
      const [closed, queued, openOne] = callbacks.map(({ id }, index) => ({
        mail: { outageId: `O${index}`, callbackId: id, to: "a@b", subject: "s", text: "t", createdAt: NOW },
        outage: { id: `O${index}`, callbackId: id, startedAt: NOW, failedCalls: 1, quietSince: null },
      }));
      if (!closed || !queued || !openOne) throw new Error("three callbacks");
      await store.outcomes.commit(
        aGroup({
          closedOutages: [closed, queued].map(({ outage }) => ({ ...outage, endedAt: NOW })),
          endpoints: [{ callbackId: openOne.outage.callbackId, endpoint: anEndpoint(), outage: openOne.outage }],
          mails: [closed.mail, queued.mail, openOne.mail],
        }),
      );
      for (const { mail } of [closed, openOne]) await store.mails.recordSent(mail.outageId, NOW, "file");
      const listed = async () => (await store.outages.list({ limit: 10, offset: 0 })).items.map(({ id }) => id).sort();
      expect(await store.retention.purgeExpired(NOW + 365 * DAY, 10)).toBe(0);
      const chunks = [];
      for (let chunk = 0; chunk < 3; chunk += 1) chunks.push(await store.retention.purgeExpired(NOW + 365 * DAY + 1, 2));
      expect(chunks).toEqual([2, 0, 0]);
      expect(await listed()).toEqual(["O1", "O2"]);
      expect(await store.mails.find(openOne.mail.outageId)).toMatchObject({ subject: "s", sentAt: NOW });
      expect(await store.mails.fetchQueued(NOW, 10)).toEqual([{ ...queued.mail, tries: 0 }]);
    });

    it("is a change for those who follow a callback whose calls, outages, e-mails or replays it removes, and for no one else", async () => {
      const store = await open();
      const [called, failed, replayed, other] = [
        await aCallback(store),
        await aCallback(store),
        await aCallback(store),
        await aCallback(store),
      ];
      await accept(store, called, ["A"]);
      await attempt(store, called, ["A"], { startedAt: NOW, result: ACCEPTED });
      const outages = ["O1", "O2"].map((id, index) => ({ id, startedAt: NOW + index, failedCalls: 1, quietSince: null }));
      for (const outage of outages) {
        await store.outcomes.commit(aGroup({ endpoints: [{ callbackId: failed.id, endpoint: anEndpoint(), outage }] }));
        const closed = { ...outage, callbackId: failed.id, endedAt: outage.id === "O1" ? NOW + 1 : NOW + DAY };
        await store.outcomes.commit(aGroup({ closedOutages: [closed] }));
      }
      await store.replays.request(replayed.id, aReplay({ callIds: [] }), NOW);
      const ids = [called.id, failed.id, replayed.id, other.id];
      const changedBy = async (work: () => Promise<unknown>) => {
        const before = await store.callbacks.readVersions(ids);
        await work();
        const after = await store.callbacks.readVersions(ids);
        return ids.map((id) => before.get(id) !== after.get(id));
      };
      expect(await changedBy(() => store.retention.purgeExpired(NOW + 31 * DAY, 10))).toEqual([true, false, false, false]);
      expect(await changedBy(() => store.retention.purgeExpired(NOW + 365 * DAY + 2, 10))).toEqual([false, true, true, false]);
    });

    it("keeps an outage's e-mail as long as the outage, which ends later than it is sent", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const outage = { id: "O", callbackId: callback.id, startedAt: NOW, failedCalls: 1, quietSince: null, endedAt: NOW + DAY };
      const mail = { outageId: "O", callbackId: callback.id, to: "a@b", subject: "s", text: "t", createdAt: NOW };
      await store.outcomes.commit(aGroup({ closedOutages: [outage], mails: [mail] }));
      await store.mails.recordSent("O", NOW, "smtp");
      const kept = async () =>
        [await store.outages.find(callback.id, "O"), await store.mails.find("O")].map((each) => each !== null);
      expect(await store.retention.purgeExpired(NOW + 366 * DAY, 10)).toBe(0);
      expect(await kept()).toEqual([true, true]);
      expect(await store.retention.purgeExpired(NOW + 366 * DAY + 1, 10)).toBe(2);
      expect(await kept()).toEqual([false, false]);
    });

    it("keeps an outage a year after its end, however long it was, and a replay while one of its calls waits", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      const outage = { id: "O1", callbackId: callback.id, startedAt: NOW - DAY, failedCalls: 1, quietSince: null, endedAt: NOW };
      await store.outcomes.commit(aGroup({ closedOutages: [outage] }));
      await accept(store, callback, ["waiting"]);
      await attempt(store, callback, ["waiting"]);
      await store.replays.request(callback.id, aReplay({ callIds: ["waiting"] }), NOW);
      const kept = async (at: number) => {
        await store.retention.purgeExpired(at, 10);
        const { items } = await store.outages.list({ limit: 10, offset: 0 });
        return [items.map(({ id }) => id), (await store.replays.list(callback.id, 10)).map(({ id }) => id)];
      };
      expect(await kept(NOW + 365 * DAY)).toEqual([["O1"], ["REPLAY"]]);
      expect(await kept(NOW + 365 * DAY + 1)).toEqual([[], ["REPLAY"]]);
      await attempt(store, callback, ["waiting"], { cause: "replay", result: ACCEPTED, startedAt: NOW + 365 * DAY });
      expect(await kept(NOW + 365 * DAY + 1)).toEqual([[], []]);
    });

    it("counts from the mark, and removes marked calls that were never sent", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["marked", "unsent"]);
      await attempt(store, callback, ["marked"], { startedAt: NOW });
      await store.calls.mark(callback.id, ["marked", "unsent"], "SUCCESS", NOW + DAY);
      expect(await store.retention.purgeExpired(NOW + 31 * DAY, 10)).toBe(0);
      expect(await store.retention.purgeExpired(NOW + 31 * DAY + 1, 10)).toBe(2);
    });

    it("keeps calls that are PENDING or have a retry due", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["pending", "due", "held"]);
      await attempt(store, callback, ["due"]);
      await hold(store, callback, ["held"]);
      expect(await store.retention.purgeExpired(NOW + 999 * DAY, 10)).toBe(0);
      expect((await callOf(store, callback, "pending")).status).toBe("PENDING");
      expect(await store.calls.count(callback.id)).toEqual({ PENDING: 1, SUCCESS: 0, FAILED: 2 });
    });
  });
}
