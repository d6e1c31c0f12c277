import { expect, test } from "vitest";
import { countFailed, describeAnswers, describeCodes, describeNotice } from "../../../../src/cli/output/outage-text.js";
import { aListedOutage } from "../../../support/cli/listed.js";

test.each([
  ["smtp", "its e-mail was sent at 2026-11-24 10:00:05Z"],
  ["file", "its e-mail was written to a file, not sent, at 2026-11-24 10:00:05Z"],
  [null, "its e-mail was sent or written to a file at 2026-11-24 10:00:05Z"],
] as const)("an outage's e-mail by %s", (notifiedBy, text) => {
  expect(describeNotice(aListedOutage({ notifiedBy }), true)).toBe(text);
});

test("says nothing before the e-mail is out", () => {
  expect(describeNotice(aListedOutage({ notifiedAt: null, notifiedBy: null }), true)).toBeNull();
});

test("says why an e-mail could not be sent", () => {
  const outage = aListedOutage({ notifiedAt: null, notifiedBy: null, mailError: "The mail server m:25 can't be reached." });
  expect(describeNotice(outage, true)).toBe(
    "its e-mail could not be sent and is tried again: The mail server m:25 can't be reached.",
  );
});

test("tells calls without an answer from those that were never sent", () => {
  const statusCodes = [
    { statusCode: null, calls: 5 },
    { statusCode: 503, calls: 2 },
  ];
  expect(describeCodes({ statusCodes, unsent: 5 })).toBe("503: 2");
  expect(describeCodes({ statusCodes, unsent: 2 })).toBe("no answer: 3, 503: 2");
  expect(describeCodes({ statusCodes, unsent: 0 })).toBe("no answer: 5, 503: 2");
});

test("doesn't count calls that wait for their endpoint as failed", () => {
  expect([countFailed(12, 0), countFailed(12, 5), countFailed(1, 1)]).toEqual([
    "12 failed calls",
    "7 failed calls and 5 without an outcome yet",
    "1 call without an outcome yet",
  ]);
});

test("names the answers of calls that one text in them has chosen, the most frequent ones first", () => {
  const answersOf = (...calls: readonly number[]) =>
    describeAnswers({
      ...{ firstAttemptedAt: null, lastAttemptedAt: null, statusCodes: [] },
      answers: calls.map((number, index) => ({ answer: `answer ${index}\n`, calls: number })),
    });
  expect(answersOf(2, 1)).toEqual(["  2 answered with answer 0", "  1 answered with answer 1"]);
  expect(answersOf(9, 8, 7, 6, 5, 4, 3)).toEqual([
    ...[9, 8, 7, 6, 5].map((calls, index) => `  ${calls} answered with answer ${index}`),
    "  7 answered with 2 other texts",
  ]);
  expect(describeAnswers({ firstAttemptedAt: null, lastAttemptedAt: null, statusCodes: [] })).toEqual([]);
});
