/** A callbacks service as seen by a caller: the platform, `whcb serve`, or a database file in this process. */
import type { DeliveryResult } from "../domain/attempt.js";
import type { MarkedBy } from "../domain/call.js";
import type { CallFilter } from "../domain/call-filter.js";
import type { CallbackSettings, RunLease } from "../domain/callback.js";
import type { MessageResponse } from "../domain/message-response.js";
import type { ListedAttempt, ListedCall } from "../wire/json/call-json.js";
import type { ListedCallback } from "../wire/json/callback-json.js";
import type { JsonObject } from "../wire/json/json-value.js";
import type { ListedOutage } from "../wire/json/outage-json.js";

export type { ListedAttempt, ListedCall, ListedCallback, ListedOutage };

export interface Client {
  /** For messages: the service's URL, or the file's path. */
  readonly name: string;
  /** Throws `unauthenticated`, `forbidden` or `network` if the service can't be used with these credentials. */
  verify(): Promise<void>;

  /** On some services only with id, name and url. */
  listCallbacks(): Promise<readonly ListedCallback[]>;
  /** With all their settings: those whose list item lacks some are read by id, a request each. */
  getAllCallbacks(): Promise<readonly ListedCallback[]>;
  /** With all its settings: it is read by its id. By name also on services that accept only ids. Throws `not-found`. */
  getCallback(idOrName: string): Promise<ListedCallback>;
  createCallback(settings: CallbackSettings): Promise<ListedCallback>;
  /** PUTs this body, made by `changeCallbackJson` from what was read. */
  updateCallback(id: string, body: JsonObject): Promise<void>;
  deleteCallback(id: string): Promise<void>;

  /** Yields each call once. The filter is applied again to what the service returns. */
  listCalls(callbackId: string, query: ListCallsQuery): AsyncIterable<CallPage>;
  /** Throws `not-found`. */
  getCall(callbackId: string, callId: string): Promise<ListedCall>;
  /** Those that exist, in any order: one by one, or by listing if that takes fewer requests. */
  findCalls(callbackId: string, callIds: readonly string[]): Promise<readonly ListedCall[]>;
  /** null if the service doesn't offer them (the platform). */
  listAttempts(callbackId: string, callId: string): Promise<readonly ListedAttempt[] | null>;
  /** Up to MAX_IDS_PER_REQUEST ids, all or none. Throws `not-found` (the message names an id if the service does). */
  markCalls(callbackId: string, callIds: readonly string[], status: "SUCCESS" | "FAILED", by?: MarkedBy): Promise<void>;
  /** Submits responses to deliver; returns their call ids in order. Throws `usage` except on `whcb serve`. */
  submitCalls(callbackId: string, calls: readonly SubmittedCall[]): Promise<readonly string[]>;
  /** Requests an attempt of FAILED calls now (up to MAX_IDS_PER_REQUEST). Returns how many. Throws `usage` if the service can't. */
  requestReplays(callbackId: string, callIds: readonly string[]): Promise<number>;
  /** null if the service doesn't offer them. */
  listOutages(callbackId?: string): Promise<readonly ListedOutage[] | null>;
  /** Reports up to 100 attempts that this client made, for the history. false if the service keeps none that it can add to. */
  recordReplays(callbackId: string, attempts: readonly ReplayAttempt[], sentFrom: string): Promise<boolean>;
  /** Takes or renews the callback's run lock, which lasts 30 s. */
  takeRunLock(callbackId: string, lease: RunLease): Promise<RunLockAnswer>;
  releaseRunLock(callbackId: string, lease: RunLease): Promise<void>;
  /** The most rows of a page that the service accepts, as far as known. */
  rowsPerPage(): number;
  close(): Promise<void>;
}

export interface ReplayAttempt {
  readonly callId: string;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly result: DeliveryResult;
}

/** unsupported: the service has no run locks (the platform). */
export type RunLockAnswer = { readonly kind: "taken" | "unsupported" } | { readonly kind: "busy"; readonly holder: RunLease };

export interface ListCallsQuery {
  readonly filter: CallFilter;
  /** At most this many calls; default: all. */
  readonly limit?: number;
  /** By last attempt; default: newest first. */
  readonly oldestFirst?: boolean;
}

export interface CallPage {
  readonly calls: readonly ListedCall[];
  /** How many calls the service listed that don't match the filter. */
  readonly leftOut: number;
  /** The service's count of all; null if it gives none. */
  readonly total: number | null;
}

export interface SubmittedCall {
  /** Default: generated. */
  readonly id?: string;
  readonly response: MessageResponse;
}
