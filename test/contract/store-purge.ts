import { describe, expect, it } from "vitest";
import { ACCEPTED, aResponse } from "../support/builders.js";
import {
  aCallback,
  accept,
  aGroup,
  anEndpoint,
  attempt,
  callOf,
  countRows,
  DAY,
  everyCall,
  hold,
  idsOf,
  NOW,
  type OpenStore,
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
      await store.commitOutcomes(aGroup({ endpoints: [{ callbackId: callback.id, endpoint: anEndpoint(), outage }] }));
      await store.deleteCallback(callback.id, NOW);
      const chunks = [];
      for (let chunk = 0; chunk < 4; chunk += 1) chunks.push(await store.purge({ now: NOW, limit: 2 }));
      expect(chunks).toEqual([2, 2, 1, 0]);
      const again = await store.createCallback(callback.id, callback, NOW);
      expect(await store.acceptCalls(again.id, [{ id: "A", response: aResponse() }], NOW)).toEqual(["A"]);
      expect(await countRows(store, again)).toEqual({ PENDING: 1, SUCCESS: 0, FAILED: 0 });
      expect((await store.listAttempts(again.id, ["A"])).size).toBe(0);
    });

    it("keeps a deleted callback's row until its queued mail is sent", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const mail = { outageId: "O1", callbackId: callback.id, to: "a@b", subject: "s", text: "t", createdAt: NOW };
      await store.commitOutcomes(aGroup({ mails: [mail] }));
      await store.deleteCallback(callback.id, NOW);
      await store.purge({ now: NOW, limit: 10 });
      expect(await store.fetchQueuedMails(NOW, 10)).toEqual([{ ...mail, tries: 0 }]);
      await store.recordMailSent("O1", NOW, "file");
      await store.purge({ now: NOW, limit: 10 });
      expect((await store.createCallback(callback.id, callback, NOW)).id).toBe(callback.id);
    });

    it("keeps a settled call 30 days after its last change with retries on, a year with retries off", async () => {
      const store = await open();
      const on = await aCallback(store, { retriesEnabled: true });
      const off = await aCallback(store);
      for (const callback of [on, off]) {
        await accept(store, callback, [`${callback.id} first`, `${callback.id} second`]);
        await attempt(store, callback, [`${callback.id} first`], { startedAt: NOW, result: ACCEPTED });
        await attempt(store, callback, [`${callback.id} second`], { startedAt: NOW + 1, result: ACCEPTED });
      }
      expect(await store.purge({ now: NOW + 30 * DAY, limit: 10 })).toBe(0);
      expect(await store.purge({ now: NOW + 30 * DAY + 1, limit: 10 })).toBe(1);
      expect(idsOf(await everyCall(store, on, {}))).toEqual([`${on.id} second`]);
      expect(await store.countCalls(on.id)).toEqual({ PENDING: 0, SUCCESS: 1, FAILED: 0 });
      expect((await store.listAttempts(on.id, [`${on.id} first`])).size).toBe(0);
      expect(await store.purge({ now: NOW + 365 * DAY, limit: 10 })).toBe(1);
      expect(await store.purge({ now: NOW + 365 * DAY + 1, limit: 10 })).toBe(1);
      expect(idsOf(await everyCall(store, off, {}))).toEqual([`${off.id} second`]);
    });

    it("counts from the mark, and removes marked calls that were never sent", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["marked", "unsent"]);
      await attempt(store, callback, ["marked"], { startedAt: NOW });
      await store.markCalls(callback.id, ["marked", "unsent"], "SUCCESS", NOW + DAY);
      expect(await store.purge({ now: NOW + 31 * DAY, limit: 10 })).toBe(0);
      expect(await store.purge({ now: NOW + 31 * DAY + 1, limit: 10 })).toBe(2);
    });

    it("keeps calls that are PENDING or have a retry due", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["pending", "due", "held"]);
      await attempt(store, callback, ["due"]);
      await hold(store, callback, ["held"]);
      expect(await store.purge({ now: NOW + 999 * DAY, limit: 10 })).toBe(0);
      expect((await callOf(store, callback, "pending")).status).toBe("PENDING");
      expect(await store.countCalls(callback.id)).toEqual({ PENDING: 1, SUCCESS: 0, FAILED: 2 });
    });
  });
}
