/** `/readyz` behind a network that hangs. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import { openStore } from "../../src/store/open-store.js";
import { type DatabaseProxy, openDatabaseProxy } from "../support/postgres/database-proxy.js";
import { createDatabase } from "../support/postgres/databases.js";
import { closeService, openService, type Service } from "../support/server/server-fixture.js";
import { ManualTimers } from "../support/time/manual-timers.js";

const SECONDS = 1_000;
const READY = [200, { status: "ready" }];
const HANGS = [503, { status: "not ready", reason: "The database hasn't answered within 3 seconds" }];

const time = new ManualTimers();
let network: DatabaseProxy;
let service: Service;
let checks = 0;

beforeAll(async () => {
  const database = await createDatabase("readiness");
  network = await openDatabaseProxy(database.url);
  const store = await openStore({ url: network.url, clock: systemClock, secretKey: new Uint8Array(32) });
  const { checkWritable } = store;
  store.checkWritable = () => {
    checks += 1;
    return checkWritable();
  };
  service = await openService({
    store,
    timers: time,
    clock: { ...systemClock, monotonicMs: () => time.monotonicMs() },
  });
});

afterAll(async () => {
  network.resume();
  await closeService(service);
  network.close();
});

async function readyz(): Promise<unknown> {
  const response = await service.app.inject({ url: "/readyz" });
  return [response.statusCode, response.json()];
}

it("is answered within 3 seconds, by one check for all, and again once the network works", async () => {
  expect(await readyz()).toEqual(READY);
  expect(checks).toBe(1);
  network.stall();
  time.advance(1 * SECONDS);
  const early = [readyz(), readyz()];
  await expect.poll(() => checks).toBe(2);
  time.advance(2 * SECONDS);
  const late = readyz();
  time.advance(1 * SECONDS);
  expect(await Promise.all([...early, late])).toEqual([HANGS, HANGS, HANGS]);
  // The same check still waits: neither another one nor another 3 seconds.
  time.advance(20 * SECONDS);
  expect([await readyz(), checks]).toEqual([HANGS, 2]);
  network.resume();
  await expect
    .poll(() => {
      time.advance(1 * SECONDS);
      return readyz();
    })
    .toEqual(READY);
});
