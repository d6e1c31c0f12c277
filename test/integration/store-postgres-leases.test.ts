/** Several dispatchers on one PostgreSQL database own callbacks, by the database's clock. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Callback } from "../../src/domain/callback.js";
import type { NodeStore } from "../../src/store/nodes/open-nodes.js";
import type { Store } from "../../src/store/open-store.js";
import { aCallback, accept, aGroup, anEndpoint, callOf, MINUTE, NOW } from "../contract/store-support.js";
import { ACCEPTED, anAttempt } from "../support/builders.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";

let database: TestDatabase;
let stores: readonly [Store, Store];
let nodes: readonly [NodeStore, NodeStore];

beforeAll(async () => {
  database = await createDatabase("leases");
  stores = [await database.openStore(), await database.openStore()];
  nodes = [nodesOf(stores[0]), nodesOf(stores[1])];
});
beforeEach(() => database.clear());

function nodesOf(store: Store): NodeStore {
  if (store.nodes === null) throw new Error("several nodes may share PostgreSQL");
  return store.nodes;
}

async function withWork(count: number): Promise<Callback[]> {
  const callbacks = [];
  for (let index = 0; index < count; index += 1) {
    const callback = await aCallback(stores[0], { retriesEnabled: true });
    await accept(stores[0], callback, [`${callback.id} call`]);
    callbacks.push(callback);
  }
  return callbacks;
}

const start = async (...ids: string[]) => {
  for (const id of ids) await nodes[0].startLease(id);
};
const expire = (id: string) =>
  database.query("UPDATE dispatchers SET expires_at = clock_timestamp() - interval '1 ms' WHERE id = $1", [id]);
const take = async (id: string, limit = 100, ids?: readonly string[]) =>
  (await nodes[0].takeCallbacks(id, limit, ids)).fences.size;
const ownerOf = async ({ id }: Callback) =>
  (await database.query<{ owner: string | null; fence: string }>("SELECT owner, fence FROM callbacks WHERE id = $1", [id]))[0];

describe("a lease", () => {
  it("lasts 15 seconds after its renewal, by the database's clock", async () => {
    await start("A", "B");
    const began = performance.now();
    expect(await nodes[1].renewLease("A")).toBe(true);
    const others = await nodes[0].readOthers("B");
    expect([...others.keys()]).toEqual(["A"]);
    expect(others.get("A")?.leftMs).toBeGreaterThanOrEqual(Math.floor(15_000 - (performance.now() - began)) - 1);
    expect(others.get("A")?.leftMs).toBeLessThanOrEqual(15_000);
  });

  it("shows that a process sends, until it expires", async () => {
    const isSent = () => nodes[1].hasDispatcher();
    expect(await isSent()).toBe(false);
    await start("A");
    expect(await isSent()).toBe(true);
    await expire("A");
    expect(await isSent()).toBe(false);
  });

  it("that has expired is renewed as long as no other dispatcher has ended it, which a renewal prevents", async () => {
    await start("A", "B");
    await expire("A");
    await nodes[1].renewLease("B");
    const renewalOf = async (id: string) => (await nodes[1].readOthers("B")).get(id)?.renewal ?? 0;
    const expired = await renewalOf("A");
    expect(await nodes[0].renewLease("A")).toBe(true);
    await nodes[1].endUnrenewed("A", expired);
    expect(await nodes[0].renewLease("A")).toBe(true);
    await nodes[1].endUnrenewed("A", await renewalOf("A"));
    expect(await nodes[0].renewLease("A")).toBe(false);
  });
});

describe("a callback", () => {
  it("is taken if it has something to do, and by one dispatcher", async () => {
    await start("A", "B");
    const [callback] = await withWork(1);
    await aCallback(stores[0]);
    if (callback === undefined) throw new Error("one was created");
    expect(await nodes[0].takeCallbacks("A", 100)).toEqual({ fences: new Map([[callback.id, 1]]), hasMore: false });
    expect(await nodes[1].takeCallbacks("B", 100)).toEqual({ fences: new Map(), hasMore: false });
    expect(await ownerOf(callback)).toEqual({ owner: "A", fence: "1" });
  });

  it("is taken again, with a larger fence, once it is released or its owner's lease has ended", async () => {
    await start("A", "B");
    const [callback] = await withWork(1);
    if (callback === undefined) throw new Error("one was created");
    await take("A");
    await nodes[0].releaseCallbacks("B", [callback.id]);
    expect(await take("B")).toBe(0);
    await nodes[0].releaseCallbacks("A", [callback.id]);
    expect(await nodes[1].takeCallbacks("B", 100)).toEqual({ fences: new Map([[callback.id, 2]]), hasMore: false });
    await nodes[1].endLease("B");
    expect(await nodes[0].takeCallbacks("A", 100)).toEqual({ fences: new Map([[callback.id, 3]]), hasMore: false });
    await expire("A");
    await start("B");
    expect(await take("B")).toBe(0);
    await nodes[1].endLease("A");
    expect(await take("B")).toBe(1);
    expect(await ownerOf(callback)).toEqual({ owner: "B", fence: "4" });
  });

  it("isn't taken by a dispatcher without a lease", async () => {
    await withWork(1);
    expect(await take("A")).toBe(0);
  });

  it.each([
    ["a call that is due", async (callback: Callback) => attemptFailing(callback, null)],
    ["an open outage", async (callback: Callback) => attemptFailing(callback, anOutage)],
    ["a recovery", async (callback: Callback) => recover(callback)],
  ])("has something to do with %s", async (_, arrange) => {
    await start("A");
    await arrange(await aCallback(stores[0], { retriesEnabled: true }));
    expect(await take("A")).toBe(1);
  });
});

const anOutage = { id: "O1", startedAt: NOW, failedCalls: 1, quietSince: null };

async function attemptFailing(callback: Callback, outage: typeof anOutage | null): Promise<void> {
  await accept(stores[0], callback, ["A"]);
  await stores[0].calls.mark(callback.id, ["A"], "SUCCESS", NOW);
  if (outage) return commitEndpoint(callback, anEndpoint(), outage);
  await stores[0].calls.mark(callback.id, ["A"], "FAILED", NOW);
  await stores[0].replays.request(callback.id, { id: "R", by: null, selection: { callIds: ["A"] } }, NOW);
}

const recover = (callback: Callback) => commitEndpoint(callback, anEndpoint({ state: "recovering" }), null);

async function commitEndpoint(callback: Callback, endpoint: ReturnType<typeof anEndpoint>, outage: typeof anOutage | null) {
  await stores[0].outcomes.commit(aGroup({ endpoints: [{ callbackId: callback.id, endpoint, outage }] }));
}

describe("callbacks", () => {
  it("are spread evenly, the odd one to either", async () => {
    await start("A", "B");
    const callbacks = await withWork(7);
    expect(await take("A", 100)).toBe(4);
    expect(await take("A", 100)).toBe(0);
    expect(await take("B", 100)).toBe(3);
    expect(await nodes[0].readShare("A")).toMatchObject({ share: 4 });
    await start("C");
    expect(await nodes[0].readShare("A")).toMatchObject({ share: 3 });
    await nodes[0].releaseCallbacks(
      "A",
      callbacks.map(({ id }) => id),
    );
    expect(await take("C")).toBe(3);
    expect(await take("B")).toBe(0);
    expect(await take("A")).toBe(1);
  });

  it("are taken at most `limit` at once, and only the named ones", async () => {
    await start("A");
    const callbacks = await withWork(5);
    expect(await nodes[0].takeCallbacks("A", 2)).toMatchObject({ hasMore: true });
    expect(await take("A", 100, [callbacks[4]?.id ?? "", "nope"])).toBe(1);
    expect(await nodes[0].takeCallbacks("A", 100)).toMatchObject({ hasMore: false });
  });

  it("are each taken by one of two dispatchers that take at the same moment", async () => {
    await start("A", "B");
    await withWork(40);
    const taken: string[] = [];
    for (let round = 0; taken.length < 40 && round < 20; round += 1) {
      const both = await Promise.all([nodes[0].takeCallbacks("A", 7), nodes[1].takeCallbacks("B", 7)]);
      taken.push(...both.flatMap(({ fences }) => [...fences.keys()]));
    }
    expect([taken.length, new Set(taken).size]).toEqual([40, 40]);
  });

  it("that are locked at this moment are left out, and wanted again", async () => {
    await start("A");
    const [callback] = await withWork(2);
    const client = await database.connect();
    await client.query("BEGIN");
    await client.query("SELECT 1 FROM callbacks WHERE id = $1 FOR NO KEY UPDATE", [callback?.id]);
    const { fences, hasMore } = await nodes[0].takeCallbacks("A", 100);
    await client.query("ROLLBACK");
    expect([fences.size, hasMore]).toEqual([1, true]);
  });
});

describe("what a dispatcher writes under a stale fence", () => {
  it("is rejected for that callback alone: outcomes, endpoint, outage and e-mail", async () => {
    await start("A");
    const [stale, own] = await withWork(2);
    if (stale === undefined || own === undefined) throw new Error("two were created");
    await take("A");
    await nodes[0].endLease("A");
    await start("B");
    await take("B", 100, [stale.id]);
    const committed = await stores[0].outcomes.commit(await groupOf([stale, own], 1));
    expect([...committed.staleCallbacks]).toEqual([stale.id]);
    expect(await stores[1].calls.count(stale.id)).toEqual({ PENDING: 1, SUCCESS: 0, FAILED: 0 });
    expect(await stores[1].calls.count(own.id)).toEqual({ PENDING: 0, SUCCESS: 1, FAILED: 0 });
    for (const { id } of [stale, own]) {
      const isOwn = id === own.id;
      const [record] = await stores[1].endpoints.list([id]);
      expect(record).toMatchObject({ fence: isOwn ? 1 : 2, endpoint: { recovery: isOwn ? 3 : 0 } });
      expect(record?.outage?.id).toBe(isOwn ? `O ${id}` : undefined);
    }
    expect((await database.query("SELECT outage_id FROM mails")).map((row) => row.outage_id)).toEqual([`O ${own.id}`]);
  });

  it("is rejected for retries whose window has ended", async () => {
    await start("A");
    const [callback] = await withWork(1);
    if (callback === undefined) throw new Error("one was created");
    await take("A");
    const call = await callOf(stores[0], callback, `${callback.id} call`);
    const attempt = anAttempt({ startedAt: NOW });
    await stores[0].outcomes.commit(
      aGroup({ attempts: [{ callbackId: callback.id, callId: call.id, callSeq: call.seq, attempt, random: 0, recovery: 0 }] }),
    );
    const expire = (fence: number) =>
      stores[0].queue.expireRetries([{ callbackId: callback.id, firstFailedBefore: NOW + MINUTE, fence }], 10);
    expect(await expire(0)).toBe(0);
    expect(await expire(1)).toBe(1);
  });
});

/** The group has a delivery, a state, an outage and its e-mail of each callback. */
async function groupOf(callbacks: readonly Callback[], fence: number) {
  const attempts = [];
  for (const callback of callbacks) {
    const { id, seq } = await callOf(stores[0], callback, `${callback.id} call`);
    const attempt = anAttempt({ startedAt: NOW, result: ACCEPTED });
    attempts.push({ callbackId: callback.id, callId: id, callSeq: seq, attempt, random: 0, recovery: 0 });
  }
  return aGroup({
    attempts,
    endpoints: callbacks.map(({ id }) => ({
      ...{ callbackId: id, endpoint: anEndpoint({ recovery: 3 }), outage: { ...anOutage, id: `O ${id}` } },
    })),
    mails: callbacks.map(({ id }) => ({ outageId: `O ${id}`, callbackId: id, to: "", subject: "", text: "", createdAt: NOW })),
    fences: new Map(callbacks.map(({ id }) => [id, fence])),
  });
}

describe("queued e-mails", () => {
  it("are claimed by one of two nodes, and free again when the claim ends", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 20; index += 1) {
      const callback = await aCallback(stores[0]);
      const outageId = `O${index}`;
      const mail = { outageId, callbackId: callback.id, to: "", subject: "", text: "", createdAt: NOW };
      await stores[0].outcomes.commit(aGroup({ mails: [mail] }));
      ids.push(outageId);
    }
    const claim = (store: Store, at: number) => store.mails.claim(ids, at, at + 2 * MINUTE);
    const [first, second] = await Promise.all([claim(stores[0], NOW), claim(stores[1], NOW)]);
    // The callbacks that one locks at this moment, the other leaves out.
    expect([...first, ...second].toSorted()).toEqual(ids.toSorted());
    expect(await stores[1].mails.fetchQueued(NOW + 2 * MINUTE - 1, 100)).toEqual([]);
    expect((await claim(stores[1], NOW + 2 * MINUTE)).size).toBe(20);
    await stores[1].mails.recordSent("O0", NOW + 2 * MINUTE, "smtp");
    expect((await claim(stores[0], NOW + 9 * MINUTE)).has("O0")).toBe(false);
  });
});

describe("queued notices", () => {
  it("are claimed by one of two nodes, and free again when the claim ends", async () => {
    for (let index = 0; index < 20; index += 1) {
      const callback = await aCallback(stores[0]);
      const closedOutages = [
        { id: `O${index}`, callbackId: callback.id, startedAt: NOW, failedCalls: 1, quietSince: null, endedAt: NOW },
      ];
      await stores[0].outcomes.commit(aGroup({ closedOutages, notices: { began: [], ended: ["hook", "other"], at: NOW } }));
    }
    const claim = async (store: Store, at: number) =>
      (await store.notices.claim(await store.notices.fetch("hook", at, 100), at, at + 2 * MINUTE)).flatMap((notice) =>
        notice.event === "expired" ? [] : notice.outage.id,
      );
    const [first, second] = await Promise.all([claim(stores[0], NOW), claim(stores[1], NOW)]);
    expect([...first, ...second].toSorted()).toEqual(Array.from({ length: 20 }, (_, index) => `O${index}`).toSorted());
    expect([await claim(stores[1], NOW + 1), (await stores[1].notices.fetch("other", NOW, 100)).length]).toEqual([[], 20]);
    expect((await claim(stores[1], NOW + 2 * MINUTE)).length).toBe(20);
  });
});

it("claims those queued notices that no other node has, of each destination", async () => {
  for (const id of ["O1", "O2"]) {
    const callback = await aCallback(stores[0]);
    const closedOutages = [{ id, callbackId: callback.id, startedAt: NOW, failedCalls: 1, quietSince: null, endedAt: NOW }];
    await stores[0].outcomes.commit(aGroup({ closedOutages, notices: { began: [], ended: ["hook", "other"], at: NOW } }));
  }
  const [hook, other] = [await stores[0].notices.fetch("hook", NOW, 9), await stores[0].notices.fetch("other", NOW, 9)];
  expect([hook.length, other.length]).toEqual([2, 2]);
  const claim = (store: Store, notices: typeof hook) => store.notices.claim(notices, NOW, NOW + MINUTE);
  expect(await claim(stores[0], hook.slice(0, 1))).toEqual(hook.slice(0, 1));
  expect(await claim(stores[1], [...hook, ...other])).toEqual([...hook.slice(1), ...other]);
  expect([await claim(stores[1], hook), await claim(stores[1], [])]).toEqual([[], []]);
});

describe("the database's clock", () => {
  it("is read in milliseconds", async () => {
    const before = Date.now();
    const now = await nodes[0].readTime();
    expect(now).toBeGreaterThanOrEqual(before - 2);
    expect(now).toBeLessThanOrEqual(Date.now() + 2);
  });
});
