import { expect, it } from "vitest";
import { silentLogger } from "../../../../src/platform/logger.js";
import { FailedSignIns } from "../../../../src/server/auth/failed-sign-ins.js";
import { openStore, type Store } from "../../../../src/store/open-store.js";
import { VirtualClock } from "../../../support/time/virtual-clock.js";

it("has one entry a minute for all addresses beyond the first twenty, which may be one stranger's", async () => {
  const clock = new VirtualClock();
  const store = await openStore({ url: ":memory:", clock, secretKey: new Uint8Array(32) });
  const failures = new FailedSignIns({ store, clock, logger: silentLogger });
  const fail = (address: string) => failures.record({ user: null, via: "console", address });
  for (let host = 1; host <= 30; host++) {
    clock.advance(1);
    await fail(`127.0.0.${host}`);
  }
  await fail("127.0.0.1");
  const entries = async () => (await store.audit.list({ limit: 99, offset: 0 })).items;
  expect([(await entries()).length, (await entries()).find(({ address }) => address === null)?.count]).toEqual([21, 10]);
  clock.jump(60_000);
  await fail("127.0.0.30");
  expect((await entries()).map(({ address }) => address)).toContain("127.0.0.30");
  await store.close();
});

it("says in the log that it couldn't be written, and fails nothing else", async () => {
  const errors: unknown[] = [];
  const logger = { ...silentLogger, error: (...error: unknown[]) => errors.push(error) } as typeof silentLogger;
  const full = new Error("disk full");
  const store = { audit: { recordFailedSignIn: () => Promise.reject(full) } } as unknown as Store;
  const failures = new FailedSignIns({ store, clock: new VirtualClock(), logger });
  await failures.record({ user: null, via: "console", address: "192.0.2.1" });
  expect(errors).toEqual([[{ err: full }, "A failed sign-in isn't in the audit"]]);
});
