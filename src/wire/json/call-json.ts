/** The documents are those of docs/contract.md, Calls. */
import {
  type Attempt,
  type AttemptCause,
  hadNoConnection,
  isAcceptedStatus,
  mayHaveBeenTaken,
  resultMessage,
} from "../../domain/attempt.js";
import { type Call, type CallStatus, nextAttemptAt, type SettledBy } from "../../domain/call.js";
import { reasonText } from "../../domain/call-filter.js";
import { type Callback, runningPause } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import type { MessageResponse } from "../../domain/message-response.js";
import { type RetryPolicy, retryUntil } from "../../domain/retry-policy.js";
import { readDate, toIsoDate } from "../dates.js";
import type { Link } from "../links.js";
import { countOf, firstText, isObject, type JsonObject, listOf, objectOf, textOf } from "./json-value.js";
import { type ListPage, listStatus, NO_RECORDS, readList } from "./list-json.js";
import { readResponse, responseToJson } from "./response-json.js";

export interface CallContext {
  readonly callback: Callback;
  readonly policy: RetryPolicy;
  readonly link: readonly Link[];
  readonly now: number;
  /** Who has marked the call, if that is known. */
  readonly settledByUser?: string | undefined;
  /** `attempts` is set with `expand=attempts`. */
  readonly attempts?: readonly Attempt[];
}

export function callToJson(call: Call, context: CallContext): Record<string, unknown> {
  const { callback, link, attempts, settledByUser } = context;
  const retries = retriesOf(call, context);
  return {
    id: call.id,
    status: call.status,
    ...responseToJson(call.response),
    callback: {
      id: callback.id,
      name: callback.name,
      url: callback.url,
      ...(call.attemptedAt !== null && { attemptedDate: toIsoDate(call.attemptedAt) }),
      ...(call.statusCode !== null && { statusCode: call.statusCode }),
      ...(call.statusMessage !== null && { statusMessage: call.statusMessage }),
    },
    attemptCount: call.attemptCount,
    ...(retries.nextAttemptAt !== null && { nextAttemptDate: toIsoDate(retries.nextAttemptAt) }),
    ...(retries.retryUntil !== null && { retryUntil: toIsoDate(retries.retryUntil) }),
    ...(call.settledBy !== null && { settledBy: call.settledBy }),
    ...(settledByUser !== undefined && { settledByUser }),
    changedDate: toIsoDate(call.changedAt),
    submittedDate: toIsoDate(call.acceptedAt),
    ...(attempts !== undefined && { attempts: attempts.map(attemptToJson) }),
    link,
  };
}

type RetryContext = Pick<CallContext, "callback" | "policy" | "now">;

/** They are as the call's document has them. */
export function retriesOf(call: Call, { callback, policy, now }: RetryContext): Pick<ListedCall, "nextAttemptAt" | "retryUntil"> {
  const isRetried = call.status === "FAILED" && call.firstFailedAt !== null && callback.retriesEnabled;
  const until = isRetried ? retryUntil(call.firstFailedAt, policy) : null;
  const pauseEndsAt = runningPause(callback, now)?.until ?? now;
  const isOver = call.due?.cause === "retry" && until !== null && until < pauseEndsAt;
  return { nextAttemptAt: isOver ? null : nextAttemptAt(call, pauseEndsAt), retryUntil: until };
}

/** Fields that only `whcb serve` sends are null on other services. */
export interface ListedCall {
  /** `id` is "" if the service listed the call without one. */
  readonly id: string;
  /** It is "" if the service gives only another callback's name. */
  readonly callbackId: string;
  readonly status: CallStatus;
  readonly response: MessageResponse;
  readonly attemptedAt: number | null;
  readonly statusCode: number | null;
  readonly statusMessage: string | null;
  /** It is null without an answer, and undefined if it isn't listed. */
  readonly answer?: string | null;
  readonly attemptCount: number | null;
  /** `nextAttemptAt` is set while the service still retries the call. */
  readonly nextAttemptAt: number | null;
  readonly retryUntil: number | null;
  readonly settledBy: SettledBy | null;
  readonly settledByUser: string | null;
  /** The last attempt ended, or the last mark or report came, at this instant. */
  readonly changedAt?: number;
  /** The service accepted the response at this instant. Another one means another response whose id was used again. */
  readonly submittedAt?: number;
  /** `attempts` are there only if they were asked for. */
  readonly attempts?: readonly ListedAttempt[];
  /** The call is kept as it was received, with unknown fields. */
  readonly raw: JsonObject;
}

/** Such a call is FAILED without an attempt: it was held, as its endpoint was down, or marked before its first attempt. */
export function isUnsent({ status, attemptCount }: Pick<ListedCall, "status" | "attemptCount">): boolean {
  return status === "FAILED" && attemptCount === 0;
}

/** No attempt has sent anything of such a call. Of several attempts only the last one is known. */
export function hasSentNothing(call: ListedCall): boolean {
  return (
    isUnsent(call) || (call.status === "FAILED" && call.attemptCount === 1 && hadNoConnection(call.statusCode, reasonText(call)))
  );
}

/** A list of other columns may lack it: without message, sender and content there is nothing to send. */
export function hasResponse({ response }: Pick<ListedCall, "response">): boolean {
  if (response.messageId !== "") return true;
  const { messageId, from, responseMessage } = responseToJson(response);
  return ![messageId, from, responseMessage].every(isBlank);
}

function isBlank(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);
}

/** The endpoint may have such a call. One that it answered with 200 was marked FAILED. */
export function hasOpenEnd(call: ListedCall): boolean {
  return call.status === "FAILED" && mayHaveBeenTaken(call.statusCode, reasonText(call));
}

export interface ReadCallOptions {
  readonly callbackId: string;
  /** A call that names another callback, and gives no id, is of that one. */
  readonly callbackName?: string | undefined;
  /** Dates without a zone are in this IANA zone. Default: UTC. */
  readonly timezone?: string;
  /** A call without a status has this one. */
  readonly listedAs?: CallStatus;
}

/** Throws `unavailable` without an id or with an unknown status. */
export function readCall(value: unknown, options: ReadCallOptions): ListedCall {
  const call = readListedCall(value, options);
  if (call.id === "") throw new WhcbError("unavailable", "the service returned a call without an id");
  return call;
}

function readListedCall(value: unknown, options: ReadCallOptions): ListedCall {
  const { callbackId, callbackName = "", timezone = "UTC", listedAs = "FAILED" } = options;
  if (!isObject(value)) throw new WhcbError("unavailable", "the service returned a call that isn't an object");
  const id = textOf(value.id);
  const callback = objectOf(value.callback);
  const names = new Set([textOf(callback.name), callbackName].map((name) => name.trim()));
  const isOther = names.size > 1 && !names.has("");
  const statusCode = readStatusCode(callback.statusCode);
  return {
    id,
    callbackId: textOf(callback.id) || (isOther ? "" : callbackId),
    status: readCallStatus(value.status, id) ?? (isAcceptedStatus(statusCode) ? "SUCCESS" : listedAs),
    response: readResponse(value),
    attemptedAt: readDate(attemptedDateOf(value), timezone),
    statusCode,
    statusMessage: firstText(callback, "statusMessage") || null,
    attemptCount: countOf(value.attemptCount),
    nextAttemptAt: readDate(value.nextAttemptDate, timezone),
    retryUntil: readDate(value.retryUntil, timezone),
    settledBy: settledByOf(value.settledBy),
    settledByUser: textOf(value.settledByUser) || null,
    ...readInstants(value),
    ...(value.answer !== undefined && { answer: textOf(value.answer) || null }),
    ...(value.attempts !== undefined && { attempts: readAttempts(value, timezone) }),
    raw: value,
  };
}

/** Returns the date as the service wrote it. */
export function attemptedDateOf(raw: JsonObject): unknown {
  return objectOf(raw.callback).attemptedDate ?? raw.attemptedDate;
}

/** Beside calls with a status, one without isn't FAILED: it counts as PENDING, so it is neither sent nor marked. */
export function readCallList(document: unknown, options: ReadCallOptions): ListPage<ListedCall> {
  const list = readList("calls", document);
  const haveStatus = list.items.some((item) => textOf(objectOf(item).status).trim() !== "");
  const readAs = haveStatus ? ({ ...options, listedAs: "PENDING" } as const) : options;
  return { ...list, items: list.items.map((item) => readListedCall(item, readAs)) };
}

export type StoredState = Pick<Call, "id" | "status" | "settledBy" | "changedAt" | "acceptedAt">;

export function callStateToJson({ id, status, settledBy, changedAt, acceptedAt }: StoredState): Record<string, unknown> {
  const dates = { changedDate: toIsoDate(changedAt), submittedDate: toIsoDate(acceptedAt) };
  return { id, status, ...(settledBy !== null && { settledBy }), ...dates };
}

/** Other services list the status only. */
export type CallState = Pick<ListedCall, "id" | "status" | "settledBy" | "changedAt" | "submittedAt">;

export function readCallStates(document: unknown): readonly CallState[] {
  return listOf(objectOf(document).calls).map((item) => {
    const call = objectOf(item);
    const id = textOf(call.id);
    return {
      id,
      status: readCallStatus(call.status, id) ?? "PENDING",
      settledBy: settledByOf(call.settledBy),
      ...readInstants(call),
    };
  });
}

function readInstants({ changedDate, submittedDate }: JsonObject): Pick<ListedCall, "changedAt" | "submittedAt"> {
  const changedAt = readDate(changedDate);
  const submittedAt = readDate(submittedDate);
  return { ...(changedAt !== null && { changedAt }), ...(submittedAt !== null && { submittedAt }) };
}

export function attemptsToJson(attempts: readonly Attempt[]): Record<string, unknown> {
  const status = attempts.length === 0 ? NO_RECORDS : listStatus(0, attempts.length, attempts.length);
  return { status, attempts: attempts.map(attemptToJson) };
}

function attemptToJson(attempt: Attempt): Record<string, unknown> {
  const { result } = attempt;
  return {
    number: attempt.number,
    attemptedDate: toIsoDate(attempt.startedAt),
    durationMs: attempt.durationMs,
    ...(result.kind === "answered"
      ? { statusCode: result.statusCode, body: result.body || undefined, retryAfterMs: result.retryAfterMs }
      : { error: result.reason }),
    statusMessage: resultMessage(result),
    cause: attempt.cause,
    ...(attempt.sentFrom !== undefined && { sentFrom: attempt.sentFrom }),
    ...(result.resent && { resent: true }),
  };
}

/** Only `whcb serve` lists attempts. */
export interface ListedAttempt {
  readonly number: number;
  readonly attemptedAt: number;
  readonly durationMs: number;
  readonly statusCode: number | null;
  readonly statusMessage: string;
  readonly error: string | null;
  readonly cause: AttemptCause;
  readonly body: string | null;
  /** `sentFrom` is user@host, or null if the service sent it. */
  readonly sentFrom: string | null;
  /** The request was sent again on a fresh connection, within the attempt. */
  readonly isResent: boolean;
  /** The endpoint asked the service for this pause, or it is null. */
  readonly retryAfterMs: number | null;
}

export function readAttempts(document: unknown, timezone = "UTC"): readonly ListedAttempt[] {
  return readList("attempts", document).items.map((item, index) => {
    const attempt = objectOf(item);
    return {
      number: countOf(attempt.number) ?? index + 1,
      attemptedAt: readDate(attempt.attemptedDate, timezone) ?? 0,
      durationMs: countOf(attempt.durationMs) ?? 0,
      statusCode: readStatusCode(attempt.statusCode),
      statusMessage: textOf(attempt.statusMessage),
      error: textOf(attempt.error) || null,
      cause: readCause(attempt.cause),
      body: textOf(attempt.body) || null,
      sentFrom: textOf(attempt.sentFrom) || null,
      isResent: attempt.resent === true,
      retryAfterMs: countOf(attempt.retryAfterMs),
    };
  });
}

/** Returns null without an answer. */
export function readStatusCode(value: unknown): number | null {
  const code = /^\s*([1-9]\d\d)(?!\d)/.exec(textOf(value))?.[1];
  return code === undefined ? null : Number(code);
}

function readCallStatus(value: unknown, id: string): CallStatus | null {
  const status = (typeof value === "object" && value !== null ? JSON.stringify(value) : textOf(value)).trim().toUpperCase();
  if (status === "") return null;
  if (status === "FAILED" || status === "SUCCESS" || status === "PENDING") return status;
  throw new WhcbError("unavailable", `the service returned call ${id} with an unknown status: "${status.slice(0, 40)}"`);
}

function readCause(value: unknown): AttemptCause {
  return value === "retry" || value === "probe" || value === "replay" ? value : "first";
}

function settledByOf(value: unknown): SettledBy | null {
  return value === "dispatcher" || value === "user" || value === "replay" ? value : null;
}
