/** The client must work with each of these services, and replay over it. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ListedCall } from "../../src/client/client.js";
import type { CallFilter } from "../../src/domain/call-filter.js";
import { CallGroups } from "../../src/domain/call-groups.js";
import { planReplay } from "../../src/runs/plan/plan-replay.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../src/runs/run-options.js";
import { runReplay } from "../../src/runs/run-replay.js";
import { CLIENT_SERVICES, type OpenedClient } from "../support/client/client-services.js";
import { countingEndpoint, openDesk } from "../support/replay/replay-desk.js";

const CALLS = 45;
const NO_CALL = "F".repeat(32);

for (const service of CLIENT_SERVICES) {
  describe(`the client of ${service.name}`, () => {
    let opened: OpenedClient;
    let callbackId: string;

    beforeEach(async () => {
      opened = await service.open(CALLS);
      callbackId = (await opened.client.getCallback("demo")).id;
    });

    afterEach(() => opened.close());

    async function listed(filter: CallFilter, limit?: number): Promise<{ calls: ListedCall[]; leftOut: number }> {
      const calls: ListedCall[] = [];
      let leftOut = 0;
      for await (const page of opened.client.listCalls(callbackId, { filter, ...(limit === undefined ? {} : { limit }) })) {
        calls.push(...page.calls);
        leftOut += page.leftOut;
      }
      return { calls, leftOut };
    }

    it("finds a callback by id and by name, and throws not-found otherwise", async () => {
      const { client } = opened;
      await client.verify();
      expect(await client.getCallback(callbackId)).toEqual(await client.getCallback("demo"));
      expect((await client.listCallbacks()).map(({ name }) => name)).toEqual(["demo"]);
      await expect(client.getCallback("nope")).rejects.toMatchObject({
        code: "not-found",
        message: expect.stringContaining("nope"),
      });
    });

    it("lists every call of all pages once, newest first", async () => {
      const { calls, leftOut } = await listed({ status: "FAILED" });
      expect(calls.map(({ id }) => id)).toEqual([...opened.callIds].reverse());
      expect(leftOut).toBe(0);
      expect(calls[0]).toMatchObject({ callbackId, status: "FAILED", statusCode: 503, statusMessage: "Service Unavailable" });
      expect(calls[0]?.response.responseMessage).toMatchObject({ channel: "SMS", kind: "reply" });
    });

    it("lists at most `limit` calls", async () => {
      expect((await listed({}, 7)).calls.map(({ id }) => id)).toEqual([...opened.callIds].reverse().slice(0, 7));
      expect((await listed({}, 0)).calls).toEqual([]);
    });

    it("yields only calls that match the filter, even if the service ignores it", async () => {
      const { calls, leftOut } = await listed({ status: "FAILED", text: "reply 1" });
      // These are 1 and 10 to 19.
      expect(calls.length).toBe(11);
      expect(leftOut).toBe(service.isOurs ? 0 : CALLS - 11);
    });

    it("counts calls by what they have in common, also from the list of a service that can't, and by a filter it ignores", async () => {
      const by = ["statusCode", "reason", "from"] as const;
      const filter = { status: "FAILED", text: "reply 1" } as const;
      const groups = new CallGroups(by, 100);
      let leftOut = 0;
      for await (const part of opened.client.groupCalls(callbackId, { filter, by })) {
        leftOut += part.leftOut;
        for (const group of part.groups) groups.add(group);
      }
      const values = (from: string) => ({ statusCode: 503, reason: "Service Unavailable", from });
      expect(groups.sorted().map(({ count }) => count)).toEqual([2, 2, 2, 2, 1, 1, 1]);
      // These are 1 and 15.
      const one = groups.sorted().find((group) => group.values.from?.endsWith("001"));
      expect(one).toMatchObject({ count: 2, values: values(one?.values.from ?? "") });
      expect(leftOut).toBe(service.isOurs ? 0 : CALLS - 11);
      const empty = [];
      for await (const part of opened.client.groupCalls(callbackId, { filter: { messageId: "nope" }, by }))
        empty.push(...part.groups);
      expect(empty).toEqual([]);
    });

    it("finds calls by id, and throws not-found otherwise", async () => {
      const { client, callIds } = opened;
      const [first = ""] = callIds;
      expect((await client.getCall(callbackId, first)).id).toBe(first);
      await expect(client.getCall(callbackId, NO_CALL)).rejects.toMatchObject({ code: "not-found" });
      const found = await client.findCalls(callbackId, [NO_CALL, ...callIds.slice(0, 3)]);
      expect(found.map(({ id }) => id).sort()).toEqual(callIds.slice(0, 3).sort());
    });

    it("finds more than 50 calls by id that wait for their first attempt", async () => {
      const { client } = opened;
      if (!service.isOurs) return;
      const [response] = (await listed({})).calls.map((call) => call.response);
      if (response === undefined) throw new Error("No call was found.");
      const ids = Array.from({ length: 51 }, (_, index) => `waiting-${index}`);
      await client.submitCalls(
        callbackId,
        ids.map((id) => ({ id, response })),
      );
      const found = await client.findCalls(callbackId, ids);
      expect(found.map(({ id, status }) => `${id} ${status}`).sort()).toEqual(ids.map((id) => `${id} PENDING`).sort());
    });

    it("accepts an id typed in lower case", async () => {
      const { client, callIds } = opened;
      const typed = callIds.slice(0, 3).map((id) => id.toLowerCase());
      const found = await client.findCalls(callbackId, typed);
      expect(found.map(({ id }) => id).sort()).toEqual(callIds.slice(0, 3).sort());
      // The platform's ids are sent unchanged.
      if (!service.isOurs) return;
      await client.markCalls(callbackId, typed, "SUCCESS");
      expect((await listed({ status: "SUCCESS" })).calls.map(({ id }) => id).sort()).toEqual(callIds.slice(0, 3).sort());
      expect((await client.listAttempts(callbackId, typed[0] ?? ""))?.length).toBe(1);
      const [response] = found.map((call) => call.response);
      if (response === undefined) throw new Error("No call was found.");
      const submitted = { ids: ["0A".repeat(16)], known: 0 };
      expect(await client.submitCalls(callbackId, [{ id: "0a".repeat(16), response }])).toEqual(submitted);
    });

    it("marks calls as settled by a replay, if the service stores that", async () => {
      const { client, callIds } = opened;
      const [first = "", second = ""] = callIds;
      await client.markCalls(callbackId, [first], "SUCCESS", { by: "replay" });
      await client.markCalls(callbackId, [second], "SUCCESS");
      const settledBy = [await client.getCall(callbackId, first), await client.getCall(callbackId, second)];
      expect(settledBy).toMatchObject([
        { status: "SUCCESS", settledBy: service.isOurs ? "replay" : null },
        { status: "SUCCESS", settledBy: service.isOurs ? "user" : null },
      ]);
    });

    it("marks a call as settled by a replay also if the service rejects the report of its attempt", async () => {
      const { client, callIds } = opened;
      const [callId = "", next = ""] = callIds;
      const result = { kind: "answered", statusCode: 200, statusMessage: "OK", body: "" } as const;
      const attempt = { startedAt: -1, durationMs: 5, result };
      for (const id of [callId, next]) {
        const replays = { sentFrom: "ada@desk", attempts: [{ ...attempt, callId: id }] };
        await client.markCalls(callbackId, [id], "SUCCESS", { by: "replay", replays });
        const marked = { status: "SUCCESS", settledBy: service.isOurs ? "replay" : null };
        expect(await client.getCall(callbackId, id)).toMatchObject(marked);
      }
    });

    it("reports attempts for the history, if the service keeps one", async () => {
      const { client, callIds } = opened;
      const [callId = ""] = callIds;
      const startedAt = Date.now();
      const refused = { kind: "unreachable", reason: "refused", detail: "ECONNREFUSED" } as const;
      const attempts = [
        { callId, startedAt, durationMs: 5, result: { kind: "answered", statusCode: 500, statusMessage: "Oh", body: "no" } },
        { callId, startedAt, durationMs: 6, result: refused },
      ] as const;
      expect(await client.recordReplays(callbackId, { sentFrom: "ada@desk", attempts })).toBe(service.isOurs);
      if (!service.isOurs) return;
      const reported = { attemptedAt: startedAt, cause: "replay", sentFrom: "ada@desk" };
      expect((await client.listAttempts(callbackId, callId))?.slice(1)).toMatchObject([
        { ...reported, number: 2, statusCode: 500, statusMessage: "Oh", body: "no" },
        { ...reported, number: 3, statusCode: null, error: "refused" },
      ]);
      expect(await client.getCall(callbackId, callId)).toMatchObject({ status: "FAILED", attemptCount: 3 });
    });

    it("locks a callback for one run, if the service has run locks", async () => {
      const { client } = opened;
      const lease = { run: "RUN-1", holder: "ada@desk", done: 1, total: 9 };
      const other = { run: "RUN-2", holder: "ada@desk", done: 0, total: 0 };
      if (!service.isOurs) {
        expect(await client.takeRunLock(callbackId, lease)).toEqual({ kind: "unsupported" });
        return;
      }
      expect(await client.takeRunLock(callbackId, lease)).toEqual({ kind: "taken" });
      expect(await client.takeRunLock(callbackId, other)).toEqual({ kind: "busy", holder: lease });
      await client.releaseRunLock(callbackId, lease);
      expect(await client.takeRunLock(callbackId, other)).toEqual({ kind: "taken" });
    });

    it("marks calls, all or none", async () => {
      const { client, callIds } = opened;
      await client.markCalls(callbackId, callIds.slice(0, 3), "SUCCESS");
      expect((await listed({ status: "SUCCESS" })).calls.length).toBe(3);
      await expect(client.markCalls(callbackId, [...callIds, NO_CALL], "SUCCESS")).rejects.toMatchObject({ code: "not-found" });
      expect((await listed({ status: "FAILED" })).calls.length).toBe(CALLS - 3);
      await client.markCalls(callbackId, callIds.slice(0, 3), "FAILED");
      expect((await listed({ status: "FAILED" })).calls.length).toBe(CALLS);
    });

    it("reads attempts and outages and requests replays, if the service offers them", async () => {
      const { client, callIds } = opened;
      const [first = ""] = callIds;
      const attempts = await client.listAttempts(callbackId, first);
      const outages = await client.listOutages(callbackId);
      if (service.isOurs) {
        expect(attempts).toMatchObject([{ number: 1, statusCode: 503, cause: "first", body: "busy" }]);
        expect(outages).toEqual([]);
        expect(await client.requestReplays(callbackId, callIds)).toBe(CALLS);
        await expect(client.requestReplays(callbackId, [NO_CALL])).rejects.toMatchObject({ code: "not-found" });
      } else {
        expect([attempts, outages]).toEqual([null, null]);
        await expect(client.requestReplays(callbackId, callIds)).rejects.toMatchObject({ code: "usage" });
      }
      expect([await client.findReplay(callbackId, "RUN-1"), await client.cancelReplay(callbackId, "RUN-1")]).toEqual([
        null,
        false,
      ]);
    });

    it("adds to the replay of a run, shows it and cancels it, if the service offers it", async () => {
      if (!service.isOurs) return;
      const { client, callIds } = opened;
      const lease = { run: "RUN-1", holder: "ada@desk", done: 0, total: 0 };
      for (const chunk of [callIds.slice(0, 5), callIds.slice(5, 8)]) await client.requestReplays(callbackId, chunk, lease);
      const replay = { id: "RUN-1", total: 8, succeeded: 0, failed: 0 };
      expect(await client.findReplay(callbackId, "RUN-1")).toEqual({ ...replay, state: "running", cancelled: 0, left: 8 });
      const other = { ...lease, run: "RUN-2" };
      const holder = { run: "", holder: "the service", done: 0, total: 8, replay: "RUN-1" };
      expect(await client.takeRunLock(callbackId, other)).toEqual({ kind: "busy", holder });
      expect(await client.cancelReplay(callbackId, "RUN-1")).toBe(true);
      expect(await client.findReplay(callbackId, "RUN-1")).toEqual({ ...replay, state: "cancelled", cancelled: 8, left: 0 });
      expect(await client.takeRunLock(callbackId, other)).toEqual({ kind: "taken" });
    });
  });

  describe(`a replay over ${service.name}`, () => {
    it("sends every failed call once, oldest first, and marks it", async () => {
      const endpoint = await countingEndpoint();
      const opened = await service.open(130, endpoint.url);
      const desk = openDesk({ client: opened.client });
      try {
        const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, desk.deps);
        const summary = await runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, concurrency: 1 }, desk.deps);
        expect(summary.error).toBeNull();
        expect(endpoint.received).toEqual(opened.callIds);
        const { id } = await opened.client.getCallback("demo");
        for await (const { calls } of opened.client.listCalls(id, { filter: { status: "FAILED" } })) expect(calls).toEqual([]);
      } finally {
        await desk.leave();
        await opened.close();
        await endpoint.close();
      }
    });
  });
}
