import { DAY_MS } from "./duration.js";
import { DEFAULT_RETRY_POLICY, type RetryTimes } from "./retry-policy.js";

/** `ServiceSettings` are in the database, so they are the same for every process. */
export interface ServiceSettings extends RetryTimes {
  /** The time counts from a call's last change. */
  readonly retainSuccessMs: number;
  readonly retainFailedMs: number;
  /** Sent e-mails are kept this long, in the database and as files. */
  readonly retainMailMs: number;
}

export const DEFAULT_SERVICE_SETTINGS: ServiceSettings = {
  intervalMs: DEFAULT_RETRY_POLICY.intervalMs,
  windowMs: DEFAULT_RETRY_POLICY.windowMs,
  retainSuccessMs: 30 * DAY_MS,
  retainFailedMs: 365 * DAY_MS,
  retainMailMs: 365 * DAY_MS,
};

/** A closed outage is kept for this long after it began and ended, and a replay after its request, once none of its calls waits. */
export const RETAIN_OUTAGES_MS = 365 * DAY_MS;
/** `runs prune` keeps journals for this long at least. */
export const RETAIN_RUNS_MS = 365 * DAY_MS;

/** `SendLimits` are the limits of one process (docs/dispatcher.md, Limits). */
export interface SendLimits {
  /** So many requests to endpoints are in flight at most. */
  readonly inFlightInAll: number;
  /** Bodies that are prefetched or in flight take so many bytes at most. One body may always go. */
  readonly bodyBytes: number;
}

export const MIB = 1024 * 1024;

export const DEFAULT_SEND_LIMITS: SendLimits = { inFlightInAll: 512, bodyBytes: 64 * MIB };

/** What the credentials of a start did to the stored users. */
export interface StartUsers {
  /** An earlier start made these users; they can't log in any more. */
  readonly removed: readonly string[];
  /** The own user is kept if `users` added or changed it, with another password or key: it stays like that. */
  readonly own: "new" | "same" | "changed" | "kept";
}

/** The platform's plans limit the requests of each API key. */
export type PlanName = "startup" | "business" | "enterprise";

export interface Plan {
  readonly perSecond: number;
  readonly perDay: number;
}

export const PLANS: Readonly<Record<PlanName, Plan>> = {
  startup: { perSecond: 5, perDay: 10_000 },
  business: { perSecond: 10, perDay: 20_000 },
  enterprise: { perSecond: 30, perDay: 50_000 },
};
