import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/platform/clock.js";

describe("the system clock", () => {
  it("sleeps until an instant, and not at all until a past one", async () => {
    const at = systemClock.now() + 20;
    await systemClock.sleepUntil(at);
    expect(systemClock.now()).toBeGreaterThanOrEqual(at);
    const before = systemClock.monotonicMs();
    await systemClock.sleepUntil(at - 60_000);
    expect(systemClock.monotonicMs() - before).toBeLessThan(1_000);
  });

  it("ends a sleep when its signal is aborted, and doesn't begin one after that", async () => {
    const stop = new AbortController();
    const sleeping = systemClock.sleepUntil(systemClock.now() + 3_600_000, stop.signal);
    stop.abort();
    await sleeping;
    await systemClock.sleepUntil(systemClock.now() + 3_600_000, stop.signal);
  });
});
