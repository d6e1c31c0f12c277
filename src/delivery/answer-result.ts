import { STATUS_CODES } from "node:http";
import { StringDecoder } from "node:string_decoder";
import type { DeliveryResult } from "../domain/attempt.js";
import { maskSecrets, parseUrl } from "../domain/mask.js";
import type { CollectedBytes } from "../wire/collected-bytes.js";
import { parseRetryAfter } from "../wire/retry-after.js";

export interface RawAnswer {
  readonly statusCode: number;
  readonly statusMessage: string;
  /** `location` and `retryAfter` are null of an accepted answer, too. Undici keeps far more for all headers than their bytes. */
  readonly location: string | null;
  readonly retryAfter: string | null;
  /** `body` holds more of the answer than is kept. */
  readonly body: CollectedBytes | null;
  readonly secrets: readonly string[];
}

export const KEPT_BODY_BYTES = 1024;
const KEPT_MESSAGE_BYTES = 200;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export function resultOf(answer: RawAnswer): DeliveryResult {
  const { statusCode, secrets, body } = answer;
  const statusMessage = messageOf(answer);
  if (REDIRECTS.has(statusCode)) {
    const target = redirectTarget(answer.location);
    const detail = `${statusCode} ${statusMessage}, not followed${keptText(Buffer.from(target), secrets, KEPT_MESSAGE_BYTES)}`;
    return { kind: "unreachable", reason: "redirect", detail };
  }
  return {
    kind: "answered",
    statusCode,
    statusMessage,
    ...(body === null ? { body: "" } : keptBody(body.bytes(), secrets)),
  };
}

function keptBody(bytes: Buffer, secrets: readonly string[]): { readonly body: string; readonly isCut?: true } {
  const body = keptText(bytes, secrets, KEPT_BODY_BYTES);
  return bytes.length > KEPT_BODY_BYTES ? { body, isCut: true } : { body };
}

/** Returns ms from `now` (epoch ms). */
export function retryAfterOf({ retryAfter }: RawAnswer, now: number): number | null {
  return retryAfter === null ? null : parseRetryAfter(retryAfter, now);
}

function messageOf({ statusCode, statusMessage, secrets }: RawAnswer): string {
  const usual = STATUS_CODES[statusCode] ?? "";
  return statusMessage === usual ? usual : keptText(Buffer.from(statusMessage), secrets, KEPT_MESSAGE_BYTES) || usual;
}

/** Leaves out path and query, which may hold a key. */
function redirectTarget(location: string | null): string {
  const url = location === null ? null : parseUrl(location);
  return url === null ? "" : ` (to ${url.protocol}//${url.host})`;
}

/** Names and values alternate. `name` must be in lower case. */
export function headerValue(headers: readonly Buffer[], name: string): string | null {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.length === name.length && headers[at]?.toString("latin1").toLowerCase() === name) {
      return headers[at + 1]?.toString("latin1") ?? null;
    }
  }
  return null;
}

/** Masks the text, then cuts it. Drops a character that the limit cuts, and NUL, which PostgreSQL's text can't contain. */
function keptText(text: Buffer, secrets: readonly string[], limit: number): string {
  const kept = maskSecrets(text, secrets, limit);
  const read = text.length < limit ? kept.toString() : new StringDecoder("utf8").write(kept);
  return read.includes("\u0000") ? read.replaceAll("\u0000", "\ufffd") : read;
}
