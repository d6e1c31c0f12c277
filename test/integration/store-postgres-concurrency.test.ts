/** Two nodes use one PostgreSQL database at the same time. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Callback } from "../../src/domain/callback.js";
import type { Store } from "../../src/store/open-store.js";
import {
  aCallback,
  accept,
  aGroup,
  anEndpoint,
  aReplay,
  attempt,
  countRows,
  DAY,
  idsOf,
  markMatching,
  NOW,
  POLICY,
} from "../contract/store-support.js";
import { ACCEPTED, anAttempt, aResponse, REFUSED_503, someSettings } from "../support/builders.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { fetchDue, fetchPending } from "../support/store/waiting-calls.js";

let database: TestDatabase;
let nodes: readonly [Store, Store];

beforeAll(async () => {
  database = await createDatabase("concurrency");
  nodes = [await database.openStore(), await database.openStore()];
});
beforeEach(() => database.clear());

const settled = <Value>(works: readonly Promise<Value>[]) => Promise.allSettled(works);
const times = (count: number) => Array.from({ length: count }, (_, index) => index);

describe("at the same time", () => {
  it("one of several callbacks with the same name is created, and the others are told so", async () => {
    const made = await settled(
      times(8).map((index) => nodes[index % 2 === 0 ? 0 : 1].callbacks.create(`CB${index}`, someSettings({ name: "demo" }), NOW)),
    );
    expect(made.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const outcome of made) {
      if (outcome.status === "rejected")
        expect(outcome.reason).toMatchObject({ code: "duplicate-name", message: "A callback named demo already exists" });
    }
  });

  it("wrong sign-in codes take one connection together, so others go on", async () => {
    const holder = await database.connect();
    await holder.query("BEGIN; LOCK TABLE sign_in_codes");
    const guesses = times(50).map((guess) => nodes[0].sessions.redeemSignInCode(`X${guess}`, "guess", 0));
    expect((await nodes[0].callbacks.list({ limit: 1, offset: 0, sort: [] })).items).toEqual([]);
    await holder.query("COMMIT");
    expect(await Promise.all(guesses)).toEqual(Array(50).fill(null));
    await holder.end();
  });

  it("a response that arrives twice is new once", async () => {
    const callback = await aCallback(nodes[0]);
    const calls = times(50).map((index) => ({ id: `call ${index}`, response: aResponse() }));
    const returned = await Promise.all(nodes.map((node) => node.calls.accept([{ callbackId: callback.id, calls }], NOW)));
    expect(returned.flat().sort()).toEqual(calls.map(({ id }) => id).sort());
    expect(await nodes[0].calls.count(callback.id)).toEqual(await countRows(nodes[0], callback));
  });

  it("marks of the same calls change each call once, and the counters equal the rows", async () => {
    const callback = await aCallback(nodes[0], { retriesEnabled: true });
    const ids = times(40).map((index) => `call ${index}`);
    await accept(nodes[0], callback, ids);
    await attempt(nodes[0], callback, ids.slice(20), { result: REFUSED_503 });
    const marks = times(6).map((index) => nodes[index % 2 === 0 ? 0 : 1].calls.mark(callback.id, ids, "SUCCESS", NOW + index));
    await Promise.all(marks);
    const counts = { PENDING: 0, SUCCESS: 40, FAILED: 0 };
    expect([await nodes[1].calls.count(callback.id), await countRows(nodes[1], callback)]).toEqual([counts, counts]);
    expect(await fetchDue(nodes[1], callback.id, Number.POSITIVE_INFINITY, 99)).toEqual([]);
    const { items } = await nodes[1].calls.list(callback.id, { limit: 99, offset: 0, filter: {}, sort: [] });
    // Only the first mark changed calls: the others found nothing to change.
    expect(new Set(items.map(({ changedAt }) => changedAt)).size).toBe(1);
  });

  it("settings that are saved are all kept", async () => {
    await Promise.all([
      nodes[0].settings.save({ retainMailMs: 1 }),
      nodes[1].settings.save({ retainFailedMs: 2 }),
      nodes[0].settings.save({ retainSuccessMs: 3 }),
    ]);
    expect(await nodes[1].settings.read()).toMatchObject({ retainMailMs: 1, retainFailedMs: 2, retainSuccessMs: 3 });
  });

  it("a sign-in code is redeemed once", async () => {
    const credential = { username: "ada", passwordHash: "hash", apiKeyHash: "hash", origin: "added" } as const;
    await nodes[0].credentials.save(credential, NOW);
    const code = { id: "code", secretHash: "secret", username: "ada", tries: 5 };
    await nodes[0].sessions.createSignInCode(code, credential, { now: NOW, validAfter: 0 });
    const redeemed = await Promise.all(
      times(6).map((index) => nodes[index % 2 === 0 ? 0 : 1].sessions.redeemSignInCode("code", "secret", 0)),
    );
    expect(redeemed.filter((user) => user !== null)).toEqual([credential]);
  });

  it("a run takes the lease, or the service replays: never both", async () => {
    for (const index of times(10)) {
      const callback = await aCallback(nodes[0], { retriesEnabled: true });
      await accept(nodes[0], callback, [`A${index}`]);
      await attempt(nodes[0], callback, [`A${index}`]);
      const lease = { run: "run", holder: "me@here", done: 0, total: 1 };
      const [taken, requested] = await settled<unknown>([
        nodes[0].runLeases.take(callback.id, lease, NOW),
        nodes[1].replays.request(callback.id, aReplay({ callIds: [`A${index}`] }), NOW),
      ]);
      const isTaken = taken?.status === "fulfilled" && taken.value === null;
      expect(isTaken).toBe(requested?.status === "rejected");
    }
  });

  it("no call is left behind by a callback that is deleted while it accepts", async () => {
    const callbacks = await Promise.all(times(10).map(() => aCallback(nodes[0])));
    await settled(
      callbacks.flatMap((callback, index) => [
        accept(nodes[0], callback, [`A${index}`]),
        nodes[1].callbacks.delete(callback.id, NOW),
        accept(nodes[1], callback, [`B${index}`]),
      ]),
    );
    while ((await Promise.all(nodes.map((node) => node.retention.purgeDeleted(3)))).some((purged) => purged > 0));
    expect(await database.query("SELECT id FROM calls")).toEqual([]);
    expect(await database.query("SELECT id FROM callbacks")).toEqual([]);
  });

  it("outcomes, marks, replays, changes of settings and purging leave counters that equal the rows", async () => {
    const callbacks = await Promise.all(times(4).map(() => aCallback(nodes[0], { retriesEnabled: true })));
    for (const [index, callback] of callbacks.entries()) {
      await accept(nodes[0], callback, idsFor(index, "old"));
      await attempt(nodes[0], callback, idsFor(index, "old"), { startedAt: NOW - 400 * DAY, result: ACCEPTED });
    }
    for (const round of times(6)) {
      const outcomes = await settled<unknown>([
        ...callbacks.map((callback, index) => accept(nodes[round % 2 === 0 ? 0 : 1], callback, idsFor(index, `new ${round}`))),
        commitAll(nodes[0], callbacks),
        commitAll(nodes[1], callbacks.toReversed()),
        ...callbacks.map((callback, index) => nodes[1].calls.mark(callback.id, idsFor(index, "old"), "SUCCESS", NOW - 390 * DAY)),
        ...callbacks.map((callback) =>
          nodes[0].replays.request(callback.id, aReplay({ filter: {} }, { id: `R${round}` }), NOW + round),
        ),
        ...callbacks.map((callback) =>
          markMatching(nodes[1], callback.id, { status: "FAILED" }, { status: "SUCCESS", now: NOW }),
        ),
        ...callbacks.map((callback) =>
          nodes[0].callbacks.update(callback.id, { ...callback, retriesEnabled: round % 2 === 0 }, NOW, POLICY),
        ),
        nodes[0].queue.expireRetries(
          callbacks.map(({ id }) => ({ callbackId: id, firstFailedBefore: NOW + 2, fence: 0 })),
          50,
        ),
        nodes[0].outcomes.clampTimes({ now: NOW, latestDueAt: NOW + DAY }),
        ...nodes.map((node) => node.retention.purgeExpired(NOW + round, 7)),
        nodes[0].activity.sampleWaiting(NOW, 0, 10),
      ]);
      // An old call may be purged before it is marked.
      for (const outcome of outcomes)
        if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "not-found" });
    }
    for (const callback of callbacks) {
      const counts = await countRows(nodes[0], callback);
      expect(await nodes[0].calls.count(callback.id)).toEqual(counts);
      expect(await fetchPending(nodes[1], callback.id, 1_000)).toHaveLength(counts.PENDING);
      const failures = await nodes[0].calls.listFailures(callback.id);
      expect(failures.reduce((sum, { count }) => sum + count, 0)).toBe(counts.FAILED);
      const replays = await nodes[0].replays.list(callback.id, 10);
      const waiting = (await fetchDue(nodes[0], callback.id, Number.POSITIVE_INFINITY, 1_000)).filter(
        ({ due }) => due?.cause === "replay",
      );
      expect(replays.reduce((sum, { left }) => sum + left, 0)).toBe(waiting.length);
    }
    expect(await database.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")).toEqual([
      { deadlocks: "0" },
    ]);
  });
});

const idsFor = (callback: number, name: string): string[] => times(5).map((index) => `${name} ${callback} ${index}`);

/** Commits an attempt of every waiting call, with the endpoints' states. */
async function commitAll(store: Store, callbacks: readonly Callback[]): Promise<void> {
  const attempts = [];
  for (const { id } of callbacks) {
    for (const { id: callId, seq } of await fetchPending(store, id, 20)) {
      const result = seq % 3 === 0 ? ACCEPTED : REFUSED_503;
      attempts.push({
        callbackId: id,
        callId,
        callSeq: seq,
        attempt: anAttempt({ startedAt: NOW, result }),
        random: 0,
        recovery: 0,
      });
    }
  }
  const endpoints = callbacks.map(({ id }) => ({ callbackId: id, endpoint: anEndpoint({ recovery: 1 }), outage: null }));
  await store.outcomes.commit(aGroup({ attempts: attempts.reverse(), endpoints }));
}

describe("the change log", () => {
  it("misses no change of a transaction that commits after a later one, and has each once", async () => {
    const [slow, quick] = [await aCallback(nodes[0]), await aCallback(nodes[0])];
    const start = await nodes[0].changes.readLatest();
    const client = await database.connect();
    await client.query("BEGIN");
    await client.query("INSERT INTO changes (callback_id) VALUES ($1)", [slow.id]);
    await accept(nodes[0], quick, ["A"]);
    const first = await nodes[1].changes.read(start, 10);
    expect(first.callbackIds).toEqual([quick.id]);
    expect(await nodes[1].changes.read(first.position, 10)).toMatchObject({ callbackIds: [] });
    const counter = await nodes[1].changes.readCounter();
    await client.query("COMMIT");
    expect(await nodes[1].changes.readCounter()).not.toBe(counter);
    const second = await nodes[1].changes.read(first.position, 10);
    expect(second.callbackIds).toEqual([slow.id]);
    expect(await nodes[1].changes.read(second.position, 10)).toMatchObject({ callbackIds: [] });
  });

  it("is read on after a chunk that ends between running transactions", async () => {
    const callbacks = [];
    for (const _ of times(4)) callbacks.push(await aCallback(nodes[0]));
    const [slow, ...quick] = callbacks;
    const start = await nodes[0].changes.readLatest();
    const client = await database.connect();
    await client.query("BEGIN");
    await client.query("INSERT INTO changes (callback_id) VALUES ($1)", [slow?.id]);
    for (const [index, callback] of quick.entries()) await accept(nodes[0], callback, [`A${index}`]);
    const first = await nodes[1].changes.read(start, 1);
    await client.query("COMMIT");
    const second = await nodes[1].changes.read(first.position, 2);
    const third = await nodes[1].changes.read(second.position, 9);
    const read = [first, second, third].flatMap(({ callbackIds }) => callbackIds);
    expect(read.toSorted()).toEqual(idsOf(callbacks).sort());
  });
});
