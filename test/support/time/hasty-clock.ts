import type { Clock } from "../../../src/platform/clock.js";
import { systemClock } from "../../../src/platform/clock.js";

/** Waits a twentieth of what it is asked to: back-off of seconds, in a test of seconds. */
export const hastyClock: Clock = {
  ...systemClock,
  sleepUntil: (at, signal) => systemClock.sleepUntil(systemClock.now() + Math.max(0, at - systemClock.now()) / 20, signal),
};
