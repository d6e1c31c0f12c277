import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { ACCEPTED, aResponse, REFUSED_503 } from "../support/builders.js";
import { fetchBacklog, fetchDue, fetchHeld, fetchPending } from "../support/store/waiting-calls.js";
import {
  aCallback,
  accept,
  aGroup,
  anEndpoint,
  aReplay,
  attempt,
  callOf,
  hold,
  idsOf,
  NOW,
  type OpenStore,
  POLICY,
} from "./store-support.js";

const EVER = Number.POSITIVE_INFINITY;

export function describeWaiting(open: OpenStore): void {
  describe("waiting calls", () => {
    it("fetches up to `limit` PENDING calls of this callback, oldest first", async () => {
      const store = await open();
      const [callback, other] = [await aCallback(store), await aCallback(store)];
      await accept(store, callback, ["Z", "A"]);
      await accept(store, other, ["X"]);
      await accept(store, callback, ["M"]);
      expect(idsOf(await fetchPending(store, callback.id, 2))).toEqual(["Z", "A"]);
      expect(idsOf(await fetchPending(store, callback.id, 9))).toEqual(["Z", "A", "M"]);
      expect(await fetchPending(store, "nope", 9)).toEqual([]);
    });

    it("doesn't blame the endpoint as soon as a pause ends", async () => {
      const at = { now: NOW };
      const store = await open({ clock: { ...systemClock, now: () => at.now } });
      const callback = await aCallback(store);
      await accept(store, callback, ["A"], NOW - 60_000);
      const endpoint = anEndpoint({ state: "recovering", recoveringSince: NOW });
      await store.outcomes.commit(aGroup({ endpoints: [{ callbackId: callback.id, endpoint, outage: null }] }));
      const isUnanswered = async () => (await store.endpoints.listReports([callback.id]))[0]?.oldestWaiting?.isUnanswered;
      at.now = NOW + 10_000;
      expect(await isUnanswered()).toBe(false);
      at.now += 1;
      expect(await isUnanswered()).toBe(true);
    });

    it("blames no endpoint that nothing is sent to, and asks only if one doesn't answer", async () => {
      const at = { now: NOW, isSending: false, asked: 0 };
      const isSent = async () => {
        at.asked += 1;
        return at.isSending;
      };
      const store = await open({ clock: { ...systemClock, now: () => at.now }, isSent });
      const [silent, lately, idle] = [await aCallback(store), await aCallback(store), await aCallback(store)];
      await accept(store, silent, ["A"], NOW - 60_000);
      await accept(store, lately, ["B"], NOW);
      const oldest = async (...callbacks: readonly { readonly id: string }[]) =>
        (await store.endpoints.listReports(idsOf(callbacks))).map(({ oldestWaiting }) => oldestWaiting);
      const ofLately = { acceptedAt: NOW, isUnanswered: false };
      expect([await oldest(lately, idle), await oldest(idle), at.asked]).toEqual([[ofLately, null], [null], 0]);
      const ofSilent = { acceptedAt: NOW - 60_000, isUnanswered: false };
      expect([await oldest(silent, lately, idle), at.asked]).toEqual([[ofSilent, ofLately, null], 1]);
      at.isSending = true;
      expect(await oldest(silent, lately)).toEqual([{ ...ofSilent, isUnanswered: true }, ofLately]);
    });

    it("says since when the oldest waits, and whether an attempt has ended since", async () => {
      const at = { now: NOW };
      const store = await open({ clock: { ...systemClock, now: () => at.now } });
      const callback = await aCallback(store);
      const oldest = async () => (await store.endpoints.listReports([callback.id]))[0]?.oldestWaiting;
      expect(await oldest()).toBeNull();
      await accept(store, callback, ["OLD", "A", "B", "C"], NOW - 5_000);
      await accept(store, callback, ["LATER"], NOW + 5_000);
      const ended = (ids: readonly string[], startedAt: number, durationMs: number, result = ACCEPTED) =>
        attempt(store, callback, ids, { startedAt, durationMs, result });
      await ended(["OLD"], NOW - 5_000, 4_999);
      expect(await oldest()).toEqual({ acceptedAt: NOW - 5_000, isUnanswered: false });
      at.now = NOW + 5_001;
      expect(await oldest()).toEqual({ acceptedAt: NOW - 5_000, isUnanswered: false });
      await ended(["A", "B", "C"], NOW, 1, REFUSED_503);
      expect(await oldest()).toEqual({ acceptedAt: NOW + 5_000, isUnanswered: false });
      at.now = NOW + 15_000;
      expect(await oldest()).toEqual({ acceptedAt: NOW + 5_000, isUnanswered: false });
      at.now += 1;
      expect(await oldest()).toEqual({ acceptedAt: NOW + 5_000, isUnanswered: true });
      await accept(store, callback, ["LAST"], at.now);
      await store.calls.mark(callback.id, ["C"], "SUCCESS", at.now);
      await store.replays.request(callback.id, aReplay({ callIds: ["B"] }), at.now);
      expect(await oldest()).toEqual({ acceptedAt: NOW + 5_000, isUnanswered: true });
      await ended(["A"], NOW + 4_000, 1_000, REFUSED_503);
      expect(await oldest()).toEqual({ acceptedAt: NOW + 5_000, isUnanswered: false });
    });

    it("fetches a callback's waiting calls from a seq on", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["Z", "A", "M"]);
      const from = (await callOf(store, callback, "A")).seq;
      await attempt(store, callback, ["Z"], { result: ACCEPTED });
      expect(idsOf(await fetchPending(store, callback.id, 9, { from }))).toEqual(["A", "M"]);
    });

    it("fetches any number of large responses without their content, which findCall reads", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const content = "x".repeat(300_000);
      const large = aResponse({ responseMessage: { ...aResponse().responseMessage, content } });
      await store.calls.accept(
        [
          {
            callbackId: callback.id,
            calls: [
              { id: "L", response: large },
              { id: "S", response: aResponse() },
            ],
          },
        ],
        NOW,
      );
      const [first, second] = await fetchPending(store, callback.id, 9);
      expect([first?.id, first?.leftOutBytes, second?.id, second?.leftOutBytes]).toEqual([
        "L",
        expect.any(Number),
        "S",
        undefined,
      ]);
      expect(JSON.stringify(first).length).toBeLessThan(1000);
      const whole = await store.calls.find(callback.id, "L");
      expect([whole?.response, whole?.leftOutBytes, second?.response]).toEqual([large, undefined, aResponse()]);
    });

    it("fetches a call due exactly now, and not one due a millisecond later", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["later", "now"]);
      await attempt(store, callback, ["later"], { startedAt: NOW + 1 });
      await attempt(store, callback, ["now"], { startedAt: NOW });
      const due = NOW + POLICY.intervalMs;
      expect(idsOf(await fetchDue(store, callback.id, due, 10))).toEqual(["now"]);
      expect(idsOf(await fetchDue(store, callback.id, due + 1, 10))).toEqual(["now", "later"]);
      expect(idsOf(await fetchDue(store, callback.id, due - 1, 10))).toEqual([]);
      expect(idsOf(await fetchDue(store, callback.id, EVER, 1))).toEqual(["now"]);
    });

    it("fetches calls due at the same instant oldest first", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["B", "A", "C"]);
      await attempt(store, callback, ["C", "A", "B"]);
      expect(idsOf(await fetchDue(store, callback.id, EVER, 10))).toEqual(["B", "A", "C"]);
    });

    it("fetches a backlog oldest first, calls that failed in earlier recoveries last, without those of this one", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["this", "earlier", "older", "newer"]);
      await attempt(store, callback, ["newer", "older"]);
      await attempt(store, callback, ["earlier"], {}, 1);
      await attempt(store, callback, ["this"], {}, 2);
      expect(idsOf(await fetchBacklog(store, callback.id, 2, 10))).toEqual(["older", "newer", "earlier"]);
      expect(idsOf(await fetchBacklog(store, callback.id, 2, 2))).toEqual(["older", "newer"]);
      expect(idsOf(await fetchBacklog(store, callback.id, 1, 10))).toEqual(["older", "newer"]);
    });

    it("fetches the oldest held call: never sent and still due", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["failed", "marked", "held", "later"]);
      await attempt(store, callback, ["failed"]);
      await hold(store, callback, ["later", "held", "marked"]);
      await store.calls.mark(callback.id, ["marked"], "SUCCESS", NOW);
      expect((await fetchHeld(store, callback.id))?.id).toBe("held");
      await attempt(store, callback, ["held"], { cause: "probe", result: REFUSED_503 });
      expect((await fetchHeld(store, callback.id))?.id).toBe("later");
    });

    it("cancels the retry, not the replay, of calls that first failed before an instant", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["before", "older", "at", "replay"]);
      await attempt(store, callback, ["before", "replay"], { startedAt: NOW - 1 });
      await attempt(store, callback, ["older"], { startedAt: NOW - 2 });
      await attempt(store, callback, ["at"], { startedAt: NOW });
      await store.replays.request(callback.id, aReplay({ callIds: ["replay"] }), NOW);
      expect(await store.queue.expireRetries([{ callbackId: callback.id, firstFailedBefore: NOW, fence: 0 }], 1)).toBe(1);
      expect((await callOf(store, callback, "older")).due).toBeNull();
      expect(await store.queue.expireRetries([{ callbackId: callback.id, firstFailedBefore: NOW, fence: 0 }], 10)).toBe(1);
      expect(await store.queue.expireRetries([{ callbackId: callback.id, firstFailedBefore: NOW, fence: 0 }], 10)).toBe(0);
      expect(idsOf(await fetchDue(store, callback.id, EVER, 10))).toEqual(["replay", "at"]);
      expect(await callOf(store, callback, "before")).toMatchObject({ status: "FAILED", due: null, firstFailedAt: NOW - 1 });
    });
  });

  describe("waiting calls of many callbacks", () => {
    it("are read together, for each callback as by itself", async () => {
      const store = await open();
      const on = { retriesEnabled: true };
      const callbacks = [await aCallback(store, on), await aCallback(store, on), await aCallback(store, on)] as const;
      const [first, second, third] = callbacks;
      for (const [index, callback] of callbacks.entries()) {
        await accept(
          store,
          callback,
          ["P", "Q", "R", "S", "T", "U"].map((name) => `${name}${index}`),
        );
        await attempt(store, callback, [`T${index}`], { startedAt: NOW + index });
        await attempt(store, callback, [`U${index}`], { startedAt: NOW - 1 }, index);
      }
      const read = (callback: { id: string }, limit: number) => ({ callbackId: callback.id, limit });
      const pending = await store.queue.fetchPending([read(third, 1), read({ id: "nope" }, 9), read(first, 9), read(second, 3)]);
      expect(pending.map(idsOf)).toEqual([["P2"], [], ["P0", "Q0", "R0", "S0"], ["P1", "Q1", "R1"]]);
      expect(pending[3]?.map(({ callbackId }) => callbackId)).toEqual([second.id, second.id, second.id]);
      const dueBefore = NOW + POLICY.intervalMs;
      const due = await store.queue.fetchDue([
        { ...read(first, 9), dueBefore },
        { ...read(second, 9), dueBefore },
        { ...read(third, 9), dueBefore: EVER, attemptedBefore: NOW + 1 },
      ]);
      expect(due.map(idsOf)).toEqual([["U0", "T0"], ["U1"], ["U2"]]);
      const backlog = await store.queue.fetchBacklog([
        { ...read(second, 9), recovery: 1 },
        { ...read(third, 9), recovery: 3 },
      ]);
      expect(backlog.map(idsOf)).toEqual([["T1"], ["T2", "U2"]]);
      expect(await store.queue.fetchReplays([])).toEqual([]);
    });

    it("are left out by each read's own bound of bytes", async () => {
      const store = await open();
      const [first, second] = [await aCallback(store), await aCallback(store)];
      for (const callback of [first, second]) await accept(store, callback, [`of ${callback.id}`]);
      const lists = await store.queue.fetchPending([
        { callbackId: first.id, limit: 9, maxBytes: 10 },
        { callbackId: second.id, limit: 9 },
      ]);
      expect(lists.map(([call]) => call?.leftOutBytes !== undefined)).toEqual([true, false]);
    });

    it("have an oldest one, whose age is in the gauges", async () => {
      const store = await open();
      const oldest = async () => (await store.readGauges()).oldestWaitingAt;
      const [first, second, deleted] = [await aCallback(store), await aCallback(store), await aCallback(store)];
      expect(await oldest()).toBeNull();
      await accept(store, first, ["A"], NOW + 2);
      await accept(store, second, ["B"], NOW + 1);
      await accept(store, deleted, ["C"], NOW);
      await store.callbacks.delete(deleted.id, NOW);
      expect(await oldest()).toBe(NOW + 1);
      await attempt(store, second, ["B"]);
      expect(await oldest()).toBe(NOW + 2);
    });

    it("are counted apart in the gauges while their callback is paused, and have no age then", async () => {
      const store = await open();
      const [paused, other] = [await aCallback(store), await aCallback(store)];
      await accept(store, paused, ["A", "B"], NOW);
      await accept(store, other, ["C"], NOW + 1);
      const gauges = async () => {
        const { waiting, paused: inPause, oldestWaitingAt } = await store.readGauges();
        return [waiting, inPause, oldestWaitingAt];
      };
      const pause = (until: number | null) => store.callbacks.setPause(paused.id, { at: NOW, until, by: null });
      await pause(null);
      expect(await gauges()).toEqual([3, 2, NOW + 1]);
      await pause(Date.UTC(2100, 0));
      expect(await gauges()).toEqual([3, 2, NOW + 1]);
      await pause(1);
      expect(await gauges()).toEqual([3, 0, NOW]);
    });

    it("lose their retries together, at most `limit` of them", async () => {
      const store = await open();
      const [first, second] = [
        await aCallback(store, { retriesEnabled: true }),
        await aCallback(store, { retriesEnabled: true }),
      ];
      for (const [index, callback] of [first, second].entries()) {
        await accept(store, callback, [`A${index}`, `B${index}`]);
        await attempt(store, callback, [`A${index}`, `B${index}`], { startedAt: NOW + index });
      }
      const expiries = [first, second].map(({ id }) => ({ callbackId: id, firstFailedBefore: NOW + 1, fence: 0 }));
      expect(await store.queue.expireRetries(expiries, 1)).toBe(1);
      expect(await store.queue.expireRetries(expiries, 9)).toBe(1);
      expect(await store.queue.expireRetries(expiries, 9)).toBe(0);
      expect([await fetchDue(store, first.id, EVER, 9), idsOf(await fetchDue(store, second.id, EVER, 9))]).toEqual([
        [],
        ["A1", "B1"],
      ]);
    });
  });

  describe("listing the endpoints that need the dispatcher", () => {
    it("returns those with waiting calls, due calls or an open outage, with their stored state", async () => {
      const store = await open();
      const on = { retriesEnabled: true };
      const [idle, pending, failing] = [await aCallback(store), await aCallback(store), await aCallback(store, on)];
      await accept(store, pending, ["A", "B"]);
      await accept(store, failing, ["C", "D"]);
      await attempt(store, failing, ["D"], { startedAt: NOW + 5 });
      await attempt(store, failing, ["C"], { startedAt: NOW });
      const endpoint = anEndpoint({
        state: "down",
        failedCalls: [1, 2],
        downSince: NOW,
        roundAt: NOW + 1,
        roundBeganAt: NOW,
        probeAt: NOW,
        recovery: 3,
      });
      const outage = { id: "O1", startedAt: NOW, failedCalls: 2, quietSince: null };
      await store.outcomes.commit(aGroup({ endpoints: [{ callbackId: failing.id, endpoint, outage }] }));
      const ofPending = { callback: pending, fence: 0, endpoint: anEndpoint(), outage: null, pendingCalls: 2, nextDueAt: null };
      const ofFailing = { callback: failing, fence: 0, endpoint, outage, pendingCalls: 0, nextDueAt: NOW + POLICY.intervalMs };
      const ofIdle = { callback: idle, fence: 0, endpoint: anEndpoint(), outage: null, pendingCalls: 0, nextDueAt: null };
      expect(await store.endpoints.list()).toEqual([ofPending, ofFailing]);
      expect(await store.endpoints.list([failing.id, idle.id, "nope"])).toEqual([ofIdle, ofFailing]);
      expect(await store.endpoints.list([])).toEqual([]);
      expect([...(await store.endpoints.listActive())].sort()).toEqual([pending.id, failing.id].sort());
    });

    it("returns the outage that marks have closed, and whether calls of a cancelled replay wait", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A", "B"]);
      await attempt(store, callback, ["A", "B"]);
      const recordOf = async () => (await store.endpoints.list([callback.id]))[0];
      const unrecoveredOutage = { id: "O1", startedAt: NOW, failedCalls: 2, quietSince: NOW + 1 };
      const change = {
        callbackId: callback.id,
        endpoint: anEndpoint({ probeStepMs: 7_000, probeBeganAt: NOW, limit: 3 }),
        outage: null,
      };
      await store.outcomes.commit(aGroup({ endpoints: [{ ...change, unrecoveredOutage }] }));
      expect(await recordOf()).toMatchObject({ endpoint: change.endpoint, outage: null, unrecoveredOutage });
      expect(await recordOf()).not.toHaveProperty("hasCancelledReplay");
      await store.outcomes.commit(aGroup({ endpoints: [change] }));
      expect(await recordOf()).not.toHaveProperty("unrecoveredOutage");
      await store.replays.request(callback.id, aReplay({ callIds: ["A", "B"] }), NOW);
      const { seq } = await callOf(store, callback, "A");
      const cancel = { replayId: "REPLAY", now: NOW, policy: POLICY, random: 0.5, begunCalls: () => new Set([seq]) };
      expect(await recordOf()).not.toHaveProperty("hasCancelledReplay");
      await store.replays.cancelChunk(callback.id, cancel);
      expect(await recordOf()).toMatchObject({ hasCancelledReplay: true });
    });

    it("returns one whose calls are all settled until its outage has ended", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const outage = { id: "O1", startedAt: NOW, failedCalls: 1, quietSince: NOW };
      await store.outcomes.commit(aGroup({ endpoints: [{ callbackId: callback.id, endpoint: anEndpoint(), outage }] }));
      expect(await store.endpoints.list()).toHaveLength(1);
      await store.outcomes.commit(aGroup({ closedOutages: [{ ...outage, callbackId: callback.id, endedAt: NOW }] }));
      expect(await store.endpoints.list()).toEqual([]);
    });
  });
}
