import type { IncomingMessage } from "node:http";
import { type ErrorAnswer, errorAnswer, unsupportedMediaType } from "./error-answers.js";

/** A header takes far more memory than its bytes, even while the request's end is missing. */
export const MAX_HEADERS = 100;
/** Fastify parses its parameters into far more memory than their bytes, and keeps some for good. A known type is far shorter. */
const LONGEST_TYPE = 200;

/** Rejects what Node would answer by itself, past the limits above, or wouldn't notice. Returns null if the request is right. */
export function protocolFault({ httpVersion, headers, rawHeaders }: IncomingMessage): ErrorAnswer | null {
  // Node keeps one more than are allowed, and leaves out the rest.
  if (rawHeaders.length > 2 * MAX_HEADERS) return TOO_MANY_HEADERS;
  if (countHosts(rawHeaders) > 1) return TWO_HOSTS;
  if ((headers["content-type"]?.length ?? 0) > LONGEST_TYPE) return unsupportedMediaType("Content-Type");
  if (httpVersion === "1.0") return null;
  if (headers.host === undefined) return NO_HOST;
  return headers.expect === undefined || /\b100-continue\b/i.test(headers.expect) ? null : UNKNOWN_EXPECT;
}

/** Names and values alternate in raw headers. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === "host") count += 1;
  }
  return count;
}

const TOO_MANY_HEADERS = errorAnswer(431, "The request can't be read", `A request may have at most ${MAX_HEADERS} headers`);
const NO_HOST = errorAnswer(400, "The request can't be read", "The Host header is missing");
const TWO_HOSTS = errorAnswer(400, "The request can't be read", "There is more than one Host header");
const UNKNOWN_EXPECT = errorAnswer(417, "The expectation can't be met", "Expect may only be 100-continue");
