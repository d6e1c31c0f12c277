import { render } from "preact-render-to-string";
import { describe, expect, it } from "vitest";
import { CallList, type CallListView, type FoundCalls } from "../../../../src/server/console/pages/call-list.js";
import { aCall } from "../../../support/builders.js";

const textOf = (found: Partial<FoundCalls>, over: Partial<CallListView> = {}): string => {
  const view: CallListView = {
    callbackId: "00112233445566AA",
    typed: { status: "FAILED", fields: { q: "yes" } },
    problems: {},
    counts: { FAILED: 1_234_567, PENDING: 0, SUCCESS: 0 },
    failures: [],
    runningReplay: null,
    found: { calls: [aCall({ status: "FAILED" })], matching: { count: 1, isExact: true }, newer: null, older: null, ...found },
    ...over,
  };
  return render(<CallList {...view} />)
    .replace(/<[^>]+>/g, " ")
    .replace(/\s+/g, " ");
};

describe("the number of calls that match", () => {
  it.each([
    [{ count: 1, isExact: true }, /1 failed call This page All that match \(\s?1\s?\)/],
    [{ count: 2_345, isExact: true }, /2\s345 failed calls This page All that match \(\s?2\s345\s?\)/],
    [{ count: 2_345, isExact: false }, /more than 2\s345 failed calls This page All that match \(\s?more than 2\s345\s?\)/],
    [{ count: 0, isExact: false }, /Calls that match: not counted This page All that match \(\s?not counted\s?\)/],
  ])("%j is never a guess", (matching, text) => {
    expect(textOf({ matching })).toMatch(text);
  });
});

describe("a search that has found nothing yet", () => {
  it("goes on, and one that has read everything says so", () => {
    expect(textOf({ calls: [], older: "/next" })).toMatch(/Nothing found yet .* Search on/);
    expect(textOf({ calls: [] })).toMatch(/No call matches Remove the filters/);
    expect(textOf({ calls: [] }, { typed: { status: "FAILED", fields: {} } })).toContain("No failed calls");
  });
});
