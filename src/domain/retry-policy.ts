/** The two numbers of a retry: about every 5 minutes, for 24 hours from a response's own first failure. */
export interface RetryPolicy {
  readonly intervalMs: number;
  readonly windowMs: number;
  /** Each interval is spread by up to ±10 %. */
  readonly jitter: boolean;
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  intervalMs: 5 * 60_000,
  windowMs: 24 * 3_600_000,
  jitter: true,
};

const JITTER_SPREAD = 0.1;

/** One interval after `from` (epoch ms), spread by `random` in [0,1): 0 is -10 %, 1 would be +10 %. */
export function oneIntervalAfter(from: number, policy: RetryPolicy, random: number): number {
  const spread = policy.jitter ? (random * 2 - 1) * JITTER_SPREAD : 0;
  return from + Math.round(policy.intervalMs * (1 + spread));
}

/** No retry scheduled by `now` is due later. One that is was scheduled by another clock, or with a longer interval. */
export function latestScheduledRetry(now: number, policy: RetryPolicy): number {
  return oneIntervalAfter(now, policy, 1);
}

/** Below 1, since calls that start some milliseconds into a round would miss every second one. */
const PACE = 0.8;

/** The shortest time between the beginnings of two attempts of one call (docs/dispatcher.md, A call, Rule 11). */
export function paceMs(policy: RetryPolicy): number {
  return policy.intervalMs * PACE;
}

/** The last instant (inclusive) at which a call that first failed at `firstFailedAt` may be retried. */
export function retryUntil(firstFailedAt: number, policy: RetryPolicy): number {
  return firstFailedAt + policy.windowMs;
}

/**
 * When a failed call's scheduled retry is due: one interval after the failed attempt began. Jitter never moves it past the end of
 * the window (docs/dispatcher.md, A call, Rule 4). A value past the window means that none comes; a round or a drain may still
 * retry it inside the window.
 */
export function nextDueAt(firstFailedAt: number, attemptBeganAt: number, policy: RetryPolicy, random: number): number {
  const end = retryUntil(firstFailedAt, policy);
  const unjittered = attemptBeganAt + policy.intervalMs;
  return unjittered > end ? unjittered : Math.min(oneIntervalAfter(attemptBeganAt, policy, random), end);
}
