/** Every method that writes is atomic: one transaction. */
import type { Attempt } from "../domain/attempt.js";
import type { Call, CallIdMatches, CallStatus, MarkedBy } from "../domain/call.js";
import type { CallFilter } from "../domain/call-filter.js";
import type { Callback, CallbackSettings, RunLease, ServiceReplay } from "../domain/callback.js";
import type { MessageResponse } from "../domain/message-response.js";
import type { Outage } from "../domain/outage.js";
import type { RetryPolicy } from "../domain/retry-policy.js";
import type { ServiceSettings } from "../domain/service-settings.js";
import type { DeliverySettings } from "../wire/delivery-settings.js";
import type { VersionStore } from "./callbacks/callback-versions.js";
import type { Changes } from "./change-log.js";
import type { SessionStore } from "./console-sessions.js";
import type { CredentialStore } from "./credentials.js";
import type { DispatchStore } from "./dispatch-store.js";
import type { NodeStore } from "./nodes/node-store.js";
import type { MailStore, NoticeStore } from "./notice-store.js";
import type { OverviewStore } from "./overview-store.js";

export interface Store
  extends CallbackStore,
    VersionStore,
    CallStore,
    OverviewStore,
    DispatchStore,
    MailStore,
    NoticeStore,
    CredentialStore,
    SessionStore,
    SettingsStore {
  /** Throws `unavailable` with the reason. */
  checkWritable(): Promise<void>;
  /** Reads counters and indexes only. */
  readGauges(): Promise<Gauges>;
  /** With the secret key, the same on all nodes: see KeyCipher. */
  sign(text: string): string;
  /** Changes when another process has written. */
  changeCounter(): Promise<string>;
  /** A position. */
  readLatestChange(): Promise<string>;
  /** Changed after this position, other than by the dispatcher; deleted callbacks too. More than `limit` only of one transaction. */
  readChanges(after: string, limit: number): Promise<Changes>;
  /** null: one process serves the database. */
  readonly nodes: NodeStore | null;
  close(): Promise<void>;
}

export interface Gauges {
  /** PENDING calls. */
  readonly waiting: number;
  /** FAILED calls with something due. */
  readonly due: number;
  readonly openOutages: number;
  readonly queuedMails: number;
  readonly queuedNotices: number;
}

export interface PageQuery {
  readonly limit: number;
  readonly offset: number;
  readonly cursor?: string;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Rows that match. */
  readonly total: number;
  /** false: there may be more. */
  readonly isTotalExact?: false;
  /** Of the first item, 0-based. */
  readonly offset: number;
  /** null: the last page. */
  readonly nextCursor: string | null;
}

export interface CallPage extends Page<Call> {
  /** For the same list in the opposite order: what precedes the first item. null: there is no item. */
  readonly previousCursor: string | null;
}

export interface CallbackQuery extends PageQuery {
  /** failed, waiting: numbers of calls. */
  readonly sort: readonly Sort<"name" | "id" | "failed" | "waiting">[];
  /** In the name or the URL's host, in any case. */
  readonly text?: string;
}

export interface CallQuery extends PageQuery {
  readonly filter: CallFilter;
  readonly sort: readonly Sort<"attemptedDate" | "status" | "messageId" | "id">[];
  /** Attempts count for the page's size. */
  readonly withAttempts?: boolean;
  /** Of what is stored. A page of large calls is shorter than its limit. */
  readonly maxPageBytes?: number;
  /** Called with the page's bytes before they are read. May throw. */
  readonly beforeRead?: (bytes: number) => void;
  /** Larger responses are left out. */
  readonly maxResponseBytes?: number;
  /** Elapsed time of reading what doesn't match, ms; then the page ends, perhaps empty, with a cursor. Default: none. */
  readonly budgetMs?: number;
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
   * Retries on, or a repair (`isRepaired`): FAILED calls inside their window are due now; sets `repairedAt`. Off: due retries are
   * cancelled, held calls PENDING again. Throws `not-found`, `duplicate-name`, and `locked` if its settings aren't `expected`.
   */
  updateCallback(
    id: string,
    settings: CallbackSettings,
    now: number,
    policy: RetryPolicy,
    expected?: CallbackSettings,
  ): Promise<Callback>;
  /** `purgeDeleted` removes the rows. Throws `not-found`. */
  deleteCallback(id: string, now: number): Promise<void>;
}

export interface NewCall {
  readonly id: string;
  readonly response: MessageResponse;
}

export interface SubmittedCalls {
  readonly callbackId: string;
  readonly calls: readonly NewCall[];
}

export interface CallStore {
  /**
   * On disk when it returns; all of them, or none. Existing calls stay. Returns the new ids. Throws `not-found` for a callback, `invalid`
   * for an id that another response has.
   */
  acceptCalls(submissions: readonly SubmittedCalls[], now: number): Promise<readonly string[]>;
  listCalls(callbackId: string, query: CallQuery): Promise<CallPage>;
  findCall(callbackId: string, callId: string): Promise<Call | null>;
  /** Ids of 32 hex digits that begin with the prefix, in order, or only the id that is the prefix. */
  findCallIds(callbackId: string, prefix: string): Promise<CallIdMatches>;
  /** By call id, in order of number. `latest`: at most so many of each. */
  listAttempts(callbackId: string, callIds: readonly string[], latest?: number): Promise<ReadonlyMap<string, readonly Attempt[]>>;
  /** By status, from counters. */
  countCalls(callbackId: string): Promise<Readonly<Record<CallStatus, number>>>;
  /** As `countCalls`, by callback id. */
  countCallsOf(callbackIds: readonly string[]): Promise<ReadonlyMap<string, Readonly<Record<CallStatus, number>>>>;
  /**
   * Up to 100 calls, all or none, with a client's replays of them, as `recordReplays`. Returns the ids of those that stay as they are
   * (`unlessDeliveredSince`, `unlessSettled`). Throws `not-found` for the first unknown id, `invalid` for FAILED on a PENDING call.
   */
  markCalls(
    callbackId: string,
    callIds: readonly string[],
    status: "SUCCESS" | "FAILED",
    now: number,
    details?: MarkDetails,
  ): Promise<readonly string[]>;
  /**
   * One attempt each, due now; sets `replayRequestedAt`. Adds to the replay with this id. By a filter in many transactions: what is
   * requested stays if a later one fails. Throws as `markCalls`, and `locked` while another run than `by` has the lease, or if that replay
   * was cancelled.
   */
  requestReplays(callbackId: string, request: ReplayRequest, now: number): Promise<RequestedReplay>;
  /** Throws `not-found` for the callback. */
  findReplay(callbackId: string, replayId: string): Promise<ServiceReplay | null>;
  /** One chunk of calls; false: there may be more. Calls keep their retries. Throws `not-found`. */
  cancelReplayChunk(callbackId: string, cancel: ReplayCancel): Promise<boolean>;
  /** Those of unknown calls are ignored. Throws `not-found` for the callback. */
  recordReplays(callbackId: string, replays: readonly ClientReplay[], now: number): Promise<void>;
  /** null, or the lease of another run, or of the service while it replays requested calls. Throws `not-found`. */
  takeRunLease(callbackId: string, lease: RunLease, now: number): Promise<RunLease | null>;
  /** No-op if another run has it. */
  releaseRunLease(callbackId: string, lease: RunLease, now: number): Promise<void>;
  /** Every LEASE_LOOK_MS by a service: those whose runs don't renew them, by the monotonic clock. */
  endRunLeases(): Promise<void>;
  /** Newest first. */
  listOutages(query: PageQuery & { readonly callbackId?: string }): Promise<Page<Outage>>;
}

export interface MarkDetails {
  /** Default: a user. */
  readonly settledBy?: MarkedBy;
  readonly replays?: readonly ClientReplay[];
  /** FAILED only: a call that was delivered at this instant or later stays SUCCESS. */
  readonly unlessDeliveredSince?: number;
  /** SUCCESS only: a call that is SUCCESS stays as it is. */
  readonly unlessSettled?: boolean;
}

export interface ClientReplay {
  readonly callId: string;
  readonly attempt: Omit<Attempt, "number">;
}

export interface ReplayRequest {
  readonly id: string;
  readonly selection: ReplaySelection;
  readonly by: RunLease | null;
}

export interface RequestedReplay {
  readonly id: string;
  /** Of the replay, with what was added. */
  readonly total: number;
  /** FAILED calls of the request; those that wait for an earlier replay count too. */
  readonly accepted: number;
}

export interface ReplayCancel {
  /** null: of the callback's cancelled replays, what still waits. */
  readonly replayId: string | null;
  readonly now: number;
  readonly policy: RetryPolicy;
  /** In [0,1): the jitter. */
  readonly random: number;
  /** Seqs of calls in flight: they stay in the replay. null: if a dispatcher owns the callback, it is to withdraw the others. */
  begunCalls(): ReadonlySet<number> | null;
}

export type ReplaySelection = { readonly callIds: readonly string[] } | { readonly filter: CallFilter };

export interface SettingsStore {
  /** Defaults for what isn't stored. */
  readSettings(): Promise<ServiceSettings>;
  /** Those not given stay. */
  saveSettings(changes: Partial<ServiceSettings & DeliverySettings>): Promise<void>;
  /** Those of the last `serve` on a SQLite file. */
  readDeliverySettings(): Promise<Partial<DeliverySettings>>;
}
