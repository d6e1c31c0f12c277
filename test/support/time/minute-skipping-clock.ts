import { type Clock, systemClock } from "../../../src/platform/clock.js";

/** A wait of a minute, which is that of an undo, calls `onWait` and takes no time. */
export function minuteSkippingClock(onWait: () => Promise<unknown> = async () => undefined): Clock {
  let skippedMs = 0;
  const now = (): number => systemClock.now() + skippedMs;
  return {
    ...systemClock,
    now,
    monotonicMs: () => systemClock.monotonicMs() + skippedMs,
    async sleepUntil(at, signal) {
      const ms = at - now();
      if (Math.abs(ms - 60_000) > 1_000) return systemClock.sleepUntil(systemClock.now() + ms, signal);
      await onWait();
      skippedMs += 60_000;
    },
  };
}
