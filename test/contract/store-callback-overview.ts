import { describe, expect, it } from "vitest";
import type { Callback, CallbackSettings } from "../../src/domain/callback.js";
import { systemClock } from "../../src/platform/clock.js";
import type { OverviewQuery } from "../../src/store/callbacks/callback-overview.js";
import type { Store } from "../../src/store/open-store.js";
import { aCallback, accept, aGroup, anEndpoint, attempt, NOW, type OpenStore, POLICY } from "./store-support.js";

const BY_SEVERITY = { field: "severity", descending: false } as const;

const overview = (store: Store, over: Partial<OverviewQuery> = {}) =>
  store.callbacks.listOverview({ limit: 10, offset: 0, sort: BY_SEVERITY, text: "", health: null, ...over });

async function namesOf(store: Store, over: Partial<OverviewQuery> = {}): Promise<readonly string[]> {
  return (await overview(store, over)).items.map(({ callback }) => callback.name);
}

/** Reads pages of two, each by the cursor of the one before. */
async function namesOfPages(store: Store, sort: OverviewQuery["sort"]): Promise<readonly string[]> {
  const names: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await overview(store, { sort, limit: 2, ...(cursor !== undefined && { cursor }) });
    expect(page.offset).toBe(names.length);
    names.push(...page.items.map(({ callback }) => callback.name));
    if (page.nextCursor === null) return names;
    cursor = page.nextCursor;
  }
}

export function describeCallbackOverview(open: OpenStore): void {
  describe("the overview of callbacks", () => {
    it("has the most severe state first, then the largest backlog, then the name, and counts the states", async () => {
      const store = await open();
      const named = (name: string) => aCallback(store, { name, events: { reply: name !== "idle", undeliverable: false } });
      const [down, checked, failing, recovering] = [await named("a down"), await named("b"), await named("c"), await named("d")];
      const [some, many] = [await named("some"), await named("many")];
      for (const name of ["z", "Y", "idle"]) await named(name);
      await accept(store, some, ["A", "B"]);
      await accept(store, many, ["C", "D", "E"]);
      await attempt(store, many, ["C"]);
      const outage = (quietSince: number | null, id: string) => ({ id, startedAt: NOW, failedCalls: 1, quietSince });
      const isDown = anEndpoint({ state: "down", downSince: NOW });
      const endpoints = [
        { callbackId: down.id, endpoint: isDown, outage: outage(null, "A".repeat(32)) },
        { callbackId: checked.id, endpoint: isDown, outage: null },
        { callbackId: failing.id, endpoint: anEndpoint(), outage: outage(null, "B".repeat(32)) },
        { callbackId: recovering.id, endpoint: anEndpoint(), outage: outage(NOW + 1, "C".repeat(32)) },
      ];
      await store.outcomes.commit(aGroup({ endpoints }));
      const all = ["a down", "c", "b", "d", "many", "some", "Y", "z", "idle"];
      const { items, counts, total } = await overview(store);
      expect(items.map(({ callback }) => callback.name)).toEqual(all);
      expect({ counts, total }).toEqual({
        counts: { down: 1, failing: 1, "not-answering": 0, paused: 0, checking: 1, recovering: 1, up: 4, idle: 1 },
        total: 9,
      });
      expect(items.slice(0, 5).map(({ health, since, failed, waiting }) => [health, since, failed, waiting])).toEqual([
        ["down", NOW, 0, 0],
        ["failing", NOW, 0, 0],
        ["checking", NOW, 0, 0],
        ["recovering", NOW + 1, 0, 0],
        ["up", null, 1, 2],
      ]);
      expect(await namesOfPages(store, BY_SEVERITY)).toEqual(all);
      expect(await namesOfPages(store, { field: "severity", descending: true })).toEqual(all.toReversed());
      const filtered = await overview(store, { health: "up", limit: 3 });
      expect([filtered.total, filtered.counts.down, filtered.items.length]).toEqual([4, 1, 3]);
      expect(await namesOf(store, { health: "up", limit: 3, cursor: filtered.nextCursor ?? "" })).toEqual(["z"]);
    });

    it("has what isn't answering between what fails and what is being checked", async () => {
      const store = await open({ clock: { ...systemClock, now: () => NOW + 10_001 } });
      const hanging = await aCallback(store, { name: "hanging" });
      await accept(store, hanging, ["A"], NOW);
      await accept(store, await aCallback(store, { name: "sent just now" }), ["B"], NOW + 1);
      const { items, counts } = await overview(store);
      expect(items.map(({ callback, health, since }) => [callback.name, health, since])).toEqual([
        ["hanging", "not-answering", NOW],
        ["sent just now", "up", null],
      ]);
      expect(counts).toMatchObject({ "not-answering": 1, up: 1 });
    });

    it("has names in people's order: by number, whatever their case and accents", async () => {
      const store = await open();
      const names = ["crm 9", "CRM 10", "crm 010", "Émile", "emil", "Zoë", "éa", "1st", "_", "日本", "crm 9a", "crm"];
      for (const name of names) await aCallback(store, { name });
      const ordered = ["1st", "_", "crm", "crm 9", "crm 9a", "CRM 10", "crm 010", "éa", "emil", "Émile", "Zoë", "日本"];
      expect(await namesOfPages(store, { field: "name", descending: false })).toEqual(ordered);
      expect(await namesOfPages(store, { field: "name", descending: true })).toEqual(ordered.toReversed());
    });

    it("continues behind the last row that was seen, also if that was deleted", async () => {
      const store = await open();
      const made = [];
      for (const name of ["a", "b", "c"]) made.push(await aCallback(store, { name }));
      const sort = { field: "name", descending: false } as const;
      const { nextCursor } = await overview(store, { sort, limit: 2 });
      await store.callbacks.delete(made[1]?.id ?? "", NOW);
      expect(await namesOf(store, { sort, limit: 2, cursor: nextCursor ?? "" })).toEqual(["c"]);
      expect(await namesOf(store)).toEqual(["a", "c"]);
      const other = overview(store, { sort: BY_SEVERITY, cursor: nextCursor ?? "" });
      await expect(other).rejects.toMatchObject({ code: "invalid" });
    });

    it("knows what was created, renamed, stopped and deleted since it was read", async () => {
      const store = await open();
      const [first, second, third] = [
        await aCallback(store, { name: "a" }),
        await aCallback(store, { name: "b" }),
        await aCallback(store, { name: "c" }),
      ];
      expect(await namesOf(store)).toEqual(["a", "b", "c"]);
      await accept(store, third, ["A"]);
      expect(await namesOf(store)).toEqual(["c", "a", "b"]);
      const update = (callback: Callback, over: Partial<CallbackSettings>) =>
        store.callbacks.update(callback.id, { ...callback, ...over }, NOW, POLICY);
      await update(first, { name: "x" });
      expect(await namesOf(store)).toEqual(["c", "b", "x"]);
      await store.callbacks.delete(third.id, NOW);
      await aCallback(store, { name: "e" });
      expect(await namesOf(store)).toEqual(["b", "e", "x"]);
      await update(second, { events: { reply: false, undeliverable: false } });
      expect(await namesOf(store)).toEqual(["e", "x", "b"]);
    });

    it("has what was written before it was asked for, while others are being read", async () => {
      const store = await open();
      const others: Promise<unknown>[] = [];
      for (let steps = 0; steps < 40; steps++) {
        others.push(overview(store));
        for (let step = 0; step < steps; step++) await null;
        const { name } = await aCallback(store, { name: `callback ${steps}` });
        expect(await namesOf(store, { limit: 50 })).toContain(name);
      }
      await Promise.all(others);
    });

    it("is by the number of failed or waiting calls too", async () => {
      const store = await open();
      const [none, two, one] = [
        await aCallback(store, { name: "none" }),
        await aCallback(store, { name: "two" }),
        await aCallback(store, { name: "one" }),
      ];
      await accept(store, two, ["A", "B", "C"]);
      await accept(store, one, ["D", "E"]);
      await attempt(store, two, ["A", "B"]);
      await attempt(store, one, ["D"]);
      expect(await namesOfPages(store, { field: "failed", descending: true })).toEqual(["two", "one", none.name]);
      expect(await namesOfPages(store, { field: "waiting", descending: false })).toEqual(["none", "one", "two"]);
    });

    it("has those whose name or host contains a text, in any case, and counts them", async () => {
      const store = await open();
      const named = await aCallback(store, { name: "Replies É 100%_" });
      const placed = await aCallback(store, { name: "a", url: "https://crm.REPLIES.example:8443/hook" });
      await aCallback(store, { name: "other", url: "https://example.com/" });
      const others = [
        "https://example.com?x=replies",
        "http://a/replies",
        "https://example.com#replies",
        "https://u:replies@e.x/",
      ];
      for (const [index, url] of others.entries()) await aCallback(store, { name: `b${index}`, url });
      const find = async (text: string) => {
        const { items, total, counts } = await overview(store, { text });
        expect(counts.up).toBe(total);
        return items.map(({ callback }) => callback.id);
      };
      expect(await find("replies")).toEqual([placed.id, named.id]);
      expect(await find("é")).toEqual([named.id]);
      expect(await find("%_")).toEqual([named.id]);
      expect(await find("8443")).toEqual([placed.id]);
      expect(await find("http://a")).toHaveLength(1);
      expect(await find("hook")).toEqual([]);
    });
  });
}
