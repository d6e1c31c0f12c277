/** Where a chart's axes have their ticks. */

/** Round steps from `low` (0 or below) to `high` (0 or above): about `wanted` of them, with 0. */
export function countTicks(low: number, high: number, wanted: number): number[] {
  const step = roundStep((high - low) / wanted);
  const [first, last] = [Math.floor(low / step), Math.ceil(high / step)];
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

/** 1, 2 or 5 times a power of ten, at least 1: calls are whole. */
function roundStep(atLeast: number): number {
  if (!(atLeast > 1)) return 1;
  const power = 10 ** Math.floor(Math.log10(atLeast));
  return ([1, 2, 5].find((factor) => factor * power >= atLeast) ?? 10) * power;
}

const MINUTE = 60_000;
const DAY = 1_440;
/** Minutes; longer ones are whole days. */
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720];

/** Whole ones in UTC, inside the span, at most `most`. */
export function timeTicks(from: number, to: number, most: number): number[] {
  const minutes = (to - from) / MINUTE;
  const step = (TIME_STEPS.find((one) => minutes / one < most) ?? Math.ceil(minutes / DAY / most) * DAY) * MINUTE;
  const first = Math.ceil(from / step) * step;
  const ticks: number[] = [];
  for (let at = first; at <= to && ticks.length < most; at += step) ticks.push(at);
  return ticks;
}
