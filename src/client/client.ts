/** A callbacks service as a caller sees it: the platform, `whcb serve`, or a database file in this process. */

import type { CallFilter } from "../domain/call-filter.js";
import type { CallbackSettings } from "../domain/callback.js";
import type { MessageResponse } from "../domain/message-response.js";
import type { ListedAttempt, ListedCall } from "../wire/json/call-json.js";
import type { ListedCallback } from "../wire/json/callback-json.js";
import type { ListedOutage } from "../wire/json/outage-json.js";

export type { ListedAttempt, ListedCall, ListedCallback, ListedOutage };

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

export interface SubmittedCall {
  /** Left out: the service makes one. */
  readonly id?: string;
  readonly response: MessageResponse;
}
