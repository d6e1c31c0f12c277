import { render } from "preact-render-to-string";
import { describe, expect, it } from "vitest";
import { CallList, type CallListView, type FoundCalls } from "../../../../src/server/console/pages/call-list.js";
import { aCall, aResponse } from "../../../support/builders.js";

const textOf = (found: Partial<FoundCalls>, over: Partial<CallListView> = {}): string => {
  const view: CallListView = {
    callbackId: "00112233445566AA",
    typed: { status: "FAILED", fields: { q: "yes" } },
    problems: {},
    counts: { FAILED: 1_234_567, PENDING: 0, SUCCESS: 0 },
    failures: [],
    runningReplay: null,
    found: {
      calls: [aCall({ status: "FAILED" })],
      matching: { count: 1, isExact: true },
      newer: null,
      older: null,
      now: 0,
      ...found,
    },
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

describe("what others have written", () => {
  it("changes no direction outside of itself, and is cut off", () => {
    const from = { name: "", mri: "", mobile: "\u202e16\u2066", email: "", voice: "" };
    const responseMessage = { channel: "SMS", kind: "reply", date: "", content: `\u2068${"x".repeat(500)}` } as const;
    const call = aCall({
      status: "FAILED",
      statusCode: 500,
      statusMessage: "\u202eon",
      response: aResponse({ from, responseMessage }),
    });
    const text = textOf({ calls: [call] });
    expect(text).toContain("500 on");
    expect(text).toMatch(/ 16 +x{89}… /);
    expect(text).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
  });

  it("fills no page with causes: the most frequent ones are named", () => {
    const failures = Array.from({ length: 400 }, (_, index) => ({ statusCode: 201 + index, reason: null, count: 500 - index }));
    const text = textOf({}, { failures });
    expect(text).toMatch(/By reason 201 500 .* 220 481 and 380 others/);
    expect(text).not.toContain("221 480");
  });
});
