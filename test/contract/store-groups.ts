import { describe, expect, it } from "vitest";
import type { CallFilter } from "../../src/domain/call-filter.js";
import { type CallGroup, CallGroups, type GroupKey, groupOf } from "../../src/domain/call-groups.js";
import type { Callback } from "../../src/domain/callback.js";
import { GROUPS_BYTES, type GroupPage } from "../../src/store/calls/group-calls.js";
import type { Store } from "../../src/store/open-store.js";
import { ACCEPTED, aResponse } from "../support/builders.js";
import {
  aCallback,
  accept,
  attempt,
  everyCall,
  hold,
  idsOf,
  MINUTE,
  manyFailed,
  NOW,
  type OpenStore,
  turnsDuring,
} from "./store-support.js";

const HOUR = 60 * MINUTE;
const REFUSED = { kind: "unreachable", reason: "refused", detail: "connect ECONNREFUSED 127.0.0.1:9000" } as const;
const LONG = "x".repeat(300);

export function describeGroups(open: OpenStore): void {
  describe("grouping calls", () => {
    async function pages(store: Store, callback: Callback, filter: CallFilter, by: readonly GroupKey[], budgetMs: number) {
      const found: GroupPage[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await store.calls.group(callback.id, { filter, by, budgetMs, ...(cursor !== undefined && { cursor }) });
        found.push(page);
        if (page.nextCursor === null) return found;
        cursor = page.nextCursor;
      }
    }

    async function groups(store: Store, callback: Callback, by: readonly GroupKey[], filter: CallFilter = {}) {
      const [page, ...more] = await pages(store, callback, filter, by, Number.POSITIVE_INFINITY);
      expect(more).toEqual([]);
      return page?.groups ?? [];
    }

    const UUID = "550e8400-e29b-41d4-a716-446655440000";
    const UUID_DIGITS = "550E8400E29B41D4A716446655440000";

    const counted = (found: readonly CallGroup[]) => found.map(({ values, count }) => ({ ...values, count }));

    /** What the command line makes of the list must be the same. */
    async function groupsOfList(store: Store, callback: Callback, by: readonly GroupKey[]) {
      const found = new CallGroups(by, Number.POSITIVE_INFINITY);
      for (const call of await everyCall(store, callback, {})) found.add(groupOf(call, by));
      return found.sorted();
    }

    async function aMixedCallback(store: Store): Promise<Callback> {
      const callback = await aCallback(store, { retriesEnabled: true });
      const responses = {
        A: aResponse({ messageId: "M1", from: { name: "Ada", mri: "", mobile: "", email: "ada@example.com", voice: "" } }),
        B: aResponse({ messageId: "M1", responseMessage: { channel: "EMAIL", kind: "reply", date: "", content: "" } }),
        C: aResponse({ messageId: "", from: { name: "", mri: "", mobile: "", email: "", voice: "" } }),
        D: aResponse({ messageId: UUID, from: { name: LONG, mri: "", mobile: "", email: "", voice: "" } }),
        E: aResponse({ messageId: UUID_DIGITS.toLowerCase() }),
      };
      const calls = Object.entries(responses).map(([id, response]) => ({ id, response }));
      await store.calls.accept([{ callbackId: callback.id, calls }], NOW);
      await attempt(store, callback, ["A"], { startedAt: NOW });
      await attempt(store, callback, ["B"], { startedAt: NOW + HOUR - 1, result: REFUSED });
      await attempt(store, callback, ["C"], { startedAt: NOW + HOUR, result: { ...REFUSED, detail: "another" } });
      await attempt(store, callback, ["D"], { startedAt: NOW + HOUR + 1, result: ACCEPTED });
      await hold(store, callback, ["E"], NOW + 2 * HOUR);
      return callback;
    }

    it("ends a page once its texts are long, so that nobody's senders make it large", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const calls = Array.from({ length: 1_800 }, (_, index) => {
        const email = String(index).padEnd(256, "中");
        return { id: `L${index}`, response: aResponse({ from: { name: "", mri: "", mobile: "", email, voice: "" } }) };
      });
      await store.calls.accept([{ callbackId: callback.id, calls }], NOW);
      const found = await pages(store, callback, { status: "PENDING" }, ["from"], Number.POSITIVE_INFINITY);
      expect(found.length).toBeGreaterThan(1);
      expect(found.reduce((sum, { count }) => sum + count, 0)).toBe(1_800);
      for (const page of found) expect(Buffer.byteLength(JSON.stringify(page.groups))).toBeLessThan(GROUPS_BYTES / 2);
    });

    it("groups and filters by what the endpoint answered to the last attempt", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "C", "D", "E", "F", "G"]);
      const answered = (body: string, statusCode = 422) => ({ kind: "answered", statusCode, statusMessage: "", body }) as const;
      await attempt(store, callback, ["A", "B", "C"], { result: answered("Busy\u0000", 503) });
      await attempt(store, callback, ["A", "B"], { result: answered(`{"error":"no field “Übung”"}`) });
      await attempt(store, callback, ["C"], { result: REFUSED, startedAt: NOW + 1 });
      await attempt(store, callback, ["D"], { result: answered("") });
      await attempt(store, callback, ["E"], { result: answered(LONG), startedAt: NOW + 2 });
      await attempt(store, callback, ["G"], { result: answered(`${"x".repeat(256)}, but otherwise`), startedAt: NOW - 1 });
      expect(counted(await groups(store, callback, ["statusCode", "answer"]))).toEqual([
        { statusCode: 422, answer: `${"x".repeat(256)}…`, count: 2 },
        { statusCode: 422, answer: `{"error":"no field “Übung”"}`, count: 2 },
        { statusCode: null, answer: null, count: 1 },
        { statusCode: 422, answer: null, count: 1 },
      ]);
      const idsWith = async (answer: string, filter: CallFilter = {}) =>
        idsOf(await everyCall(store, callback, { ...filter, answer })).sort();
      expect(await idsWith("FIELD “ÜBUNG”")).toEqual(["A", "B"]);
      expect(await idsWith("XXX", { status: "FAILED" })).toEqual(["E", "G"]);
      expect([await idsWith("busy"), await idsWith("%"), await idsWith("422")]).toEqual([[], [], []]);
      expect((await pages(store, callback, { answer: "field" }, ["statusCode"], 0))[0]).toMatchObject({ count: 2 });
      expect(await store.calls.listAnswers(callback.id, ["A", "C", "D", "E", "F", "nope"])).toEqual(
        new Map([
          ["A", `{"error":"no field “Übung”"}`],
          ["E", LONG],
        ]),
      );
    });

    it("groups by each key, most calls first, then the latest", async () => {
      const store = await open();
      const callback = await aMixedCallback(store);
      expect(counted(await groups(store, callback, ["statusCode"]))).toEqual([
        { statusCode: null, count: 3 },
        { statusCode: 200, count: 1 },
        { statusCode: 503, count: 1 },
      ]);
      expect(counted(await groups(store, callback, ["reason"]))).toEqual([
        { reason: "refused", count: 2 },
        { reason: "not-sent", count: 1 },
        { reason: "OK", count: 1 },
        { reason: "Service Unavailable", count: 1 },
      ]);
      expect(counted(await groups(store, callback, ["hour"]))).toEqual([
        { hour: NOW + HOUR, count: 2 },
        { hour: NOW, count: 2 },
        { hour: NOW + 2 * HOUR, count: 1 },
      ]);
      expect(counted(await groups(store, callback, ["from"]))).toEqual([
        { from: "61400000001", count: 2 },
        { from: LONG.slice(0, 256), count: 1 },
        { from: null, count: 1 },
        { from: "ada@example.com", count: 1 },
      ]);
      expect(counted(await groups(store, callback, ["messageId"]))).toEqual([
        { messageId: UUID_DIGITS, count: 2 },
        { messageId: "M1", count: 2 },
        { messageId: null, count: 1 },
      ]);
      expect(counted(await groups(store, callback, ["channel"]))).toEqual([
        { channel: "SMS", count: 4 },
        { channel: "EMAIL", count: 1 },
      ]);
    });

    it("gives a group's first and last attempt and one of its calls, and agrees with a grouping of the list", async () => {
      const store = await open();
      const callback = await aMixedCallback(store);
      for (const by of [["reason", "statusCode"], ["hour", "channel"], ["from"], ["messageId"]] as const) {
        const withoutExample = ({ exampleId: _, ...group }: CallGroup) => group;
        const found = await groups(store, callback, by);
        expect(found.map(withoutExample)).toEqual((await groupsOfList(store, callback, by)).map(withoutExample));
      }
      const [refused] = await groups(store, callback, ["reason"]);
      expect(refused).toMatchObject({ firstAttemptedAt: NOW + HOUR - 1, lastAttemptedAt: NOW + HOUR });
      expect(["B", "C"]).toContain(refused?.exampleId);
    });

    it("groups answers without a message as no-message, which the filter selects", async () => {
      const store = await open();
      const callback = await aMixedCallback(store);
      const result = { kind: "answered", statusCode: 503, statusMessage: "", body: "" } as const;
      await accept(store, callback, ["F"]);
      await attempt(store, callback, ["F"], { startedAt: NOW, result });
      expect(counted(await groups(store, callback, ["statusCode", "reason"], { reason: "no-message" }))).toEqual([
        { statusCode: 503, reason: "no-message", count: 1 },
      ]);
      expect(counted(await groups(store, callback, ["reason"]))).toContainEqual({ reason: "no-message", count: 1 });
    });

    it("quotes an answer's message that is the word for another reason, so that a filter takes only what it names", async () => {
      const store = await open();
      const callback = await aMixedCallback(store);
      const words = ["not-sent", "no-message", "refused", "response-timeout"];
      for (const statusMessage of words) {
        const result = { kind: "answered", statusCode: 502, statusMessage, body: "" } as const;
        await accept(store, callback, [statusMessage]);
        await attempt(store, callback, [statusMessage], { startedAt: NOW, result });
      }
      for (const word of words) {
        const all = counted(await groups(store, callback, ["statusCode", "reason"], { reason: word }));
        expect(all.filter(({ statusCode }) => statusCode === 502)).toEqual([]);
        expect(counted(await groups(store, callback, ["statusCode", "reason"], { reason: `"${word}"` }))).toEqual([
          { statusCode: 502, reason: `"${word}"`, count: 1 },
        ]);
      }
    });

    it("counts only what matches the filter, and calls without an attempt have no hour", async () => {
      const store = await open();
      const callback = await aMixedCallback(store);
      await accept(store, callback, ["P"]);
      expect(counted(await groups(store, callback, ["channel"], { status: "FAILED", since: NOW + 1 }))).toEqual([
        { channel: "SMS", count: 2 },
        { channel: "EMAIL", count: 1 },
      ]);
      expect(await groups(store, callback, ["hour", "reason"], { status: "PENDING" })).toEqual([
        { values: { hour: null, reason: "not-sent" }, count: 1, firstAttemptedAt: null, lastAttemptedAt: null, exampleId: "P" },
      ]);
      expect(await groups(store, callback, ["channel"], { messageId: "nope" })).toEqual([]);
      await expect(store.calls.group("nope", { filter: {}, by: ["hour"], budgetMs: 0 })).rejects.toMatchObject({
        code: "not-found",
      });
    });

    it("reads on where its budget ended, counts each call once, and lets the event loop turn", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await manyFailed(store, callback, 9_000, (index) => ({ startedAt: NOW + Math.floor(index / 4_000) }));
      const turns = await turnsDuring(async () => {
        expect(counted(await groups(store, callback, ["hour"]))).toEqual([{ hour: NOW, count: 9_000 }]);
      });
      expect(turns).toBeGreaterThan(2);
      const found = await pages(store, callback, { status: "FAILED" }, ["statusCode"], 0);
      expect(found.length).toBeGreaterThan(4);
      expect(found.map(({ total, isTotalExact }) => [total, isTotalExact])).toEqual(found.map(() => [9_000, undefined]));
      expect(found.map(({ offset }) => offset)).toEqual(found.map((_, at) => sum(found.slice(0, at))));
      expect(sum(found)).toBe(9_000);
      const [first] = await pages(store, callback, { channel: "SMS" }, ["statusCode"], 0);
      expect(first).toMatchObject({ total: first?.count, isTotalExact: false });
    });

    it("ends a page that has many groups, whatever its budget", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const calls = Array.from({ length: 6_000 }, (_, index) => {
        const from = { name: "", mri: "", mobile: `614${index}`, email: "", voice: "" };
        return { id: `call ${index}`, response: aResponse({ from }) };
      });
      await store.calls.accept([{ callbackId: callback.id, calls }], NOW);
      const found = await pages(store, callback, { status: "PENDING" }, ["from"], Number.POSITIVE_INFINITY);
      expect(found.length).toBeGreaterThan(1);
      expect(Math.max(...found.map((page) => page.groups.length))).toBeLessThan(4_100);
      expect(new Set(found.flatMap((page) => page.groups.map(({ values }) => values.from))).size).toBe(6_000);
    });
  });
}

function sum(pages: readonly GroupPage[]): number {
  return pages.reduce((calls, { count }) => calls + count, 0);
}
