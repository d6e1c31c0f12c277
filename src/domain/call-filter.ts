/** The client checks a filter too: a service that ignores one must not widen a replay. */
import { REASON_WORDS, UNREACHABLE_REASONS, type UnreachableReason } from "./attempt.js";
import { type CallStatus, idKey, type SettledBy } from "./call.js";
import { type MessageResponse, senderAddress } from "./message-response.js";

export interface CallFilter {
  /** By default SUCCESS and FAILED calls match. */
  readonly status?: CallStatus;
  /** The last attempt began at or after this (epoch ms). */
  readonly since?: number;
  /** The last attempt began before this (epoch ms). */
  readonly until?: number;
  /** The last change was at or before this (epoch ms): what is attempted or marked later isn't in a set that was counted then. */
  readonly changedBefore?: number;
  /**
   * A user marked the call with this date, which is when the console's confirmation was shown, and it hasn't changed since. So the
   * calls of one mark match.
   */
  readonly markedAt?: number;
  /** One of these must match. */
  readonly statusCodes?: readonly StatusCodePattern[];
  /** `reason` is compared with `reasonText`. */
  readonly reason?: string;
  readonly channel?: string;
  readonly messageId?: string;
  /** `from` must equal the sender's address (`senderAddress`). */
  readonly from?: string;
  /** The content contains it, in any case. */
  readonly text?: string;
  /** What the endpoint answered to the last attempt contains it, in any case. */
  readonly answer?: string;
}

/** A pattern is a code, a class ("5xx" is { class: 5 }), or no answer. */
export type StatusCodePattern = { readonly code: number } | { readonly class: number } | { readonly none: true };

/** The reason of a call whose last attempt left neither a message nor a kind of failure. */
export const NO_MESSAGE = "no-message";

/** A call is not-sent if no attempt has ended, such as a held one. */
export type FailureReason = UnreachableReason | "not-sent" | typeof NO_MESSAGE;

export const FAILURE_REASONS: readonly FailureReason[] = [...UNREACHABLE_REASONS, "not-sent", NO_MESSAGE];

const WORDS: ReadonlyMap<string, string> = new Map([
  ...Object.entries(REASON_WORDS),
  ["not-sent", "not sent"],
  [NO_MESSAGE, "no message"],
]);

/** Returns a reason in words. An answer's message stays as it is. */
export function reasonWords(reason: string): string {
  return WORDS.get(reason) ?? reason;
}

interface CallState {
  readonly status: CallStatus;
  /** A client knows neither of these two. */
  readonly settledBy?: SettledBy | null;
  readonly changedAt?: number;
}

export interface FilteredCall extends CallState {
  readonly attemptedAt: number | null;
  readonly statusCode: number | null;
  readonly statusMessage?: string | null;
  readonly attemptCount?: number | null;
  /** What of the answer to the last attempt is kept. It is null without one, and undefined if it isn't known. */
  readonly answer?: string | null;
  /** A client doesn't know it. */
  readonly error?: UnreachableReason | null;
  readonly response: Pick<MessageResponse, "messageId" | "from" | "responseMessage">;
}

export function matchesFilter(call: FilteredCall, filter: CallFilter): boolean {
  const { messageId, from, responseMessage } = call.response;
  return (
    matchesState(call, filter) &&
    (filter.since === undefined || (call.attemptedAt !== null && call.attemptedAt >= filter.since)) &&
    (filter.until === undefined || (call.attemptedAt !== null && call.attemptedAt < filter.until)) &&
    (filter.reason === undefined || reasonText(call) === filter.reason) &&
    (filter.statusCodes === undefined || filter.statusCodes.some((pattern) => matchesStatusCode(call.statusCode, pattern))) &&
    (filter.channel === undefined || responseMessage.channel === filter.channel) &&
    (filter.messageId === undefined || idKey(messageId) === idKey(filter.messageId)) &&
    (filter.from === undefined || senderAddress(from) === filter.from) &&
    (filter.answer === undefined || containsText(call.answer ?? "", filter.answer)) &&
    (filter.text === undefined || containsText(responseMessage.content, filter.text))
  );
}

export function containsText(text: string, part: string): boolean {
  return text.toLowerCase().includes(part.toLowerCase());
}

/** The conditions that change with every attempt and mark: a call that still matches them matches the rest as before. */
export function matchesState({ status, changedAt, settledBy }: CallState, filter: CallFilter): boolean {
  return (
    (filter.status === undefined ? status !== "PENDING" : status === filter.status) &&
    (filter.changedBefore === undefined || (changedAt ?? Infinity) <= filter.changedBefore) &&
    (filter.markedAt === undefined || (changedAt === filter.markedAt && settledBy === "user"))
  );
}

/** Reads "500", "5xx" or "none", and returns null for another text. */
export function parseStatusCodePattern(text: string): StatusCodePattern | null {
  if (text === "none") return { none: true };
  if (/^[1-5]xx$/i.test(text)) return { class: Number(text[0]) };
  if (/^[1-5]\d\d$/.test(text)) return { code: Number(text) };
  return null;
}

/** Returns what `parseStatusCodePattern` reads. */
export function statusCodeText(pattern: StatusCodePattern): string {
  if ("none" in pattern) return "none";
  return "code" in pattern ? String(pattern.code) : `${pattern.class}xx`;
}

/** Returns the filter as parameters of the API (docs/contract.md, Calls). */
export function filterParameters(filter: CallFilter): Readonly<Record<string, string>> {
  const { status, answer, since, until, statusCodes, reason, channel, messageId, from, text } = filter;
  const dateOf = (at: number | undefined) => (at === undefined ? undefined : new Date(at).toISOString());
  const codes = statusCodes?.map(statusCodeText).join(",") || undefined;
  const times = { since: dateOf(since), until: dateOf(until) };
  const given = { status, answer, ...times, statusCode: codes, reason, channel, messageId, from, q: text };
  return Object.fromEntries(Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

export function matchesStatusCode(statusCode: number | null, pattern: StatusCodePattern): boolean {
  if ("none" in pattern) return statusCode === null;
  if (statusCode === null) return false;
  return "code" in pattern ? statusCode === pattern.code : Math.floor(statusCode / 100) === pattern.class;
}

/** A longer text is cut to so many characters. */
export const MAX_REASON_TEXT = 256;

/**
 * Returns the answer's message, or the kind of failure, which is the same for all calls that failed so. It is never empty. A message that is the
 * word for another reason is in quotes.
 */
export function reasonText({ statusCode, statusMessage, error, attemptCount }: FilteredCall): string {
  const text = cutText(statusMessage ?? "") || NO_MESSAGE;
  if (statusCode === null) {
    if (error != null) return error;
    if (attemptCount === 0) return "not-sent";
    const kind = UNREACHABLE_REASONS.find((reason) => text.startsWith(`${reason}: `));
    if (kind !== undefined) return kind;
  }
  const isOurs = FAILURE_REASONS.some((reason) => reason === statusMessage);
  return isOurs ? quoteReason(text) : text;
}

export function quoteReason(text: string): string {
  return `"${text}"`;
}

/** Returns a copy, because V8 would keep the whole text of a slice. */
export function cutText(text: string): string {
  return [...text.slice(0, 2 * MAX_REASON_TEXT)].slice(0, MAX_REASON_TEXT).join("");
}
