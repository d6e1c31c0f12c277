/** What the dispatcher reads and writes. Every method that writes is atomic: one transaction. */
import type { Attempt } from "../domain/attempt.js";
import type { Call } from "../domain/call.js";
import type { Callback } from "../domain/callback.js";
import type { Endpoint } from "../domain/endpoint.js";
import type { Mail, OpenOutage, Outage, OutageProgress } from "../domain/outage.js";
import type { RetryPolicy } from "../domain/retry-policy.js";
import type { Fences } from "./callbacks/callback-row.js";
import type { BacklogRead, CallRead, DueRead, PendingRead, RetryExpiry } from "./calls/fetch-calls.js";
import type { QueuedNotices } from "./notice-store.js";
import type { ClockBounds } from "./outcomes/clamp-times.js";

/** For each read, in their order. */
type CallLists = Promise<readonly (readonly Call[])[]>;

export interface DispatchStore {
  /** Those that may need the dispatcher, or all of `callbackIds`. */
  listEndpoints(callbackIds?: readonly string[]): Promise<readonly EndpointRecord[]>;
  /** Those that may need the dispatcher. */
  listActiveCallbacks(): Promise<readonly string[]>;
  /** Oldest first. */
  fetchPending(reads: readonly PendingRead[]): CallLists;
  /** Earliest first. */
  fetchDue(reads: readonly DueRead[]): CallLists;
  /** In the order of the requests. */
  fetchReplays(reads: readonly CallRead[]): CallLists;
  /** Due calls that haven't failed in this recovery; oldest first, those that failed in earlier ones last. */
  fetchBacklog(reads: readonly BacklogRead[]): CallLists;
  /** Oldest first. */
  fetchHeld(reads: readonly CallRead[]): CallLists;
  /** At most `limit` in all. Returns how many. Skips callbacks whose fence is stale. */
  expireRetries(expiries: readonly RetryExpiry[], limit: number): Promise<number>;
  /** After a clock change or a shorter interval: future times become `now`, later due times `latestDueAt`. */
  clampTimes(bounds: ClockBounds): Promise<void>;
  /** Of calls that first failed at or after `since`; for each outage, in their order. */
  readOutageProgress(outages: readonly OutageRead[]): Promise<readonly OutageProgress[]>;
  /**
   * Of callbacks with an open outage: how many calls wait, for `listActivity`. `after`: where to read on (0: from the start). Returns it for
   * the next chunk; null: done.
   */
  sampleWaiting(now: number, after: number, limit: number): Promise<number | null>;
  /**
   * One transaction. Skips calls that no longer exist, and all of a callback whose fence is stale. A repeated group may have been committed
   * before: nothing is recorded twice, and the result is the same.
   */
  commitOutcomes(group: OutcomeGroup): Promise<CommittedOutcomes>;
  /** Calls with their attempts, then the callbacks. Fewer than `limit`: nothing is left to remove now. */
  purgeDeleted(limit: number): Promise<number>;
  /** Calls, sent mails, closed outages, finished replays and activity. Fewer than `limit`: nothing is left to remove now. */
  purgeExpired(now: number, limit: number): Promise<number>;
}

export interface EndpointRecord {
  readonly callback: Callback;
  /** Grows whenever a dispatcher takes the callback; 0 on SQLite. */
  readonly fence: number;
  readonly endpoint: Endpoint;
  readonly outage: OpenOutage | null;
  /** The last outage, if closed by marks, without success since. */
  readonly markedOutage?: OpenOutage;
  readonly pendingCalls: number;
  /** The earliest of a FAILED call. */
  readonly nextDueAt: number | null;
  /** On PostgreSQL: another node cancelled a replay, of which calls wait or are in flight. */
  readonly hasCancelledReplay?: true;
}

export interface OutageRead {
  readonly callbackId: string;
  readonly since: number;
}

export interface CommittedOutcomes {
  /** By callback, how many calls weren't held: its retries were switched off meanwhile, or the call was marked. */
  readonly skippedHoldings: ReadonlyMap<string, number>;
  /** Callbacks that another dispatcher has taken: nothing of theirs was written. */
  readonly staleCallbacks: ReadonlySet<string>;
  /** Attempts of those that no earlier try has recorded either. */
  readonly lostAttempts: number;
}

export interface OutcomeGroup {
  readonly attempts: readonly AttemptOutcome[];
  readonly holdings: readonly Holding[];
  /** As they are after all of these. */
  readonly endpoints: readonly EndpointChange[];
  /** Complete: one may have opened and closed within the group. Written first. */
  readonly closedOutages: readonly ClosedOutage[];
  /** One per opened outage; a second one is skipped. */
  readonly mails: readonly Omit<Mail, "tries">[];
  /** Left out: outages are reported by e-mail only. */
  readonly notices?: QueuedNotices;
  readonly fences: Fences;
  readonly policy: RetryPolicy;
  /** A try has failed, perhaps after its commit: the answer may have been lost. */
  readonly isRepeated: boolean;
}

export interface AttemptOutcome {
  readonly callbackId: string;
  readonly callId: string;
  readonly callSeq: number;
  readonly attempt: Attempt;
  /** In [0,1): the jitter. */
  readonly random: number;
  /** 0: in no recovery. */
  readonly recovery: number;
}

export interface Holding {
  readonly callbackId: string;
  readonly callId: string;
  readonly callSeq: number;
  readonly at: number;
  readonly downSince: number;
  readonly random: number;
}

export interface EndpointChange {
  readonly callbackId: string;
  readonly endpoint: Endpoint;
  readonly outage: OpenOutage | null;
  readonly markedOutage?: OpenOutage | null;
}

export type ClosedOutage = Omit<Outage, "notifiedAt" | "notifiedBy"> & { readonly endedAt: number };
