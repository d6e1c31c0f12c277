import { describe, expect, it } from "vitest";
import type { Author } from "../../src/domain/audit/audit-entry.js";
import { isCollecting } from "../../src/domain/callback.js";
import type { Store } from "../../src/store/open-store.js";
import { someSettings } from "../support/builders.js";
import {
  aCallback,
  accept,
  aReplay,
  attempt,
  callOf,
  DAY,
  MINUTE,
  manyFailed,
  markMatching,
  NOW,
  type OpenStore,
  POLICY,
} from "./store-support.js";

const ADA: Author = { user: "ada", via: "api", address: "192.0.2.7", at: NOW };
/** It is the SHA-256 of "A\nC". */
const AC_DIGEST = "189e2cd52adaa114927c4ccae17cb58e89ff4d3f420aa0059cfa159c04b0f688";
const CREDENTIAL = { username: "bob", passwordHash: "p1", apiKeyHash: "k1", origin: "added" } as const;

async function entriesOf(store: Store, query: Partial<Parameters<Store["audit"]["list"]>[0]> = {}) {
  const { items } = await store.audit.list({ limit: 100, offset: 0, ...query });
  return items.map(({ action, count, details }) => ({ action, count, details }));
}

export function describeAudit(open: OpenStore): void {
  describe("the audit", () => {
    it("has a callback's settings before and after, without its key or a secret of its URL", async () => {
      const store = await open();
      const settings = someSettings({
        name: "demo",
        url: "http://h/hook?token=s3cret-1",
        auth: { type: "httpheader", key: "k1" },
      });
      const created = await store.callbacks.create("00112233445566AA", settings, NOW, { author: ADA });
      const changed = {
        ...settings,
        url: "http://h/hook?token=s3cret-2",
        auth: { ...settings.auth, key: "k2" },
        retriesEnabled: true,
      };
      await store.callbacks.update(created.id, changed, NOW, POLICY, { author: { ...ADA, at: NOW + 1 } });
      await store.callbacks.update(created.id, changed, NOW, POLICY, { author: { ...ADA, at: NOW + 2 } });
      await store.callbacks.delete(created.id, NOW, { ...ADA, at: NOW + 3 });
      const { items } = await store.audit.list({ limit: 9, offset: 0 });
      expect(items[1]).toEqual({
        ...{ id: "2", user: "ada", via: "api", address: "192.0.2.7", at: NOW + 1 },
        ...{ action: "callback-changed", callbackId: created.id, callback: "demo", count: null },
        details: {
          settings: [
            { setting: "url", before: "http://h/hook?token=****", after: "http://h/hook?token=****" },
            { setting: "retriesEnabled", before: "false", after: "true" },
            { setting: "auth.key" },
          ],
        },
      });
      expect(items.map(({ action }) => action)).toEqual(["callback-deleted", "callback-changed", "callback-created"]);
      expect(items[2]?.details.settings?.[0]).toEqual({ setting: "name", after: "demo" });
      expect(items[0]?.details.settings?.at(-1)).toEqual({ setting: "auth.key" });
      expect(JSON.stringify(items)).not.toMatch(/s3cret|k1|k2/);
    });

    it("has nothing of a change that failed", async () => {
      const store = await open();
      const callback = await aCallback(store, { name: "demo" });
      await accept(store, callback, ["A"]);
      const taken = store.callbacks.create("00112233445566BB", someSettings({ name: "demo" }), NOW, { author: ADA });
      await expect(taken).rejects.toMatchObject({ code: "duplicate-name" });
      const unknown = store.calls.mark(callback.id, ["A", "B"], "SUCCESS", NOW, { author: ADA });
      await expect(unknown).rejects.toMatchObject({ code: "not-found" });
      expect(await entriesOf(store)).toEqual([]);
    });

    it("has one entry for the calls that a request has marked, both ways, and none for those that stay", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await accept(store, callback, ["A", "B", "C"]);
      await attempt(store, callback, ["A", "B", "C"]);
      const mark = (ids: readonly string[], status: "SUCCESS" | "FAILED", author = ADA) =>
        store.calls.mark(callback.id, ids, status, NOW, { author });
      await mark(["A", "C"], "SUCCESS");
      await mark(["A", "C"], "SUCCESS", { ...ADA, user: "bob" });
      await mark(["C"], "FAILED", { ...ADA, user: "bob" });
      expect(await entriesOf(store)).toEqual([
        { action: "calls-marked", count: 1, details: { status: "FAILED", settledBy: "user", callId: "C" } },
        {
          ...{ action: "calls-marked", count: 2 },
          details: { status: "SUCCESS", settledBy: "user", callIdsDigest: AC_DIGEST },
        },
      ]);
      const calls = await Promise.all(["A", "B", "C"].map((id) => callOf(store, callback, id)));
      expect(Object.fromEntries(await store.calls.findMarkers(callback.id, calls))).toEqual({ A: "ada", C: "bob" });
    });

    it("has one entry for the attempts that a user reports within a minute, and none if all were known", async () => {
      const store = await open();
      const callback = await aCallback(store, { name: "demo" });
      await accept(store, callback, ["A", "B"]);
      const result = { kind: "answered", statusCode: 500, statusMessage: "", body: "" } as const;
      const report = (callId: string, startedAt: number, author: Author) => {
        const attempt = { startedAt, durationMs: 1, cause: "replay", sentFrom: "ada@desk", result } as const;
        return store.calls.recordReplays(callback.id, [{ callId, attempt }], NOW, author);
      };
      await report("A", NOW, ADA);
      await report("B", NOW, { ...ADA, at: NOW + MINUTE - 1 });
      await report("B", NOW, ADA);
      await report("unknown", NOW, ADA);
      await report("A", NOW + 1, { ...ADA, user: "bob" });
      await report("A", NOW + 2, ADA);
      await report("A", NOW + 3, { ...ADA, at: NOW + MINUTE });
      const { items } = await store.audit.list({ limit: 9, offset: 0 });
      expect(items.map(({ user, action, callback: name, count }) => [user, action, name, count])).toEqual([
        ["ada", "attempts-reported", "demo", 1],
        ["ada", "attempts-reported", "demo", 1],
        ["bob", "attempts-reported", "demo", 1],
        ["ada", "attempts-reported", "demo", 2],
      ]);
    });

    it("has one entry for the calls that a filter has marked or replayed, however many transactions that takes", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await manyFailed(store, callback, 1_200, () => ({}));
      const filter = { status: "FAILED", from: "+61491570156" } as const;
      await markMatching(store, callback.id, { status: "FAILED", until: NOW + 1 }, { status: "SUCCESS", now: NOW, author: ADA });
      await markMatching(
        store,
        callback.id,
        { status: "SUCCESS", markedAt: NOW },
        { status: "FAILED", now: NOW + 1, author: ADA },
      );
      await markMatching(store, callback.id, filter, { status: "SUCCESS", now: NOW + 2, author: ADA });
      await store.replays.request(callback.id, aReplay({ filter: { status: "FAILED" } }, { author: ADA }), NOW + 3);
      expect(await entriesOf(store)).toEqual([
        { action: "replay-requested", count: 1_200, details: { replayId: "REPLAY", filter: { status: "FAILED" } } },
        {
          action: "calls-marked",
          count: 1_200,
          details: { status: "FAILED", settledBy: "user", filter: { status: "SUCCESS", markedAt: new Date(NOW).toISOString() } },
        },
        {
          ...{ action: "calls-marked", count: 1_200 },
          details: {
            status: "SUCCESS",
            settledBy: "user",
            filter: { status: "FAILED", until: new Date(NOW + 1).toISOString() },
          },
        },
      ]);
    });

    it("has the replay of a confirmed set with the calls that were added, and nothing if more match", async () => {
      const store = await open();
      const callback = await aCallback(store);
      await manyFailed(store, callback, 3, () => ({}));
      const confirm = async (id: string, confirmed: number) => {
        const replay = { id, filter: { status: "FAILED", changedBefore: NOW + 1_000 }, confirmed, author: ADA } as const;
        let begun = await store.replays.begin(callback.id, replay, NOW);
        while (isCollecting(begun)) begun = await store.replays.collect(callback.id, id, NOW);
      };
      await confirm("R1", 2);
      expect(await entriesOf(store)).toEqual([]);
      await confirm("R2", 3);
      const cancel = { replayId: "R2", now: NOW, policy: POLICY, random: 0, begunCalls: () => new Set<number>(), author: ADA };
      await store.replays.cancelChunk(callback.id, cancel);
      await store.replays.cancelChunk(callback.id, cancel);
      expect(await entriesOf(store)).toEqual([
        { action: "replay-cancelled", count: null, details: { replayId: "R2" } },
        { action: "replay-requested", count: 3, details: { replayId: "R2", filter: { status: "FAILED" } } },
      ]);
    });

    it("has the users that were added, changed and removed, and who has signed in", async () => {
      const store = await open();
      await store.credentials.save(CREDENTIAL, NOW, ADA);
      await store.credentials.save({ ...CREDENTIAL, passwordHash: "p2" }, NOW, ADA);
      await store.credentials.save({ ...CREDENTIAL, passwordHash: "p3", apiKeyHash: "k2" }, NOW, ADA);
      const session = { tokenHash: "t", username: "bob", createdAt: NOW, usedAt: NOW };
      await store.sessions.create(session, CREDENTIAL, { createdAfter: 0, usedAfter: 0 }, { ...ADA, via: "console" });
      await store.credentials.remove("bob", ADA);
      await store.credentials.remove("bob", ADA);
      const bob = { username: "bob" };
      expect((await entriesOf(store)).map(({ action, details }) => ({ action, details }))).toEqual([
        { action: "user-removed", details: bob },
        { action: "signed-in", details: {} },
        { action: "user-changed", details: { ...bob, newApiKey: true } },
        { action: "user-changed", details: bob },
        { action: "user-added", details: bob },
      ]);
    });

    it("has one entry for the sign-ins that failed from an address in a minute, with the user whom all of them named", async () => {
      const store = await open();
      const fail = (over: Partial<Author>, place = "192.0.2.0") => store.audit.recordFailedSignIn({ ...ADA, ...over }, place);
      await Promise.all([fail({}), fail({ at: NOW + MINUTE - 1 })]);
      for (const user of ["ada", "bob", "ada"]) await fail({ at: NOW + MINUTE, user });
      await fail({ at: NOW + MINUTE + 1 }, "192.0.2.8");
      const { items } = await store.audit.list({ limit: 9, offset: 0 });
      expect(items.map(({ action, count, user }) => [action, count, user])).toEqual([
        ["sign-in-failed", 1, "ada"],
        ["sign-in-failed", 3, null],
        ["sign-in-failed", 2, "ada"],
      ]);
    });

    it("is listed by callback, by user and since a time, page by page, and outlives its callbacks", async () => {
      const store = await open();
      const one = await store.callbacks.create("00112233445566AA", someSettings({ name: "one" }), NOW, { author: ADA });
      await store.callbacks.create("00112233445566BB", someSettings({ name: "two" }), NOW, {
        author: { ...ADA, user: "bob", at: NOW + 5 },
      });
      await store.callbacks.delete(one.id, NOW, { ...ADA, at: NOW + 5 });
      await store.retention.purgeDeleted(10);
      const idsOf = async (query: object) =>
        (await store.audit.list({ limit: 9, offset: 0, ...query })).items.map(({ id }) => id);
      expect(await idsOf({ callback: "one" })).toEqual(["3", "1"]);
      expect(await idsOf({ callback: one.id })).toEqual(["3", "1"]);
      expect(await idsOf({ user: "bob" })).toEqual(["2"]);
      expect(await idsOf({ since: NOW + 5, user: "ada" })).toEqual(["3"]);
      expect(await idsOf({ since: NOW + 6 })).toEqual([]);
      const first = await store.audit.list({ limit: 2, offset: 0 });
      expect([first.total, first.items.map(({ id }) => id)]).toEqual([3, ["3", "2"]]);
      expect(await idsOf({ limit: 2, cursor: first.nextCursor })).toEqual(["1"]);
    });

    it("is kept as long as e-mails", async () => {
      const store = await open();
      await store.credentials.save(CREDENTIAL, NOW, ADA);
      await store.credentials.save({ ...CREDENTIAL, passwordHash: "p2" }, NOW, { ...ADA, at: NOW + 1 });
      expect(await store.retention.purgeExpired(NOW + 365 * DAY, 10)).toBe(0);
      expect(await store.retention.purgeExpired(NOW + 365 * DAY + 1, 10)).toBe(1);
      expect(await entriesOf(store)).toEqual([{ action: "user-changed", count: null, details: { username: "bob" } }]);
    });
  });
}
