/** What a service's answer means where it isn't a success. */
import { type ErrorCode, WhcbError } from "../domain/errors.js";
import { readError } from "../wire/json/error-json.js";
import type { TransportResponse } from "./transport.js";

const OVER_RATE = "ERR_403_DEVELOPER_OVER_QPS";
const OVER_DAY = "ERR_403_DEVELOPER_OVER_QPD";

/** Over the plan's requests a second: told as 429 or as 403 with a code. */
export function isOverRate({ status, headers }: TransportResponse): boolean {
  return (status === 429 && !isOverDayCode(headers)) || (status === 403 && headers["x-error-code"]?.includes(OVER_RATE) === true);
}

/** Over the plan's requests a day. */
export function isOverDay({ status, headers }: TransportResponse): boolean {
  return (status === 429 || status === 403) && isOverDayCode(headers);
}

function isOverDayCode(headers: TransportResponse["headers"]): boolean {
  return headers["x-error-code"]?.includes(OVER_DAY) === true;
}

/** The exception for an answer of 300 or above. Redirects aren't followed: credentials go to the profile's origin only. */
export function serviceError(answer: TransportResponse, service: string): WhcbError {
  const { status, headers } = answer;
  if (isOverDay(answer)) {
    return new WhcbError("quota-exceeded", `${service}: the day's limit of requests is used up`, {
      hint: "Go on when the service's next day begins; what was begun can be resumed.",
    });
  }
  if (isOverRate(answer)) {
    return new WhcbError("rate-limited", `${service}: too many requests a second, and it stayed so`, {
      hint: "Set a lower rate for the profile, or see who else uses this API key.",
    });
  }
  if (status < 400) {
    return new WhcbError("config", `${service}: answered ${status}, a redirect, which isn't followed`, {
      hint: "Set the profile's URL to the address that it redirects to.",
    });
  }
  const told = toldIn(answer);
  if (status === 401) {
    return new WhcbError("unauthenticated", `${service}: user or password not accepted${told && ` (${told})`}`, {
      hint: "Set them again with `whcb login`.",
    });
  }
  if (status === 403) {
    const detail = headers["x-error-detail"] ?? told;
    return new WhcbError("forbidden", `${service}: API key not accepted${detail && ` (${detail})`}`, {
      hint: "Set it again with `whcb login`.",
    });
  }
  const code = CODES[status] ?? (status >= 500 ? "unavailable" : "malformed");
  return new WhcbError(code, told || `${service}: answered ${status}`);
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: "malformed",
  404: "not-found",
  405: "method-not-allowed",
  409: "duplicate-name",
  413: "too-large",
  415: "unsupported-media-type",
  422: "invalid",
  501: "usage",
};

/** The error document's own words, in one line; "" where it has none. */
function toldIn({ body }: TransportResponse): string {
  const { errorSummary, errorDetail } = readError(parseJson(body));
  const told = errorDetail && errorSummary && errorDetail !== errorSummary ? `${errorSummary}: ${errorDetail}` : errorDetail;
  return (told || errorSummary).replace(/\s+/g, " ").slice(0, 500);
}

/** Whether the service refused it for the sake of this call; hex digits may come back in the other case. */
export function namesCall({ message }: Error, callId: string): boolean {
  return message.toUpperCase().includes(callId.toUpperCase());
}

/** undefined where it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
