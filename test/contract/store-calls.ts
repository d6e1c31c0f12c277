import { describe, expect, it } from "vitest";
import { RUN_LEASE_MS } from "../../src/domain/callback.js";
import { ACCEPTED, anAttempt, aResponse, REFUSED_503 } from "../support/builders.js";
import { fetchDue, fetchHeld, fetchPending } from "../support/store/waiting-calls.js";
import {
  aCallback,
  accept,
  aReplay,
  attempt,
  callOf,
  countRows,
  hold,
  idsOf,
  NOW,
  type OpenStore,
  POLICY,
} from "./store-support.js";

export function describeCalls(open: OpenStore): void {
  describe("accepting", () => {
    it("stores a response as a PENDING call that waits for its first attempt", async () => {
      const store = await open();
      const callback = await aCallback(store);
      expect(await store.calls.accept([{ callbackId: callback.id, calls: [{ id: "A", response: aResponse() }] }], NOW)).toEqual([
        "A",
      ]);
      const expected = {
        id: "A",
        callbackId: callback.id,
        response: aResponse(),
        acceptedAt: NOW,
        status: "PENDING",
        attemptCount: 0,
        attemptedAt: null,
        statusCode: null,
        statusMessage: null,
        error: null,
        firstFailedAt: null,
        due: null,
        failedInRecovery: 0,
        settledBy: null,
        changedAt: NOW,
        sentAt: null,
        isReplayed: false,
        outageId: null,
      };
      const call = await callOf(store, callback, "A");
      expect(call).toEqual({ ...expected, seq: call.seq });
      expect(await fetchPending(store, callback.id, 10)).toEqual([call]);
    });

    it.each([
      {
        response: ["from", ["customParameters", "null"] as const],
        from: [["__proto__", '{"a":["\\u0000"]}'] as const, "name"],
        responseMessage: [],
      },
      { response: ["from", "responseMessage", "customParameters"], from: ["email", "name"], responseMessage: ["undeliverable"] },
    ])("keeps what was given beside a response's fields: %j", async (given) => {
      const store = await open();
      const callback = await aCallback(store);
      const response = aResponse({ given, responseMessage: { channel: "WhatsApp", kind: "reply", date: "", content: "" } });
      await store.calls.accept([{ callbackId: callback.id, calls: [{ id: "A", response }] }], NOW);
      expect((await callOf(store, callback, "A")).response).toEqual(response);
      const groups = await store.calls.group(callback.id, { filter: { status: "PENDING" }, by: ["channel"], budgetMs: 1_000 });
      expect(groups.groups.map(({ values }) => values)).toEqual([{ channel: "WhatsApp" }]);
    });

    it("stores an id once, within a batch and across batches, and keeps the first row", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "A"]);
      const first = await callOf(store, callback, "A");
      const calls = ["B", "C", "A"].map((id) => ({ id, response: aResponse() }));
      expect(await store.calls.accept([{ callbackId: callback.id, calls }], NOW + 1)).toEqual(["C"]);
      expect(await callOf(store, callback, "A")).toEqual(first);
      expect(idsOf(await fetchPending(store, callback.id, 10))).toEqual(["A", "B", "C"]);
      expect(await store.calls.count(callback.id)).toEqual({ PENDING: 3, SUCCESS: 0, FAILED: 0 });
    });

    it("stores each of many responses under its own id and in the order given, without those that are stored", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const submit = (numbers: readonly number[]) => {
        const calls = numbers.map((number) => ({ id: `C${number}`, response: aResponse({ messageId: `M${number}` }) }));
        return store.calls.accept([{ callbackId: callback.id, calls }], NOW);
      };
      const [stored, all] = [[3, 11, 20], Array.from({ length: 21 }, (_, number) => number)];
      expect(await submit(stored)).toEqual(["C3", "C11", "C20"]);
      const added = all.filter((number) => !stored.includes(number));
      expect(await submit([...all, 5])).toEqual(added.map((number) => `C${number}`));
      const calls = await fetchPending(store, callback.id, 30);
      expect(calls.map(({ id, response }) => [id, response.messageId])).toEqual(
        [...stored, ...added].map((number) => [`C${number}`, `M${number}`]),
      );
      expect(await store.calls.count(callback.id)).toMatchObject({ PENDING: all.length });
    });

    it("rejects another response under an id that is stored, and takes the same one for a repeat", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const submit = (...responses: readonly ReturnType<typeof aResponse>[]) =>
        store.calls.accept([{ callbackId: callback.id, calls: responses.map((response) => ({ id: "A", response })) }], NOW);
      const response = aResponse();
      const { from, responseMessage } = response;
      const others = [
        aResponse({ messageId: "other" }),
        aResponse({ from: { ...from, mobile: "61400000009" } }),
        aResponse({ responseMessage: { ...responseMessage, content: "other" } }),
        aResponse({ responseMessage: { ...responseMessage, channel: "EMAIL" } }),
        aResponse({ customParameters: { other: "1" } }),
        aResponse({ given: { response: [], from: [["title", '"Dr"']], responseMessage: [] } }),
      ];
      for (const other of others) await expect(submit(response, other)).rejects.toMatchObject({ code: "invalid" });
      expect(await submit(response, response)).toEqual(["A"]);
      for (const other of others) {
        await expect(submit(other)).rejects.toMatchObject({ code: "invalid", message: "The id A belongs to another response" });
      }
      expect(await store.calls.count(callback.id)).toMatchObject({ PENDING: 1 });
    });

    it("names the first of a request's ids that belong to other responses", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const submit = (ids: readonly string[], messageId: string) =>
        store.calls.accept(
          [{ callbackId: callback.id, calls: ids.map((id) => ({ id, response: aResponse({ messageId }) })) }],
          NOW,
        );
      await submit(["A", "B", "C"], "first");
      for (const ids of [
        ["C", "A"],
        ["B", "C", "A"],
        ["A", "C"],
      ])
        await expect(submit(["new", ...ids], "other")).rejects.toMatchObject({
          message: `The id ${ids[0]} belongs to another response`,
        });
    });

    it("stores responses of different callbacks together, or none of them", async () => {
      const store = await open();
      const [one, other] = [await aCallback(store), await aCallback(store)];
      const submit = (...submissions: [string, string[]][]) =>
        store.calls.accept(
          submissions.map(([callbackId, ids]) => ({ callbackId, calls: ids.map((id) => ({ id, response: aResponse() })) })),
          NOW,
        );
      expect(await submit([one.id, ["A"]], [other.id, ["B", "C"]], [one.id, ["D"]])).toEqual(["A", "B", "C", "D"]);
      expect(await submit([other.id, ["E", "B"]], [one.id, ["D", "F"]])).toEqual(["E", "F"]);
      await expect(submit([one.id, ["G"]], [other.id, ["A"]])).rejects.toMatchObject({ code: "invalid" });
      await expect(submit([one.id, ["G"]], ["FFFFFFFFFFFFFFFF", ["H"]])).rejects.toMatchObject({ code: "not-found" });
      const waiting = async ({ id }: { id: string }) => idsOf(await fetchPending(store, id, 10));
      expect([await waiting(one), await waiting(other)]).toEqual([
        ["A", "D", "F"],
        ["B", "C", "E"],
      ]);
      expect([await store.calls.count(one.id), await store.calls.count(other.id)]).toMatchObject([
        { PENDING: 3 },
        { PENDING: 3 },
      ]);
    });

    it("rejects the whole batch for an id of another callback's call", async () => {
      const store = await open();
      const [one, other] = [await aCallback(store), await aCallback(store)];
      await accept(store, one, ["A"]);
      await expect(accept(store, other, ["B", "A"])).rejects.toMatchObject({
        code: "invalid",
        message: expect.stringContaining("A"),
      });
      expect(await fetchPending(store, other.id, 10)).toEqual([]);
      expect(await store.calls.count(other.id)).toEqual({ PENDING: 0, SUCCESS: 0, FAILED: 0 });
    });

    it("accepts thousands at once in order, and an empty batch", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const ids = Array.from({ length: 5_000 }, (_, index) => `call ${index}`);
      await accept(store, callback, ids);
      await accept(store, callback, []);
      expect(idsOf(await fetchPending(store, callback.id, 10_000))).toEqual(ids);
    });
  });

  describe("marking", () => {
    it("SUCCESS cancels a retry and a first attempt, FAILED makes nothing due", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["failed", "pending", "other"]);
      await attempt(store, callback, ["failed"]);
      await store.calls.mark(callback.id, ["failed", "pending", "failed"], "SUCCESS", NOW + 9);
      const marked = { status: "SUCCESS", settledBy: "user", due: null, changedAt: NOW + 9 };
      expect(await callOf(store, callback, "failed")).toMatchObject(marked);
      expect(await callOf(store, callback, "pending")).toMatchObject({ ...marked, attemptedAt: null });
      expect(idsOf(await fetchPending(store, callback.id, 10))).toEqual(["other"]);
      await store.calls.mark(callback.id, ["failed"], "FAILED", NOW + 10);
      expect(await callOf(store, callback, "failed")).toMatchObject({ status: "FAILED", settledBy: "user", due: null });
      expect(await store.calls.count(callback.id)).toEqual(await countRows(store, callback));
    });

    it("SUCCESS by a replay asks for a probe; FAILED and a user's mark don't", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "C"]);
      await attempt(store, callback, ["A", "B", "C"]);
      const probeAt = async () => (await store.endpoints.list([callback.id]))[0]?.callback.replayProbeAt;
      await store.calls.mark(callback.id, ["A"], "SUCCESS", NOW + 7);
      await store.calls.mark(callback.id, ["B"], "FAILED", NOW + 8, { settledBy: "replay" });
      expect(await probeAt()).toBe(0);
      await store.calls.mark(callback.id, ["B", "C"], "SUCCESS", NOW + 9, { settledBy: "replay" });
      expect(await probeAt()).toBe(NOW + 9);
      await expect(
        store.calls.mark(callback.id, ["A", "nope"], "SUCCESS", NOW + 10, { settledBy: "replay" }),
      ).rejects.toMatchObject({ code: "not-found" });
      expect(await probeAt()).toBe(NOW + 9);
      // It may wait for the end of a run's lease.
      await store.outcomes.clampTimes({ now: NOW + 9 - RUN_LEASE_MS, latestDueAt: NOW });
      expect(await probeAt()).toBe(NOW + 9);
      await store.outcomes.clampTimes({ now: NOW + 8 - RUN_LEASE_MS, latestDueAt: NOW });
      // The probe may have begun 65 s ago, and be in flight.
      expect(await probeAt()).toBe(NOW + 8 - RUN_LEASE_MS - 65_000);
    });

    it("changes nothing if one id isn't a call of this callback, and names the id", async () => {
      const store = await open();
      const [callback, other] = [await aCallback(store), await aCallback(store)];
      await accept(store, callback, ["A"]);
      await accept(store, other, ["B"]);
      for (const missing of ["B", "nope"]) {
        await expect(store.calls.mark(callback.id, ["A", missing, "later"], "SUCCESS", NOW)).rejects.toMatchObject({
          code: "not-found",
          message: expect.stringContaining(missing),
        });
      }
      expect((await callOf(store, callback, "A")).status).toBe("PENDING");
    });

    it("rejects FAILED for a PENDING call, and changes nothing", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B"]);
      await store.calls.mark(callback.id, ["A"], "SUCCESS", NOW);
      await expect(store.calls.mark(callback.id, ["A", "B"], "FAILED", NOW)).rejects.toMatchObject({ code: "invalid" });
      expect((await callOf(store, callback, "A")).status).toBe("SUCCESS");
    });

    it("is kept when an attempt in flight fails, which is recorded", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A"]);
      await store.calls.mark(callback.id, ["A"], "SUCCESS", NOW);
      await attempt(store, callback, ["A"], { result: REFUSED_503 });
      expect(await callOf(store, callback, "A")).toMatchObject({
        status: "SUCCESS",
        settledBy: "user",
        due: null,
        attemptCount: 1,
        statusCode: 503,
      });
      expect((await store.calls.listAttempts(callback.id, ["A"])).get("A")).toHaveLength(1);
    });
  });

  describe("requesting replays", () => {
    it("makes FAILED calls due now, inside their window or not, and sets repairedAt", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "waiting"]);
      await attempt(store, callback, ["A"], { result: REFUSED_503 });
      await attempt(store, callback, ["B"], { result: ACCEPTED });
      expect(await store.replays.request(callback.id, aReplay({ callIds: ["A", "B", "waiting"] }), NOW + 7)).toMatchObject({
        accepted: 1,
      });
      expect((await fetchDue(store, callback.id, NOW + 7, 10)).map(({ id, due }) => [id, due])).toEqual([
        ["A", { at: NOW + 7, cause: "replay" }],
      ]);
      expect((await store.callbacks.find(callback.id))?.replayRequestedAt).toBe(NOW + 7);
      await expect(store.replays.request(callback.id, aReplay({ callIds: ["nope"] }), NOW)).rejects.toMatchObject({
        code: "not-found",
      });
    });

    it("get the attempts that a client made in their history, and nothing else changes", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A", "B"]);
      await attempt(store, callback, ["A"], { startedAt: NOW, result: REFUSED_503 });
      const before = await callOf(store, callback, "A");
      const failed = { kind: "answered", statusCode: 500, statusMessage: "Internal Server Error", body: "no" } as const;
      const replays = [
        { callId: "A", attempt: { startedAt: NOW + 60, durationMs: 7, cause: "replay", sentFrom: "ada@desk", result: failed } },
        { callId: "A", attempt: { startedAt: NOW + 90, durationMs: 8, cause: "replay", sentFrom: "ada@desk", result: ACCEPTED } },
        { callId: "GONE", attempt: { startedAt: NOW, durationMs: 1, cause: "replay", sentFrom: "ada@desk", result: ACCEPTED } },
      ] as const;
      await store.calls.recordReplays(callback.id, replays, NOW + 100);
      const { attempts } = { attempts: (await store.calls.listAttempts(callback.id, ["A"])).get("A") };
      expect(attempts?.slice(1)).toEqual(replays.slice(0, 2).map((replay, index) => ({ ...replay.attempt, number: index + 2 })));
      const after = await callOf(store, callback, "A");
      expect(after).toEqual({
        ...before,
        attemptCount: 3,
        attemptedAt: NOW + 90,
        statusCode: 200,
        statusMessage: "OK",
        changedAt: NOW + 100,
      });
      expect(await store.calls.count(callback.id)).toEqual({ PENDING: 1, FAILED: 1, SUCCESS: 0 });
    });

    it("get a client's replays with the mark, once even if the request is repeated", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B"]);
      await attempt(store, callback, ["A", "B"], { startedAt: NOW, result: REFUSED_503 });
      const replay = { startedAt: NOW + 60, durationMs: 7, cause: "replay", sentFrom: "ada@desk", result: ACCEPTED } as const;
      const details = { settledBy: "replay", replays: [{ callId: "A", attempt: replay }] } as const;
      await store.calls.mark(callback.id, ["A", "B"], "SUCCESS", NOW + 70, details);
      await store.calls.mark(callback.id, ["A", "B"], "SUCCESS", NOW + 80, details);
      const attempts = await store.calls.listAttempts(callback.id, ["A", "B"]);
      expect(attempts.get("A")?.slice(1)).toEqual([{ ...replay, number: 2 }]);
      expect(attempts.get("B")).toHaveLength(1);
      const marked = { status: "SUCCESS", settledBy: "replay", changedAt: NOW + 70 };
      expect(await callOf(store, callback, "A")).toMatchObject({
        ...marked,
        attemptCount: 2,
        attemptedAt: NOW + 60,
        statusCode: 200,
      });
      expect(await callOf(store, callback, "B")).toMatchObject({ ...marked, attemptCount: 1, statusCode: 503 });
    });

    it("get a client's replays, also if they stay as they are, as they were settled before", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A"]);
      await attempt(store, callback, ["A"], { startedAt: NOW, durationMs: 1, result: ACCEPTED });
      const result = { ...ACCEPTED, resent: true } as const;
      const replay = { startedAt: NOW + 60, durationMs: 7, cause: "replay", sentFrom: "ada@desk", result } as const;
      const details = { settledBy: "replay", unlessSettled: true, replays: [{ callId: "A", attempt: replay }] } as const;
      expect(await store.calls.mark(callback.id, ["A"], "SUCCESS", NOW + 70, details)).toEqual(["A"]);
      expect((await store.calls.listAttempts(callback.id, ["A"])).get("A")?.slice(1)).toEqual([{ ...replay, number: 2 }]);
      expect(await callOf(store, callback, "A")).toMatchObject({
        settledBy: "dispatcher",
        attemptCount: 2,
        attemptedAt: NOW + 60,
      });
    });

    it("settle what a user has marked meanwhile, so that the mark can't be undone", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B"]);
      await attempt(store, callback, ["A", "B"], { startedAt: NOW, durationMs: 1, result: REFUSED_503 });
      const authorOf = (user: string) => ({ user, via: "api", address: null, at: NOW }) as const;
      const replay = { startedAt: NOW + 10, durationMs: 7, cause: "replay", sentFrom: "ada@desk", result: ACCEPTED } as const;
      await attempt(store, callback, ["A"], { cause: "retry", startedAt: NOW + 20, durationMs: 1, result: REFUSED_503 });
      await store.calls.mark(callback.id, ["A", "B"], "SUCCESS", NOW + 30, { author: authorOf("joe") });
      const details = { settledBy: "replay", unlessSettled: true, markedAt: NOW + 40 } as const;
      const replays = [{ callId: "A", attempt: replay }];
      const by = { author: authorOf("ada"), replays };
      for (const now of [NOW + 41, NOW + 42]) {
        expect(await store.calls.mark(callback.id, ["A"], "SUCCESS", now, { ...details, ...by })).toEqual(["A"]);
      }
      const settled = await callOf(store, callback, "A");
      expect(settled).toMatchObject({ status: "SUCCESS", settledBy: "replay", statusCode: 503, attemptCount: 3 });
      expect(await store.calls.findMarkers(callback.id, [settled])).toEqual(new Map([["A", "ada"]]));
      // A run that listed its calls earlier means another response, whose id was used again.
      const earlier = { ...details, unlessFailedSince: NOW - 1, ...by, replays: [{ callId: "B", attempt: replay }] };
      expect(await store.calls.mark(callback.id, ["B"], "SUCCESS", NOW + 43, earlier)).toEqual(["B"]);
      const undo = { unlessDeliveredSince: 0 };
      expect(await store.calls.mark(callback.id, ["A", "B"], "FAILED", NOW + 50, undo)).toEqual(["A"]);
    });

    it("settle what their client had sent before, but not what another one has sent since", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B"]);
      await attempt(store, callback, ["A", "B"], { startedAt: NOW, durationMs: 1, result: REFUSED_503 });
      const replay = { startedAt: NOW + 10, durationMs: 1, cause: "replay", sentFrom: "ada@desk", result: ACCEPTED } as const;
      const reportedBy = (sentFrom: string, callId: string) => ({
        callId,
        attempt: { ...replay, sentFrom, result: REFUSED_503 },
      });
      const rejected = [reportedBy("ada@desk", "A"), reportedBy("joe@desk", "B")];
      await store.calls.recordReplays(callback.id, rejected, NOW + 11);
      const replays = ["A", "B"].map((callId) => ({ callId, attempt: { ...replay, startedAt: NOW + 12 } }));
      const details = {
        settledBy: "replay",
        unlessSettled: true,
        unlessFailedSince: NOW + 5,
        markedAt: NOW + 20,
        replays,
      } as const;
      expect(await store.calls.mark(callback.id, ["A", "B"], "SUCCESS", NOW + 20, details)).toEqual(["B"]);
    });

    it("accepts a filter, and replays the FAILED calls that match", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "C"]);
      await attempt(store, callback, ["A", "B"], { result: REFUSED_503 });
      await attempt(store, callback, ["C"], {
        result: { kind: "answered", statusCode: 404, statusMessage: "Not Found", body: "" },
      });
      expect(await store.replays.request(callback.id, aReplay({ filter: { status: "SUCCESS" } }), NOW + 7)).toMatchObject({
        accepted: 0,
      });
      expect((await store.callbacks.find(callback.id))?.replayRequestedAt).toBe(0);
      expect(
        await store.replays.request(callback.id, aReplay({ filter: { statusCodes: [{ class: 5 }] } }), NOW + 7),
      ).toMatchObject({ accepted: 2 });
      expect(idsOf(await fetchDue(store, callback.id, NOW + 7, 10))).toEqual(["A", "B"]);
    });
  });

  it("completes the beginning of an id, of any status, unless several calls of the callback begin with it", async () => {
    const store = await open();
    const callback = await aCallback(store, { retriesEnabled: true });
    const other = await aCallback(store, { name: "other" });
    const [one, two, three] = ["AB0123F", "AB01240", "ABCDEF"].map((prefix) => prefix.padEnd(32, "0")) as [
      string,
      string,
      string,
    ];
    await accept(store, callback, [one, two, "ab0123"]);
    await accept(store, other, [three]);
    await attempt(store, callback, [one], { startedAt: NOW, result: REFUSED_503 });
    const find = (prefix: string) => store.calls.findIds(callback.id, prefix);
    expect(await find("AB0123")).toEqual({ callIds: [one], hasMore: false });
    expect(await find("ab0123f")).toEqual({ callIds: [one], hasMore: false });
    expect(await find("AB012")).toEqual({ callIds: [one, two], hasMore: false });
    // Callers may choose ids: one that is the prefix may be meant.
    expect(await find("ab0123")).toEqual({ callIds: ["ab0123", one], hasMore: false });
    expect(await find("ABCDEF")).toEqual({ callIds: [], hasMore: false });
    expect(await store.calls.findIds(other.id, "ABCDEF")).toEqual({ callIds: [three], hasMore: false });
    const many = Array.from({ length: 1_001 }, (_, index) => `CD01${String(index).padStart(28, "0")}`);
    await accept(store, other, many);
    expect(await find("CD01")).toEqual({ callIds: [], hasMore: true });
    expect(await store.calls.findIds(other.id, "CD01")).toEqual({ callIds: many.slice(0, 1_000), hasMore: true });
    expect(await store.calls.findIds(other.id, (many[7] ?? "").slice(0, 31))).toEqual({
      callIds: many.slice(0, 10),
      hasMore: false,
    });
    expect(await store.calls.findIds(other.id, `CD01${"0".repeat(24)}1000`.slice(0, 31))).toMatchObject({ hasMore: false });
  });

  it("finds the calls of all callbacks but deleted ones by a whole id, however it is written, or by the beginning of a generated one", async () => {
    const store = await open();
    const [callback, other, deleted] = [
      await aCallback(store),
      await aCallback(store, { name: "other" }),
      await aCallback(store, { name: "deleted" }),
    ];
    const generated = "0193F0C2A5B87C119D2E4F6A8B0C1D2E";
    await accept(store, callback, [generated, "order-17"]);
    await accept(store, other, ["order-18", "0193F0C2".padEnd(31, "0")]);
    await accept(store, deleted, ["0193F0C2".padEnd(32, "0"), "order-19"]);
    await store.callbacks.delete(deleted.id, NOW);
    const find = async (id: string) => (await store.calls.findPlaces(id)).calls.map((call) => [call.id, call.callbackId]);
    const found = [[generated, callback.id]];
    for (const id of ["0193f0", "0193F0C2A5B8", generated, generated.toLowerCase(), "0193f0c2-a5b8-7c11-9d2e-4f6a8b0c1d2e"])
      expect([id, await find(id)]).toEqual([id, found]);
    expect([...(await find("order-17")), ...(await find("order-18"))]).toEqual([
      ["order-17", callback.id],
      ["order-18", other.id],
    ]);
    for (const id of ["0193F", "0193F1", "order-1", "Order-17", "order-19"]) expect(await find(id)).toEqual([]);
  });

  it("completes generated ids only: a chosen one is the call that is named by all of it", async () => {
    const store = await open();
    const callback = await aCallback(store);
    const generated = "FACADE1".padEnd(32, "0");
    const uuid = "FACADE12-0000-0000-0000-000000000000";
    await accept(store, callback, [
      generated,
      "facade-2",
      "FACADEab",
      "FACADE1234567890",
      "FACADEa",
      uuid,
      "FACADEx".padEnd(32, "0"),
    ]);
    const find = async (prefix: string) => (await store.calls.findIds(callback.id, prefix)).callIds;
    for (const prefix of ["facade", "FACADE", "facade1"]) expect(await find(prefix)).toEqual([generated]);
    expect(await find("FACADEa")).toEqual(["FACADEa"]);
    await accept(store, callback, ["FACADE1"]);
    expect(await find("FACADE1")).toEqual(["FACADE1", generated]);
    expect(await find("facadea")).toEqual([]);
    expect(await find("FACADE1234567890")).toEqual(["FACADE1234567890"]);
  });

  it("lists every attempt, ordered by number", async () => {
    const store = await open();
    const callback = await aCallback(store, { retriesEnabled: true });
    await accept(store, callback, ["A", "B"]);
    const attempts = [
      anAttempt({ number: 1, startedAt: NOW, durationMs: 12 }),
      anAttempt({
        number: 2,
        startedAt: NOW + 1,
        cause: "retry",
        result: { kind: "unreachable", reason: "dns", detail: "no such host" },
      }),
      anAttempt({
        number: 3,
        startedAt: NOW + 2,
        cause: "probe",
        result: { kind: "answered", statusCode: 200, statusMessage: "OK", body: "thanks", resent: true },
      }),
      anAttempt({
        number: 4,
        startedAt: NOW + 3,
        result: { kind: "unreachable", reason: "reset", detail: "closed", resent: true },
      }),
      anAttempt({
        number: 5,
        startedAt: NOW + 4,
        result: { kind: "answered", statusCode: 503, statusMessage: "Busy", body: "", retryAfterMs: 120_000 },
      }),
      anAttempt({
        number: 6,
        startedAt: NOW + 5,
        result: { kind: "answered", statusCode: 503, statusMessage: "Busy", body: "", resent: true, retryAfterMs: 0 },
      }),
      anAttempt({
        number: 7,
        startedAt: NOW + 6,
        result: { kind: "answered", statusCode: 503, statusMessage: "Busy", body: "a", isCut: true },
      }),
      anAttempt({
        number: 8,
        startedAt: NOW + 7,
        result: {
          kind: "answered",
          statusCode: 503,
          statusMessage: "Busy",
          body: "a",
          isCut: true,
          resent: true,
          retryAfterMs: 0,
        },
      }),
    ];
    for (const each of attempts) await attempt(store, callback, ["A"], each);
    expect(await store.calls.listAttempts(callback.id, ["A", "B", "nope"])).toEqual(new Map([["A", attempts]]));
    expect(await store.calls.listAttempts(callback.id, ["A"], 2)).toEqual(new Map([["A", attempts.slice(-2)]]));
    expect(await store.calls.listAttempts((await aCallback(store)).id, ["A"])).toEqual(new Map());
  });

  it("lists the latest attempts of each call that take at most 4 MiB", async () => {
    const store = await open();
    const callback = await aCallback(store);
    await accept(store, callback, ["A", "B"]);
    const result = { ...REFUSED_503, body: "é".repeat(500_000) };
    for (let number = 1; number <= 5; number++)
      await attempt(store, callback, ["A"], { number, startedAt: NOW + number, result });
    await attempt(store, callback, ["B"], { startedAt: NOW });
    const listed = await store.calls.listAttempts(callback.id, ["A", "B"]);
    expect(new Map(Array.from(listed, ([id, attempts]) => [id, attempts.map(({ number }) => number)]))).toEqual(
      new Map([
        ["A", [2, 3, 4, 5]],
        ["B", [1]],
      ]),
    );
  });

  it("holds a call without an attempt, and lists it as FAILED", async () => {
    const store = await open();
    const callback = await aCallback(store, { retriesEnabled: true });
    await accept(store, callback, ["A", "B"]);
    await hold(store, callback, ["B", "A"], NOW + 3);
    const held = await callOf(store, callback, "A");
    expect(held).toMatchObject({
      status: "FAILED",
      attemptCount: 0,
      attemptedAt: NOW + 3,
      statusMessage: "Held: endpoint down",
      due: { at: NOW + 3 + POLICY.intervalMs, cause: "retry" },
    });
    expect(await fetchHeld(store, callback.id)).toEqual(held);
  });
}
