import { describe, expect, test } from "vitest";
import { closestMatch } from "../../../../src/cli/args/closest-match.js";
import { parseInstant } from "../../../../src/cli/args/instant.js";
import { parseRate } from "../../../../src/cli/args/numbers.js";

const NOW = Date.UTC(2026, 10, 24, 12);

describe("instants", () => {
  test.each([
    ["2h", "2026-11-24T10:00:00.000Z"],
    ["7d", "2026-11-17T12:00:00.000Z"],
    ["2026-11-24", "2026-11-24T00:00:00.000Z"],
    ["2026-11-24 13:05", "2026-11-24T13:05:00.000Z"],
    ["2026-11-24T13:05:06.789+11:00", "2026-11-24T02:05:06.789Z"],
  ])("%s, in UTC, is %s", (text, iso) => expect(new Date(parseInstant(text, { now: NOW, utc: true })).toISOString()).toBe(iso));

  test.each(["yesterday", "24/11/26", "2026-13-01", "2026", ""])("%j is none", (text) => {
    expect(() => parseInstant(text, { now: NOW, utc: true })).toThrow("is no date");
  });
});

describe("rates", () => {
  test.each([
    ["20/s", 20],
    ["600/m", 10],
    ["7200/h", 2],
    ["5", 5],
  ])("%s is %d a second", (text, rate) => expect(parseRate(text)).toBe(rate));
  test.each(["0", "fast", "-1/s", "5/d"])("%j is none", (text) => expect(() => parseRate(text)).toThrow("is no rate"));
});

describe("did you mean", () => {
  test.each([
    ["demmo", "demo"],
    ["dmeo", "demo"],
    ["DEMO", "demo"],
    ["crn", "crm"],
    ["something else", null],
    ["x", null],
  ])("%s: %s", (word, meant) => expect(closestMatch(word, ["demo", "crm", "billing"])).toBe(meant));
});
