import { DEFAULT_RETRY_POLICY, type RetryTimes } from "./retry-policy.js";

/** In the database: the same for every process. */
export interface ServiceSettings extends RetryTimes {
  /** After a call's last change. */
  readonly retainSuccessMs: number;
  readonly retainFailedMs: number;
  /** Sent e-mails, in the database and as files. */
  readonly retainMailMs: number;
}

const DAY_MS = 86_400_000;

export const DEFAULT_SERVICE_SETTINGS: ServiceSettings = {
  intervalMs: DEFAULT_RETRY_POLICY.intervalMs,
  windowMs: DEFAULT_RETRY_POLICY.windowMs,
  retainSuccessMs: 30 * DAY_MS,
  retainFailedMs: 365 * DAY_MS,
  retainMailMs: 365 * DAY_MS,
};

/** After a closed outage began and ended; also of a replay, after its request, once none of its calls waits. */
export const RETAIN_OUTAGES_MS = 365 * DAY_MS;
/** Journals, at the least by `runs prune`. */
export const RETAIN_RUNS_MS = 365 * DAY_MS;

/** Of one process: docs/dispatcher.md, Limits. */
export interface SendLimits {
  /** Requests to endpoints. */
  readonly inFlightInAll: number;
  /** Of bodies, prefetched and in flight. One may always go. */
  readonly bodyBytes: number;
}

export const MIB = 1024 * 1024;

export const DEFAULT_SEND_LIMITS: SendLimits = { inFlightInAll: 512, bodyBytes: 64 * MIB };

/** What the credentials of a start did to the stored users. */
export interface StartUsers {
  /** Made by an earlier start; they can't log in any more. */
  readonly removed: readonly string[];
  /** kept: it was added or changed by `users`, with another password or key, and stays like that. */
  readonly own: "new" | "same" | "changed" | "kept";
}
