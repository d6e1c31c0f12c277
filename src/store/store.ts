/** What the product needs of its database. Every method that writes is atomic: one transaction. */
import type { Attempt } from "../domain/attempt.js";
import type { Call, CallStatus, MarkedBy } from "../domain/call.js";
import type { CallFilter } from "../domain/call-filter.js";
import type { Callback, CallbackSettings, RunLease } from "../domain/callback.js";
import type { Endpoint } from "../domain/endpoint.js";
import type { Mail } from "../domain/mail.js";
import type { MessageResponse } from "../domain/message-response.js";
import type { NoticeChannel, OpenOutage, Outage, OutageProgress } from "../domain/outage.js";
import type { RetryPolicy } from "../domain/retry-policy.js";
import type { ServiceSettings } from "../domain/service-settings.js";
import type { ClockBounds } from "./outcomes/clamp-times.js";

export interface Store extends CallbackStore, CallStore, DispatchStore, MailStore, CredentialStore, SettingsStore {
  /** Writes a row and deletes it again. Throws `unavailable` with the reason (full disk, lock, corruption). */
  checkWritable(): Promise<void>;
  /** For metrics, read from counters and indexes. */
  readGauges(): Promise<Gauges>;
  /** Changes when another process has written; for polling. */
  changeCounter(): Promise<number>;
  /** The position of the latest change of a callback; 0 if there was none. */
  readLatestChange(): Promise<number>;
  /** Callbacks whose settings or calls were changed after this position, other than by the dispatcher; deleted ones too. */
  readChanges(after: number, limit: number): Promise<Changes>;
  close(): Promise<void>;
}

export interface Changes {
  /** Each once, in the order of their latest change. */
  readonly callbackIds: readonly string[];
  /** Where to read on. */
  readonly position: number;
}

export interface Gauges {
  /** PENDING calls. */
  readonly waiting: number;
  /** FAILED calls with a retry or replay due. */
  readonly due: number;
  readonly openOutages: number;
  readonly queuedMails: number;
}

/** From `offset`, or after the page that returned `cursor`. */
export interface PageQuery {
  readonly limit: number;
  readonly offset: number;
  readonly cursor?: string;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** How many rows match in all. */
  readonly total: number;
  /** 0-based index of the first item in the whole list. */
  readonly offset: number;
  /** The `cursor` of the next page; null if this is the last. */
  readonly nextCursor: string | null;
}

export interface CallbackQuery extends PageQuery {
  readonly sort: readonly Sort<"name" | "id">[];
}

export interface CallQuery extends PageQuery {
  readonly filter: CallFilter;
  readonly sort: readonly Sort<"attemptedDate" | "status" | "messageId" | "id">[];
  /** The caller adds each call's attempts: they count for the size of the page. */
  readonly withAttempts?: boolean;
}

export interface Sort<Field> {
  readonly field: Field;
  readonly descending: boolean;
}

export interface CallbackStore {
  /** Throws `duplicate-name`. */
  createCallback(id: string, settings: CallbackSettings, now: number): Promise<Callback>;
  /** By id, else by name; not a deleted one. */
  findCallback(idOrName: string): Promise<Callback | null>;
  listCallbacks(query: CallbackQuery): Promise<Page<Callback>>;
  /**
   * Retries switched on: FAILED calls still inside their window are due now. Switched off: due retries are cancelled, and a held call
   * (never sent) is PENDING again. A change that may repair the endpoint (`isRepaired`) makes them due now, too. Switching on and
   * repairing set `repairedAt`. Throws `not-found`, `duplicate-name`.
   */
  updateCallback(id: string, settings: CallbackSettings, now: number, policy: RetryPolicy): Promise<Callback>;
  /** Its name is free at once and its calls are no longer listed or sent; `purgeDeleted` removes the rows. Throws `not-found`. */
  deleteCallback(id: string, now: number): Promise<void>;
}

export interface NewCall {
  readonly id: string;
  readonly response: MessageResponse;
}

export interface CallStore {
  /**
   * Stores responses as PENDING calls; they are on disk when it returns. A call whose id the callback already has stays as it is.
   * Returns the ids that are new, in any order. Throws `not-found` for the callback, `invalid` for an id of another callback's call.
   */
  acceptCalls(callbackId: string, calls: readonly NewCall[], now: number): Promise<readonly string[]>;
  listCalls(callbackId: string, query: CallQuery): Promise<Page<Call>>;
  findCall(callbackId: string, callId: string): Promise<Call | null>;
  /** By call id, each ordered by number; ids without attempts have no entry. */
  listAttempts(callbackId: string, callIds: readonly string[]): Promise<ReadonlyMap<string, readonly Attempt[]>>;
  /** Calls by status, read from counters. */
  countCalls(callbackId: string): Promise<Readonly<Record<CallStatus, number>>>;
  /**
   * Marks up to 100 calls, all or none. Throws `not-found` with the first id that isn't a call of this callback, `invalid` for FAILED
   * on a PENDING call.
   */
  markCalls(
    callbackId: string,
    callIds: readonly string[],
    status: "SUCCESS" | "FAILED",
    now: number,
    by?: MarkedBy,
  ): Promise<void>;
  /** Makes FAILED calls due now for one attempt each; sets `replayRequestedAt`. Returns how many. Throws what `markCalls` throws. */
  requestReplays(callbackId: string, selection: ReplaySelection, now: number): Promise<number>;
  /** Adds attempts that a client made to the history. Those of unknown calls are ignored. Throws `not-found` for the callback. */
  recordReplays(callbackId: string, replays: readonly ClientReplay[]): Promise<void>;
  /** Takes or renews the callback's run lease. null if it was taken, else the lease that another run has. Throws `not-found`. */
  takeRunLease(callbackId: string, lease: RunLease, now: number): Promise<RunLease | null>;
  /** Does nothing if another run has it. */
  releaseRunLease(callbackId: string, lease: RunLease): Promise<void>;
  /** Newest first. */
  listOutages(query: PageQuery & { readonly callbackId?: string }): Promise<Page<Outage>>;
}

/** An attempt that a client made; its number is given when it is stored. */
export interface ClientReplay {
  readonly callId: string;
  readonly attempt: Omit<Attempt, "number">;
}

export type ReplaySelection = { readonly callIds: readonly string[] } | { readonly filter: CallFilter };

/** A callback as the dispatcher needs it. */
export interface EndpointRecord {
  readonly callback: Callback;
  readonly endpoint: Endpoint;
  readonly outage: OpenOutage | null;
  /** The last outage, if it closed because its calls were marked by hand and nothing succeeded since. */
  readonly markedOutage?: OpenOutage;
  readonly pendingCalls: number;
  /** The earliest due time of a FAILED call; null if none is due. */
  readonly nextDueAt: number | null;
}

export interface FetchOptions {
  /** Retries of calls whose last attempt began after this are left out. */
  readonly attemptedBefore?: number;
  /** Responses of more than this (at most 256 KiB) are left out of their calls. */
  readonly maxBytes?: number;
}

export interface DispatchStore {
  /** Callbacks that may need the dispatcher (calls waiting or due, an open outage, a recovery); with `callbackIds`, those that exist. */
  listEndpoints(callbackIds?: readonly string[]): Promise<readonly EndpointRecord[]>;
  /** The ids of the callbacks that may need the dispatcher. */
  listActiveCallbacks(): Promise<readonly string[]>;
  /** PENDING calls, oldest first. */
  fetchPending(callbackId: string, limit: number, options?: FetchOptions): Promise<readonly Call[]>;
  /** FAILED calls due at or before `dueBefore` (Infinity: all with something due), earliest first. */
  fetchDue(callbackId: string, dueBefore: number, limit: number, options?: FetchOptions): Promise<readonly Call[]>;
  /** FAILED calls whose replay was requested, in the order of the requests. */
  fetchReplays(callbackId: string, limit: number, options?: FetchOptions): Promise<readonly Call[]>;
  /** FAILED calls with something due that haven't failed in this recovery, oldest first, those that failed in earlier ones last. */
  fetchBacklog(callbackId: string, recovery: number, limit: number, options?: FetchOptions): Promise<readonly Call[]>;
  /** The oldest held call. */
  fetchHeld(callbackId: string, options?: FetchOptions): Promise<Call | null>;
  /** Cancels the retry of up to `limit` calls that first failed before this instant (exclusive). Returns how many. */
  expireRetries(callbackId: string, firstFailedBefore: number, limit: number): Promise<number>;
  /**
   * After the clock may have been set back, or the interval shortened: first failures, attempts, outages and repairs in the future
   * become `now`, and calls due after `latestDueAt` are due then.
   */
  clampTimes(bounds: ClockBounds): Promise<void>;
  /** What became of the calls that first failed at or after `since`. */
  readOutageProgress(callbackId: string, since: number): Promise<OutageProgress>;
  /** Everything that a group of outcomes changes, in one transaction. Calls that no longer exist are skipped. */
  commitOutcomes(group: OutcomeGroup): Promise<CommittedOutcomes>;
  /** Removes up to `limit` calls of deleted callbacks, with their attempts, then the callbacks. Returns how many calls. */
  purgeDeleted(limit: number): Promise<number>;
  /** Removes up to `limit` calls, closed outages and sent mails that are past retention. Returns how many. */
  purgeExpired(now: number, limit: number): Promise<number>;
}

export interface CommittedOutcomes {
  /** Holdings that were skipped, by callback: retries were switched off, or the calls were marked. */
  readonly skippedHoldings: ReadonlyMap<string, number>;
  /** Ids of outages that nothing but skipped holdings would have opened. */
  readonly droppedOutages: ReadonlySet<string>;
}

export interface OutcomeGroup {
  readonly attempts: readonly AttemptOutcome[];
  readonly holdings: readonly Holding[];
  /** The endpoints and open outages as they are after all of these. */
  readonly endpoints: readonly EndpointChange[];
  /** Complete, since one may have opened and closed within the group; written before the open ones. */
  readonly closedOutages: readonly ClosedOutage[];
  /** One per outage that opened. A second one for the same outage is skipped. */
  readonly mails: readonly Omit<Mail, "tries">[];
  readonly policy: RetryPolicy;
}

export interface AttemptOutcome {
  readonly callbackId: string;
  readonly callSeq: number;
  readonly attempt: Attempt;
  /** In [0,1): the jitter of the next due time. */
  readonly random: number;
  /** The endpoint's recovery that the attempt belonged to; 0 for none. */
  readonly recovery: number;
}

export interface Holding {
  readonly callbackId: string;
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

export interface MailStore {
  /** Unsent mails whose next try is due, oldest first. */
  fetchQueuedMails(now: number, limit: number): Promise<readonly Mail[]>;
  /** When the next queued mail is due; null if none is queued. */
  nextMailAt(): Promise<number | null>;
  /** Also sets the outage's `notifiedAt` and `notifiedBy`. */
  recordMailSent(outageId: string, at: number, by: NoticeChannel): Promise<void>;
  recordMailFailed(outageId: string, error: string, nextTryAt: number): Promise<void>;
}

/** A user of the API; server/auth/credential-hashes.ts makes the hashes. */
export interface StoredCredential {
  readonly username: string;
  readonly passwordHash: string;
  readonly apiKeyHash: string;
}

export interface CredentialStore {
  listCredentials(): Promise<readonly StoredCredential[]>;
  /** Replaces the one with the same username. */
  saveCredential(credential: StoredCredential, now: number): Promise<void>;
}

export interface SettingsStore {
  /** The default for a setting that was never stored. */
  readSettings(): Promise<ServiceSettings>;
  /** Settings that aren't given keep their value. */
  saveSettings(changes: Partial<ServiceSettings>): Promise<void>;
}
