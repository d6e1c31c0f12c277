/** Nodes that share a database compare dates by its clock: a machine's own may be off, and stood still while it was suspended. */
import { beforeAll, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import type { Store } from "../../src/store/open-store.js";
import { aCallback, accept, attempt } from "../contract/store-support.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { VirtualClock } from "../support/time/virtual-clock.js";

/** The database is on this machine. */
const NOW = systemClock.now();
const WAKES_AT = NOW - 20_000;

let database: TestDatabase;
let node: Store;

beforeAll(async () => {
  database = await createDatabase("clock");
  node = await database.openStore({ clock: new VirtualClock(WAKES_AT), isServed: true });
});
beforeEach(() => database.clear());

it("a node that was suspended marks nothing that was to be marked before it woke up", async () => {
  const callback = await aCallback(node);
  await accept(node, callback, ["A"]);
  const mark = (executeBefore: number) => node.calls.mark(callback.id, ["A"], "SUCCESS", WAKES_AT, { executeBefore });
  await expect(mark(NOW)).rejects.toMatchObject({ code: "too-late" });
  expect(await mark(NOW + 600_000)).toEqual([]);
});

it("a node says since when a call waits, by whole milliseconds of the database", async () => {
  const callback = await aCallback(node);
  await accept(node, callback, ["A"], NOW - 60_000);
  expect(await node.endpoints.listReports([callback.id])).toMatchObject([{ oldestWaiting: { acceptedAt: NOW - 60_000 } }]);
});

it("a node whose machine's clock is ahead marks what is to be marked in time", async () => {
  const ahead = await database.openStore({ clock: new VirtualClock(NOW + 3_600_000), isServed: true });
  const callback = await aCallback(ahead);
  await accept(ahead, callback, ["A"]);
  const details = { executeBefore: NOW + 600_000 };
  expect(await ahead.calls.mark(callback.id, ["A"], "SUCCESS", NOW, details)).toEqual([]);
});

it("a node that was suspended leaves what a user has taken back meanwhile", async () => {
  const callback = await aCallback(node);
  await accept(node, callback, ["A"], NOW - 40_000);
  await attempt(node, callback, ["A"], { startedAt: NOW - 40_000 });
  const markedAt = NOW - 30_000;
  await node.calls.mark(callback.id, ["A"], "SUCCESS", markedAt, { markedAt });
  await node.calls.mark(callback.id, ["A"], "FAILED", NOW - 10_000);
  expect(await node.calls.mark(callback.id, ["A"], "SUCCESS", WAKES_AT, { markedAt })).toEqual(["A"]);
});

it("a node lists the endpoints whose calls wait, by a clock that counts less than milliseconds", async () => {
  const callback = await aCallback(node);
  await accept(node, callback, ["A"], NOW);
  const times = await Promise.all(Array.from({ length: 10 }, () => node.readTime()));
  expect(times.map((time) => time % 1)).toEqual(Array(10).fill(0));
  expect(await node.endpoints.listReports([callback.id])).toMatchObject([{ oldestWaiting: { acceptedAt: NOW } }]);
});
