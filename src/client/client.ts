/** The platform, `whcb serve`, or a database file in this process. */
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

export interface Client {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Converts an instant of our clock to the service's, as its answers so far tell; they agree to a minute. */
  byServiceClock(instant: number): number;
  /** Where loopback addresses lead for its nodes, as their answers about callbacks so far say (docs/contract.md, X-Loopback-Id). */
  loopbackIds(): ReadonlySet<string>;
  /** Throws `unauthenticated`, `forbidden` or `network`. */
  verify(): Promise<void>;

  /** On some services only id, name and url. */
  listCallbacks(): Promise<readonly ListedCallback[]>;
  /** With all settings: incomplete items are read by id. */
  getAllCallbacks(): Promise<readonly ListedCallback[]>;
  /** With all settings. By name on every service. Throws `not-found`. */
  getCallback(idOrName: string): Promise<ListedCallback>;
  createCallback(settings: CallbackSettings): Promise<ListedCallback>;
  /** `body`: made by `changeCallbackJson`. */
  updateCallback(id: string, body: JsonObject): Promise<void>;
  deleteCallback(id: string): Promise<void>;

  /** Each call once, filtered again here. */
  listCalls(callbackId: string, query: ListCallsQuery): AsyncIterable<CallPage>;
  /**
   * By parts that count different calls: the caller adds groups up. Of a service that can't, from `listCalls`, a group per call.
   */
  groupCalls(callbackId: string, query: GroupCallsQuery): AsyncIterable<GroupPart>;
  /** Throws `not-found`. */
  getCall(callbackId: string, callId: string): Promise<ListedCall>;
  /** Those that exist, in any order. */
  findCalls(callbackId: string, callIds: readonly string[]): Promise<readonly ListedCall[]>;
  /**
   * By prefix: the generated ids that begin with it, or it alone if it is a whole id. `onListing`: the service can't look them up, so its
   * newest calls are listed.
   */
  findCallIds(
    callbackId: string,
    prefixes: readonly string[],
    onListing?: (calls: number, requests: number) => void,
  ): Promise<ReadonlyMap<string, CallIdMatches>>;
  /** null if not offered (the platform). */
  listAttempts(callbackId: string, callId: string): Promise<readonly ListedAttempt[] | null>;
  /** Up to MAX_IDS_PER_REQUEST, all or none. Returns those left as they are. `replays`: only if `recordReplays` is offered. Throws `not-found`. */
  markCalls(
    callbackId: string,
    callIds: readonly string[],
    status: "SUCCESS" | "FAILED",
    details?: MarkDetails,
  ): Promise<readonly string[]>;
  /** Returns the call ids in order. Throws `usage` except on `whcb serve`. */
  submitCalls(callbackId: string, calls: readonly SubmittedCall[]): Promise<readonly string[]>;
  /** An attempt now, up to MAX_IDS_PER_REQUEST; returns how many. Throws `locked` if another run has the lock, `usage` if not offered. */
  requestReplays(callbackId: string, callIds: readonly string[], lease?: RunLease): Promise<number>;
  /** A request with a lease adds to the replay with the run's id. null: unknown, or not offered. */
  findReplay(callbackId: string, replayId: string): Promise<ListedReplay | null>;
  /** What has not begun. false: unknown, or not offered. */
  cancelReplay(callbackId: string, replayId: string): Promise<boolean>;
  /** null if not offered. */
  listOutages(callbackId?: string): Promise<readonly ListedOutage[] | null>;
  /** At most 100. false if not offered. */
  recordReplays(callbackId: string, report: ReplayReport): Promise<boolean>;
  /** Takes or renews it, for 30 s. */
  takeRunLock(callbackId: string, lease: RunLease): Promise<RunLockAnswer>;
  releaseRunLock(callbackId: string, lease: RunLease): Promise<void>;
  /** For the console, as the user of this client. null if not offered. */
  createSignInCode(): Promise<SignInCode | null>;
  /** See Requester. */
  readonly duringRun: Requester["duringRun"];
  /** What the service sends with, if it says so with its callbacks. */
  deliverySettings(): Promise<Partial<DeliverySettings>>;
  close(): Promise<void>;
}

export interface SignInCode {
  readonly code: string;
  readonly expiresAt: number;
}

export interface MarkDetails {
  /** Default: a user. */
  readonly by?: MarkedBy;
  readonly replays?: ReplayReport;
  /** What was delivered at this instant of the service's clock or later stays SUCCESS. It counts for FAILED, if the service offers it. */
  readonly unlessDeliveredSince?: number;
  /** What is SUCCESS already is returned. It counts for SUCCESS, if the service offers it and the request wasn't repeated. */
  readonly unlessSettled?: boolean;
  /** Asked before the request is repeated after a failure; default: it is wanted. */
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

/** unsupported: no run locks (the platform). */
export type RunLockAnswer = { readonly kind: "taken" | "unsupported" } | { readonly kind: "busy"; readonly holder: RunLease };

export interface ListCallsQuery {
  readonly filter: CallFilter;
  /** Default: all. */
  readonly limit?: number;
  /** By last attempt; default: newest first. */
  readonly oldestFirst?: boolean;
  /** If the service lists them. */
  readonly withAttempts?: boolean;
  /** Without a status: keeps PENDING calls, which `whcb serve` doesn't list and other services may. */
  readonly withPending?: boolean;
}

export interface GroupCallsQuery {
  readonly filter: CallFilter;
  /** At least one, each once. */
  readonly by: readonly GroupKey[];
}

export interface GroupPart {
  readonly groups: readonly CallGroup[];
  readonly leftOut: number;
  /** Calls that match, as the service said; null if unknown. */
  readonly total: number | null;
}

export interface CallPage {
  readonly calls: readonly ListedCall[];
  /** They can be neither sent nor marked, so no limit counts them. */
  readonly withoutId: readonly ListedCall[];
  readonly leftOut: number;
  /** Those left out that may match, as they don't say their status, or that they are of this callback, are counted here. */
  readonly unclear: number;
  /** null if unknown. */
  readonly total: number | null;
}

export interface SubmittedCall {
  /** Default: generated. */
  readonly id?: string;
  readonly response: MessageResponse;
}
