import { describe, expect, it } from "vitest";
import { filterFlags, filterOfGroup, narrowFilter } from "../../../../../src/cli/commands/triage/call-target.js";

const HOUR = Date.UTC(2026, 10, 24, 12);

describe("the filter of a group", () => {
  it.each([
    [["statusCode", "reason"], { statusCode: 503, reason: "Try later" }, { statusCodes: [{ code: 503 }], reason: "Try later" }],
    [["statusCode", "reason"], { statusCode: 503, reason: "no-message" }, { statusCodes: [{ code: 503 }], reason: "no-message" }],
    [["statusCode", "reason"], { statusCode: 503, reason: null }, null],
    [["statusCode", "reason"], { statusCode: 503, reason: " " }, null],
    [["statusCode", "reason"], { statusCode: null, reason: "refused" }, { statusCodes: [{ none: true }], reason: "refused" }],
    [["hour"], { hour: HOUR }, { since: HOUR, until: HOUR + 3_600_000 }],
    [["hour"], { hour: null }, { statusCodes: [{ none: true }], reason: "not-sent" }],
    [["from"], { from: "61400000000" }, { from: "61400000000" }],
    [["from"], { from: null }, null],
    [["from"], { from: " " }, null],
    [["messageId"], { messageId: null }, null],
  ] as const)("by %j of %j is %j", (by, values, filter) => {
    expect(filterOfGroup({ values, lastAttemptedAt: null }, by)).toEqual(filter);
  });

  it.each([
    ["", HOUR + 1_234, HOUR + 1_235],
    ["'s minute, which may be all that the service says", HOUR + 60_000, HOUR + 120_000],
  ])("by the hour ends with the last attempt%s, as the end of the hour may be still to come", (_, lastAttemptedAt, until) => {
    expect(filterOfGroup({ values: { hour: HOUR }, lastAttemptedAt }, ["hour"])).toEqual({ since: HOUR, until });
  });

  it("inside another one never takes more: the later beginning and the earlier end", () => {
    expect(narrowFilter({ since: 5, until: 9, from: "a" }, { since: 3, until: 7, reason: "b" })).toEqual({
      since: 5,
      until: 7,
      from: "a",
      reason: "b",
    });
  });
});

it("the flags of a filter are one word each, also for values that look like flags", () => {
  const filter = {
    statusCodes: [{ code: 503 }, { none: true }, { class: 5 }],
    reason: "-x",
    since: HOUR,
    from: "a b",
    messageId: "M",
    text: "hi",
  } as const;
  expect(filterFlags(filter)).toEqual([
    "--failed",
    "--status-code",
    "503,none,5xx",
    "--reason=-x",
    "--since",
    "2026-11-24T12:00:00.000Z",
    "--from",
    "a b",
    "--message",
    "M",
    "--grep",
    "hi",
  ]);
});
