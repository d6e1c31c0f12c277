import { expect, it } from "vitest";
import { silentLogger } from "../../../../src/platform/logger.js";
import { FailedSignIns } from "../../../../src/server/auth/failed-sign-ins.js";
import { openStore } from "../../../../src/store/open-store.js";
import { VirtualClock } from "../../../support/time/virtual-clock.js";

it("has one entry a minute for all addresses beyond the first twenty, which may be one stranger's", async () => {
  const clock = new VirtualClock();
  const store = await openStore({ url: ":memory:", clock, secretKey: new Uint8Array(32) });
  const failures = new FailedSignIns({ store, clock, logger: silentLogger });
  const fail = (address: string) => failures.record({ user: null, via: "console", address });
  for (let host = 1; host <= 30; host++) await fail(`127.0.0.${host}`);
  await fail("127.0.0.1");
  const entries = async () => (await store.audit.list({ limit: 99, offset: 0 })).items;
  expect([(await entries()).length, (await entries()).find(({ address }) => address === null)?.count]).toEqual([21, 10]);
  clock.jump(60_000);
  await fail("127.0.0.30");
  expect((await entries()).map(({ address }) => address)).toContain("127.0.0.30");
  await store.close();
});
