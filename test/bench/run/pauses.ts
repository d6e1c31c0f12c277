import type { IntervalHistogram } from "node:perf_hooks";

/** A timer that fires so often costs little, and finds what lasts longer. */
export const PAUSE_RESOLUTION_MS = 5;

/** The longest time that the event loop was busy; 0 if nothing was recorded. */
export function pauseMs(delays: IntervalHistogram): number {
  return Math.max(0, delays.max / 1e6 - PAUSE_RESOLUTION_MS);
}
