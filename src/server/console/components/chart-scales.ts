import { MINUTE_MS } from "../../../domain/duration.js";

/** Returns about `wanted` round steps from `low` (0 or below) to `high` (0 or above), one of which is 0. */
export function countTicks(low: number, high: number, wanted: number): number[] {
  const step = roundStep((high - low) / wanted);
  const [first, last] = [Math.floor(low / step), Math.ceil(high / step)];
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

/** A step is 1, 2 or 5 times a power of ten. It is at least 1, as calls are whole. */
function roundStep(atLeast: number): number {
  if (!(atLeast > 1)) return 1;
  const power = 10 ** Math.floor(Math.log10(atLeast));
  return ([1, 2, 5].find((factor) => factor * power >= atLeast) ?? 10) * power;
}

const DAY_MINUTES = 1_440;
/** Steps are in minutes. Longer ones are whole days. */
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720];

/** Returns at most `most` whole steps in UTC, inside the span. */
export function timeTicks(from: number, to: number, most: number): number[] {
  const minutes = (to - from) / MINUTE_MS;
  const step =
    (TIME_STEPS.find((one) => minutes / one < most) ?? Math.ceil(minutes / DAY_MINUTES / most) * DAY_MINUTES) * MINUTE_MS;
  const first = Math.ceil(from / step) * step;
  const ticks: number[] = [];
  for (let at = first; at <= to && ticks.length < most; at += step) ticks.push(at);
  return ticks;
}
