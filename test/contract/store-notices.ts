import { describe, expect, it } from "vitest";
import type { Callback } from "../../src/domain/callback.js";
import type { OpenOutage, OutageNotice, OutageReport } from "../../src/domain/outage.js";
import type { Store } from "../../src/store/open-store.js";
import { aCallback, aGroup, anEndpoint, DAY, MINUTE, NOW, type OpenStore } from "./store-support.js";

const HOOK = "0123456789abcdef";
const TO_HOOK = { began: [HOOK], ended: [HOOK, "e-mail"] };
const OUTAGE: OpenOutage = { id: "O1", startedAt: NOW, failedCalls: 3, quietSince: null };

async function begin(store: Store, callback: Callback, outage = OUTAGE, at = NOW): Promise<void> {
  const mail = { outageId: outage.id, callbackId: callback.id, to: "a@b", subject: "s", text: "t", createdAt: at };
  const endpoints = [{ callbackId: callback.id, endpoint: anEndpoint(), outage }];
  await store.outcomes.commit(aGroup({ endpoints, mails: [mail], notices: { ...TO_HOOK, at } }));
}

async function end(store: Store, callback: Callback, at: number, outage = OUTAGE): Promise<void> {
  const closedOutages = [{ ...outage, callbackId: callback.id, endedAt: at }];
  await store.outcomes.commit(aGroup({ closedOutages, notices: { ...TO_HOOK, at } }));
}

async function reopen(store: Store, callback: Callback, at: number): Promise<void> {
  const endpoints = [{ callbackId: callback.id, endpoint: anEndpoint(), outage: { ...OUTAGE, failedCalls: 4 } }];
  await store.outcomes.commit(aGroup({ endpoints, notices: { ...TO_HOOK, at } }));
}

async function fetch(store: Store, at: number, destination = HOOK, limit = 9): Promise<readonly OutageNotice[]> {
  return (await store.notices.fetch(destination, at, limit)).filter((notice) => notice.event !== "expired");
}

const events = (notices: readonly OutageNotice[]) => notices.map(({ event, outage }) => `${outage.id} ${event}`);

async function first(store: Store, at: number, destination = HOOK): Promise<OutageNotice> {
  const [notice] = await fetch(store, at, destination);
  if (notice === undefined) throw new Error("no notice is due");
  return notice;
}

const aReport = (notice: OutageNotice): OutageReport => ({
  ...{ event: notice.event, outageId: notice.outage.id, callback: notice.callback },
  ...{ startedAt: NOW, failedCalls: 3, end: null, asOf: NOW },
});

export function describeNotices(open: OpenStore): void {
  describe("notices", () => {
    it("are queued once for each outage, event and destination, in the transaction of the event", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await begin(store, callback);
      await begin(store, callback);
      const began = {
        event: "began",
        destination: HOOK,
        outage: { ...OUTAGE, callbackId: callback.id, endedAt: null },
        callback: { id: callback.id, name: callback.name, email: callback.email },
        isDeleted: false,
        tries: 0,
        report: null,
      };
      expect(await fetch(store, NOW)).toEqual([began]);
      expect(await fetch(store, NOW - 1)).toEqual([]);
      expect(await fetch(store, NOW, "e-mail")).toEqual([]);
      await end(store, callback, NOW + MINUTE);
      await end(store, callback, NOW + MINUTE);
      const ended = { ...began, event: "ended", destination: "e-mail", outage: { ...began.outage, endedAt: NOW + MINUTE } };
      expect(await fetch(store, NOW + MINUTE, "e-mail")).toEqual([ended]);
      expect((await store.readGauges()).queuedNotices).toBe(3);
    });

    it("aren't queued for a group without destinations, or for an outage that isn't stored", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await store.outcomes.commit(aGroup({ endpoints: [{ callbackId: callback.id, endpoint: anEndpoint(), outage: OUTAGE }] }));
      await store.callbacks.delete(callback.id, NOW);
      await end(store, callback, NOW + MINUTE);
      expect((await store.readGauges()).queuedNotices).toBe(0);
    });

    it("tell of the end after the beginning was sent", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await begin(store, callback);
      await end(store, callback, NOW + 1);
      const began = await first(store, NOW + 1);
      expect(began.event).toBe("began");
      await store.notices.recordFailed(began, "HTTP 500", NOW + MINUTE);
      expect([await fetch(store, NOW + 1), await store.notices.nextTryAt(HOOK, NOW + 1)]).toEqual([[], NOW + MINUTE]);
      const again = await first(store, NOW + MINUTE);
      expect([again.event, again.tries]).toEqual(["began", 1]);
      await store.notices.recordSent(again, NOW + MINUTE);
      expect(await store.notices.nextTryAt(HOOK, NOW + MINUTE)).toBe(NOW + 1);
      const ended = await first(store, NOW + MINUTE);
      await store.notices.recordSent(ended, NOW + MINUTE);
      expect([ended.event, await fetch(store, NOW + DAY), await store.notices.nextTryAt(HOOK, NOW)]).toEqual(["ended", [], null]);
    });

    it("keep the report of the first try", async () => {
      const store = await open();
      await begin(store, await aCallback(store));
      const notice = await first(store, NOW);
      await store.notices.saveReport(notice, aReport(notice));
      expect((await first(store, NOW)).report).toEqual(aReport(notice));
    });

    it("don't tell of the end of an outage that is open again, and tell of its last end", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await begin(store, callback);
      await store.notices.recordSent(await first(store, NOW), NOW);
      await end(store, callback, NOW + 1);
      const early = await first(store, NOW + 1);
      await store.notices.saveReport(early, aReport(early));
      await store.notices.recordFailed(early, "HTTP 500", NOW + 2);
      await reopen(store, callback, NOW + 3);
      expect([await fetch(store, NOW + DAY), await store.notices.nextTryAt(HOOK, NOW + 4)]).toEqual([[], null]);
      await end(store, callback, NOW + MINUTE, { ...OUTAGE, failedCalls: 4 });
      expect(await first(store, NOW + MINUTE)).toMatchObject({
        event: "ended",
        outage: { failedCalls: 4, endedAt: NOW + MINUTE },
        report: null,
      });
    });

    it("stay claimed and keep their report if their group is repeated", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const until = NOW + 3 * MINUTE;
      const groups = [() => begin(store, callback), () => end(store, callback, NOW)];
      for (const commit of groups) {
        await commit();
        const notice = await first(store, NOW);
        await store.notices.saveReport(notice, aReport(notice));
        await store.notices.recordFailed(notice, "HTTP 500", until);
        await commit();
        expect(await fetch(store, until - 1)).toEqual([]);
        const repeated = await first(store, until);
        expect(repeated).toEqual({ ...notice, tries: 1, report: aReport(notice) });
        await store.notices.recordSent(repeated, until);
      }
    });

    it("don't tell of a second end once the first was reported", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await begin(store, callback);
      await store.notices.recordSent(await first(store, NOW), NOW);
      await end(store, callback, NOW + 1);
      await store.notices.recordSent(await first(store, NOW + 1), NOW + 1);
      await reopen(store, callback, NOW + 2);
      await end(store, callback, NOW + MINUTE);
      expect(events(await fetch(store, NOW + DAY - 1))).toEqual([]);
    });

    it("are given up after a day, and don't keep the end from being told", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await begin(store, callback);
      await end(store, callback, NOW + 1);
      await store.retention.purgeExpired(NOW + DAY - 1, 10);
      expect(events(await fetch(store, NOW + DAY - 1))).toEqual(["O1 began"]);
      expect(events(await fetch(store, NOW + DAY))).toEqual(["O1 ended"]);
      expect([await fetch(store, NOW + DAY + 1), await store.notices.nextTryAt(HOOK, NOW + DAY + 1)]).toEqual([[], null]);
      await store.retention.purgeExpired(NOW + DAY + 1, 10);
      expect((await store.readGauges()).queuedNotices).toBe(0);
    });

    it("tell of the end of a deleted callback's open outage where its beginning was sent, also just then, and are removed after it", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const destinations = ["told", "in flight", "away"];
      const mail = { outageId: "O1", callbackId: callback.id, to: "a@b", subject: "s", text: "t", createdAt: NOW };
      const endpoints = [{ callbackId: callback.id, endpoint: anEndpoint(), outage: OUTAGE }];
      const notices = { began: destinations, ended: [...destinations, "e-mail"], at: NOW };
      await store.outcomes.commit(aGroup({ endpoints, mails: [mail], notices }));
      await store.mails.recordSent("O1", NOW, "file");
      await store.notices.recordSent(await first(store, NOW, "told"), NOW);
      const inFlight = await first(store, NOW, "in flight");
      await store.callbacks.delete(callback.id, NOW + 7);
      await store.notices.recordSent(inFlight, NOW + 8);
      await store.retention.purgeDeleted(10);
      const due = async (destination: string) => [
        events(await fetch(store, NOW + DAY - 1, destination)),
        await store.notices.nextTryAt(destination, NOW + DAY - 1),
      ];
      expect(await Promise.all([...destinations, "e-mail"].map(due))).toEqual([
        [["O1 ended"], NOW + 7],
        [["O1 ended"], NOW + 7],
        [[], null],
        [[], null],
      ]);
      for (const destination of ["told", "in flight"]) {
        const ended = await first(store, NOW + 9, destination);
        expect(ended).toMatchObject({ isDeleted: true, outage: { endedAt: NOW + 7 }, callback: { name: callback.name } });
        await store.notices.recordSent(ended, NOW + 9);
      }
      await store.retention.purgeExpired(NOW + DAY + 7, 10);
      await store.retention.purgeDeleted(10);
      expect((await store.readGauges()).queuedNotices).toBe(0);
      expect((await store.outages.list({ limit: 9, offset: 0 })).total).toBe(0);
    });

    it("of an outage that had ended aren't queued again as its callback is deleted", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await begin(store, callback);
      await store.notices.recordSent(await first(store, NOW), NOW);
      await end(store, callback, NOW + 1);
      await store.notices.recordSent(await first(store, NOW + 1), NOW + 1);
      await store.callbacks.delete(callback.id, NOW + 2);
      expect([await fetch(store, NOW + DAY), await store.notices.nextTryAt(HOOK, NOW)]).toEqual([[], null]);
    });

    it("are removed with their outage", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await begin(store, callback);
      await store.notices.recordSent(await first(store, NOW), NOW);
      await end(store, callback, NOW + MINUTE);
      await store.mails.recordSent("O1", NOW, "file");
      await store.retention.purgeExpired(NOW + MINUTE + 365 * DAY, 10);
      expect((await store.outages.list({ limit: 9, offset: 0 })).total).toBe(1);
      expect(await store.retention.purgeExpired(NOW + MINUTE + 365 * DAY + 1, 10)).toBe(2);
      expect((await store.outages.list({ limit: 9, offset: 0 })).total).toBe(0);
      // Otherwise the outage's notices would be found again.
      await begin(store, callback, OUTAGE, NOW + 400 * DAY);
      expect(await first(store, NOW + 400 * DAY)).toMatchObject({ event: "began", tries: 0 });
    });

    it("go oldest first, and to one destination at a time", async () => {
      const store = await open();
      for (const index of [2, 1, 3]) {
        await begin(store, await aCallback(store), { ...OUTAGE, id: `O${index}` }, NOW + index);
      }
      expect(events(await fetch(store, NOW + 3, HOOK, 2))).toEqual(["O1 began", "O2 began"]);
      expect(await store.notices.fetch("another", NOW + 3, 2)).toEqual([]);
    });
  });
}
