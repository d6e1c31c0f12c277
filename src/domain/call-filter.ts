/** The client checks it too: a service that ignores a filter must not widen a replay. */
import type { CallStatus } from "./call.js";
import { type Channel, type MessageResponse, senderAddress } from "./message-response.js";

export interface CallFilter {
  /** Default: SUCCESS and FAILED. */
  readonly status?: CallStatus;
  /** Last attempt >= this (epoch ms). */
  readonly since?: number;
  /** Last attempt < this (epoch ms). */
  readonly until?: number;
  /** First failed <= this (epoch ms), or last changed if it never failed: what fails later isn't in a set that was counted then. */
  readonly failedBefore?: number;
  /** Any of these. */
  readonly statusCodes?: readonly StatusCodePattern[];
  readonly channel?: Channel;
  readonly messageId?: string;
  /** The sender's mobile, e-mail, voice number, MRI or name; exact. */
  readonly from?: string;
  /** In the content; ignores case. */
  readonly text?: string;
}

/** A code, a class ("5xx" is { class: 5 }), or no answer. */
export type StatusCodePattern = { readonly code: number } | { readonly class: number } | { readonly none: true };

export interface FilteredCall {
  readonly status: CallStatus;
  readonly attemptedAt: number | null;
  readonly statusCode: number | null;
  readonly firstFailedAt?: number | null;
  readonly changedAt?: number;
  readonly response: Pick<MessageResponse, "messageId" | "from" | "responseMessage">;
}

export function matchesFilter(call: FilteredCall, filter: CallFilter): boolean {
  const { messageId, from, responseMessage } = call.response;
  return (
    (filter.status === undefined ? call.status !== "PENDING" : call.status === filter.status) &&
    (filter.since === undefined || (call.attemptedAt !== null && call.attemptedAt >= filter.since)) &&
    (filter.until === undefined || (call.attemptedAt !== null && call.attemptedAt < filter.until)) &&
    (filter.failedBefore === undefined || (call.firstFailedAt ?? call.changedAt ?? Infinity) <= filter.failedBefore) &&
    (filter.statusCodes === undefined || filter.statusCodes.some((pattern) => matchesStatusCode(call.statusCode, pattern))) &&
    (filter.channel === undefined || responseMessage.channel === filter.channel) &&
    (filter.messageId === undefined || messageId.toUpperCase() === filter.messageId.toUpperCase()) &&
    (filter.from === undefined || isFrom(from, filter.from)) &&
    (filter.text === undefined || responseMessage.content.toLowerCase().includes(filter.text.toLowerCase()))
  );
}

/** "500", "5xx" or "none"; else null. */
export function parseStatusCodePattern(text: string): StatusCodePattern | null {
  if (text === "none") return { none: true };
  if (/^[1-5]xx$/i.test(text)) return { class: Number(text[0]) };
  if (/^[1-5]\d\d$/.test(text)) return { code: Number(text) };
  return null;
}

export function matchesStatusCode(statusCode: number | null, pattern: StatusCodePattern): boolean {
  if ("none" in pattern) return statusCode === null;
  if (statusCode === null) return false;
  return "code" in pattern ? statusCode === pattern.code : Math.floor(statusCode / 100) === pattern.class;
}

function isFrom(from: MessageResponse["from"], wanted: string): boolean {
  return senderAddress(from) === wanted || Object.values(from).includes(wanted);
}
