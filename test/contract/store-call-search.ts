import { describe, expect, it } from "vitest";
import { type CallSearch, SEARCH_START, type SearchPlace, type WantedCalls } from "../../src/store/calls/search-calls.js";
import type { Store } from "../../src/store/open-store.js";
import { aResponse } from "../support/builders.js";
import { VirtualClock } from "../support/time/virtual-clock.js";
import { aCallback, idsOf, NOW, type OpenStore } from "./store-support.js";

const ALL = { budgetMs: Number.POSITIVE_INFINITY, limit: 50, maxResponseBytes: 1_000 };

function search(store: Store, wanted: WantedCalls, over: Partial<CallSearch> = {}) {
  return store.calls.search({ wanted, from: SEARCH_START, inTurn: (step) => step(), ...ALL, ...over });
}

async function found(store: Store, wanted: WantedCalls): Promise<readonly string[]> {
  const { calls, next } = await search(store, wanted);
  expect(next).toBeNull();
  return idsOf(calls);
}

/** Makes calls by id, of a new callback, from senders with these numbers or addresses. */
async function from(store: Store, senders: Readonly<Record<string, { mobile?: string; voice?: string; email?: string }>>) {
  const callback = await aCallback(store);
  const calls = Object.entries(senders).map(([id, sender]) => {
    const response = aResponse();
    const none = { name: "", mri: "", mobile: "", voice: "", email: "" };
    return { id, response: { ...response, from: { ...none, ...sender } } };
  });
  await store.calls.accept([{ callbackId: callback.id, calls }], NOW);
  return callback;
}

export function describeCallSearch(open: OpenStore): void {
  describe("searching the calls of all callbacks", () => {
    it("finds a number in any spelling, with or without its country, the newest first", async () => {
      const store = await open();
      await from(store, {
        international: { mobile: "+61 410 739 741" },
        national: { mobile: "0410-739-741" },
        other: { mobile: "61410739742" },
        longer: { mobile: "610410739741999" },
      });
      await from(store, { dialled: { voice: "0061 (410) 739741" }, short: { mobile: "739741" }, local: { mobile: "10739741" } });
      const all = ["local", "dialled", "national", "international"];
      expect(await found(store, { number: "410739741" })).toEqual(all);
      expect(await found(store, { number: "61410739741" })).toEqual(all);
      expect(await found(store, { number: "10739741" })).toEqual(all);
      expect(await found(store, { number: "1410739741" })).toEqual(["local", "dialled", "national", "international"]);
      expect(await found(store, { number: "99999999" })).toEqual([]);
    });

    it("doesn't compare what is far too long for a number or an address", async () => {
      const store = await open();
      await from(store, { long: { mobile: `${"1a".repeat(200)}0410739741`, email: `${"a".repeat(400)}@example.com` } });
      expect(await found(store, { number: "410739741" })).toEqual([]);
      expect(await found(store, { email: `${"a".repeat(400)}@example.com` })).toEqual([]);
    });

    it("finds nothing where nothing is wanted, wherever it goes on", async () => {
      const store = await open();
      await from(store, { a: { mobile: "+61 410 739 741" } });
      for (const place of [SEARCH_START, { beforeId: "z", read: 0 }, { beforeSeq: 1_000, read: 0 }])
        expect(await search(store, {}, { from: place })).toMatchObject({ calls: [], next: null });
    });

    it("finds a whole e-mail address in any case, and a message's id in any spelling", async () => {
      const store = await open();
      await from(store, { a: { email: "Ada@Example.com" }, b: { email: "ada@example.com.au" } });
      expect(await found(store, { email: "aDA@eXAMPLE.COM" })).toEqual(["a"]);
      const callback = await aCallback(store);
      const messageId = "F9E8D7C6B5A4F3E2D1C0B9A8F7E6D5C4";
      await store.calls.accept([{ callbackId: callback.id, calls: [{ id: "m", response: { ...aResponse(), messageId } }] }], NOW);
      expect(await found(store, { messageId: "f9e8d7c6-b5a4-f3e2-d1c0-b9a8f7e6d5c4" })).toEqual(["m"]);
    });

    it("finds an id by its beginning or its end, as chosen or in any case if it was generated", async () => {
      const store = await open();
      const generated = "01A21005625A7A0880E72DC908BEA1E7";
      await from(store, { [generated]: {}, "0410739741": {}, "order-410739741": {}, "Order-1": {} });
      const starting = async (start: string) => idsOf(await store.calls.findByIdStart(start, 10, 1_000));
      expect(await starting("01a21005")).toEqual([generated]);
      expect(await starting("01a21005-625a-7a08-80e7-2dc908bea1e7")).toEqual([generated]);
      expect(await starting("04107")).toEqual(["0410739741"]);
      expect(await starting("order")).toEqual(["order-410739741"]);
      expect(await found(store, { idEnd: "08bea1e7" })).toEqual([generated]);
      expect(await found(store, { idEnd: "410739741" })).toEqual(["order-410739741", "0410739741"]);
      expect(await found(store, { idEnd: "RDER-1" })).toEqual([]);
    });

    it("finds nothing of a deleted callback", async () => {
      const store = await open();
      const callback = await from(store, { a: { mobile: "61410739741" } });
      await store.callbacks.delete(callback.id, NOW);
      expect(await found(store, { number: "410739741", idEnd: "a" })).toEqual([]);
      expect(await store.calls.findByIdStart("a", 10, 1_000)).toEqual([]);
    });

    it("goes on where it ended, and meets each call once", async () => {
      const clock = new VirtualClock(NOW);
      const store = await open({ clock });
      const ids = Array.from({ length: 7 }, (_, index) => `id-${index}`);
      await from(store, Object.fromEntries(ids.map((id) => [id, { mobile: "61410739741" }])));
      const met: string[] = [];
      let pages = 0;
      for (let place: SearchPlace | null = SEARCH_START; place !== null; pages += 1) {
        const page: Awaited<ReturnType<typeof search>> = await search(store, { number: "410739741" }, { from: place, limit: 3 });
        met.push(...idsOf(page.calls));
        place = page.next;
      }
      expect([met, pages]).toEqual([ids.toReversed(), 3]);
      const first = await search(store, { idEnd: "-3", number: "410739741" }, { limit: 1 });
      expect([idsOf(first.calls), first.next]).toEqual([["id-3"], { beforeId: "id-3", read: 4 }]);
    });

    it("says how many of all ids, and then of all calls, it has read", async () => {
      const store = await open();
      const ids = Array.from({ length: 7 }, (_, index) => `id-${index}`);
      await from(store, Object.fromEntries(ids.map((id) => [id, { mobile: "61410739741" }])));
      const wanted = { idEnd: "-3", number: "410739741" };
      const counts: unknown[] = [];
      for (let place: SearchPlace | null = SEARCH_START; place !== null; ) {
        const { read, total, next }: Awaited<ReturnType<typeof search>> = await search(store, wanted, { from: place, limit: 3 });
        counts.push([read, total]);
        place = next;
      }
      expect(counts).toEqual([
        [2, 7],
        [5, 7],
        [7, 7],
      ]);
    });

    it("reads the newest of generated ids first", async () => {
      const clock = new VirtualClock(NOW);
      const store = await open({ clock });
      const ids = Array.from({ length: 600 }, (_, index) => `${1000 + index}ABCDEF`);
      await from(store, Object.fromEntries(ids.map((id) => [id, {}])));
      const { calls, read, next } = await search(store, { idEnd: "599ABCDEF" }, { limit: 1 });
      expect([idsOf(calls), read, next]).toEqual([["1599ABCDEF"], 1, { beforeId: "1599ABCDEF", read: 1 }]);
    });
  });
}
