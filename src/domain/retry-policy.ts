export interface RetryTimes {
  readonly intervalMs: number;
  /** From a response's own first failure. */
  readonly windowMs: number;
}

export interface RetryPolicy extends RetryTimes {
  /** Each interval is spread by up to ±10 %. */
  readonly jitter: boolean;
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  intervalMs: 5 * 60_000,
  windowMs: 24 * 3_600_000,
  jitter: true,
};

const JITTER_SPREAD = 0.1;

/** epoch ms; `random` in [0,1): 0 is -10 %, 1 would be +10 %. */
export function oneIntervalAfter(from: number, policy: RetryPolicy, random: number): number {
  const spread = policy.jitter ? (random * 2 - 1) * JITTER_SPREAD : 0;
  return from + Math.round(policy.intervalMs * (1 + spread));
}

/** A later one comes from another clock or a longer interval. */
export function latestScheduledRetry(now: number, policy: RetryPolicy): number {
  return oneIntervalAfter(now, policy, 1);
}

/** Below 1: calls that start late in a round would miss every second one. */
const PACE = 0.8;

/** Between the beginnings of two attempts of a call (docs/dispatcher.md, A call, Rule 11). */
export function paceMs(policy: RetryPolicy): number {
  return policy.intervalMs * PACE;
}

/** Inclusive. */
export function retryUntil(firstFailedAt: number, policy: RetryPolicy): number {
  return firstFailedAt + policy.windowMs;
}

/**
 * Jitter never moves it past the window (docs/dispatcher.md, A call, Rule 4). A value past the window: none is scheduled; a round
 * or drain may still send it.
 */
export function nextDueAt(firstFailedAt: number, attemptBeganAt: number, policy: RetryPolicy, random: number): number {
  const end = retryUntil(firstFailedAt, policy);
  const unjittered = attemptBeganAt + policy.intervalMs;
  return unjittered > end ? unjittered : Math.min(oneIntervalAfter(attemptBeganAt, policy, random), end);
}
