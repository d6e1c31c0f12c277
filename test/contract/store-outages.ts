import { describe, expect, it } from "vitest";
import type { Callback } from "../../src/domain/callback.js";
import type { OpenOutage } from "../../src/domain/outage.js";
import { ACCEPTED, REFUSED_503 } from "../support/builders.js";
import {
  aCallback,
  accept,
  aGroup,
  anEndpoint,
  aReplay,
  attempt,
  DAY,
  hold,
  MINUTE,
  NOW,
  type OpenStore,
  POLICY,
} from "./store-support.js";

const opening = (callback: Callback, outage: OpenOutage | null) => [{ callbackId: callback.id, endpoint: anEndpoint(), outage }];
const anOutage = (over: Partial<OpenOutage> = {}): OpenOutage => ({
  id: "O1",
  startedAt: NOW,
  failedCalls: 1,
  quietSince: null,
  ...over,
});
const aMail = (callback: Callback, outageId: string, createdAt = NOW) => ({
  outageId,
  callbackId: callback.id,
  to: "ops@example.com",
  subject: `Callback ${callback.name} fails`,
  text: "It failed.\n",
  createdAt,
});

export function describeOutages(open: OpenStore): void {
  describe("outages", () => {
    it("continue, end and are followed by the next, in one group too", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await store.outcomes.commit(aGroup({ endpoints: opening(callback, anOutage()) }));
      await store.outcomes.commit(aGroup({ endpoints: opening(callback, anOutage({ failedCalls: 3, quietSince: NOW + 1 })) }));
      const [ongoing] = (await store.outages.list({ limit: 9, offset: 0 })).items;
      expect(ongoing).toEqual({
        ...anOutage({ failedCalls: 3, quietSince: NOW + 1 }),
        callbackId: callback.id,
        endedAt: null,
        notifiedAt: null,
        notifiedBy: null,
        mailError: null,
      });
      const ended = { ...anOutage({ failedCalls: 4 }), callbackId: callback.id, endedAt: NOW + MINUTE };
      const brief = { ...anOutage({ id: "O2", startedAt: NOW + MINUTE }), callbackId: callback.id, endedAt: NOW + MINUTE };
      const next = anOutage({ id: "O3", startedAt: NOW + 2 * MINUTE });
      await store.outcomes.commit(aGroup({ closedOutages: [ended, brief], endpoints: opening(callback, next) }));
      const page = await store.outages.list({ limit: 9, offset: 0, callbackId: callback.id });
      expect(page).toEqual({
        items: [
          { ...next, callbackId: callback.id, endedAt: null, notifiedAt: null, notifiedBy: null, mailError: null },
          { ...brief, notifiedAt: null, notifiedBy: null, mailError: null },
          { ...ended, notifiedAt: null, notifiedBy: null, mailError: null },
        ],
        total: 3,
        offset: 0,
        nextCursor: null,
      });
    });

    it("have the calls that first failed since they began: some are FAILED, or a client's replay has delivered one", async () => {
      const store = await open();
      const [callback, other] = [await aCallback(store), await aCallback(store)];
      const progress = async (since: number) => {
        const reads = [other, callback].map(({ id }) => ({ callbackId: id, since }));
        const [ofOther, ...rest] = await store.outages.readProgress(reads);
        expect(ofOther).toEqual({ hasFailed: false, hasDelivered: false });
        return rest.map(({ hasFailed, hasDelivered }) => [hasFailed, hasDelivered]);
      };
      await accept(store, callback, ["A", "B"]);
      await attempt(store, callback, ["A"]);
      expect([await progress(NOW), await progress(NOW + 1)]).toEqual([[[true, false]], [[false, false]]]);
      await store.calls.mark(callback.id, ["A"], "SUCCESS", NOW + 1);
      expect(await progress(NOW)).toEqual([[false, false]]);
      await attempt(store, callback, ["B"], { startedAt: NOW + 2 });
      await store.calls.mark(callback.id, ["B"], "SUCCESS", NOW + 3, { settledBy: "replay" });
      expect([await progress(NOW + 2), await progress(NOW + 3)]).toEqual([[[false, true]], [[false, false]]]);
    });

    it("weren't delivered by a replay if one of them failed after it, which was marked by hand", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B"]);
      await attempt(store, callback, ["A"]);
      await store.calls.mark(callback.id, ["A"], "SUCCESS", NOW + 1, { settledBy: "replay" });
      await attempt(store, callback, ["B"], { startedAt: NOW + 2 });
      await store.calls.mark(callback.id, ["B"], "SUCCESS", NOW + 3);
      expect(await store.outages.readProgress([{ callbackId: callback.id, since: NOW }])).toEqual([
        { hasFailed: false, hasDelivered: false },
      ]);
    });

    it("weren't delivered by a replay whose call was accepted before the last of them failed, and marked later", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const replay = { startedAt: NOW + 1, durationMs: 1, cause: "replay", sentFrom: "ada@desk", result: ACCEPTED } as const;
      await accept(store, callback, ["A", "B"]);
      await attempt(store, callback, ["A"]);
      await attempt(store, callback, ["B"], { startedAt: NOW + 3 });
      await store.calls.mark(callback.id, ["B"], "SUCCESS", NOW + 4);
      await store.calls.recordReplays(
        callback.id,
        [{ callId: "A", attempt: { ...replay, startedAt: NOW + 5, result: REFUSED_503 } }],
        NOW + 6,
      );
      const replays = [{ callId: "A", attempt: replay }];
      await store.calls.mark(callback.id, ["A"], "SUCCESS", NOW + 9, { settledBy: "replay", replays });
      const progress = () => store.outages.readProgress([{ callbackId: callback.id, since: NOW }]);
      expect(await progress()).toEqual([{ hasFailed: false, hasDelivered: false }]);
      await store.calls.recordReplays(callback.id, [{ callId: "A", attempt: { ...replay, startedAt: NOW + 2 } }], NOW + 9);
      expect(await progress()).toEqual([{ hasFailed: false, hasDelivered: true }]);
    });

    it("don't change after they end", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const ended = { ...anOutage(), callbackId: callback.id, endedAt: NOW + 1 };
      await store.outcomes.commit(aGroup({ closedOutages: [ended] }));
      await store.outcomes.commit(aGroup({ closedOutages: [{ ...ended, failedCalls: 9, endedAt: NOW + 9 }] }));
      expect((await store.outages.list({ limit: 9, offset: 0 })).items).toEqual([
        { ...ended, notifiedAt: null, notifiedBy: null, mailError: null },
      ]);
    });

    it("are limited to one open outage per callback", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await store.outcomes.commit(aGroup({ endpoints: opening(callback, anOutage()) }));
      await expect(store.outcomes.commit(aGroup({ endpoints: opening(callback, anOutage({ id: "O2" })) }))).rejects.toThrow(
        /unique/i,
      );
    });

    it("are found by callback: the last one of each", async () => {
      const store = await open();
      const [one, other, none] = [await aCallback(store), await aCallback(store), await aCallback(store)];
      const closed = [one, other, one].map((callback, index) => ({
        ...anOutage({ id: `O${index}`, startedAt: NOW + index }),
        callbackId: callback.id,
        endedAt: NOW + MINUTE,
      }));
      await store.outcomes.commit(aGroup({ closedOutages: closed }));
      const last = await store.outages.findLast([one.id, other.id, none.id, "nope"]);
      const ids = Object.fromEntries(Array.from(last, ([id, outage]) => [id, outage.id]));
      expect(ids).toEqual({ [one.id]: "O2", [other.id]: "O1" });
    });

    it("tell whether a call that first failed since then is FAILED, and else whether a replay has delivered one", async () => {
      const store = await open();
      const progressOf = (callbackIds: readonly string[], since = NOW) =>
        store.outages.readProgress(callbackIds.map((callbackId) => ({ callbackId, since })));
      const failing = async (startedAt = NOW): Promise<Callback> => {
        const callback = await aCallback(store, { retriesEnabled: true });
        await accept(store, callback, [`${callback.id} A`, `${callback.id} waits`]);
        await attempt(store, callback, [`${callback.id} A`], { startedAt });
        return callback;
      };
      const [failed, before, again] = [await failing(), await failing(NOW - 1), await failing(NOW - 1)];
      await attempt(store, again, [`${again.id} A`], { startedAt: NOW + 1, cause: "retry" });
      const [delivered, deliveredOfBefore, marked] = [await failing(), await failing(NOW - 1), await failing()];
      for (const { id } of [delivered, deliveredOfBefore])
        await store.calls.mark(id, [`${id} A`], "SUCCESS", NOW + 1, { settledBy: "replay" });
      await store.calls.mark(marked.id, [`${marked.id} A`], "SUCCESS", NOW + 1);
      const fine = await aCallback(store);
      await accept(store, fine, ["fine"]);
      await attempt(store, fine, ["fine"], { startedAt: NOW + 1, result: ACCEPTED });
      const nothing = { hasFailed: false, hasDelivered: false };
      const callbacks = [delivered, again, failed, before, deliveredOfBefore, marked, fine, failed].map(({ id }) => id);
      expect(await progressOf([...callbacks, "nope"])).toEqual([
        { hasFailed: false, hasDelivered: true },
        nothing,
        { hasFailed: true, hasDelivered: false },
        ...Array.from({ length: 4 }, () => nothing),
        { hasFailed: true, hasDelivered: false },
        nothing,
      ]);
      await accept(store, failed, ["B"]);
      await attempt(store, failed, ["B"], { startedAt: NOW + 1 });
      await store.calls.mark(failed.id, ["B"], "SUCCESS", NOW + 2, { settledBy: "replay" });
      expect(await progressOf([failed.id])).toEqual([{ hasFailed: true, hasDelivered: false }]);
      expect(await progressOf([failed.id], NOW + 2)).toEqual([nothing]);
    });

    it("say why their calls failed first, and what became of each", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      const answered = (statusCode: number) => ({ kind: "answered", statusCode, statusMessage: "", body: "" }) as const;
      const outage = anOutage({ failedCalls: 6 });
      await store.outcomes.commit(aGroup({ endpoints: opening(callback, outage) }));
      const failing = { startedAt: NOW, outageId: outage.id };
      await accept(store, callback, ["before", "retried", "replayed", "marked", "marked in flight", "failed", "held", "fine"]);
      await attempt(store, callback, ["before"], { startedAt: NOW - 1 });
      await attempt(store, callback, ["retried", "marked"], { ...failing, result: answered(503) });
      await attempt(store, callback, ["replayed", "failed"], { ...failing, result: answered(500) });
      await store.calls.mark(callback.id, ["marked in flight"], "SUCCESS", NOW);
      await attempt(store, callback, ["marked in flight"], { ...failing, result: answered(503) });
      await attempt(store, callback, ["fine"], { startedAt: NOW + 5, result: answered(200) });
      await hold(store, callback, ["held"], NOW + MINUTE, outage.id);
      // A call that failed before is replayed too, and one fails otherwise when it is replayed.
      await attempt(store, callback, ["retried"], { startedAt: NOW + 2 * MINUTE, cause: "retry", result: answered(200) });
      await store.replays.request(callback.id, aReplay({ callIds: ["before", "replayed", "failed"] }), NOW + 2 * MINUTE);
      const replay = { startedAt: NOW + 2 * MINUTE, cause: "replay" } as const;
      await attempt(store, callback, ["before", "replayed"], { ...replay, result: answered(200) });
      await attempt(store, callback, ["failed"], { ...replay, result: answered(404) });
      await store.calls.mark(callback.id, ["marked"], "SUCCESS", NOW + 2 * MINUTE);
      const counted = await store.outages.readCalls(outage.id);
      expect(counted).toEqual({
        ...{ failedCalls: 6, retried: 1, replayed: 1, marked: 2, failed: 2, released: 0, removed: 0, uncounted: 0 },
        failures: [
          { statusCode: 503, reason: null, count: 3 },
          { statusCode: 500, reason: null, count: 2 },
          { statusCode: null, reason: null, count: 1 },
        ],
      });

      // Marks are undone, a held call is released, and what is settled is removed one day.
      await store.calls.mark(callback.id, ["marked", "replayed"], "FAILED", NOW + 3 * MINUTE);
      await store.callbacks.update(callback.id, { ...callback, retriesEnabled: false }, NOW + 3 * MINUTE, POLICY);
      await store.retention.purgeExpired(NOW + 40 * DAY, 100);
      expect(await store.outages.readCalls(outage.id)).toEqual({
        ...counted,
        ...{ retried: 0, replayed: 0, marked: 0, failed: 3, released: 1, removed: 2 },
      });
    });

    it("say how many of their calls aren't counted, and nothing about an outage that doesn't exist", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await store.outcomes.commit(aGroup({ endpoints: opening(callback, anOutage({ failedCalls: 5 })) }));
      await accept(store, callback, ["A"]);
      await attempt(store, callback, ["A"], { outageId: "O1" });
      expect(await store.outages.readCalls("O1")).toMatchObject({ failedCalls: 5, failed: 1, uncounted: 4 });
      await accept(store, callback, ["B"]);
      await attempt(store, callback, ["B"], { outageId: "none" });
      expect(await store.outages.readCalls("none")).toMatchObject({ failedCalls: 0, failed: 0, failures: [], uncounted: 0 });
    });

    it("are listed newest first, in pages, of one callback or of all", async () => {
      const store = await open();
      const [one, other, deleted] = [await aCallback(store), await aCallback(store), await aCallback(store)];
      const closed = [one, other, deleted, one].map((callback, index) => ({
        ...anOutage({ id: `O${index}`, startedAt: NOW + index }),
        callbackId: callback.id,
        endedAt: NOW + 9,
      }));
      await store.outcomes.commit(aGroup({ closedOutages: closed }));
      await store.callbacks.delete(deleted.id, NOW + 9);
      const first = await store.outages.list({ limit: 2, offset: 0 });
      expect({ ...first, items: first.items.map(({ id }) => id), nextCursor: null }).toEqual({
        items: ["O3", "O1"],
        total: 3,
        offset: 0,
        nextCursor: null,
      });
      const second = await store.outages.list({ limit: 2, offset: 0, cursor: first.nextCursor ?? "" });
      expect({ ...second, items: second.items.map(({ id }) => id) }).toEqual({
        items: ["O0"],
        total: 3,
        offset: 2,
        nextCursor: null,
      });
      expect((await store.outages.list({ limit: 2, offset: 1, callbackId: one.id })).items.map(({ id }) => id)).toEqual(["O0"]);
      expect(await store.outages.find(one.id, "O3")).toEqual(first.items[0]);
      expect([await store.outages.find(other.id, "O3"), await store.outages.find(deleted.id, "O2")]).toEqual([null, null]);
    });
  });

  describe("the mail outbox", () => {
    it("queues one mail per outage, however often it is added", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const mail = aMail(callback, "O1");
      await store.outcomes.commit(aGroup({ mails: [mail, { ...mail, subject: "again" }] }));
      await store.outcomes.commit(aGroup({ mails: [{ ...mail, subject: "and again" }] }));
      expect(await store.mails.fetchQueued(NOW, 9)).toEqual([{ ...mail, tries: 0 }]);
      expect(await store.mails.fetchQueued(NOW - 1, 9)).toEqual([]);
      expect(await store.mails.nextTryAt()).toBe(NOW);
    });

    it("keeps the text that was made for the first try", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await store.outcomes.commit(aGroup({ mails: [aMail(callback, "O1"), aMail(callback, "O2")] }));
      const written = { ...aMail(callback, "O1"), tries: 0, subject: "It works again", text: "See below.\n" };
      await store.mails.saveText(written);
      expect(await store.mails.fetchQueued(NOW, 9)).toEqual([written, { ...aMail(callback, "O2"), tries: 0 }]);
    });

    it("returns due mails oldest first, until they are sent", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await store.outcomes.commit(
        aGroup({ endpoints: opening(callback, anOutage()), mails: [aMail(callback, "O2", NOW + 1), aMail(callback, "O1")] }),
      );
      await store.mails.recordFailed("O1", "connection refused", NOW + MINUTE);
      expect((await store.mails.fetchQueued(NOW + MINUTE - 1, 9)).map(({ outageId }) => outageId)).toEqual(["O2"]);
      expect((await store.mails.fetchQueued(NOW + MINUTE, 9)).map(({ outageId, tries }) => [outageId, tries])).toEqual([
        ["O1", 1],
        ["O2", 0],
      ]);
      expect((await store.mails.fetchQueued(NOW + MINUTE, 1)).map(({ outageId }) => outageId)).toEqual(["O1"]);
      expect((await store.outages.find(callback.id, "O1"))?.mailError).toBe("connection refused");
      const tried = { ...aMail(callback, "O1"), tries: 1, sentBy: null, lastError: "connection refused" };
      expect(await store.mails.find("O1")).toEqual({ ...tried, sentAt: null, nextTryAt: NOW + MINUTE });
      await store.mails.recordSent("O1", NOW + MINUTE, "file");
      await store.mails.recordFailed("O1", "too late", NOW);
      expect(await store.mails.find("O1")).toEqual({ ...tried, sentAt: NOW + MINUTE, nextTryAt: null, sentBy: "file" });
      expect(await store.mails.find("O9")).toBeNull();
      await store.mails.recordSent("O2", NOW + MINUTE, "smtp");
      expect(await store.mails.fetchQueued(NOW + MINUTE, 9)).toEqual([]);
      expect(await store.mails.nextTryAt()).toBeNull();
      expect((await store.outages.list({ limit: 9, offset: 0 })).items).toMatchObject([
        { notifiedAt: NOW + MINUTE, notifiedBy: "file", mailError: null },
      ]);
    });
  });

  it("stores credentials, one per username", async () => {
    const store = await open();
    expect(await store.credentials.list()).toEqual([]);
    const credential = { username: "whcb", passwordHash: "p1", apiKeyHash: "k1", origin: "start" as const };
    await store.credentials.save({ ...credential, passwordHash: "old" }, NOW);
    await store.credentials.save(credential, NOW + 1);
    await store.credentials.save({ ...credential, username: "ada", origin: "added" }, NOW);
    expect(await store.credentials.list()).toEqual([
      { ...credential, username: "ada", origin: "added", savedAt: NOW },
      { ...credential, savedAt: NOW + 1 },
    ]);
    await store.credentials.save({ ...credential, username: "bob" }, NOW);
    expect(await store.credentials.removeStart("whcb")).toEqual(["bob"]);
    expect([await store.credentials.remove("ada"), await store.credentials.remove("ada")]).toEqual([true, false]);
    expect((await store.credentials.list()).map(({ username }) => username)).toEqual(["whcb"]);
  });
}
