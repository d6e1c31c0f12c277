import type { DeliveryResult } from "../domain/attempt.js";
import type { CallIdMatches, MarkedBy } from "../domain/call.js";
import type { CallFilter } from "../domain/call-filter.js";
import type { CallGroup, GroupKey } from "../domain/call-groups.js";
import type { CallbackSettings, RunLease } from "../domain/callback.js";
import type { MessageResponse } from "../domain/message-response.js";
import type { DeliverySettings } from "../wire/delivery-settings.js";
import type { ListedAttempt, ListedCall } from "../wire/json/call-json.js";
import type { ListedCallback } from "../wire/json/callback-json.js";
import type { JsonObject } from "../wire/json/json-value.js";
import type { ListedOutage } from "../wire/json/outage-json.js";
import type { ListedReplay } from "../wire/json/replay-json.js";
import type { Capabilities } from "./capabilities.js";
import type { Requester } from "./requester.js";

export type { ListedAttempt, ListedCall, ListedCallback, ListedOutage, ListedReplay };

/** A client of the platform, of `whcb serve`, or of a database file in this process. */
export interface Client extends CallbackRequests, CallRequests, GroupRequests, SingleCalls, RunRequests {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Converts an instant of our clock to the service's, as its answers so far tell; they agree to a minute. */
  byServiceClock(instant: number): number;
  /** Where loopback addresses lead for its nodes, as their answers about callbacks so far say (docs/contract.md, X-Loopback-Id). */
  loopbackIds(): ReadonlySet<string>;
  /** Returns null if the service has none. */
  listOutages(callbackId?: string): Promise<readonly ListedOutage[] | null>;
  /** The code signs the user of this client in to the console. Returns null if the service has none. */
  createSignInCode(): Promise<SignInCode | null>;
  /** Returns what the service sends with, if it says so with its callbacks. */
  deliverySettings(): Promise<Partial<DeliverySettings>>;
  /** See Requester. */
  readonly duringRun: Requester["duringRun"];
  close(): Promise<void>;
}

export interface CallbackRequests {
  /** Throws `unauthenticated`, `forbidden` or `network`. */
  verify(): Promise<void>;
  /** Some services list only id, name and url. */
  listCallbacks(): Promise<readonly ListedCallback[]>;
  /** Items that lack a setting are read by id. */
  getAllCallbacks(): Promise<readonly ListedCallback[]>;
  /** Returns all settings. Finds a name on every service. Throws `not-found`. */
  getCallback(idOrName: string): Promise<ListedCallback>;
  createCallback(settings: CallbackSettings): Promise<ListedCallback>;
  /** `changeCallbackJson` makes the body. */
  updateCallback(id: string, body: JsonObject): Promise<void>;
  deleteCallback(id: string): Promise<void>;
}

export interface CallRequests {
  /** Yields each call once. The filter is applied here, too. */
  listCalls(callbackId: string, query: ListCallsQuery): AsyncIterable<CallPage>;
  /**
   * Marks up to MAX_IDS_PER_REQUEST calls, all or none, and returns those that the service has left as they are. `replays` needs a service
   * that keeps reported attempts. Throws `not-found`.
   */
  markCalls(
    callbackId: string,
    callIds: readonly string[],
    status: "SUCCESS" | "FAILED",
    details?: MarkDetails,
  ): Promise<readonly string[]>;
  /** Returns the call ids in order. Throws `usage` except on `whcb serve`. */
  submitCalls(callbackId: string, calls: readonly SubmittedCall[]): Promise<readonly string[]>;
  /**
   * Asks for an attempt now of up to MAX_IDS_PER_REQUEST calls, and returns how many were accepted. With a lease they are added to the replay
   * with the run's id. Throws `locked` if another run has the lock, and `usage` if the service can't replay.
   */
  requestReplays(callbackId: string, callIds: readonly string[], lease?: RunLease): Promise<number>;
}

export interface GroupRequests {
  /** Yields parts that count different calls: the caller adds groups up. A service that can't group is listed: one group for each call. */
  groupCalls(callbackId: string, query: GroupCallsQuery): AsyncIterable<GroupPart>;
}

export interface SingleCalls {
  /** Throws `not-found`. */
  getCall(callbackId: string, callId: string): Promise<ListedCall>;
  /** Returns those that exist, in any order. */
  findCalls(callbackId: string, callIds: readonly string[]): Promise<readonly ListedCall[]>;
  /**
   * Finds the generated ids that begin with a prefix, or the prefix alone if it is a whole id. `onListing` is called if the service can't look
   * them up, so its newest calls are listed.
   */
  findCallIds(
    callbackId: string,
    prefixes: readonly string[],
    onListing?: (calls: number, requests: number) => void,
  ): Promise<ReadonlyMap<string, CallIdMatches>>;
  /** Returns null if the service lists none. */
  listAttempts(callbackId: string, callId: string): Promise<readonly ListedAttempt[] | null>;
}

export interface RunRequests {
  /** Returns null if the service doesn't know the replay, or can't replay. */
  findReplay(callbackId: string, replayId: string): Promise<ListedReplay | null>;
  /** Cancels what has not begun. Returns false if the service doesn't know the replay, or can't replay. */
  cancelReplay(callbackId: string, replayId: string): Promise<boolean>;
  /** Reports up to 100 attempts. Returns false if the service keeps none. */
  recordReplays(callbackId: string, report: ReplayReport): Promise<boolean>;
  /** Takes or renews the lock, for 30 s. */
  takeRunLock(callbackId: string, lease: RunLease): Promise<RunLockAnswer>;
  releaseRunLock(callbackId: string, lease: RunLease): Promise<void>;
}

export interface SignInCode {
  readonly code: string;
  readonly expiresAt: number;
}

export interface MarkDetails {
  /** The default is a user. */
  readonly by?: MarkedBy;
  readonly replays?: ReplayReport;
  /** What was delivered at this instant of the service's clock or later stays SUCCESS. It counts for FAILED, if the service guards marks. */
  readonly unlessDeliveredSince?: number;
  /** What is SUCCESS already is returned. It counts for SUCCESS, if the service guards marks and the request wasn't repeated. */
  readonly unlessSettled?: boolean;
  /** It is asked before the request is repeated after a failure. The default is that it is wanted. */
  readonly isWanted?: () => boolean;
}

export interface ReplayReport {
  readonly sentFrom: string;
  readonly attempts: readonly ReplayAttempt[];
}

export interface ReplayAttempt {
  readonly callId: string;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly result: DeliveryResult;
}

/** A service without run locks, such as the platform, answers `unsupported`. */
export type RunLockAnswer = { readonly kind: "taken" | "unsupported" } | { readonly kind: "busy"; readonly holder: RunLease };

export interface ListCallsQuery {
  readonly filter: CallFilter;
  /** The default is all. */
  readonly limit?: number;
  /** The order is that of the last attempts. By default the newest comes first. */
  readonly oldestFirst?: boolean;
  /** Calls have their attempts if the service lists them. */
  readonly withAttempts?: boolean;
  /** A filter without a status keeps PENDING calls too, which some services list. */
  readonly withPending?: boolean;
}

export interface GroupCallsQuery {
  readonly filter: CallFilter;
  /** It has at least one key, each once. */
  readonly by: readonly GroupKey[];
}

export interface GroupPart {
  readonly groups: readonly CallGroup[];
  readonly leftOut: number;
  /** The service counts so many calls that match. It is null if unknown. */
  readonly total: number | null;
}

export interface CallPage {
  readonly calls: readonly ListedCall[];
  /** They can be neither sent nor marked, so no limit counts them. */
  readonly withoutId: readonly ListedCall[];
  readonly leftOut: number;
  /** This counts those left out that may match, as they don't say their status, or that they are of this callback. */
  readonly unclear: number;
  /** It is null if unknown. */
  readonly total: number | null;
}

export interface SubmittedCall {
  /** By default an id is generated. */
  readonly id?: string;
  readonly response: MessageResponse;
}
