import { expect, it } from "vitest";
import { systemClock } from "../../src/platform/clock.js";
import type { InTurn } from "../../src/store/calls/scan-calls.js";
import { aResponse, someSettings } from "../support/builders.js";
import { createDatabase } from "../support/postgres/databases.js";

it("reads many calls in few steps, though the round trips of each take 12 ms", async () => {
  const database = await createDatabase("scan_steps");
  let now = 0;
  const monotonicMs = () => {
    now += 12;
    return now;
  };
  const store = await database.openStore({ clock: { ...systemClock, monotonicMs } });
  await store.callbacks.create("A", someSettings(), 0);
  const calls = Array.from({ length: 10_000 }, (_, index) => ({ id: `C${index}`, response: aResponse() }));
  await store.calls.accept([{ callbackId: "A", calls }], systemClock.now());
  let steps = 0;
  const inTurn: InTurn = (step) => {
    steps += 1;
    return step();
  };
  const filter = { status: "PENDING", text: "nowhere" } as const;
  const counted = await store.calls.countMatching("A", filter, { budgetMs: Number.POSITIVE_INFINITY, inTurn });
  expect(counted).toEqual({ count: 0, isExact: true });
  expect(steps).toBeLessThan(15);
});
