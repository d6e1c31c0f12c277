/** How long to wait before a request is tried again, and when to give up. */

/** In all, from the first try of a request. */
export const GIVE_UP_AFTER_MS = 120_000;
export const MAX_TRIES = 10;
const FIRST_STEP_MS = 250;
const LONGEST_STEP_MS = 15_000;
/** Over the plan's requests a second: its window has to pass. */
const OVER_RATE_STEP_MS = 1_000;

export interface FailedTry {
  /** 1 for the first. */
  readonly tries: number;
  readonly isOverRate: boolean;
  /** What the answer's Retry-After asked for. */
  readonly retryAfterMs: number | null;
  /** In [0,1): spreads the wait. */
  readonly unit: number;
}

/** Doubles from a quarter of a second up to 15 s, of which half is chance; never less than what Retry-After asks for. */
export function backoffMs({ tries, isOverRate, retryAfterMs, unit }: FailedTry): number {
  const first = isOverRate ? OVER_RATE_STEP_MS : FIRST_STEP_MS;
  const step = Math.min(LONGEST_STEP_MS, first * 2 ** (tries - 1));
  const spread = isOverRate ? step * (1 + unit / 2) : step * (0.5 + unit / 2);
  return Math.round(Math.max(spread, retryAfterMs ?? 0));
}
