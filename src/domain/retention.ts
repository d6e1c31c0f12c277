/** How long a settled call stays readable after its last change (docs/dispatcher.md, a call, 10). */
export interface RetentionPolicy {
  readonly withRetriesMs: number;
  readonly withoutRetriesMs: number;
}

const DAY_MS = 86_400_000;

/** 30 days where retries are on, 12 months where they are off. */
export const DEFAULT_RETENTION: RetentionPolicy = { withRetriesMs: 30 * DAY_MS, withoutRetriesMs: 365 * DAY_MS };

/** Calls last changed before this instant are past retention. */
export function keptSince(now: number, retriesEnabled: boolean, policy: RetentionPolicy): number {
  return now - (retriesEnabled ? policy.withRetriesMs : policy.withoutRetriesMs);
}
