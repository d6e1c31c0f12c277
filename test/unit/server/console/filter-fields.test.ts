import { describe, expect, it } from "vitest";
import {
  callsPath,
  describeFilter,
  parseFilter,
  settledFields,
  typedQuery,
  withField,
} from "../../../../src/server/console/filter-fields.js";

const NOW = Date.UTC(2026, 10, 26, 3, 0);
const HOUR = 3_600_000;

describe("the filters of a URL", () => {
  it("mean failed calls unless another status is asked for", () => {
    expect(parseFilter({}, NOW)).toEqual({ typed: { status: "FAILED", fields: {} }, filter: { status: "FAILED" }, problems: {} });
    expect(parseFilter({ status: "success" }, NOW).filter).toEqual({ status: "SUCCESS" });
    expect(parseFilter({ status: "attempted" }, NOW)).toMatchObject({ typed: { status: "ATTEMPTED" }, filter: {} });
    expect(() => parseFilter({ status: "lost" }, NOW)).toThrow("status must be");
  });

  it("accept times ago, and dates with a zone or in UTC", () => {
    const since = (text: string) => parseFilter({ since: text }, NOW).filter.since;
    expect(since("1h")).toBe(NOW - HOUR);
    expect(since("30m")).toBe(NOW - HOUR / 2);
    expect(since("2d")).toBe(NOW - 48 * HOUR);
    expect(since("1h30m")).toBe(NOW - 1.5 * HOUR);
    expect(since("1h 30m ago")).toBe(NOW - 1.5 * HOUR);
    expect(since("2w")).toBe(NOW - 336 * HOUR);
    expect(since(" 2026-11-26 02:00 ")).toBe(NOW - HOUR);
    expect(since("2026-11-26T13:00+11:00")).toBe(NOW - HOUR);
    expect(since("2026-11-26T13:00 11:00"), "a + that wasn't encoded").toBe(NOW - HOUR);
    expect(since("26/11/26 02:00")).toBe(NOW - HOUR);
    expect(since("2026-11-26")).toBe(NOW - 3 * HOUR);
  });

  it("say the zone of a time that was given without one, and read it the same then", () => {
    for (const text of ["2026-11-26 02:00", "26/11/2026 02:00", "2026-11-26"]) {
      const { typed, filter } = parseFilter({ until: text }, NOW);
      expect(typed.fields.until).toBe(`${text} UTC`);
      expect(parseFilter({ until: `${text} UTC` }, NOW)).toEqual({ typed, filter, problems: {} });
    }
    expect(parseFilter({ until: "2026-11-26 02:00 +11:00" }, NOW).typed.fields.until).toBe("2026-11-26 02:00 +11:00");
    expect(parseFilter({ until: "2026-11-26 02:00 +11:00 UTC" }, NOW).problems.until).toBeDefined();
  });

  it("read all fields, and keep them as typed", () => {
    const query = {
      status: "FAILED",
      since: "1h",
      until: "10m",
      statusCode: "503, 4xx,none",
      q: "Yes & no",
      reason: "refused",
      channel: "sms",
      from: "+61400",
      messageId: "AB",
    };
    const { typed, filter, problems } = parseFilter(query, NOW);
    expect(problems).toEqual({});
    expect(filter).toEqual({
      status: "FAILED",
      since: NOW - HOUR,
      until: NOW - HOUR / 6,
      statusCodes: [{ code: 503 }, { class: 4 }, { none: true }],
      text: "Yes & no",
      reason: "refused",
      channel: "SMS",
      from: "+61400",
      messageId: "AB",
    });
    const { status: _, ...fields } = query;
    expect(typed).toEqual({ status: "FAILED", fields });
    expect(parseFilter(Object.fromEntries(new URLSearchParams(typedQuery(typed))), NOW).filter).toEqual(filter);
    expect(describeFilter(filter)).toEqual([
      ["Last attempt since", NOW - HOUR],
      ["Last attempt before", NOW - HOUR / 6],
      ["Status code", "503, 4xx, none"],
      ["Reason", "connection refused"],
      ["Text contains", "Yes & no"],
      ["Channel", "SMS"],
      ["From", "+61400"],
      ["Message id", "AB"],
    ]);
  });

  it.each([
    ["since", "yesterday", "Must be a time ago"],
    ["since", "31/02/26 10:00", "Must be a time ago"],
    ["since", "1000001d", "Must be a time ago"],
    ["until", "5 parsecs", "Must be a time ago"],
    ["statusCode", "5o3", "Must be codes such as 500"],
    ["reason", "bad luck", "Must be one of connect-timeout"],
    ["q", "a\0b", "Must have no control characters"],
  ] as const)("say what is wrong with %s=%s, at its field only", (name, value, problem) => {
    const parsed = parseFilter({ [name]: value, messageId: "AB" }, NOW);
    expect(parsed.problems).toEqual({ [name]: expect.stringContaining(problem) });
    expect(parsed.filter).toEqual({ status: "FAILED", messageId: "AB" });
    if (name !== "q") expect(parsed.typed.fields[name]).toBe(value);
  });

  it("aren't read if they are long: a link could keep the service busy, or make a page of megabytes", () => {
    const parsed = parseFilter({ q: "a".repeat(201), since: `1s${"1".repeat(100_000)}`, from: "b".repeat(200) }, NOW);
    expect(parsed.problems).toEqual({ q: "Must have at most 200 characters", since: expect.stringContaining("a time ago") });
    expect(Object.values(parsed.typed.fields).map((value) => value.length)).toEqual([200, 200, 200]);
    expect(parsed.filter).toEqual({ status: "FAILED", from: "b".repeat(200) });
  });

  it("reject a period that ends before it begins", () => {
    expect(parseFilter({ since: "1h", until: "2h" }, NOW).problems).toEqual({ until: "Must be later than Since" });
  });

  it("mean the same later once times ago are instants", () => {
    const { typed, filter } = parseFilter({ status: "ATTEMPTED", since: "1h", statusCode: "5xx" }, NOW);
    const settled = settledFields(filter, typed);
    expect(settled).toEqual({ status: "ATTEMPTED", since: "2026-11-26T02:00:00.000Z", statusCode: "5xx" });
    expect(parseFilter(settled, NOW + 9 * HOUR).filter).toEqual(filter);
  });
});

describe("a page's path", () => {
  it("keeps the filter, but not the default", () => {
    const { typed } = parseFilter({ since: "1h", q: "a&b" }, NOW);
    expect(callsPath("A/1", typed)).toBe("/console/callbacks/A%2F1/calls?since=1h&q=a%26b");
    expect(callsPath("A", withField(withField(typed, "since", null), "q", null))).toBe("/console/callbacks/A/calls");
    expect(callsPath("A", { status: "SUCCESS", fields: {} }, { cursor: "c" })).toBe(
      "/console/callbacks/A/calls?status=SUCCESS&cursor=c",
    );
  });
});
