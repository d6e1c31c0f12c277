/** All nodes on a database count together. */
import { createHmac } from "node:crypto";
import { beforeAll, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { type LoginAttempt, LoginThrottle } from "../../src/server/auth/login-throttle.js";
import { RateCounter } from "../../src/server/auth/rate-plan.js";
import type { NodeStore } from "../../src/store/nodes/open-nodes.js";
import { openStore } from "../../src/store/open-store.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";

const NOON = Date.UTC(2030, 0, 1, 12);
const LOGIN: LoginAttempt = { username: "demo", address: "192.0.2.1", apiKey: "k" };

let database: TestDatabase;
let nodes: readonly NodeStore[];

beforeAll(async () => {
  database = await createDatabase("limits");
  const stores = [await database.openStore(), await database.openStore()];
  nodes = stores.flatMap((store) => (store.nodes === null ? [] : [store.nodes]));
});
beforeEach(() => database.clear());

it("a plan's requests per second and day hold in sum, also for requests at once", async () => {
  const counters = nodes.map((node) => new RateCounter({ perSecond: 5, perDay: 8 }, node));
  const granted = async (times: number, now: number) => {
    const asked = counters.flatMap((counter) => Array.from({ length: times }, async () => counter.admitRequest("key", now)));
    return (await Promise.all(asked)).map(({ over }) => over ?? "granted").sort();
  };
  expect(await granted(10, NOON)).toEqual([...Array(15).fill("QPS"), ...Array(5).fill("granted")]);
  expect(await granted(2, NOON + 1000)).toEqual(["QPD", ...Array(3).fill("granted")]);
  expect(await granted(1, NOON + 2000)).toEqual(["QPD", "QPD"]);
});

it("a rejected request costs nothing in the database", async () => {
  const [node] = nodes;
  let changes = 0;
  const counted: Pick<NodeStore, "changeLimits"> = {
    changeLimits: (keys, change) => {
      changes += 1;
      return node?.changeLimits(keys, change) ?? Promise.reject(new Error("no node"));
    },
  };
  const counter = new RateCounter({ perSecond: 2, perDay: 100 }, counted);
  for (let time = 0; time < 10; time++) await counter.admitRequest("key", NOON);
  expect(changes).toBe(2);
});

it("failed logins of a user, an address and a key count on all nodes, also those at once", async () => {
  const throttles = nodes.map((node) => new LoginThrottle({ ...systemClock, now: () => NOON }, node));
  let checked = 0;
  const wrong = async () => {
    checked += 1;
    return false;
  };
  const guess = (index: number, login: LoginAttempt) => throttles[index % 2]?.attemptLogin(login, wrong, { isLimited: true });
  for (let time = 0; time < 5; time++) expect(await guess(time, LOGIN)).toBe(0);
  expect([await guess(0, LOGIN), await guess(1, LOGIN), checked]).toEqual([1000, 1000, 5]);

  checked = 0;
  const users = Array.from({ length: 40 }, (_, user) => ({ ...LOGIN, username: `user${user}`, address: "192.0.2.2" }));
  for (let first = 0; first < users.length; first += 8) {
    await Promise.all(users.slice(first, first + 8).map((login, index) => guess(index, login)));
  }
  expect(checked).toBe(20);

  checked = 0;
  const addresses = Array.from({ length: 200 }, (_, number) => ({ ...LOGIN, address: `192.0.3.${number}` }));
  for (const [index, login] of addresses.entries()) await guess(index, login);
  // The test has spent 25 of the key's 200 above.
  expect(checked).toBe(175);
});

it("a right login is taken back everywhere", async () => {
  const throttles = nodes.map((node) => new LoginThrottle({ ...systemClock, now: () => NOON }, node));
  const right = async () => true;
  for (let time = 0; time < 50; time++) {
    expect(await throttles[time % 2]?.attemptLogin(LOGIN, right, { isLimited: true })).toBe(0);
  }
});

it("stores names and addresses as hashes with the secret key, the same on all nodes", async () => {
  for (const node of nodes) await node.changeLimits(["address 192.0.2.1"], () => ({ states: null, result: 0 }));
  const key = createHmac("sha256", new Uint8Array(32)).update("limit address 192.0.2.1").digest("base64url");
  expect(await database.query("SELECT key FROM limits")).toEqual([{ key }]);
});

it("removes what has expired, every ten seconds", async () => {
  let passedMs = 0;
  const clock = { ...systemClock, monotonicMs: () => passedMs };
  const store = await openStore({ url: database.url, clock, secretKey: new Uint8Array(32) });
  const later = Date.now() + 60_000;
  await database.query("INSERT INTO limits VALUES ('old', '[1]', 1), ('later', '[1]', $1)", [later]);
  const old = async () =>
    (await database.query<{ key: string }>("SELECT key FROM limits WHERE length(key) < 6")).map(({ key }) => key);
  const change = () => store.nodes?.changeLimits(["new"], () => ({ states: [{ state: [1], expiresAt: later }], result: 0 }));
  await change();
  expect((await old()).sort()).toEqual(["later", "old"]);
  passedMs = 10_000;
  await change();
  expect(await old()).toEqual(["later"]);
  await store.close();
});
