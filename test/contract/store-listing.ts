import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Call } from "../../src/domain/call.js";
import { type CallFilter, matchesFilter } from "../../src/domain/call-filter.js";
import type { Callback } from "../../src/domain/callback.js";
import type { CallQuery } from "../../src/store/calls/list-calls.js";
import type { InTurn } from "../../src/store/calls/scan-calls.js";
import type { Store } from "../../src/store/open-store.js";
import type { Page } from "../../src/store/paging.js";
import { ACCEPTED, anAttempt, aResponse, REFUSED_503 } from "../support/builders.js";
import { fetchPending } from "../support/store/waiting-calls.js";
import {
  aCallback,
  accept,
  aGroup,
  attempt,
  everyCall,
  idsOf,
  manyFailed,
  NOW,
  type OpenStore,
  query,
  turnsDuring,
} from "./store-support.js";

export function describeListing(open: OpenStore, runs: number): void {
  describe("listing calls", () => {
    it("lists the latest attempt first, and PENDING calls only on request", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "C", "P1", "P2"]);
      await attempt(store, callback, ["A"], { startedAt: NOW + 2, result: ACCEPTED });
      await attempt(store, callback, ["B"], { startedAt: NOW + 1 });
      await attempt(store, callback, ["C"], { startedAt: NOW + 3 });
      const page = await store.calls.list(callback.id, query());
      expect({ ...page, items: idsOf(page.items) }).toEqual({
        items: ["C", "A", "B"],
        total: 3,
        offset: 0,
        nextCursor: null,
        previousCursor: expect.any(String),
      });
      expect(page.items[0]).toEqual(await store.calls.find(callback.id, "C"));
      expect(idsOf(await everyCall(store, callback, { status: "FAILED" }))).toEqual(["C", "B"]);
      expect(idsOf(await everyCall(store, callback, { status: "SUCCESS" }))).toEqual(["A"]);
      expect(idsOf(await everyCall(store, callback, { status: "PENDING" }))).toEqual(["P2", "P1"]);
    });

    it("cuts a page of large calls by bytes, and continues by cursor", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const content = "x".repeat(7 * 1024 * 1024);
      const response = aResponse({ responseMessage: { ...aResponse().responseMessage, content } });
      for (const id of ["A", "B", "C", "D", "E"])
        await store.calls.accept([{ callbackId: callback.id, calls: [{ id, response }] }], NOW);
      const pages: unknown[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.calls.list(callback.id, query({ filter: { status: "PENDING" }, ...(cursor && { cursor }) }));
        pages.push([idsOf(page.items), page.offset, page.total]);
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      expect(pages).toEqual([
        [["E", "D"], 0, 5],
        [["C", "B"], 2, 5],
        [["A"], 4, 5],
      ]);
      const short = await store.calls.list(callback.id, query({ filter: { status: "PENDING" }, maxResponseBytes: 1_000 }));
      expect(idsOf(short.items)).toEqual(["E", "D", "C", "B", "A"]);
      expect(short.items[0]?.leftOutBytes).toBeGreaterThan(content.length);
      expect(short.items[0]?.response.responseMessage.content).not.toContain("x".repeat(50));
    });

    it("says how many bytes a page has before it is read, also a page of one call and one that is too large", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const content = "x".repeat(100_000);
      const response = aResponse({ responseMessage: { ...aResponse().responseMessage, content } });
      await store.calls.accept([{ callbackId: callback.id, calls: ["A", "B"].map((id) => ({ id, response })) }], NOW);
      const kilobytes: number[] = [];
      const beforeRead = (bytes: number) => void kilobytes.push(Math.floor(bytes / 1_000));
      for (const over of [{ limit: 1 }, { maxPageBytes: 1 }, {}])
        await store.calls.list(callback.id, query({ filter: { status: "PENDING" }, beforeRead, ...over }));
      expect(kilobytes).toEqual([100, 100, 200]);
    });

    it("in another order says how much it keeps of all that match, and ends as its reader has gone", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const calls = Array.from({ length: 3_000 }, (_, index) => ({ id: `C${index}`, response: aResponse() }));
      await store.calls.accept([{ callbackId: callback.id, calls }], NOW);
      const { content } = aResponse().responseMessage;
      const given = {
        filter: { status: "PENDING", text: content },
        sort: [{ field: "id", descending: false }],
        limit: 1,
      } as const;
      const kept: number[] = [];
      await store.calls.list(callback.id, query({ ...given, beforeRead: (bytes) => void kept.push(bytes) }));
      expect(kept.length).toBeGreaterThan(2);
      const ofSeqs = kept.slice(0, -1);
      expect(ofSeqs).toEqual(ofSeqs.toSorted((one, other) => one - other));
      expect(ofSeqs.at(-1)).toBeGreaterThan(8 * 1_024);
      let steps = 0;
      const beforeRead = async () => {
        steps += 1;
        if (steps === 2) throw new Error("gone");
      };
      await expect(store.calls.list(callback.id, query({ ...given, beforeRead }))).rejects.toThrow("gone");
      expect(steps).toBe(2);
    });

    it.each([
      ["nothing of a page by date", {}, 0],
      ["a text", { filter: { status: "PENDING", text: "nowhere" } }, 2],
      ["a text in another order", { filter: { status: "PENDING", text: "a" }, sort: [{ field: "id", descending: true }] }, 3],
      ["another order", { sort: [{ field: "messageId", descending: false }] }, 1],
      ["an offset", { offset: 2_000 }, 1],
    ] as const)("takes turns to read %s, waits for no room in one, and ends as its reader has gone", async (_, given, least) => {
      const store = await open();
      const callback = await aCallback(store);
      const calls = Array.from({ length: 3_000 }, (_each, index) => ({ id: `C${index}`, response: aResponse() }));
      await store.calls.accept([{ callbackId: callback.id, calls }], NOW);
      let running = 0;
      let [turns, last] = [0, Number.POSITIVE_INFINITY];
      const inTurn: InTurn = async (step) => {
        turns += 1;
        if (turns > last) throw new Error("gone");
        running += 1;
        return step().finally(() => {
          running -= 1;
        });
      };
      const beforeRead = async () => {
        await nextTurn();
        expect(running).toBe(0);
      };
      const asked = query({ filter: { status: "PENDING" }, limit: 1, ...given, beforeRead, inTurn });
      await store.calls.list(callback.id, asked);
      expect(turns).toBeGreaterThanOrEqual(least);
      if (least === 0) return expect(turns).toBe(0);
      [turns, last] = [0, least - 1];
      await expect(store.calls.list(callback.id, asked)).rejects.toThrow("gone");
      expect([turns, running]).toEqual([least, 0]);
    });

    it("counts the attempts for the size of a page that has them", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "C", "D", "E"]);
      const body = "x".repeat(4_000_000);
      for (const id of ["A", "B", "C", "D", "E"])
        await attempt(store, callback, [id], { result: { kind: "answered", statusCode: 503, statusMessage: "", body } });
      const pages = [];
      for (const withAttempts of [false, true]) {
        const page = await store.calls.list(callback.id, query({ withAttempts }));
        pages.push([idsOf(page.items), page.total, page.nextCursor !== null]);
      }
      expect(pages).toEqual([
        [["E", "D", "C", "B", "A"], 5, false],
        [["E", "D", "C", "B"], 5, true],
      ]);
    });

    it("returns the same pages by offset and by cursor", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const ids = Array.from({ length: 17 }, (_, index) => `C${index}`);
      await accept(store, callback, [...ids, "P1", "P2", "P3"]);
      for (const [index, id] of ids.entries()) {
        await attempt(store, callback, [id], {
          startedAt: NOW + Math.floor(index / 5),
          result: index % 3 === 0 ? ACCEPTED : REFUSED_503,
        });
      }
      const both = [true, false];
      const fields = ["attemptedDate", "status", "messageId", "id"] as const;
      const single = fields.flatMap((field) => both.map((descending) => ({ field, descending })));
      const byStatus = single.map((sort) => [{ field: "status", descending: !sort.descending } as const, sort]);
      const sorts: CallQuery["sort"][] = [[], ...single.map((sort) => [sort]), ...byStatus];
      const some: readonly CallFilter[] = [{}, { status: "FAILED" }, { since: NOW + 1, until: NOW + 4, channel: "SMS" }];
      const more: readonly CallFilter[] = [
        ...[{ status: "PENDING" } as const, { since: NOW + 1 }, { until: NOW + 4 }, { since: NOW + 1, until: NOW + 4 }],
        ...[{ status: "FAILED", statusCodes: [{ class: 5 }] } as const, { text: "YES" }],
        { status: "PENDING", text: "yes" },
      ];
      for (const [index, sort] of sorts.entries()) {
        // An index has the order of the first three.
        for (const filter of index < 3 ? [...some, ...more] : some) {
          const all = await store.calls.list(callback.id, query({ sort, filter, limit: 100 }));
          let cursor: string | null = null;
          for (let offset = 0; offset < all.total; offset += 2) {
            const asked = query({ sort, filter, limit: 2, ...(cursor === null ? {} : { cursor }) });
            const page = await store.calls.list(callback.id, asked);
            expect(page).toEqual({
              ...(await store.calls.list(callback.id, query({ sort, filter, limit: 2, offset }))),
              nextCursor: page.nextCursor,
              previousCursor: page.previousCursor,
            });
            expect(page).toMatchObject({ offset, total: all.total });
            expect(idsOf(page.items)).toEqual(idsOf(all.items.slice(offset, offset + 2)));
            cursor = page.nextCursor;
          }
          expect(cursor).toBeNull();
        }
      }
    });

    it("finds few calls among many, and lets the event loop turn", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const wanted = await fewAmongMany(store, callback);
      const turns = await turnsDuring(async () => {
        const page = await store.calls.list(callback.id, query({ filter: { text: "needle" }, limit: 4 }));
        expect(idsOf(page.items)).toEqual(wanted.slice(0, 4));
        const rest = await store.calls.list(
          callback.id,
          query({ filter: { text: "needle" }, limit: 4, cursor: page.nextCursor ?? "" }),
        );
        expect([idsOf(rest.items), rest.offset, rest.nextCursor]).toEqual([wanted.slice(4), 4, null]);
      });
      expect(turns).toBeGreaterThan(2);
    });

    it("finds them in another order too, and lets the event loop turn", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await fewAmongMany(store, callback);
      const inOrder = { filter: { text: "needle" }, sort: [{ field: "id", descending: false }], limit: 4 } as const;
      const turns = await turnsDuring(async () => {
        const page = await store.calls.list(callback.id, query(inOrder));
        expect(idsOf(page.items)).toEqual(["needle 0", "needle 1", "needle 2", "needle 3"]);
        const rest = await store.calls.list(callback.id, query({ ...inOrder, cursor: page.nextCursor ?? "" }));
        expect([idsOf(rest.items), rest.nextCursor]).toEqual([["needle 4", "needle 5"], null]);
      });
      expect(turns).toBeGreaterThan(2);
    });

    it("ends a page after its budget, perhaps empty, with a cursor that continues", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const wanted = await fewAmongMany(store, callback);
      const seen: string[] = [];
      const offsets: number[] = [];
      let cursor: string | null = null;
      do {
        const within = { filter: { text: "needle" }, limit: 4, budgetMs: 0, ...(cursor === null ? {} : { cursor }) };
        const page: Page<Call> = await store.calls.list(callback.id, query(within));
        expect(page.offset).toBe(seen.length);
        seen.push(...idsOf(page.items));
        offsets.push(page.offset);
        cursor = page.nextCursor;
      } while (cursor !== null);
      expect(seen).toEqual(wanted);
      expect(offsets.length).toBeGreaterThan(3);
    });

    it("carries a total that may be too low from page to page", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "C", "D"]);
      await attempt(store, callback, ["A", "B", "C", "D"]);
      const filter = { channel: "SMS" } as const;
      const { nextCursor } = await store.calls.list(callback.id, query({ filter, limit: 1 }));
      const parts = JSON.parse(Buffer.from(nextCursor ?? "", "base64url").toString());
      const cursor = Buffer.from(JSON.stringify([...parts.slice(0, 3), 1, "or more"])).toString("base64url");
      const page = await store.calls.list(callback.id, query({ filter, limit: 1, cursor }));
      expect(page).toMatchObject({ total: 2, isTotalExact: false, offset: 1 });
      const last = await store.calls.list(callback.id, query({ filter, limit: 9, cursor: page.nextCursor ?? "" }));
      expect([idsOf(last.items), last.total, last.isTotalExact]).toEqual([["B", "A"], 4, false]);
    });

    it("rejects a cursor with a value of another kind, as a made-up one", async () => {
      const store = await open();
      const callback = await aCallback(store);
      for (const values of [["x", 1], [1.5, 1], [null, 1], [1], [2 ** 60, 1]]) {
        const cursor = Buffer.from(JSON.stringify(["-attempted_at,-seq", values, 0, null])).toString("base64url");
        await expect(store.calls.list(callback.id, query({ cursor }))).rejects.toMatchObject({ code: "invalid" });
      }
    });

    it("neither skips nor repeats calls that are marked between pages by cursor", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const ids = Array.from({ length: 30 }, (_, index) => `C${String(index).padStart(2, "0")}`);
      await accept(store, callback, ids);
      await attempt(store, callback, ids, { startedAt: NOW });
      for (const filter of [{ status: "FAILED" }, {}] as const) {
        const seen: string[] = [];
        for (let cursor: string | null | undefined; cursor !== null; ) {
          const page = await store.calls.list(
            callback.id,
            query({ filter, limit: 7, ...(cursor === undefined ? {} : { cursor }) }),
          );
          seen.push(...idsOf(page.items));
          await store.calls.mark(callback.id, idsOf(page.items), "SUCCESS", NOW);
          cursor = page.nextCursor;
        }
        expect(seen).toEqual(ids.toReversed());
      }
    });

    it("leads back to what precedes a page, in the opposite order, also after new calls", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const ids = Array.from({ length: 12 }, (_, index) => `C${String(index).padStart(2, "0")}`);
      await accept(store, callback, [...ids, "new", "P1", "P2", "P3"]);
      for (const [index, id] of ids.entries()) await attempt(store, callback, [id], { startedAt: NOW + Math.floor(index / 4) });
      const read = async (filter: CallFilter, descending: boolean, cursor: string | null) => {
        const sort = [{ field: "attemptedDate", descending }] as const;
        return await store.calls.list(callback.id, query({ filter, sort, limit: 3, ...(cursor !== null && { cursor }) }));
      };
      for (const filter of [{}, { status: "FAILED", channel: "SMS" }] as const) {
        const second = await read(filter, true, (await read(filter, true, null)).nextCursor);
        const third = await read(filter, true, second.nextCursor);
        const back = await read(filter, false, third.previousCursor);
        expect(idsOf(back.items).reverse()).toEqual(idsOf(second.items));
        expect(idsOf((await read(filter, true, back.previousCursor)).items)).toEqual(idsOf(third.items));
        const newest = await read(filter, false, back.nextCursor);
        expect([idsOf(newest.items), newest.nextCursor]).toEqual([ids.slice(-3), null]);
      }
      const back = await read({}, false, (await read({}, true, (await read({}, true, null)).nextCursor)).previousCursor);
      expect(back.nextCursor).toBeNull();
      await attempt(store, callback, ["new"], { startedAt: NOW + 9 });
      const later = await read({}, false, (await read({}, true, (await read({}, true, null)).nextCursor)).previousCursor);
      expect(idsOf(later.items)).toEqual(["C10", "C11", "new"]);
      const pending = await read({ status: "PENDING" }, true, null);
      expect(idsOf((await read({ status: "PENDING" }, false, pending.previousCursor)).items)).toEqual([]);
    });

    it("sorts by the first mention of a field, then by the next field", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["B", "A", "C", "D"]);
      await attempt(store, callback, ["D"]);
      const byDateThenId = [
        { field: "attemptedDate", descending: true },
        { field: "id", descending: false },
        { field: "attemptedDate", descending: false },
      ] as const;
      const pending = query({ sort: byDateThenId, filter: { status: "PENDING" } });
      expect(idsOf((await store.calls.list(callback.id, pending)).items)).toEqual(["A", "B", "C"]);
      await attempt(store, callback, ["A", "B", "C"]);
      expect(idsOf((await store.calls.list(callback.id, query({ sort: byDateThenId }))).items)).toEqual(["A", "B", "C", "D"]);
    });

    it("counts the matching calls for an offset past the end", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B"]);
      await attempt(store, callback, ["A", "B"]);
      const beyond = { items: [], total: 2, offset: 9, nextCursor: null, previousCursor: null };
      expect(await store.calls.list(callback.id, query({ offset: 9 }))).toEqual(beyond);
      expect(await store.calls.list(callback.id, query({ offset: 9, filter: { since: NOW } }))).toEqual(beyond);
    });

    it("rejects a cursor that isn't from this order", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B"]);
      await attempt(store, callback, ["A", "B"]);
      const { nextCursor } = await store.calls.list(callback.id, query({ limit: 1 }));
      const garbage = [
        "",
        "%",
        "bm9wZQ",
        Buffer.from("null").toString("base64url"),
        Buffer.from('["-attempted_at,-seq",[{}, 1],0,null]').toString("base64url"),
      ];
      for (const cursor of garbage) {
        await expect(store.calls.list(callback.id, query({ cursor }))).rejects.toMatchObject({ code: "invalid" });
      }
      const otherOrder = query({ cursor: nextCursor ?? "", sort: [{ field: "id", descending: true }] });
      await expect(store.calls.list(callback.id, otherOrder)).rejects.toMatchObject({ code: "invalid" });
    });

    it("matches exactly the calls that the domain's filter matches", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(storedCall, { minLength: 1, maxLength: 12 }),
          fc.array(someFilter, { minLength: 1, maxLength: 6 }),
          async (specs, filters) => {
            const store = await open();
            const callback = await aCallback(store, { retriesEnabled: true });
            await store.calls.accept(
              [{ callbackId: callback.id, calls: specs.map(({ response }, index) => ({ id: `C${index}`, response })) }],
              NOW,
            );
            const pending = await fetchPending(store, callback.id, 100);
            const of = (index: number) => {
              const { id = "", seq = 0 } = pending[index] ?? {};
              return { callbackId: callback.id, callId: id, callSeq: seq, random: 0 };
            };
            const tried = specs.flatMap(({ fate, at, statusCode }, index) => {
              const result =
                statusCode === null
                  ? ({ kind: "unreachable", reason: "dns", detail: "" } as const)
                  : ({ kind: "answered", statusCode, statusMessage: "", body: "" } as const);
              return fate === "attempted" ? [{ ...of(index), attempt: anAttempt({ startedAt: at, result }), recovery: 0 }] : [];
            });
            const held = specs.flatMap(({ fate, at }, index) => (fate === "held" ? [{ ...of(index), at }] : []));
            await store.outcomes.commit(aGroup({ attempts: tried, holdings: held }));
            const marked = specs.flatMap(({ fate }, index) => (fate === "marked" ? [`C${index}`] : []));
            await store.calls.mark(callback.id, marked, "SUCCESS", NOW);
            const calls: Call[] = [];
            for (const { id } of pending) calls.push((await store.calls.find(callback.id, id)) ?? pending[0] ?? expect.fail());
            for (const filter of filters) {
              const page = await store.calls.list(
                callback.id,
                query({ filter, limit: 100, sort: [{ field: "id", descending: false }] }),
              );
              const meant = calls.filter((call) => matchesFilter(call, filter));
              expect(new Set(idsOf(page.items))).toEqual(new Set(idsOf(meant)));
              expect(page).toMatchObject({ total: meant.length, nextCursor: null });
              const counted = await store.calls.countMatching(callback.id, filter, { budgetMs: Number.POSITIVE_INFINITY });
              expect(counted).toEqual({ count: meant.length, isExact: true });
            }
          },
        ),
        { numRuns: runs },
      );
    });
  });
}

/** The filter finds 6 of 6 006 calls, newest first. */
async function fewAmongMany(store: Store, callback: Callback): Promise<string[]> {
  await manyFailed(store, callback, 6_000, (index) => ({ startedAt: NOW + Math.floor(index / 2_500) }));
  const response = aResponse({ responseMessage: { ...aResponse().responseMessage, content: "a NEEDLE" } });
  const needles = Array.from({ length: 6 }, (_, index) => ({ id: `needle ${index}`, response }));
  await store.calls.accept([{ callbackId: callback.id, calls: needles }], NOW);
  for (const [index, { id }] of needles.entries())
    await attempt(store, callback, [id], { startedAt: NOW + (index % 3), result: index % 2 === 0 ? ACCEPTED : REFUSED_503 });
  return ["needle 5", "needle 2", "needle 4", "needle 1", "needle 3", "needle 0"];
}

/** There are few values, so that filters hit. */
const word = fc.constantFrom("", "Ada", "ada", "İ", "ß", "SS", "ǅ", "61400", "a%b_c", "x\u0000y", "'", '"\\', "🎉");
const UUID = "550e8400-e29b-41d4-a716-446655440fff";
const DIGITS = UUID.replaceAll("-", "");
/** The last ones are no UUIDs, as the upper case of ﬀ is FF. */
const uuid = fc.constantFrom(
  UUID,
  UUID.toUpperCase(),
  DIGITS,
  DIGITS.toUpperCase(),
  `-${DIGITS}---`,
  UUID.replace("ff", "ﬀ"),
  `${DIGITS}0`,
);
/** PostgreSQL's text can't contain U+0000. */
const messageId = fc.oneof(
  word.map((text) => text.replaceAll("\0", "")),
  uuid,
);
const response = fc
  .record({
    messageId,
    channel: fc.constantFrom("SMS" as const, "EMAIL" as const, "VOICE" as const),
    who: fc.array(word, { minLength: 5, maxLength: 5 }),
    content: fc.array(word),
  })
  .map(({ messageId, channel, who: [name = "", mri = "", mobile = "", email = "", voice = ""], content }) =>
    aResponse({
      messageId,
      from: { name, mri, mobile, email, voice },
      responseMessage: { channel, kind: "reply", date: "", content: content.join(" ") },
    }),
  );
const instant = fc.constantFrom(0, 1, NOW - 1, NOW, NOW + 1);
const storedCall = fc.record({
  response,
  fate: fc.constantFrom("pending", "attempted", "attempted", "attempted", "held", "marked"),
  at: instant,
  statusCode: fc.constantFrom(200, 199, 400, 404, 499, 500, 503, null),
});
const conditions = {
  status: fc.constantFrom("PENDING" as const, "SUCCESS" as const, "FAILED" as const),
  since: fc.oneof(instant, fc.constantFrom(-5, NOW + 0.5)),
  until: fc.oneof(instant, fc.constantFrom(-5, NOW + 0.5)),
  changedBefore: instant,
  markedAt: instant,
  statusCodes: fc.array(fc.constantFrom({ code: 503 }, { code: 200 }, { class: 4 }, { class: 2 }, { none: true as const }), {
    maxLength: 3,
  }),
  reason: fc.constantFrom("dns", "refused", "not-sent", "no-message", "Service Unavailable"),
  channel: fc.constantFrom("SMS" as const, "EMAIL" as const),
  messageId,
  from: word,
  text: word,
};
/** A filter has few conditions: all of them together would hardly match any call. */
const someFilter: fc.Arbitrary<CallFilter> = fc
  .tuple(fc.record(conditions), fc.subarray(Object.keys(conditions), { maxLength: 2 }))
  .map(([whole, keys]) => Object.fromEntries(Object.entries(whole).filter(([key]) => keys.includes(key))));
