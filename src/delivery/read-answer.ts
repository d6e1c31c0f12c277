import { STATUS_CODES } from "node:http";
import { StringDecoder } from "node:string_decoder";
import type { DeliveryResult } from "../domain/attempt.js";
import { parseRetryAfter } from "../wire/retry-after.js";

export interface RawAnswer {
  readonly statusCode: number;
  readonly statusMessage: string;
  /** Alternating names and values. */
  readonly headers: readonly Buffer[];
  /** At most the first KEPT_BODY_BYTES. */
  readonly body: Buffer | null;
}

export const KEPT_BODY_BYTES = 1024;
const KEPT_MESSAGE_LENGTH = 200;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export function resultOf(answer: RawAnswer): DeliveryResult {
  const statusMessage = messageOf(answer);
  if (REDIRECTS.has(answer.statusCode)) {
    const detail = `${answer.statusCode} ${statusMessage}, not followed${redirectTarget(headerValue(answer.headers, "location"))}`;
    return { kind: "unreachable", reason: "redirect", detail };
  }
  return {
    kind: "answered",
    statusCode: answer.statusCode,
    statusMessage,
    body: answer.body === null ? "" : textOf(answer.body),
  };
}

/** In ms from `now` (epoch ms); ignored in a 200. */
export function retryAfterOf(answer: RawAnswer, now: number): number | null {
  if (answer.statusCode === 200) return null;
  const value = headerValue(answer.headers, "retry-after");
  return value === null ? null : parseRetryAfter(value, now);
}

function messageOf({ statusCode, statusMessage }: RawAnswer): string {
  return storable(statusMessage.slice(0, KEPT_MESSAGE_LENGTH)) || (STATUS_CODES[statusCode] ?? "");
}

/** Without path and query, which may hold a key. */
function redirectTarget(location: string | null): string {
  if (location === null || !URL.canParse(location)) return "";
  const { protocol, host } = new URL(location);
  return ` (to ${protocol}//${host})`.slice(0, KEPT_MESSAGE_LENGTH);
}

/** `name` in lower case. */
function headerValue(headers: readonly Buffer[], name: string): string | null {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.length === name.length && headers[at]?.toString("latin1").toLowerCase() === name) {
      return headers[at + 1]?.toString("latin1") ?? null;
    }
  }
  return null;
}

/** Drops a character cut by the limit. */
function textOf(body: Buffer): string {
  return storable(body.length < KEPT_BODY_BYTES ? body.toString() : new StringDecoder("utf8").write(body));
}

/** Without NUL, which PostgreSQL's text can't contain. */
function storable(text: string): string {
  return text.includes("\u0000") ? text.replaceAll("\u0000", "\ufffd") : text;
}
