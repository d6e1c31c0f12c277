export interface RetryTimes {
  readonly intervalMs: number;
  /** The window begins with a response's own first failure. */
  readonly windowMs: number;
}

export interface RetryPolicy extends RetryTimes {
  /** Whether each interval is spread by up to ±10 %. */
  readonly jitter: boolean;
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  intervalMs: 5 * 60_000,
  windowMs: 24 * 3_600_000,
  jitter: true,
};

const JITTER_SPREAD = 0.1;

/** Returns an instant (epoch ms). `random` is in [0,1): 0 is -10 %, 1 would be +10 %. */
export function oneIntervalAfter(from: number, policy: RetryPolicy, random: number): number {
  const spread = policy.jitter ? (random * 2 - 1) * JITTER_SPREAD : 0;
  return from + Math.round(policy.intervalMs * (1 + spread));
}

/** A retry that is due later comes from another clock or a longer interval. */
export function latestScheduledRetry(now: number, policy: RetryPolicy): number {
  return oneIntervalAfter(now, policy, 1);
}

/** `PACE_SHARE` is below 1, because calls that start late in a round would miss every second one. */
const PACE_SHARE = 0.8;

/** So long passes at least between the beginnings of two attempts of a call (docs/dispatcher.md, A call, Rule 11). */
export function paceMs(policy: RetryPolicy): number {
  return policy.intervalMs * PACE_SHARE;
}

/** The window includes this instant. */
export function retryUntil(firstFailedAt: number, policy: RetryPolicy): number {
  return firstFailedAt + policy.windowMs;
}

/**
 * Jitter never moves a retry past the window (docs/dispatcher.md, A call, Rule 4). If the value is past the window, no retry is
 * scheduled, but a round or drain may still send the call.
 */
export function nextDueAt(firstFailedAt: number, attemptBeganAt: number, policy: RetryPolicy, random: number): number {
  const end = retryUntil(firstFailedAt, policy);
  const unjittered = attemptBeganAt + policy.intervalMs;
  return unjittered > end ? unjittered : Math.min(oneIntervalAfter(attemptBeganAt, policy, random), end);
}
