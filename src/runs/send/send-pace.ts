/** How many requests may be under way to an endpoint that has just come back, and when to leave it alone. */
import type { StopReason } from "../journal/run-event.js";
import type { ReplayOptions } from "../run-options.js";

export interface SendPace {
  /** Requests at once: begins at 1, one more with each success, half with each failure. */
  readonly limit: number;
  readonly failuresInRow: number;
  /** The first call is out there to try the ground. */
  readonly isCanaryOut: boolean;
  readonly stop: StopReason | null;
}

export type PaceRule = Pick<ReplayOptions, "concurrency" | "maxFailures" | "canary">;

export function firstPace({ canary }: PaceRule): SendPace {
  return { limit: 1, failuresInRow: 0, isCanaryOut: canary, stop: null };
}

export function paceAfterSuccess(pace: SendPace, { concurrency }: PaceRule): SendPace {
  return { limit: Math.min(pace.limit + 1, concurrency), failuresInRow: 0, isCanaryOut: false, stop: pace.stop };
}

/** A failed canary, or as many failures in a row as are taken, stops it. */
export function paceAfterFailure(pace: SendPace, { maxFailures }: PaceRule): SendPace {
  const failuresInRow = pace.failuresInRow + 1;
  const stop = pace.isCanaryOut ? "canary" : failuresInRow >= maxFailures ? "max-failures" : null;
  return { limit: Math.max(1, Math.floor(pace.limit / 2)), failuresInRow, isCanaryOut: false, stop: pace.stop ?? stop };
}
