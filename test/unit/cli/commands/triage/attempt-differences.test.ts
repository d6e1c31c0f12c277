import { expect, test } from "vitest";
import { describeDifferences } from "../../../../../src/cli/commands/triage/attempt-differences.js";
import type { ListedAttempt } from "../../../../../src/client/client.js";

function attempts(...changes: readonly Partial<ListedAttempt>[]): readonly ListedAttempt[] {
  return changes.map((change, index) => ({
    number: index + 1,
    attemptedAt: index,
    durationMs: 10,
    statusCode: 503,
    statusMessage: "Service Unavailable",
    error: null,
    cause: "retry",
    body: "busy",
    sentFrom: null,
    isResent: false,
    retryAfterMs: null,
    ...change,
  }));
}

test("attempts that are alike are counted together, and the others say how they differ", () => {
  const all = attempts(
    {},
    { durationMs: 30 },
    {},
    { statusCode: 500, statusMessage: "Oops", body: "trace" },
    { statusCode: 500, statusMessage: "Oops", body: "trace", durationMs: 9_000 },
    { statusCode: null, statusMessage: "refused: connection refused", body: null, sentFrom: "ada@desk", durationMs: 9_000 },
  );
  expect(describeDifferences(all)).toEqual([
    "#2 to #3 as #1",
    '#4 not as #3: 503 Service Unavailable -> 500 Oops; answer "busy" -> "trace"',
    "#5 not as #4: took 10ms -> 9s",
    '#6 not as #5: 500 Oops -> refused: connection refused; answer "trace" -> none; sent by ada@desk',
  ]);
});

test("one attempt differs from none", () => {
  expect(describeDifferences(attempts({}))).toEqual([]);
});
