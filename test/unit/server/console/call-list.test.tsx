import { render } from "preact-render-to-string";
import { describe, expect, it } from "vitest";
import type { Call } from "../../../../src/domain/call.js";
import { type Endpoint, NEW_ENDPOINT } from "../../../../src/domain/endpoint.js";
import { DEFAULT_RETRY_POLICY } from "../../../../src/domain/retry-policy.js";
import type { CallTotals } from "../../../../src/server/console/count-calls.js";
import type { TypedFilter } from "../../../../src/server/console/filter-fields.js";
import { CallList, type CallListView } from "../../../../src/server/console/pages/call-list.js";
import { aCall, aResponse } from "../../../support/builders.js";

const NONE = { count: 0, isExact: true };
const FILTERED = { status: "FAILED", fields: { q: "yes" } } as const;

interface Shown {
  readonly typed?: TypedFilter;
  readonly calls?: readonly Call[];
  readonly older?: string;
  readonly byStatus?: Partial<CallTotals["byStatus"]>;
  readonly causes?: CallTotals["causes"];
  readonly endpoint?: Partial<Endpoint>;
}

const htmlOf = (shown: Shown): string => {
  const { typed = FILTERED, calls = [aCall({ status: "FAILED" })], older = null, byStatus, causes, endpoint } = shown;
  const totals = {
    byStatus: { FAILED: NONE, SUCCESS: NONE, PENDING: NONE, ...byStatus },
    causes: causes ?? { failures: [], isExact: true },
  };
  const sending = {
    endpoint: { ...NEW_ENDPOINT, ...endpoint },
    policy: DEFAULT_RETRY_POLICY,
    retriesEnabled: true,
    begun: null,
    pause: null,
    now: 0,
  };
  const view: CallListView = {
    callbackId: "00112233445566AA",
    typed,
    problems: {},
    card: {
      callbackId: "00112233445566AA",
      health: "up",
      since: null,
      sending,
      sendingFailure: null,
      outage: null,
      failed: 0,
      calls: 1,
      expired: 0,
      latest: null,
      mail: null,
    },
    runningReplay: null,
    found: { calls, totals, newer: null, older },
  };
  return render(<CallList {...view} />);
};

const textOf = (shown: Shown): string =>
  htmlOf(shown)
    .replace(/<[^>]+>/g, " ")
    .replace(/\s+/g, " ");

const headings = (shown: Shown): readonly string[] =>
  [...htmlOf(shown).matchAll(/<th scope="col"[^>]*>(.*?)<\/th>/g)].map(([, title = ""]) => title.replace(/<[^>]+>/g, ""));

describe("the number of calls that match", () => {
  it.each([
    [{ count: 1, isExact: true }, /1 failed call .* Select all 1 that match/],
    [{ count: 2_345, isExact: true }, /2\s345 failed calls .* Select all 2\s345 that match/],
    [{ count: 2_345, isExact: false }, /more than 2\s345 failed calls .* Select all that match/],
    [{ count: 0, isExact: false }, /Calls that match: not counted .* Select all that match/],
  ])("%j is never a guess", (FAILED, text) => {
    expect(textOf({ byStatus: { FAILED } })).toMatch(text);
  });

  it("is on each tab", () => {
    const byStatus = { FAILED: { count: 2, isExact: true }, PENDING: { count: 3, isExact: false } };
    expect(textOf({ byStatus })).toContain("Failed 2 Waiting more than 3 Successful 0 Failed and successful 2 ");
  });
});

describe("a search that has found nothing yet", () => {
  it("goes on, and one that has read everything says so", () => {
    expect(textOf({ calls: [], older: "/next" })).toMatch(/Nothing found yet .* Search on/);
    expect(textOf({ calls: [] })).toMatch(/No failed call matches Remove the filters/);
    const typed = { status: "FAILED", fields: {} } as const;
    expect(textOf({ calls: [], typed, byStatus: { SUCCESS: { count: 1, isExact: true } } })).toContain("No failed calls");
    expect(textOf({ calls: [], typed })).toContain("No calls yet");
  });

  it("leads to what matches with another status", () => {
    const shown = { calls: [], byStatus: { SUCCESS: { count: 1, isExact: true }, PENDING: { count: 2, isExact: false } } };
    expect(textOf(shown)).toMatch(/No failed call matches more than 2 waiting calls match. 1 successful call matches. Remove/);
    expect(htmlOf(shown)).toContain("/calls?status=SUCCESS&amp;q=yes");
  });
});

describe("the table of calls", () => {
  it("names the zone once, and has no column that is empty in all rows", () => {
    const failed = aCall({ status: "FAILED", attemptCount: 1, attemptedAt: 0 });
    expect(headings({ calls: [failed] })).toEqual([
      "Call",
      "Last attempt UTC",
      "Status",
      "Attempts",
      "Next attempt",
      "From",
      "Text",
    ]);
    expect(textOf({ typed: { status: "FAILED", fields: { since: "1970-01-01T00:00:00.000Z" } } })).toContain(
      "Since: 1970-01-01 00:00:00 UTC ✕",
    );
    expect(textOf({ calls: [failed] })).toMatch(/ 1970-01-01 00:00:00 failed /);
    const sent = aCall({ status: "SUCCESS", attemptCount: 1, attemptedAt: 0 });
    expect(headings({ calls: [sent], typed: { status: "SUCCESS", fields: {} } })).not.toContain("Next attempt");
    const from = { name: "", mri: "", mobile: "", email: "", voice: "" };
    const anonymous = aCall({ response: aResponse({ from }) });
    expect(headings({ calls: [anonymous], typed: { status: "PENDING", fields: {} } })).toEqual([
      "Call",
      "Arrived UTC",
      "Status",
      "Next attempt",
      "Text",
    ]);
  });

  it("shows no time of a call's own while the endpoint is down", () => {
    const call = aCall({ status: "FAILED", firstFailedAt: 0, due: { at: -60_000, cause: "retry" } });
    const endpoint = { state: "down", roundAt: 60_000 } as const;
    expect(textOf({ calls: [call], endpoint })).toContain(" in a retry round ");
  });
});

describe("a cause", () => {
  const causes = {
    failures: [
      { statusCode: 503, reason: null, count: 12 },
      { statusCode: null, reason: "refused", count: 3 },
    ],
    isExact: true,
  } as const;
  const linkOf = (typed: TypedFilter, cause: string): string =>
    new RegExp(`id="cause-${cause}"><a href="[^"]*?/calls([^"]*)"`).exec(htmlOf({ typed, causes }))?.[1] ?? "";

  it("adds to the filters, takes the place of another one, and is removed if it is clicked again", () => {
    expect(linkOf(FILTERED, "503")).toBe("?q=yes&amp;statusCode=503");
    expect(linkOf({ status: "FAILED", fields: { statusCode: "503", q: "yes" } }, "refused")).toBe("?q=yes&amp;reason=refused");
    expect(linkOf({ status: "FAILED", fields: { statusCode: "503", q: "yes" } }, "503")).toBe("?q=yes");
  });

  it("says so if not all were counted", () => {
    expect(textOf({ causes })).toContain("By reason 503 12 connection refused 3 ");
    expect(textOf({ causes: { ...causes, isExact: false } })).toContain("By reason, of those counted so far 503 12");
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
    expect(text).toMatch(/ 16 +x{159}… /);
    expect(text).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
  });

  it("fills no page with causes: the most frequent ones are named", () => {
    const failures = Array.from({ length: 400 }, (_, index) => ({ statusCode: 201 + index, reason: null, count: 500 - index }));
    const text = textOf({ causes: { failures, isExact: true } });
    expect(text).toMatch(/By reason 201 500 .* 220 481 and 380 others/);
    expect(text).not.toContain("221 480");
  });
});
