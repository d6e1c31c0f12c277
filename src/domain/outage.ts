/** A period in which a callback's endpoint fails; it costs one e-mail (docs/dispatcher.md, An outage). */
import type { EndpointState } from "./endpoint.js";
import type { RetryPolicy } from "./retry-policy.js";

/** How the e-mail left the service: to a mail server, or only into a file. */
export type NoticeChannel = "smtp" | "file";

export interface OpenOutage {
  /** 32 upper-case hex digits. */
  readonly id: string;
  readonly startedAt: number;
  /** Calls whose first failure fell into it. */
  readonly failedCalls: number;
  /** The first success since the last first failure; null if there was none. */
  readonly quietSince: number | null;
}

/** An outage as it is kept and listed. */
export interface Outage extends OpenOutage {
  readonly callbackId: string;
  readonly endedAt: number | null;
  readonly notifiedAt: number | null;
  /** null if there is no notice yet, or it was recorded by 0.1.0. */
  readonly notifiedBy: NoticeChannel | null;
}

/**
 * A call failed for the first time, or was held: the outage goes on, or `newId` is the id of the one that opens. `marked` is the last
 * outage if it closed because its calls were marked by hand and nothing succeeded since: it reopens within one window of its start.
 */
export function outageAfterFirstFailure(
  outage: OpenOutage | null,
  at: number,
  newId: () => string,
  marked: OpenOutage | null,
  policy: RetryPolicy,
): OpenOutage {
  const before = outage ?? (marked !== null && at < marked.startedAt + policy.windowMs ? marked : null);
  if (before === null) return { id: newId(), startedAt: at, failedCalls: 1, quietSince: null };
  return { ...before, failedCalls: before.failedCalls + 1, quietSince: null };
}

export function outageAfterSuccess(outage: OpenOutage | null, at: number): OpenOutage | null {
  return outage === null || outage.quietSince !== null ? outage : { ...outage, quietSince: at };
}

/**
 * When the outage closes if nothing else happens: one interval after the success since which no first attempt has failed
 * (only with the endpoint up: then no call is held), and in any case one window after it opened.
 */
export function outageClosesAt(outage: OpenOutage, state: EndpointState, policy: RetryPolicy): number {
  const atTheLatest = outage.startedAt + policy.windowMs;
  if (state !== "up" || outage.quietSince === null) return atTheLatest;
  return Math.min(atTheLatest, outage.quietSince + policy.intervalMs);
}

/** The outage after the wall clock may have been set back: neither its start nor its quiet time is in the future. */
export function outageByClock(outage: OpenOutage | null, now: number): OpenOutage | null {
  if (outage === null || (outage.startedAt <= now && (outage.quietSince ?? now) <= now)) return outage;
  const quietSince = outage.quietSince === null ? null : Math.min(outage.quietSince, now);
  return { ...outage, startedAt: Math.min(outage.startedAt, now), quietSince };
}

/** The outage without holdings that were skipped at their commit; null: nothing else opened it. */
export function outageWithoutHoldings(outage: OpenOutage | null, skipped: number): OpenOutage | null {
  if (outage === null || skipped === 0) return outage;
  const failedCalls = outage.failedCalls - skipped;
  return failedCalls > 0 ? { ...outage, failedCalls } : null;
}

/** What became of the calls that first failed since an outage opened. */
export interface OutageProgress {
  readonly hasFailed: boolean;
  /** One was delivered, by the dispatcher or in a replay. */
  readonly hasDelivered: boolean;
}
