/** The store, by what the product needs. Every method that writes is one transaction: all of it or nothing. */
import type { Attempt } from "../domain/attempt.js";
import type { Call, CallStatus } from "../domain/call.js";
import type { CallFilter } from "../domain/call-filter.js";
import type { Callback, CallbackSettings } from "../domain/callback.js";
import type { Endpoint } from "../domain/endpoint.js";
import type { Mail } from "../domain/mail.js";
import type { MessageResponse } from "../domain/message-response.js";
import type { OpenOutage, Outage } from "../domain/outage.js";
import type { RetryPolicy } from "../domain/retry-policy.js";

export interface Store extends CallbackStore, CallStore, DispatchStore, MailStore, CredentialStore {
  /** Throws `unavailable` with the reason while the store can't be written (full disk, lock, corruption). */
  checkWritable(): Promise<void>;
  /** What waits, for metrics: read from counters and indexes. */
  readGauges(): Promise<Gauges>;
  /** A number that changes when another process has written; for polling. */
  changeCounter(): Promise<number>;
  close(): Promise<void>;
}

export interface Gauges {
  /** PENDING calls. */
  readonly waiting: number;
  /** FAILED calls with a sending due. */
  readonly due: number;
  readonly openOutages: number;
  readonly queuedMails: number;
}

/** From `offset`, or after the row that `cursor` names (the opaque text that the page before gave). */
export interface PageQuery {
  readonly limit: number;
  readonly offset: number;
  readonly cursor?: string;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** How many rows the filter means in all. */
  readonly total: number;
  /** 0-based place of the first item in the whole list. */
  readonly offset: number;
  /** What to give as `cursor` for the page after this one; null where there is none. */
  readonly nextCursor: string | null;
}

export interface CallbackQuery extends PageQuery {
  readonly sort: readonly Sort<"name" | "id">[];
}

export interface CallQuery extends PageQuery {
  readonly filter: CallFilter;
  readonly sort: readonly Sort<"attemptedDate" | "status" | "messageId" | "id">[];
}

export interface Sort<Field> {
  readonly field: Field;
  readonly descending: boolean;
}

export interface CallbackStore {
  /** Throws `duplicate-name`. */
  createCallback(id: string, settings: CallbackSettings, now: number): Promise<Callback>;
  /** By id, or else by name; a deleted one isn't found. */
  findCallback(idOrName: string): Promise<Callback | null>;
  listCallbacks(query: CallbackQuery): Promise<Page<Callback>>;
  /**
   * Stores the settings. Retries switched on: FAILED calls still inside their window are due now. Switched off: what is due
   * is cancelled, and a held call (never sent) is PENDING again. A mended endpoint (`isRepaired`) sets `repairedAt` to now.
   * Throws `not-found`, `duplicate-name`.
   */
  updateCallback(id: string, settings: CallbackSettings, now: number, policy: RetryPolicy): Promise<Callback>;
  /** Its name is free at once and its calls are neither listed nor sent any more; `purge` removes the rows. Throws `not-found`. */
  deleteCallback(id: string, now: number): Promise<void>;
}

export interface NewCall {
  readonly id: string;
  readonly response: MessageResponse;
}

export interface CallStore {
  /**
   * Stores responses as PENDING calls, on disk when it returns. An id that the callback already has is taken once: the row
   * that is there stays as it is. Returns how many were new. Throws `not-found` for the callback, `invalid` for an id
   * that belongs to another callback's call.
   */
  acceptCalls(callbackId: string, calls: readonly NewCall[], now: number): Promise<number>;
  listCalls(callbackId: string, query: CallQuery): Promise<Page<Call>>;
  findCall(callbackId: string, callId: string): Promise<Call | null>;
  /** By call id, each in the order of their numbers; ids without attempts have no entry. */
  listAttempts(callbackId: string, callIds: readonly string[]): Promise<ReadonlyMap<string, readonly Attempt[]>>;
  /** How many calls there are by status: read from counters, whatever their number. */
  countCalls(callbackId: string): Promise<Readonly<Record<CallStatus, number>>>;
  /**
   * Marks up to 100 calls, all or none. Throws `not-found` naming the first id that is no call of this callback, and
   * `invalid` for FAILED on a PENDING call.
   */
  markCalls(callbackId: string, callIds: readonly string[], status: "SUCCESS" | "FAILED", now: number): Promise<void>;
  /** FAILED calls are due now for one attempt each; sets `repairedAt`. Returns how many. Throws as `markCalls`. */
  requestReplays(callbackId: string, selection: ReplaySelection, now: number): Promise<number>;
  /** Newest first. */
  listOutages(query: PageQuery & { readonly callbackId?: string }): Promise<Page<Outage>>;
}

export type ReplaySelection = { readonly callIds: readonly string[] } | { readonly filter: CallFilter };

/** A callback as the dispatcher takes it on. */
export interface EndpointRecord {
  readonly callback: Callback;
  readonly endpoint: Endpoint;
  readonly outage: OpenOutage | null;
  readonly pendingCalls: number;
  /** When the first FAILED call is due by its own clock; null where none is. */
  readonly nextDueAt: number | null;
}

export interface DispatchStore {
  /** Callbacks that may need the dispatcher: calls waiting or due, an outage open, a recovery to end; with `callbackIds`, those of them that exist. */
  listEndpoints(callbackIds?: readonly string[]): Promise<readonly EndpointRecord[]>;
  /** PENDING calls, oldest first. */
  fetchPending(callbackId: string, limit: number): Promise<readonly Call[]>;
  /** FAILED calls due at or before `dueBefore` (Infinity: all with something due), in the order in which they are due. */
  fetchDue(callbackId: string, dueBefore: number, limit: number): Promise<readonly Call[]>;
  /** FAILED calls with something due that haven't failed in recovery number `recovery`, oldest first, those that failed in earlier ones last. */
  fetchBacklog(callbackId: string, recovery: number, limit: number): Promise<readonly Call[]>;
  /** The oldest held call. */
  fetchHeld(callbackId: string): Promise<Call | null>;
  /** Takes the retry from up to `limit` calls that first failed before this instant (exclusive). Returns how many. */
  expireRetries(callbackId: string, firstFailedBefore: number, limit: number): Promise<number>;
  /** Has the calls that are due after `latest` due at `latest`: they were planned by a clock set back since, or a longer interval. */
  bringForward(callbackId: string, latest: number): Promise<void>;
  /** Everything that a group of outcomes changes, in one transaction. Calls that are gone by now are passed over. */
  commitOutcomes(group: OutcomeGroup): Promise<void>;
  /** Removes up to `limit` calls (with their attempts) of deleted callbacks or past retention. Returns how many. */
  purge(query: { readonly now: number; readonly limit: number }): Promise<number>;
}

export interface OutcomeGroup {
  readonly attempts: readonly AttemptOutcome[];
  readonly holdings: readonly Holding[];
  /** The endpoints and open outages as they are after all of these. */
  readonly endpoints: readonly EndpointChange[];
  /** Whole, since one may have opened and closed within the group; closed before the open ones are written. */
  readonly closedOutages: readonly ClosedOutage[];
  /** One per outage that opened. A second one for the same outage is passed over. */
  readonly mails: readonly Omit<Mail, "tries">[];
  readonly policy: RetryPolicy;
}

export interface AttemptOutcome {
  readonly callbackId: string;
  readonly callSeq: number;
  readonly attempt: Attempt;
  /** In [0,1): the chance for the next due time. */
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
}

export type ClosedOutage = Omit<Outage, "notifiedAt"> & { readonly endedAt: number };

export interface MailStore {
  /** Mails not sent yet whose next try is due, oldest first. */
  fetchQueuedMails(now: number, limit: number): Promise<readonly Mail[]>;
  /** When the next owed mail is due; null where none is owed. */
  nextMailAt(): Promise<number | null>;
  /** Also sets the outage's `notifiedAt`. */
  recordMailSent(outageId: string, at: number): Promise<void>;
  recordMailFailed(outageId: string, error: string, nextTryAt: number): Promise<void>;
}

/** A user of the API: the hashes only (server/credentials says of what). */
export interface StoredCredential {
  readonly username: string;
  readonly passwordHash: string;
  readonly apiKeyHash: string;
}

export interface CredentialStore {
  listCredentials(): Promise<readonly StoredCredential[]>;
  /** Replaces the one of the same username. */
  saveCredential(credential: StoredCredential, now: number): Promise<void>;
}
