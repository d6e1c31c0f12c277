import { describe, expect, it } from "vitest";
import type { Callback } from "../../src/domain/callback.js";
import { CallDigest } from "../../src/store/calls/summarize-calls.js";
import type { Store } from "../../src/store/open-store.js";
import { ACCEPTED, aResponse, REFUSED_503 } from "../support/builders.js";
import { fetchDue, fetchReplays } from "../support/store/waiting-calls.js";
import { VirtualClock } from "../support/time/virtual-clock.js";
import {
  aCallback,
  accept,
  aReplay,
  attempt,
  callOf,
  countRows,
  everyCall,
  hold,
  idsOf,
  manyFailed,
  markMatching,
  NOW,
  type OpenStore,
  POLICY,
  turnsDuring,
} from "./store-support.js";

const ALL = { budgetMs: Number.POSITIVE_INFINITY };

export function describeOverview(open: OpenStore): void {
  describe("counting what waits", () => {
    it("counts the calls of all callbacks that aren't deleted", async () => {
      const store = await open();
      expect(await store.calls.countWaiting()).toEqual({ pending: 0, failed: 0, retried: 0 });
      const [retried, once, gone] = [
        await aCallback(store, { retriesEnabled: true }),
        await aCallback(store),
        await aCallback(store),
      ];
      await manyFailed(store, retried, 3, () => ({}), "a");
      await manyFailed(store, once, 2, () => ({}), "b");
      await manyFailed(store, gone, 9, () => ({}), "c");
      await accept(store, once, ["P"]);
      await accept(store, gone, ["Q"]);
      await store.callbacks.delete(gone.id, NOW);
      expect(await store.calls.countWaiting()).toEqual({ pending: 1, failed: 5, retried: 3 });
    });
  });

  describe("counting calls that match", () => {
    it("reads counters for all calls of a status, whatever the budget", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await manyFailed(store, callback, 2_000, () => ({}));
      await accept(store, callback, ["P"]);
      const counts = [];
      for (const filter of [{}, { status: "FAILED" }, { status: "PENDING" }, { status: "SUCCESS" }] as const)
        counts.push(await store.calls.countMatching(callback.id, filter, { budgetMs: 0 }));
      expect(counts).toEqual([2_000, 2_000, 1, 0].map((count) => ({ count, isExact: true })));
    });

    it("counts each call once across steps, also among calls of one instant, and lets the event loop turn", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await manyFailed(store, callback, 4_500, (index) => ({ startedAt: NOW + Math.floor(index / 2_000) }));
      await manyFailed(store, callback, 1_500, () => ({ startedAt: NOW, result: ACCEPTED }), "good");
      await accept(store, await aCallback(store), ["other"]);
      const filters = [
        { channel: "SMS" },
        { status: "FAILED", statusCodes: [{ code: 503 }] },
        { status: "FAILED", text: "yes" },
        { from: "61400000001", until: NOW + 1 },
        { messageId: "nope" },
      ] as const;
      const counts: unknown[] = [];
      const turns = await turnsDuring(async () => {
        for (const filter of filters) counts.push(await store.calls.countMatching(callback.id, filter, ALL));
      });
      expect(counts).toEqual([6_000, 4_500, 4_500, 3_500, 0].map((count) => ({ count, isExact: true })));
      // A faster machine takes larger steps, but at least two for each filter.
      expect(turns).toBeGreaterThan(4);
    });

    it("says that there are more once its budget is spent", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await manyFailed(store, callback, 5_000, () => ({}));
      const { count, isExact } = await store.calls.countMatching(callback.id, { channel: "SMS" }, { budgetMs: 0 });
      expect(isExact).toBe(false);
      expect(count).toBeGreaterThan(0);
      expect(count).toBeLessThan(5_000);
    });

    it("reads at most a few large responses at a time", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const content = `needle ${"x".repeat(200_000)}`;
      const response = aResponse({ responseMessage: { ...aResponse().responseMessage, content } });
      const ids = Array.from({ length: 30 }, (_, index) => `L${index}`);
      await store.calls.accept([{ callbackId: callback.id, calls: ids.map((id) => ({ id, response })) }], NOW);
      const turns = await turnsDuring(async () => {
        const count = await store.calls.countMatching(callback.id, { status: "PENDING", text: "NEEDLE" }, ALL);
        expect(count).toEqual({ count: 30, isExact: true });
      });
      expect(turns).toBeGreaterThan(4);
    });

    it("leaves out what has changed after the bound: it wasn't as it is now when the set was counted", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A", "B", "C", "slow", "marked"]);
      await attempt(store, callback, ["A", "B"], { startedAt: NOW });
      await attempt(store, callback, ["marked"], { startedAt: NOW, result: ACCEPTED });
      await store.calls.mark(callback.id, ["marked"], "FAILED", NOW + 3);
      await attempt(store, callback, ["A"], { startedAt: NOW + 9, cause: "retry" });
      await attempt(store, callback, ["C"], { startedAt: NOW + 5 });
      await attempt(store, callback, ["slow"], { startedAt: NOW, durationMs: 8 });
      const changedBefore = async (at: number) =>
        idsOf(await everyCall(store, callback, { status: "FAILED", changedBefore: at })).sort();
      expect(await changedBefore(NOW - 1)).toEqual([]);
      expect(await changedBefore(NOW)).toEqual(["B"]);
      expect(await changedBefore(NOW + 4)).toEqual(["B", "marked"]);
      expect(await changedBefore(NOW + 5)).toEqual(["B", "C", "marked"]);
      expect(await changedBefore(NOW + 9)).toEqual(["A", "B", "C", "marked", "slow"]);
      const filter = { status: "FAILED", changedBefore: NOW + 4 } as const;
      expect(await store.calls.countMatching(callback.id, filter, ALL)).toEqual({ count: 2, isExact: true });
      expect(await store.replays.request(callback.id, { id: "R", by: null, selection: { filter } }, NOW + 20)).toMatchObject({
        accepted: 2,
      });
      expect(idsOf(await fetchReplays(store, callback.id, 10))).toEqual(["B", "marked"]);
    });

    it("rejects an unknown callback", async () => {
      const store = await open();
      for (const work of [
        () => store.calls.countMatching("nope", { channel: "SMS" }, ALL),
        () => markMatching(store, "nope", {}, { status: "SUCCESS", now: NOW }),
        () => store.calls.findProgress("nope", ["A"]),
        () => store.replays.list("nope", 1),
      ])
        await expect(work()).rejects.toMatchObject({ code: "not-found" });
    });
  });

  describe("groups of failed calls", () => {
    it("are by status code or reason, most calls first, held calls without either", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A", "B", "C", "D", "E", "held", "good"]);
      await attempt(store, callback, ["A", "B", "C"]);
      await attempt(store, callback, ["D", "E"], { result: { kind: "unreachable", reason: "refused", detail: "" } });
      await attempt(store, callback, ["good"], { result: ACCEPTED });
      await hold(store, callback, ["held"]);
      expect(await store.calls.listFailures(callback.id)).toEqual([
        { statusCode: 503, reason: null, count: 3 },
        { statusCode: null, reason: "refused", count: 2 },
        { statusCode: null, reason: null, count: 1 },
      ]);
      await attempt(store, callback, ["A"], { result: ACCEPTED, cause: "retry" });
      await attempt(store, callback, ["B"], { result: { kind: "unreachable", reason: "refused", detail: "" }, cause: "retry" });
      await store.callbacks.update(callback.id, { ...callback, retriesEnabled: false }, NOW, POLICY);
      expect(await store.calls.listFailures(callback.id)).toEqual([
        { statusCode: null, reason: "refused", count: 3 },
        { statusCode: 503, reason: null, count: 1 },
      ]);
    });

    it("are those that match a filter, and say so if there may be more", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["early", "A", "B", "C", "held", "good"]);
      await attempt(store, callback, ["early"], { startedAt: NOW - 1 });
      await attempt(store, callback, ["A", "B"], { startedAt: NOW });
      await attempt(store, callback, ["C"], { startedAt: NOW, result: { kind: "unreachable", reason: "refused", detail: "" } });
      await attempt(store, callback, ["good"], { startedAt: NOW, result: ACCEPTED });
      await hold(store, callback, ["held"]);
      const failures = [
        { statusCode: 503, reason: null, count: 2 },
        { statusCode: null, reason: null, count: 1 },
        { statusCode: null, reason: "refused", count: 1 },
      ];
      const found = await store.calls.countFailures(callback.id, { since: NOW }, ALL);
      expect(found.isExact).toBe(true);
      expect(found.failures).toHaveLength(failures.length);
      expect(found.failures).toEqual(expect.arrayContaining(failures));
      expect(await store.calls.countFailures(callback.id, { text: "nowhere" }, ALL)).toEqual({ failures: [], isExact: true });
    });

    it("go with their callback", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A"]);
      await attempt(store, callback, ["A"]);
      await store.callbacks.delete(callback.id, NOW);
      await expect(store.calls.listFailures(callback.id)).rejects.toMatchObject({ code: "not-found" });
      await store.retention.purgeDeleted(10);
      const again = await store.callbacks.create(callback.id, callback, NOW);
      expect(await store.calls.listFailures(again.id)).toEqual([]);
    });
  });

  describe("marking calls that match", () => {
    it("changes exactly those, as a mark by id does, in many transactions", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await manyFailed(store, callback, 2_300, (index) => ({ startedAt: NOW + (index % 2) }));
      await manyFailed(store, callback, 100, () => ({ startedAt: NOW + 60_000 }), "late");
      await hold(store, callback, await acceptedIds(store, callback, ["held"]), NOW);
      const filter = { status: "FAILED", changedBefore: NOW + 1 } as const;
      const position = await store.changes.readLatest();
      const turns = await turnsDuring(async () => {
        const mark = { status: "SUCCESS", settledBy: "user", now: NOW + 70_000 } as const;
        expect(await markMatching(store, callback.id, filter, mark)).toBe(2_301);
      });
      expect(turns).toBeGreaterThan(3);
      expect((await store.changes.read(position, 10)).callbackIds).toEqual([callback.id]);
      expect(await store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 2_301, FAILED: 100 });
      expect(await store.calls.count(callback.id)).toEqual(await countRows(store, callback));
      await store.calls.mark(callback.id, ["late 0"], "SUCCESS", NOW + 70_000);
      const { status, settledBy, due, changedAt } = await callOf(store, callback, "late 0");
      for (const id of ["call 0", "held"])
        expect(await callOf(store, callback, id)).toMatchObject({ status, settledBy, due, changedAt });
      expect(await fetchDue(store, callback.id, Number.POSITIVE_INFINITY, 1_000)).toHaveLength(99);
      expect(await markMatching(store, callback.id, filter, { status: "SUCCESS", now: NOW + 80_000 })).toBe(0);
    });

    it("finds the calls of one mark again, but for those that were accepted since", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "C", "D"]);
      await attempt(store, callback, ["A", "B", "C"], { startedAt: NOW });
      await attempt(store, callback, ["D"], { startedAt: NOW, durationMs: 50, result: ACCEPTED });
      await markMatching(store, callback.id, { status: "FAILED" }, { status: "SUCCESS", settledBy: "user", now: NOW + 50 });
      await attempt(store, callback, ["B"], { startedAt: NOW + 60 });
      await attempt(store, callback, ["C"], { startedAt: NOW + 60, result: ACCEPTED });
      expect(await callOf(store, callback, "C")).toMatchObject({ settledBy: "dispatcher" });
      const undone = { status: "FAILED", settledBy: "user", now: NOW + 70 } as const;
      expect(await markMatching(store, callback.id, { status: "SUCCESS", markedAt: NOW + 50 }, undone)).toBe(2);
      expect(idsOf(await everyCall(store, callback, { status: "FAILED" })).sort()).toEqual(["A", "B"]);
    });

    it("finds no more calls than are asked for, and counts the others too", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "C"]);
      const [all, some] = [
        await store.calls.findMatching(callback.id, { status: "PENDING" }),
        await store.calls.findMatching(callback.id, { status: "PENDING" }, 2),
      ];
      expect([all.seqs.length, some.seqs.length, some.digest.count]).toEqual([3, 2, 3]);
      const digest = new CallDigest();
      expect(await store.calls.summarizeMatching(callback.id, { status: "PENDING" }, digest)).toMatchObject({ count: 3 });
      expect([String(digest), String(some.digest)]).toEqual([String(all.digest), String(all.digest)]);
    });

    it("leaves what was delivered since an instant SUCCESS, and says so", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "C", "D"]);
      await attempt(store, callback, ["A"], { startedAt: NOW - 10, durationMs: 5, result: ACCEPTED });
      await attempt(store, callback, ["B", "C", "D"], { startedAt: NOW - 10 });
      await store.calls.mark(callback.id, ["B", "C", "D"], "SUCCESS", NOW);
      await attempt(store, callback, ["B"], { startedAt: NOW - 10, durationMs: 50, result: ACCEPTED });
      await attempt(store, callback, ["C"], { startedAt: NOW - 10, durationMs: 50 });
      const ids = ["A", "B", "C", "D"];
      expect(await store.calls.mark(callback.id, ids, "FAILED", NOW + 60, { unlessDeliveredSince: NOW })).toEqual(["B"]);
      expect(idsOf(await everyCall(store, callback, { status: "FAILED" })).sort()).toEqual(["A", "C", "D"]);
    });

    it("leaves what is SUCCESS already, and says so", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "P"]);
      await attempt(store, callback, ["A", "B"], { startedAt: NOW });
      await store.calls.mark(callback.id, ["A"], "SUCCESS", NOW + 1);
      const ids = ["A", "B", "P"];
      expect(await store.calls.mark(callback.id, ids, "SUCCESS", NOW + 2, { unlessSettled: true })).toEqual(["A"]);
      expect(await store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 3, FAILED: 0 });
      expect(await store.calls.mark(callback.id, ids, "SUCCESS", NOW + 3)).toEqual([]);
    });

    it("knows a mark that is repeated by its instant", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "C"]);
      await store.calls.mark(callback.id, ["A"], "SUCCESS", NOW);
      await attempt(store, callback, ["B"], { startedAt: NOW, durationMs: 1, result: ACCEPTED });
      for (const now of [NOW + 2, NOW + 3]) {
        const details = { unlessSettled: true, markedAt: NOW + 1 };
        expect(await store.calls.mark(callback.id, ["A", "B", "C"], "SUCCESS", now, details)).toEqual(["A", "B"]);
      }
    });

    it("doesn't execute a mark once more after a user has taken it back", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "C", "P"]);
      await attempt(store, callback, ["A", "B"], { startedAt: NOW, durationMs: 1, result: REFUSED_503 });
      await store.calls.mark(callback.id, ["C"], "SUCCESS", NOW);
      await store.calls.mark(callback.id, ["C"], "FAILED", NOW + 1);
      const details = { unlessSettled: true, markedAt: NOW + 1 };
      expect(await store.calls.mark(callback.id, ["A", "C", "P"], "SUCCESS", NOW + 1, details)).toEqual([]);
      await store.calls.mark(callback.id, ["A", "P"], "FAILED", NOW + 2);
      await attempt(store, callback, ["B"], { cause: "retry", startedAt: NOW + 3, durationMs: 1, result: REFUSED_503 });
      expect(await store.calls.mark(callback.id, ["A", "B", "C", "P"], "SUCCESS", NOW + 9, details)).toEqual(["A", "P"]);
      expect(await store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 2, FAILED: 2 });
      await store.replays.request(callback.id, aReplay({ callIds: ["P"] }), NOW + 3);
      await attempt(store, callback, ["P"], { cause: "replay", startedAt: NOW + 4, durationMs: 1, result: REFUSED_503 });
      expect(await store.calls.find(callback.id, "P")).toMatchObject({ status: "FAILED", settledBy: null });
      expect(await store.calls.mark(callback.id, ["P"], "SUCCESS", NOW + 9, { markedAt: NOW + 1 })).toEqual(["P"]);
      expect(await store.calls.mark(callback.id, ["P"], "SUCCESS", NOW + 9, { markedAt: NOW + 8 })).toEqual([]);
      // A run that listed its calls before is resumed.
      const resumed = { unlessFailedSince: NOW + 1, markedAt: NOW + 8 };
      await store.calls.mark(callback.id, ["P"], "FAILED", NOW + 4);
      expect(await store.calls.mark(callback.id, ["P"], "SUCCESS", NOW + 9, resumed)).toEqual(["P"]);
      expect(await store.calls.mark(callback.id, ["P"], "SUCCESS", NOW + 9, { ...resumed, unlessFailedSince: NOW + 9 })).toEqual(
        [],
      );
      // A requested replay may not have had its turn yet.
      await accept(store, callback, ["W"]);
      await attempt(store, callback, ["W"], { startedAt: NOW, durationMs: 1, result: REFUSED_503 });
      await store.replays.request(callback.id, aReplay({ callIds: ["W"] }, { id: "WAITS" }), NOW + 9);
      expect(await store.calls.mark(callback.id, ["W"], "SUCCESS", NOW + 9, { markedAt: NOW + 8 })).toEqual(["W"]);
      // The node that takes it back may have a clock that is behind.
      await store.calls.mark(callback.id, ["P"], "FAILED", NOW + 4);
      expect(await store.calls.mark(callback.id, ["P"], "SUCCESS", NOW + 10, { markedAt: NOW + 8 })).toEqual(["P"]);
      // Retries that are switched off release a held call at such an instant.
      await store.calls.accept([{ callbackId: callback.id, calls: [{ id: "R", response: aResponse() }] }], NOW + 5);
      expect(await store.calls.mark(callback.id, ["R"], "SUCCESS", NOW + 9, { markedAt: NOW + 1 })).toEqual(["R"]);
      await attempt(store, callback, ["R"], { startedAt: NOW + 6, durationMs: 1, result: REFUSED_503 });
      expect(await store.calls.mark(callback.id, ["R"], "SUCCESS", NOW + 9, { markedAt: NOW + 1 })).toEqual(["R"]);
      expect(await store.calls.mark(callback.id, ["R"], "SUCCESS", NOW + 9, { markedAt: NOW + 8 })).toEqual([]);
    });

    it("leaves what has changed since it was listed, wherever the clock is, but not what the same mark has made SUCCESS", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const ids = ["retried", "taken back", "waits", "replayed", "same"];
      await accept(store, callback, ids);
      await attempt(store, callback, ids.toSpliced(2, 1), { startedAt: NOW, durationMs: 1, result: REFUSED_503 });
      const unlessChanged = new Map<string, { readonly changedAt: number }>();
      for (const id of ids) unlessChanged.set(id, await callOf(store, callback, id));
      const setBack = NOW - 60_000;
      const retry = { cause: "retry", startedAt: setBack, durationMs: 1, result: REFUSED_503 } as const;
      await attempt(store, callback, ["retried"], retry);
      await attempt(store, callback, ["waits"], { ...retry, cause: "first" });
      await store.calls.mark(callback.id, ["taken back"], "SUCCESS", setBack);
      await store.calls.mark(callback.id, ["taken back"], "FAILED", setBack);
      await store.replays.request(callback.id, aReplay({ callIds: ["replayed"] }), setBack);
      const details = { unlessChanged, markedAt: setBack + 9 };
      const mark = () => store.calls.mark(callback.id, ids, "SUCCESS", setBack + 9, details);
      expect([await mark(), await mark()]).toEqual([ids.slice(0, 4), ids.slice(0, 4)]);
      expect(await callOf(store, callback, "same")).toMatchObject({ status: "SUCCESS", settledBy: "user" });
      await store.calls.mark(callback.id, ["same"], "FAILED", setBack - 9);
      expect(await mark()).toEqual(ids);
    });

    it("leaves another response whose id was used again, and adds no attempt to it", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A"]);
      await attempt(store, callback, ["A"], { startedAt: NOW, durationMs: 1, result: REFUSED_503 });
      const before = await callOf(store, callback, "A");
      const replay = { startedAt: NOW + 10, durationMs: 7, cause: "replay", sentFrom: "ada@desk", result: ACCEPTED } as const;
      const mark = (acceptedAt: number) => {
        const details = { settledBy: "replay", unlessChanged: new Map([["A", { acceptedAt }]]), markedAt: NOW + 20 } as const;
        const replays = [{ callId: "A", attempt: replay }];
        return store.calls.mark(callback.id, ["A"], "SUCCESS", NOW + 20, { ...details, replays });
      };
      for (const acceptedAt of [before.acceptedAt - 1, before.acceptedAt + 1]) expect(await mark(acceptedAt)).toEqual(["A"]);
      expect(await callOf(store, callback, "A")).toEqual(before);
      expect(await mark(before.acceptedAt)).toEqual([]);
      expect(await callOf(store, callback, "A")).toMatchObject({ status: "SUCCESS", settledBy: "replay", attemptCount: 2 });
    });

    it("doesn't execute it, though a node whose clock is behind has had the calls sent again meanwhile", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B"]);
      await attempt(store, callback, ["A", "B"], { startedAt: NOW, durationMs: 1, result: REFUSED_503 });
      const mark = () => store.calls.mark(callback.id, ["A", "B"], "SUCCESS", NOW + 30, { markedAt: NOW + 10 });
      await mark();
      await store.calls.mark(callback.id, ["A", "B"], "FAILED", NOW + 20);
      await store.replays.request(callback.id, aReplay({ callIds: ["A"] }, { id: "R1" }), NOW + 5);
      await store.replays.request(callback.id, aReplay({ filter: { status: "FAILED" } }, { id: "R2" }), NOW + 6);
      expect(await mark()).toEqual(["A", "B"]);
      const cancel = { now: NOW + 7, policy: POLICY, random: 0.5, begunCalls: () => new Set<number>() };
      for (const replayId of ["R1", "R2"]) await store.replays.cancelChunk(callback.id, { ...cancel, replayId });
      expect(await mark()).toEqual(["A", "B"]);
    });

    it("marks nothing from the instant on that a mark names, however long it waits for the database", async () => {
      const clock = new VirtualClock(NOW);
      const store = await open({ clock });
      const callback = await aCallback(store);
      await accept(store, callback, ["A"]);
      const inTime = store.calls.mark(callback.id, ["A"], "SUCCESS", NOW, { executeBefore: NOW + 2 });
      const tooLate = store.calls.mark(callback.id, ["A"], "SUCCESS", NOW, { executeBefore: NOW + 1 });
      clock.set(NOW + 1);
      await expect(tooLate).rejects.toMatchObject({ code: "too-late" });
      expect(await inTime).toEqual([]);
    });

    it("marks FAILED what can be marked so, and settles PENDING calls only as SUCCESS", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "P"]);
      await attempt(store, callback, ["A", "B"], { result: ACCEPTED });
      expect(await markMatching(store, callback.id, {}, { status: "FAILED", now: NOW + 1 })).toBe(2);
      const pending = { status: "PENDING" } as const;
      await expect(markMatching(store, callback.id, pending, { status: "FAILED", now: NOW + 2 })).rejects.toMatchObject({
        code: "invalid",
      });
      expect(await store.calls.count(callback.id)).toEqual({ PENDING: 1, SUCCESS: 0, FAILED: 2 });
      expect(await markMatching(store, callback.id, pending, { status: "SUCCESS", settledBy: "replay", now: NOW + 3 })).toBe(1);
      expect(await callOf(store, callback, "P")).toMatchObject({ status: "SUCCESS", settledBy: "replay", changedAt: NOW + 3 });
    });
  });

  describe("requesting a replay of calls that match", () => {
    it("adds them in many transactions; those that wait for an earlier replay stay with it", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await manyFailed(store, callback, 3_500, (index) => ({ startedAt: NOW + (index % 3) }));
      await manyFailed(store, callback, 10, () => ({ startedAt: NOW + 60_000 }), "late");
      const earlier = { id: "R1", by: null, selection: { callIds: ["call 0", "call 3499"] } };
      await store.replays.request(callback.id, earlier, NOW + 70_000);
      const request = { id: "R2", by: null, selection: { filter: { until: NOW + 60_000 } } };
      const turns = await turnsDuring(async () => {
        const requested = await store.replays.request(callback.id, request, NOW + 80_000);
        expect(requested).toEqual({ id: "R2", total: 3_498, accepted: 3_500 });
      });
      expect(turns).toBeGreaterThan(2);
      expect((await store.replays.list(callback.id, 9)).map(({ total, left }) => [total, left])).toEqual([
        [3_498, 3_498],
        [2, 2],
      ]);
      const due = { at: NOW + 80_000, cause: "replay" };
      expect(await callOf(store, callback, "call 1")).toMatchObject({ status: "FAILED", due, changedAt: NOW + 80_000 });
      expect((await callOf(store, callback, "late 0")).due).toBeNull();
      expect(await store.callbacks.find(callback.id)).toMatchObject({ replayRequestedAt: NOW + 80_000 });
    });
  });

  describe("reading calls and replays", () => {
    it("finds the progress of this callback's calls by id, without others", async () => {
      const store = await open();
      const [callback, other] = [await aCallback(store), await aCallback(store)];
      await accept(store, callback, ["A", "B"]);
      await accept(store, other, ["O"]);
      await attempt(store, callback, ["B"]);
      const found = await store.calls.findProgress(callback.id, ["B", "O", "nope", "A"]);
      expect(new Map([...found].map(([id, { status }]) => [id, status]))).toEqual(
        new Map([
          ["A", "PENDING"],
          ["B", "FAILED"],
        ]),
      );
      expect(await callOf(store, callback, "B")).toMatchObject(found.get("B") ?? {});
    });

    it("lists a callback's replays, newest first", async () => {
      const store = await open();
      const [callback, other] = [await aCallback(store), await aCallback(store)];
      for (const one of [callback, other]) {
        await accept(store, one, [`${one.id} 1`, `${one.id} 2`]);
        await attempt(store, one, [`${one.id} 1`, `${one.id} 2`]);
        for (const id of ["R1", "R2", "R3"])
          await store.replays.request(one.id, { id, by: null, selection: { callIds: [`${one.id} 1`] } }, NOW + 1);
      }
      const replays = await store.replays.list(callback.id, 2);
      expect(replays.map(({ id, total }) => [id, total])).toEqual([
        ["R3", 0],
        ["R2", 0],
      ]);
      expect(await store.replays.list(callback.id, 9)).toContainEqual(await store.replays.find(callback.id, "R1"));
    });
  });
}

async function acceptedIds(store: Store, callback: Callback, ids: readonly string[]): Promise<readonly string[]> {
  await accept(store, callback, ids);
  return ids;
}
