/** A call as a service lists it, read with every tolerance that contract.md names. */
import type { CallStatus } from "../../domain/call.js";
import { WhcbError } from "../../domain/errors.js";
import type { MessageResponse } from "../../domain/message-response.js";
import { readDate } from "../dates.js";
import { countOf, firstText, isObject, type JsonObject, objectOf, textOf } from "./json-value.js";
import { readList } from "./list-json.js";
import { readResponse } from "./response-json.js";

/** What only `whcb serve` tells is null elsewhere. */
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
  readonly raw: JsonObject;
}

export interface ReadCallOptions {
  /** Taken where the call doesn't name its callback. */
  readonly callbackId: string;
  /** IANA zone of dates that say none. Default UTC. */
  readonly timezone?: string;
}

/** Throws `malformed` where it is no object, has no id, or its status is none of the three. */
export function readCall(value: unknown, { callbackId, timezone = "UTC" }: ReadCallOptions): ListedCall {
  if (!isObject(value)) throw new WhcbError("unavailable", "the service answered a call that is no object");
  const id = textOf(value.id);
  if (id === "") throw new WhcbError("unavailable", "the service answered a call without an id");
  const callback = objectOf(value.callback);
  return {
    id,
    callbackId: textOf(callback.id) || callbackId,
    status: readCallStatus(value.status, id),
    response: readResponse(value),
    attemptedAt: readDate(callback.attemptedDate ?? value.attemptedDate, timezone),
    statusCode: readStatusCode(callback.statusCode),
    statusMessage: firstText(callback, "statusMessage") || null,
    attemptCount: countOf(value.attemptCount),
    nextAttemptAt: readDate(value.nextAttemptDate, timezone),
    retryUntil: readDate(value.retryUntil, timezone),
    settledBy: value.settledBy === "dispatcher" || value.settledBy === "user" ? value.settledBy : null,
    raw: value,
  };
}

export interface ReadCallList {
  readonly calls: readonly ListedCall[];
  readonly total: number | null;
  /** Of the next page; null on the last. */
  readonly next: string | null;
}

export function readCallList(document: unknown, options: ReadCallOptions): ReadCallList {
  const { items, total, next } = readList("calls", document);
  return { calls: items.map((item) => readCall(item, options)), total, next };
}

/** An integer, a string that begins with one, or null: no answer came. */
export function readStatusCode(value: unknown): number | null {
  const code = /^\s*([1-9]\d\d)(?!\d)/.exec(textOf(value))?.[1];
  return code === undefined ? null : Number(code);
}

function readCallStatus(value: unknown, id: string): CallStatus {
  const status = textOf(value).trim().toUpperCase();
  if (status === "FAILED" || status === "SUCCESS" || status === "PENDING") return status;
  throw new WhcbError("unavailable", `the service answered call ${id} with a status that isn't known: "${status.slice(0, 40)}"`);
}
