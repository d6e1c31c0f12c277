/** A callbacks service as a caller sees it: the platform, `whcb serve`, or a database file in this process. */
import type { AttemptCause } from "../domain/attempt.js";
import type { CallStatus } from "../domain/call.js";
import type { Callback, CallbackSettings } from "../domain/callback.js";
import type { MessageResponse } from "../domain/message-response.js";
import type { CallFilter } from "../domain/selection.js";

export interface Client {
  /** Of the service, as a person would name it: its origin, or the file's path. */
  readonly name: string;
  /** Throws `unauthenticated`, `forbidden` or `network` where the service can't be used with these credentials. */
  verify(): Promise<void>;

  listCallbacks(): Promise<readonly ListedCallback[]>;
  /** By id or by name, on services that know ids only as well. Throws `not-found`. */
  getCallback(idOrName: string): Promise<ListedCallback>;
  createCallback(settings: CallbackSettings): Promise<ListedCallback>;
  /** The whole settings are sent; a key of "" keeps the service's. */
  updateCallback(id: string, settings: CallbackSettings): Promise<void>;
  deleteCallback(id: string): Promise<void>;

  /**
   * Pages of calls, following `rel=next` on this service's origin only, each call once. Every filter is applied again to
   * what comes back; `leftOut` counts what the service sent although the filter doesn't mean it.
   */
  listCalls(callbackId: string, query: ListCallsQuery): AsyncIterable<CallPage>;
  /** Throws `not-found`. */
  getCall(callbackId: string, callId: string): Promise<ListedCall>;
  /** Those of these calls that there are, in no set order: one by one, or by listing where that takes fewer requests. */
  findCalls(callbackId: string, callIds: readonly string[]): Promise<readonly ListedCall[]>;
  /** null where the service keeps none that one can read (the platform). */
  listAttempts(callbackId: string, callId: string): Promise<readonly ListedAttempt[] | null>;
  /** Up to 100 ids, all or none. Throws `not-found` (the message names an id where the service does). */
  markCalls(callbackId: string, callIds: readonly string[], status: "SUCCESS" | "FAILED"): Promise<void>;
  /** Hands over responses to deliver; returns their call ids in order. Only `whcb serve` can. */
  submitCalls(callbackId: string, calls: readonly SubmittedCall[]): Promise<readonly string[]>;
  /** Asks the service to attempt FAILED calls now (up to 100 ids). Returns how many. Throws `usage` where it can't. */
  requestReplays(callbackId: string, callIds: readonly string[]): Promise<number>;
  /** null where the service doesn't tell. */
  listOutages(callbackId?: string): Promise<readonly ListedOutage[] | null>;
  close(): Promise<void>;
}

/** `auth.key` is "" where the service doesn't return it. */
export type ListedCallback = Omit<Callback, "createdAt" | "mendedAt">;

export interface ListCallsQuery {
  readonly filter: CallFilter;
  /** At most this many calls; left out: all. */
  readonly limit?: number;
  /** By last attempt. Default: newest first. */
  readonly oldestFirst?: boolean;
}

export interface CallPage {
  readonly calls: readonly ListedCall[];
  /** Calls that the service listed although the filter doesn't mean them. */
  readonly leftOut: number;
  /** How many the service says there are in all; null where it doesn't say. */
  readonly total: number | null;
}

/** A call as a service lists it. What only `whcb serve` tells is null elsewhere. */
export interface ListedCall {
  readonly id: string;
  readonly callbackId: string;
  readonly status: CallStatus;
  readonly response: MessageResponse;
  readonly attemptedAt: number | null;
  readonly statusCode: number | null;
  readonly statusMessage: string | null;
  readonly attemptCount: number | null;
  /** While the service still retries it. */
  readonly nextAttemptAt: number | null;
  readonly retryUntil: number | null;
  readonly settledBy: "dispatcher" | "user" | null;
  /** The JSON object as it came, unknown fields and all. */
  readonly raw: Readonly<Record<string, unknown>>;
}

export interface ListedAttempt {
  readonly number: number;
  readonly attemptedAt: number;
  readonly durationMs: number;
  readonly statusCode: number | null;
  readonly statusMessage: string;
  readonly error: string | null;
  readonly cause: AttemptCause;
  readonly body: string | null;
}

export interface SubmittedCall {
  /** Left out: the service makes one. */
  readonly id?: string;
  readonly response: MessageResponse;
}

export interface ListedOutage {
  readonly id: string;
  readonly callbackId: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly failedCalls: number;
  readonly notifiedAt: number | null;
}
