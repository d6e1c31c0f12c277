import { idKey } from "../domain/call.js";
import { formatDuration } from "../domain/duration.js";
import { advise, type ErrorCode, WhcbError } from "../domain/errors.js";
import { maskUrlsIn, type SecretMask } from "../domain/mask.js";
import { isErrorDocument, readError } from "../wire/json/error-json.js";
import { readJson } from "../wire/json/read-json.js";
import { removeHtml } from "../wire/remove-html.js";
import { ANSWER_LIMITS, type TransportResponse } from "./transport.js";

const OVER_RATE_CODE = "ERR_403_DEVELOPER_OVER_QPS";
const OVER_DAY_CODE = "ERR_403_DEVELOPER_OVER_QPD";

/** The limit per second gets a 429, or a 403 with a code. */
export function isOverRate({ status, headers }: TransportResponse): boolean {
  return (status === 429 && !hasErrorCode(headers, OVER_DAY_CODE)) || (status === 403 && hasErrorCode(headers, OVER_RATE_CODE));
}

/** The limit per day has a code of its own. */
export function isOverDay({ status, headers }: TransportResponse): boolean {
  return (status === 429 || status === 403) && hasErrorCode(headers, OVER_DAY_CODE);
}

/** Older gateways use X-Mashery names. */
function hasErrorCode(headers: TransportResponse["headers"], code: string): boolean {
  return (headers["x-error-code"] ?? headers["x-mashery-error-code"])?.includes(code) === true;
}

export interface AnsweringService {
  readonly name: string;
  /** A service may repeat the credentials that it was sent. */
  readonly mask: SecretMask;
}

/** The status is 300 or more. Redirects aren't followed, as credentials go only to the profile's origin. */
export function serviceError(
  answer: TransportResponse,
  { name: service, mask }: AnsweringService,
  retryAfterMs: number | null = null,
): WhcbError {
  const { status, headers } = answer;
  if (isOverDay(answer)) {
    return new WhcbError("quota-exceeded", `${service}: the daily limit of requests is reached`, {
      hint: "Continue when the service's next day begins; an unfinished run can be resumed.",
    });
  }
  if (isOverRate(answer)) {
    const asked = retryAfterMs === null ? "too many requests per second, even after waiting" : "too many requests";
    const pause = retryAfterMs === null ? "" : `; it asks for a pause of ${formatDuration(retryAfterMs)}`;
    return new WhcbError("rate-limited", `${service}: ${asked}${pause}`, {
      hint: "Set a lower rate for the profile, or check who else uses this API key.",
      retryAfterMs,
    });
  }
  if (status < 400) {
    return new WhcbError("config", `${service}: answered ${status}; redirects aren't followed`, {
      hint: "Set the profile's URL to the target of the redirect.",
    });
  }
  const detail = toOneLine(errorText(answer), mask);
  if (status === 401) {
    return new WhcbError("unauthenticated", `${service}: user or password rejected${detail && ` (${detail})`}`, LOGIN);
  }
  if (status === 403) {
    const reason = toOneLine(headers["x-error-detail"] ?? headers["x-mashery-error-detail"] ?? "", mask) || detail;
    return new WhcbError("forbidden", `${service}: API key rejected${reason && ` (${reason})`}`, LOGIN);
  }
  const code = isGatewaysNotFound(answer) ? "unavailable" : (CODES[status] ?? (status >= 500 ? "unavailable" : "malformed"));
  if (detail !== "") return new WhcbError(code, detail, { retryAfterMs });
  // An id in the message means that this call was rejected, and a gateway's page may repeat the whole request: so it becomes the hint.
  const text = toOneLine(removeHtml(readBeginning(answer.body, mask)), mask);
  const hint = text === "" ? {} : { hint: `The service says: ${text}` };
  return new WhcbError(code, `${service}: answered ${status}`, { retryAfterMs, ...hint });
}

const LOGIN = advise`Run ${{ command: "whcb login", when: "to store other credentials" }} again.`;

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: "malformed",
  404: "not-found",
  405: "method-not-allowed",
  408: "unavailable",
  409: "duplicate-name",
  412: "too-late",
  413: "too-large",
  415: "unsupported-media-type",
  421: "unavailable",
  422: "invalid",
  501: "usage",
};

/** Without the service's error document, a 404 doesn't say that anything was deleted: a proxy that has lost the service answers so. */
export function isGatewaysNotFound(answer: TransportResponse): boolean {
  return answer.status === 404 && !isServices(answer);
}

/** Tells whether the answer of an error is the service's own document. */
export function isServices({ body }: Pick<TransportResponse, "body">): boolean {
  return isErrorDocument(parseJson(body));
}

function errorText({ body }: TransportResponse): string {
  const { errorSummary, errorDetail } = readError(parseJson(body));
  const text = errorDetail && errorSummary && errorDetail !== errorSummary ? `${errorSummary}: ${errorDetail}` : errorDetail;
  return text || errorSummary;
}

const MAX_TEXT = 500;
const MAX_READ_BYTES = 10 * MAX_TEXT;

/** Returns what is shown of a service's text: one line of 500 characters, without secrets. */
export function toOneLine(text: string, mask: SecretMask): string {
  return maskUrlsIn(readBeginning(text, mask).replace(/\s+/g, " ").trim()).slice(0, MAX_TEXT);
}

/** Returns what is read of a text that may have 64 MiB. No secret would be recognized in a URL that is cut. */
function readBeginning(text: string, mask: SecretMask): string {
  const read = mask(text, MAX_READ_BYTES);
  return Buffer.byteLength(text) <= MAX_READ_BYTES ? read : read.replace(/https?:\/\/[^\s"'<>]*$/i, "");
}

/** Tells whether a word of the message is the id. The word may mean something else, as an id may be a common word. */
export function namesCall({ message }: Error, callId: string): boolean {
  const key = idKey(callId);
  return message.split(/[^\w.~-]+|\.(?!\w)/).some((word) => idKey(word) === key);
}

/** Returns undefined if it isn't JSON within the limits. */
export function parseJson(text: string): unknown {
  try {
    return readJson(text, "answer", ANSWER_LIMITS);
  } catch {
    return undefined;
  }
}
