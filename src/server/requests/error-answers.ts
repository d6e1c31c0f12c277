/** The answers are those of docs/contract.md, Errors. */
import { STATUS_CODES } from "node:http";
import { type ErrorCode, isWhcbError } from "../../domain/errors.js";
import type { ErrorDocument } from "../../wire/json/error-json.js";
import type { JsonObject } from "../../wire/json/json-value.js";

export interface ErrorAnswer {
  readonly status: number;
  readonly document: ErrorDocument & JsonObject;
  readonly headers: Readonly<Record<string, string>>;
}

const STATUS_OF = {
  usage: 400,
  malformed: 400,
  invalid: 422,
  "duplicate-name": 400,
  "endpoint-check-failed": 400,
  "address-refused": 422,
  "not-found": 404,
  unauthenticated: 401,
  forbidden: 403,
  config: 503, // the database rejects the service until the operator has seen to it
  "rate-limited": 429,
  "quota-exceeded": 403,
  "too-large": 413,
  "unsupported-media-type": 415,
  "method-not-allowed": 405,
  unavailable: 503,
  network: 502,
  locked: 409,
  "too-late": 412,
  "other-database": 421,
  "items-failed": 500,
  interrupted: 503,
} as const satisfies Record<ErrorCode, number>;

const SUMMARY_OF: Readonly<Partial<Record<ErrorCode, string>>> = {
  malformed: "The request can't be read",
  invalid: "The request is incomplete or out of range",
  "duplicate-name": "The name is taken",
  "endpoint-check-failed": "The callback's URL did not answer the check with 200",
  "address-refused": "The callback's URL isn't allowed",
  "not-found": "Not found",
  unauthenticated: "The user could not be verified",
  forbidden: "The API key could not be verified",
  "unsupported-media-type": "The Content-Type isn't supported",
  locked: "The callback is locked",
  "too-late": "The request came too late",
  "other-database": "The request was for another database",
  unavailable: "The service can't do this now",
  config: "The service can't do this now",
};

/** Their messages describe internals, so clients don't get them. */
const INTERNAL: ReadonlySet<ErrorCode> = new Set(["config", "network", "items-failed", "unavailable", "interrupted"]);

export const RETRY_AFTER_SECONDS = "5";

export function errorAnswer(status: number, summary: string, detail: string, headers: Record<string, string> = {}): ErrorAnswer {
  const errorText = STATUS_CODES[status] ?? "Error";
  return { status, document: { errorSummary: summary, errorText, errorDetail: detail }, headers };
}

/** An unexpected error becomes a plain 500, with its details only in the log. */
export function answerTo(error: unknown): ErrorAnswer {
  if (isWhcbError(error)) {
    const status = STATUS_OF[error.code];
    const summary = SUMMARY_OF[error.code] ?? STATUS_CODES[status] ?? "Error";
    if (INTERNAL.has(error.code)) {
      return errorAnswer(status, summary, "Try again later", status === 503 ? { "retry-after": RETRY_AFTER_SECONDS } : {});
    }
    const { retryAfterMs } = error;
    const pause = retryAfterMs === null ? {} : { "retry-after": String(Math.ceil(retryAfterMs / 1000)) };
    const headers = error.code === "unauthenticated" ? CHALLENGE : pause;
    return errorAnswer(status, summary, error.hint === undefined ? error.message : `${error.message}. ${error.hint}`, headers);
  }
  const status = statusOf(error);
  if (status === 413) return errorAnswer(413, "The body is too large", "A body may have at most 10 485 760 bytes");
  if (status === 415) return unsupportedMediaType("Content-Type");
  if (status >= 400 && status < 500) return errorAnswer(status, "The request can't be read", "The request isn't valid HTTP");
  return errorAnswer(500, "The service failed", "See the service's log for the request's id");
}

export const CHALLENGE = { "www-authenticate": 'Basic realm="whcb", charset="UTF-8", Bearer realm="whcb"' };

export function unsupportedMediaType(header: "Accept" | "Content-Type"): ErrorAnswer {
  const types = "application/json, application/xml or application/vnd.whispir.api-callback-v1 or api-call-v1, +json or +xml";
  return errorAnswer(415, `The ${header} isn't supported`, `${header} must be ${types}`);
}

export function methodNotAllowed(allowed: readonly string[]): ErrorAnswer {
  const allow = allowed.join(", ");
  return errorAnswer(405, "The method isn't allowed here", `This path allows ${allow}`, { allow });
}

/** Errors of Fastify and Node have a status of their own. */
function statusOf(error: unknown): number {
  if (typeof error !== "object" || error === null || !("statusCode" in error)) return 500;
  return typeof error.statusCode === "number" ? error.statusCode : 500;
}
