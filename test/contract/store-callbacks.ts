import { describe, expect, it } from "vitest";
import type { CallbackSettings, Signing } from "../../src/domain/callback.js";
import { aResponse, someSettings } from "../support/builders.js";
import { fetchDue, fetchHeld, fetchPending } from "../support/store/waiting-calls.js";
import {
  aCallback,
  accept,
  aReplay,
  attempt,
  callOf,
  countRows,
  DAY,
  hold,
  idsOf,
  MINUTE,
  NOW,
  type OpenStore,
  POLICY,
  query,
} from "./store-support.js";

export function describeCallbacks(open: OpenStore): void {
  describe("callbacks", () => {
    it("returns a callback as it was stored, auth key included", async () => {
      const store = await open();
      const settings = someSettings({
        removeHtml: true,
        retriesEnabled: true,
        events: { reply: false, undeliverable: true },
        contentType: "xml",
      });
      const made = await store.callbacks.create("00112233445566AA", settings, NOW);
      expect(made).toEqual({
        ...settings,
        id: "00112233445566AA",
        createdAt: NOW,
        targetVersion: expect.any(String),
        repairedAt: 0,
        replayRequestedAt: 0,
        replayProbeAt: 0,
        signingSecrets: [],
        pause: null,
      });
      expect(await store.callbacks.find("00112233445566AA")).toEqual(made);
      expect(await store.callbacks.find("demo")).toEqual(made);
      expect(await store.callbacks.find("none")).toBeNull();
    });

    it("finds a callback by id before one by name", async () => {
      const store = await open();
      const byId = await aCallback(store);
      await aCallback(store, { name: byId.id });
      expect(await store.callbacks.find(byId.id)).toEqual(byId);
    });

    it("rejects a duplicate name, and frees it when the callback is deleted", async () => {
      const store = await open();
      const first = await aCallback(store, { name: "demo" });
      const second = await aCallback(store, { name: "other" });
      const taken = { code: "duplicate-name" };
      await expect(aCallback(store, { name: "demo" })).rejects.toMatchObject(taken);
      await expect(store.callbacks.update(second.id, { ...second, name: "demo" }, NOW, POLICY)).rejects.toMatchObject(taken);
      await store.callbacks.delete(first.id, NOW);
      expect((await aCallback(store, { name: "demo" })).name).toBe("demo");
    });

    it("doesn't find a deleted callback or its calls", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A"]);
      await store.callbacks.delete(callback.id, NOW);
      const gone = { code: "not-found" };
      expect(await store.callbacks.find(callback.id)).toBeNull();
      expect(await store.calls.find(callback.id, "A")).toBeNull();
      expect(await fetchPending(store, callback.id, 10)).toEqual([]);
      expect(await store.endpoints.list()).toEqual([]);
      await expect(store.calls.list(callback.id, query())).rejects.toMatchObject(gone);
      await expect(accept(store, callback, ["B"])).rejects.toMatchObject(gone);
      await expect(store.calls.mark(callback.id, ["A"], "SUCCESS", NOW)).rejects.toMatchObject(gone);
      await expect(store.callbacks.update(callback.id, callback, NOW, POLICY)).rejects.toMatchObject(gone);
      await expect(store.callbacks.delete(callback.id, NOW)).rejects.toMatchObject(gone);
    });

    it("lists by name, by offset and by cursor, in both directions", async () => {
      const store = await open();
      for (const name of ["c", "a", "d", "b"]) await aCallback(store, { name });
      const all = await store.callbacks.list({ limit: 10, offset: 0, sort: [] });
      expect({ ...all, items: all.items.map(({ name }) => name) }).toEqual({
        items: ["a", "b", "c", "d"],
        total: 4,
        offset: 0,
        nextCursor: null,
      });
      const sort = [{ field: "name", descending: true }] as const;
      const first = await store.callbacks.list({ limit: 3, offset: 0, sort });
      const next = await store.callbacks.list({ limit: 3, offset: 0, sort, cursor: first.nextCursor ?? "" });
      expect({ ...next, items: next.items.map(({ name }) => name) }).toEqual({
        items: ["a"],
        total: 4,
        offset: 3,
        nextCursor: null,
      });
      expect((await store.callbacks.list({ limit: 3, offset: 3, sort })).items).toEqual(next.items);
    });

    it("changes a callback only as long as it has the expected settings", async () => {
      const store = await open();
      const loaded = await aCallback(store);
      const update = (over: object) =>
        store.callbacks.update(loaded.id, { ...loaded, ...over }, NOW, POLICY, { expected: loaded });
      const changes: readonly Partial<CallbackSettings>[] = [
        { name: "another" },
        { url: "http://127.0.0.1:9000/another" },
        { auth: { ...loaded.auth, key: "another" } },
        { auth: { ...loaded.auth, type: "basicauth" } },
        { contentType: "xml" },
        { removeHtml: true },
        { retriesEnabled: true },
        { email: "another@example.com" },
        { events: { reply: false, undeliverable: true } },
        { events: { reply: true, undeliverable: false } },
        { signing: "enabled" },
      ];
      const madeSecret = "whsec_made";
      for (const change of changes) {
        const changed = await store.callbacks.update(loaded.id, { ...loaded, ...change }, NOW, POLICY, { madeSecret });
        await expect(update({ email: "mine@example.com" })).rejects.toMatchObject({ code: "locked" });
        expect(await store.callbacks.find(loaded.id)).toEqual(changed);
      }
      await store.callbacks.update(loaded.id, loaded, NOW, POLICY);
      expect((await update({ email: "mine@example.com" })).email).toBe("mine@example.com");
    });

    it("makes signing secrets where none is kept, and keeps those that were replaced", async () => {
      const store = await open();
      const settings = someSettings({ signing: "enabled" });
      const made = await store.callbacks.create("00112233445566AA", settings, NOW, { madeSecret: "whsec_A" });
      expect(made).toMatchObject({ signing: "enabled", signingSecrets: [{ secret: "whsec_A", until: null }] });
      const change = (signing: Signing, madeSecret: string) =>
        store.callbacks.update(made.id, { ...settings, signing }, NOW + 1, POLICY, { madeSecret });
      expect(await change("enabled", "whsec_B")).toEqual(made);
      const rotated = await Promise.all([change("new", "whsec_C"), change("new", "whsec_D")]);
      const [last] = rotated.filter(({ signingSecrets }) => signingSecrets.length === 3);
      expect(last).toMatchObject({ signing: "enabled", repairedAt: NOW + 1 });
      expect(new Set(last?.signingSecrets.map(({ secret }) => secret))).toEqual(new Set(["whsec_A", "whsec_C", "whsec_D"]));
      expect(await store.callbacks.find(made.id)).toEqual(last);
      expect(await change("disabled", "whsec_E")).toMatchObject({ signing: "disabled", signingSecrets: [] });
    });

    it("pauses a callback, tells other processes and the overview, and resumes it", async () => {
      const store = await open();
      const { id } = await aCallback(store);
      const position = await store.changes.readLatest();
      const now = Date.now();
      const pause = { at: now, until: now + DAY, by: "ada" };
      await store.callbacks.setPause(id, pause);
      expect((await store.callbacks.find(id))?.pause).toEqual(pause);
      expect((await store.changes.read(position, 10)).callbackIds).toEqual([id]);
      expect(await store.endpoints.listReports([id])).toMatchObject([{ pause }]);
      const overview = async () => {
        const sort = { field: "name", descending: false } as const;
        return (await store.callbacks.listOverview({ limit: 10, offset: 0, sort, text: "", health: null })).items;
      };
      expect(await overview()).toMatchObject([{ health: "paused", since: now }]);
      await store.callbacks.setPause(id, { at: now - 2, until: now - 1, by: null });
      expect([(await store.endpoints.listReports([id]))[0]?.pause, (await overview())[0]?.health]).toEqual([null, "up"]);
      await store.callbacks.setPause(id, null);
      expect((await store.callbacks.find(id))?.pause).toBeNull();
      await expect(store.callbacks.setPause("NONE", null)).rejects.toMatchObject({ code: "not-found" });
    });

    it("keeps a pause that began in the future at its length, and one that was over ended, when the clock is set back", async () => {
      const store = await open();
      const [ahead, over, running] = [await aCallback(store), await aCallback(store), await aCallback(store)];
      await store.callbacks.setPause(ahead.id, { at: NOW + DAY, until: NOW + 2 * DAY, by: null });
      await store.callbacks.setPause(over.id, { at: NOW - 1, until: NOW + MINUTE, by: null });
      await store.callbacks.setPause(running.id, { at: NOW - 1, until: null, by: null });
      await store.outcomes.clampTimes({ now: NOW, latestDueAt: NOW, setBack: { clockBefore: NOW + MINUTE, policy: POLICY } });
      const pauses = [ahead, over, running].map(async ({ id }) => (await store.callbacks.find(id))?.pause);
      expect(await Promise.all(pauses)).toEqual([
        { at: NOW, until: NOW + DAY, by: null },
        null,
        { at: NOW - 1, until: null, by: null },
      ]);
    });

    it("sets repairedAt when url, auth or content type change or retries are switched on, and for no other change", async () => {
      const store = await open();
      const callback = await aCallback(store);
      const update = (over: object) => store.callbacks.update(callback.id, { ...callback, ...over }, NOW, POLICY);
      expect((await update({ email: "other@example.com", removeHtml: true })).repairedAt).toBe(0);
      expect((await update({ url: "http://127.0.0.1:9001/" })).repairedAt).toBe(NOW);
      const other = await aCallback(store);
      const switchedOn = await store.callbacks.update(other.id, { ...other, retriesEnabled: true }, NOW + 1, POLICY);
      expect(switchedOn.repairedAt).toBe(NOW + 1);
    });
  });

  describe("retries switched on and off", () => {
    it("makes calls due that are inside their window, its last instant included", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["inside", "outside", "marked", "replayed", "done"]);
      await attempt(store, callback, ["inside"], { startedAt: NOW });
      await attempt(store, callback, ["outside"], { startedAt: NOW - 1 });
      await store.calls.mark(callback.id, ["marked", "done"], "SUCCESS", NOW);
      await store.calls.mark(callback.id, ["marked"], "FAILED", NOW);
      await attempt(store, callback, ["replayed"], { startedAt: NOW });
      await store.replays.request(callback.id, aReplay({ callIds: ["replayed"] }), NOW + 5);
      const later = NOW + POLICY.windowMs;
      await store.callbacks.update(callback.id, { ...callback, retriesEnabled: true }, later, POLICY);
      const due = await fetchDue(store, callback.id, Number.POSITIVE_INFINITY, 10);
      expect(due.map(({ id, due }) => [id, due])).toEqual([
        ["replayed", { at: NOW + 5, cause: "replay" }],
        ["inside", { at: later, cause: "retry" }],
      ]);
    });

    it("cancels due retries, but keeps the one attempt of a call that was never sent", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["failed", "held", "replayed"]);
      const before = await callOf(store, callback, "held");
      await attempt(store, callback, ["failed", "replayed"]);
      await store.replays.request(callback.id, aReplay({ callIds: ["replayed"] }), NOW + 5);
      await hold(store, callback, ["held"]);
      await store.callbacks.update(callback.id, { ...callback, retriesEnabled: false }, NOW + MINUTE, POLICY);
      expect(await fetchPending(store, callback.id, 10)).toEqual([{ ...before, changedAt: NOW + MINUTE }]);
      expect(idsOf(await fetchDue(store, callback.id, Number.POSITIVE_INFINITY, 10))).toEqual(["replayed"]);
      expect(await fetchHeld(store, callback.id)).toBeNull();
      expect(await store.calls.count(callback.id)).toEqual({ PENDING: 1, SUCCESS: 0, FAILED: 2 });
      expect(await countRows(store, callback)).toEqual({ PENDING: 1, SUCCESS: 0, FAILED: 2 });
    });

    it("changes no call when the setting stays the same", async () => {
      const store = await open();
      const callback = await aCallback(store, { retriesEnabled: true });
      await accept(store, callback, ["A"]);
      await attempt(store, callback, ["A"]);
      await store.callbacks.update(callback.id, { ...callback, email: "new@example.com" }, NOW + DAY / 2, POLICY);
      expect((await callOf(store, callback, "A")).due).toEqual({ at: NOW + POLICY.intervalMs, cause: "retry" });
    });
  });

  it("stores custom parameters, quotes, emoji and control characters unchanged", async () => {
    const store = await open();
    const callback = await aCallback(store);
    const response = aResponse({
      customParameters: { 'a"b': "ü\u0000\u2028 🎉", __proto__x: "", "": "empty" },
      responseMessage: { channel: "VOICE", kind: "undeliverable", date: "", content: "line\n\t\u0007 'quoted' \\ \u0000 end" },
    });
    await store.calls.accept([{ callbackId: callback.id, calls: [{ id: "A", response }] }], NOW);
    expect((await callOf(store, callback, "A")).response).toEqual(response);
  });
}
