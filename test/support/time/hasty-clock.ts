import type { Clock } from "../../../src/platform/clock.js";
import { systemClock } from "../../../src/platform/clock.js";

/** Waits a twentieth of the time that it is asked to, so that a back-off takes no seconds. */
export const hastyClock: Clock = {
  ...systemClock,
  sleepUntil: (at, signal) => systemClock.sleepUntil(systemClock.now() + Math.max(0, at - systemClock.now()) / 20, signal),
};
