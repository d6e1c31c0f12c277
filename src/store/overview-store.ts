/** What a view of many calls needs (the console): nothing here keeps the event loop busy for long, whatever the number of calls. */
import type { UnreachableReason } from "../domain/attempt.js";
import type { CallProgress, MarkedBy } from "../domain/call.js";
import type { CallFilter } from "../domain/call-filter.js";
import type { CallGroup, GroupKey } from "../domain/call-groups.js";
import type { ServiceReplay } from "../domain/callback.js";
import type { Mail, NoticeChannel, Outage } from "../domain/outage.js";

export interface OverviewStore {
  /**
   * From counters if the filter has at most a status; otherwise by reading. A call that is attempted meanwhile may be counted twice. Throws
   * `not-found` for the callback.
   */
  countMatching(callbackId: string, filter: CallFilter, limit: CountLimit): Promise<CallCount>;
  /**
   * A page counts the calls that it has read within its budget; the groups of the next one count others, and may be the same groups. Oldest
   * attempt first: a call that is attempted meanwhile may be counted twice. Throws `not-found` for the callback.
   */
  groupCalls(callbackId: string, query: GroupQuery): Promise<GroupPage>;
  /**
   * Marks as `markCalls`, in many transactions: what is committed stays if a later one fails. Leaves out what can't be marked: PENDING and
   * erased calls for FAILED. Notify the dispatcher afterwards; it sends no call for more than 1 s after its mark. Returns how many
   * have changed. Throws `not-found`, and `invalid` for FAILED if the filter asks for PENDING calls.
   */
  markMatching(callbackId: string, filter: CallFilter, mark: MarkMatching): Promise<number>;
  /** FAILED calls by status code or reason, from counters; most calls first. Throws `not-found`. */
  listFailures(callbackId: string): Promise<readonly FailureGroup[]>;
  /** Without their responses; unknown ids are left out. Throws `not-found` for the callback. */
  findProgress(callbackId: string, callIds: readonly string[]): Promise<ReadonlyMap<string, CallProgress>>;
  /** Newest first. Throws `not-found` for the callback. */
  listReplays(callbackId: string, limit: number): Promise<readonly ServiceReplay[]>;
  /** Throws `not-found`. */
  listActivity(callbackId: string, query: ActivityQuery): Promise<Activity>;
  findOutage(callbackId: string, outageId: string): Promise<Outage | null>;
  /** The newest of each callback that has one, by callback id. */
  findLastOutages(callbackIds: readonly string[]): Promise<ReadonlyMap<string, Outage>>;
  /** By reading. A call that is attempted meanwhile may be counted twice. Throws `not-found` for the callback. */
  countOutageCalls(
    outage: Pick<Outage, "callbackId" | "startedAt" | "endedAt" | "failedCalls">,
    limit: CountLimit,
  ): Promise<OutageCalls>;
  /** Of all callbacks, from counters. */
  readWaiting(): Promise<WaitingCalls>;
  /** null: none, or it is past retention. */
  getOutageMail(outageId: string): Promise<OutageMail | null>;
}

export interface WaitingCalls {
  readonly pending: number;
  readonly failed: number;
  /** Of the failed ones: of callbacks with retries on. Their windows may be over. */
  readonly retried: number;
}

/** Calls that first failed in an outage and are still stored: the first four are each of them once. */
export interface OutageCalls {
  /** Accepted at a retry. */
  readonly retried: number;
  /** Accepted, sent by a replay of the service or of a client. */
  readonly replayed: number;
  /** Successful by a mark, or erased. */
  readonly marked: number;
  /** Still FAILED. */
  readonly failed: number;
  /** Each call by its first failure; most calls first. */
  readonly failures: readonly FailureGroup[];
  /** false: there may be more. */
  readonly isComplete: boolean;
}

export interface OutageMail extends Mail {
  readonly sentAt: number | null;
  /** null: not sent, or by 0.1.0. */
  readonly sentBy: NoticeChannel | null;
  /** null once sent. */
  readonly nextTryAt: number | null;
  /** Of the last try that failed, also once sent. */
  readonly lastError: string | null;
}

export interface ActivityQuery {
  /** Epoch ms, inclusive; a minute that has begun counts whole. */
  readonly since: number;
  /** Exclusive. */
  readonly until: number;
  /** 2 or more. */
  readonly maxPoints: number;
}

export interface Activity {
  /** Minutes are merged into buckets of this width, whole in UTC. */
  readonly bucketMs: number;
  /** Those with attempts or a sample, by time. */
  readonly points: readonly ActivityPoint[];
}

/** Attempts by the minute in which they began. */
export interface ActivityPoint {
  /** The bucket's beginning. */
  readonly at: number;
  /** First attempts, retries and probes. */
  readonly scheduled: AttemptCounts;
  readonly serviceReplays: AttemptCounts;
  readonly clientReplays: AttemptCounts;
  /** The bucket's last sample: calls that aren't delivered. Taken while an outage is open: each minute, as it opens and as it closes. */
  readonly waiting: { readonly pending: number; readonly failed: number } | null;
}

export interface AttemptCounts {
  readonly accepted: number;
  readonly failed: number;
}

/** Both null: never answered, as a held call. */
export interface FailureGroup {
  readonly statusCode: number | null;
  readonly reason: UnreachableReason | null;
  readonly count: number;
}

export interface CountLimit {
  /** Elapsed time, ms; Infinity: counts all. */
  readonly budgetMs: number;
}

export interface CallCount {
  readonly count: number;
  /** false: there are more. */
  readonly isExact: boolean;
}

export interface GroupQuery extends CountLimit {
  readonly filter: CallFilter;
  /** At least one, each once. */
  readonly by: readonly GroupKey[];
  readonly cursor?: string;
}

export interface GroupPage {
  /** Most calls first. */
  readonly groups: readonly CallGroup[];
  /** Calls of earlier pages. */
  readonly offset: number;
  /** Calls of these groups. */
  readonly count: number;
  /** Calls that match. */
  readonly total: number;
  /** false: there may be more. */
  readonly isTotalExact?: false;
  /** null: the last page. */
  readonly nextCursor: string | null;
}

export interface MarkMatching {
  readonly status: "SUCCESS" | "FAILED";
  readonly by?: MarkedBy;
  readonly now: number;
}
