import { describe, expect, test } from "vitest";
import {
  formatDuration,
  parseDuration,
  parsePositiveDuration,
  readTimeAgo,
  spellDuration,
} from "../../../src/domain/duration.js";

const EXPECTED = 'must be a duration, such as "30s", "1h30m", "7d" or "2w"';

describe("a duration", () => {
  test.each([
    ["500ms", 500],
    ["30s", 30_000],
    ["1.5h", 5_400_000],
    ["1h30m", 5_400_000],
    [" 7d ", 604_800_000],
    ["2w", 1_209_600_000],
    ["2d 3h", 183_600_000],
    ["90 seconds", 90_000],
    ["1 minute", 60_000],
    ["24 hours", 86_400_000],
    ["0s", 0],
    ["1.25h", 4_500_000],
    ["1 hour 30 minutes", 5_400_000],
  ])("%j is %i ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(["", "5", "h", "5 m", "-5m", "5m!", "5x", "5m  5s", "5 hinute", "5 minutess"])(
    "%j can't be parsed, and the error says what is expected",
    (text) => expect(() => parseDuration(text)).toThrow(EXPECTED),
  );

  test("that must be positive can't be zero", () => {
    expect(parsePositiveDuration("1ms")).toBe(1);
    expect(() => parsePositiveDuration("0s")).toThrow("must be longer than zero");
    expect(() => parsePositiveDuration("soon")).toThrow(EXPECTED);
  });

  test("that is shown can be typed", () => {
    for (const ms of [500, 61_000, 93_600_000, 86_400_000]) expect(parseDuration(formatDuration(ms))).toBe(ms);
    for (const ms of [1_000, 90_000, 300_000, 86_400_000]) expect(parseDuration(spellDuration(ms))).toBe(ms);
  });

  test.each([
    ["now", 0],
    ["2h", 7_200_000],
    ["2h 3m ago", 7_380_000],
    ["5 minutes ago", 300_000],
    ["12h", 43_200_000],
    ["1.25h ago", 4_500_000],
    ["in 2h", null],
    ["yesterday", null],
    ["2026-11-24", null],
  ])("%j as a time ago is %j", (text, ms) => expect(readTimeAgo(text)).toBe(ms));

  test("is a time ago with ago at its end, and nowhere else", () => {
    expect(() => readTimeAgo("2h ago 3m")).toThrow(EXPECTED);
  });

  test("is at most 2 700 years: instants stay valid dates", () => {
    expect(parseDuration("1000000d")).toBe(86_400_000_000_000);
    for (const text of ["1000001d", "99999999999999d", `${"9".repeat(400)}d`])
      expect(() => parseDuration(text)).toThrow("must be at most 1000000d");
  });

  test.each([
    [-5, "0ms"],
    [0, "0ms"],
    [999, "999ms"],
    [999.7, "1000ms"],
    [1_000, "1s"],
    [61_000, "1m 1s"],
    [3_600_000, "1h"],
    [3_601_000, "1h"],
    [86_400_000, "1d"],
    [93_600_000, "1d 2h"],
    [93_661_000, "1d 2h"],
  ])("of %d ms is shown as %s: at most two units", (ms, text) => expect(formatDuration(ms)).toBe(text));

  test.each([
    [0, "1 second"],
    [1_000, "1 second"],
    [90_000, "90 seconds"],
    [60_000, "1 minute"],
    [300_000, "5 minutes"],
    [3_600_000, "1 hour"],
    [86_400_000, "24 hours"],
  ])("of %i ms is spelled out as %s: one unit", (ms, text) => expect(spellDuration(ms)).toBe(text));
});
