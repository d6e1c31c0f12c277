import { expect, it } from "vitest";
import {
  ATTEMPT_DEADLINE_MS,
  hadNoConnection,
  isAccepted,
  MAX_REPORT_AHEAD_MS,
  MAX_REPORT_DURATION_MS,
  mayBeAboutBody,
  mayHaveBeenTaken,
  REASON_WORDS,
  resultMessage,
  UNREACHABLE_REASONS,
} from "../../../src/domain/attempt.js";
import { reasonWords } from "../../../src/domain/call-filter.js";
import { ACCEPTED, REFUSED_503 } from "../../support/builders.js";

const UNREACHED = { kind: "unreachable", reason: "dns", detail: "no address" } as const;

it("only the answer 200 is an acceptance", () => {
  expect([ACCEPTED, REFUSED_503, { ...REFUSED_503, statusCode: 201 } as const, UNREACHED].map(isAccepted)).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

it("nothing was sent without a connection", () => {
  const reasons = [...UNREACHABLE_REASONS, "not-sent", null].filter((reason) => hadNoConnection(null, reason));
  expect(reasons).toEqual(["connect-timeout", "refused", "dns", "address-refused"]);
  expect(hadNoConnection(503, "refused")).toBe(false);
});

it("some answers may be about this body only, and not about the endpoint", () => {
  const codes = [400, 401, 403, 404, 406, 409, 410, 413, 415, 422, 429, 500, 502, 503, null];
  expect(codes.filter(mayBeAboutBody)).toEqual([400, 406, 409, 413, 415, 422, 500]);
});

it("the endpoint may have what it answered with 200 or gave no complete answer to, also if a gateway in front of it answered", () => {
  const reasons = [...UNREACHABLE_REASONS, "not-sent", null].filter((reason) => mayHaveBeenTaken(null, reason));
  expect(reasons).toEqual(["response-timeout", "reset", "too-large", "protocol"]);
  const codes = [200, 202, 400, 408, 429, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525];
  // It is the message of an answer here.
  expect(codes.filter((code) => mayHaveBeenTaken(code, "reset"))).toEqual([200, 502, 504, 520, 522, 524]);
});

it("an attempt ends with the answer's message, or with why there was none", () => {
  expect([resultMessage(REFUSED_503), resultMessage(UNREACHED)]).toEqual(["Service Unavailable", "dns: no address"]);
});

it("people read why there was no answer in words of ASCII, and an answer's message as it is", () => {
  expect(["not-sent", "no-message", "dns", "Bad Gateway"].map(reasonWords)).toEqual([
    "not sent",
    "no message",
    "DNS lookup failed",
    "Bad Gateway",
  ]);
  for (const words of Object.values(REASON_WORDS)) expect(words).toMatch(/^[A-Za-z][ -~]+$/);
});

it("an attempt takes a minute at most; a report may be five minutes ahead, and of an attempt of a day", () => {
  expect([ATTEMPT_DEADLINE_MS, MAX_REPORT_AHEAD_MS, MAX_REPORT_DURATION_MS]).toEqual([60_000, 300_000, 86_400_000]);
});
