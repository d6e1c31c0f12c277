import { describe, expect, onTestFinished, test, vi } from "vitest";
import { parseInstant } from "../../../../src/cli/args/typed-instant.js";
import { formatInstant, formatRelative, formatTime } from "../../../../src/cli/output/times.js";
import { formatUtc } from "../../../../src/notifier/notice-text.js";
import { toIsoDate } from "../../../../src/wire/dates.js";

const NOW = Date.UTC(2026, 10, 24, 12);

describe("an instant", () => {
  test.each([
    ["now", "2026-11-24T12:00:00.000Z"],
    ["2h", "2026-11-24T10:00:00.000Z"],
    ["1h30m", "2026-11-24T10:30:00.000Z"],
    ["2h 3m ago", "2026-11-24T09:57:00.000Z"],
    ["7d", "2026-11-17T12:00:00.000Z"],
    ["2w", "2026-11-10T12:00:00.000Z"],
    ["05:00", "2026-11-24T05:00:00.000Z"],
    ["12:00", "2026-11-24T12:00:00.000Z"],
    ["11:59:59", "2026-11-24T11:59:59.000Z"],
    ["today", "2026-11-24T00:00:00.000Z"],
    ["today 05:00", "2026-11-24T05:00:00.000Z"],
    ["today 23:00", "2026-11-24T23:00:00.000Z"],
    ["Yesterday", "2026-11-23T00:00:00.000Z"],
    ["yesterday 23:28:01", "2026-11-23T23:28:01.000Z"],
    ["2026-11-24", "2026-11-24T00:00:00.000Z"],
    ["2026-11-24 13:05", "2026-11-24T13:05:00.000Z"],
    ["2026-11-24t13:05z", "2026-11-24T13:05:00.000Z"],
    ["2026-11-24 13:05 UTC", "2026-11-24T13:05:00.000Z"],
    ["2026-11-24T13:05:06.789+11:00", "2026-11-24T02:05:06.789Z"],
    ["2026-11-24 13:05:06 +1100", "2026-11-24T02:05:06.000Z"],
    ["2028-02-29", "2028-02-29T00:00:00.000Z"],
    ["2026-11-24T23:59:59Z", "2026-11-24T23:59:59.000Z"],
  ])("%s, in UTC, is %s", (text, iso) => expect(new Date(parseInstant(text, { now: NOW, utc: true })).toISOString()).toBe(iso));

  test.each([
    "24/11/26",
    "2026-13-01",
    "2026",
    "",
    "2026-02-31",
    "2026-02-29",
    "2026-04-31T10:00",
    "2026-11-24T24:00",
    "2026-11-24T10:60",
    "2026-06-31 10:00+02:00",
    "2026-11-2410:00",
    "5:00",
    "05:00 yesterday",
    "today05:00",
    "tomorrow",
    "yesterday 05:00+11:00",
    "05:00+11:00",
    "2026-11-24 05:00 06:00",
    "2026-11-24Z",
    "1M",
    "2026-11-24 13:00 +24:00",
  ])("%j can't be read", (text) => {
    expect(() => parseInstant(text, { now: NOW, utc: true })).toThrow("must be a time");
  });

  test("without a day must have been today: at night, 23:00 could be two", () => {
    expect(() => parseInstant("23:00", { now: NOW, utc: true })).toThrow(
      'is still to come: type "today 23:00" or "yesterday 23:00"',
    );
  });

  test("that whcb prints can be typed, in the zone in which it is shown", () => {
    const at = Date.UTC(2026, 10, 23, 23, 28, 1);
    for (const utc of [false, true]) {
      const context = { now: NOW, utc };
      for (const shown of [at, NOW - 1_000]) {
        const texts = [formatInstant(shown, utc), formatTime(shown, context), toIsoDate(shown), formatUtc(shown)];
        expect(texts.map((text) => parseInstant(text, context))).toEqual(texts.map(() => shown));
      }
      expect(parseInstant(formatRelative(NOW - 93_600_000, NOW), context)).toBe(NOW - 93_600_000);
    }
  });
});

test("days and times without a zone are local, also across a change of the clock", () => {
  vi.stubEnv("TZ", "Australia/Sydney");
  onTestFinished(() => void vi.unstubAllEnvs());
  // Daylight saving time began at 2 o'clock on this day.
  const context = { now: new Date(2026, 9, 4, 12).getTime(), utc: false };
  const shown = (text: string) => new Date(parseInstant(text, context)).toISOString();
  expect(["yesterday 05:00", "05:00", "2026-10-03 05:00"].map(shown)).toEqual([
    "2026-10-02T19:00:00.000Z",
    "2026-10-03T18:00:00.000Z",
    "2026-10-02T19:00:00.000Z",
  ]);
});

describe("a local time, where the clocks change", () => {
  const read = (zone: string, text: string, now = NOW): string => {
    vi.stubEnv("TZ", zone);
    onTestFinished(() => void vi.unstubAllEnvs());
    return new Date(parseInstant(text, { now, utc: false })).toISOString();
  };

  test.each([
    ["Europe/Berlin", "2026-10-25 02:00", "comes twice", "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"],
    ["Europe/Berlin", "2026-10-25T02:59:59.9", "comes twice", "2026-10-25T02:59:59.9+02:00", "2026-10-25T02:59:59.9+01:00"],
    ["Europe/Berlin", "2026-03-29 02:30", "doesn't exist", "2026-03-29T02:30+01:00", "2026-03-29T02:30+02:00"],
    ["Australia/Lord_Howe", "2026-04-05 01:45", "comes twice", "2026-04-05T01:45+11:00", "2026-04-05T01:45+10:30"],
    ["America/St_Johns", "2026-11-01 01:59", "comes twice", "2026-11-01T01:59-02:30", "2026-11-01T01:59-03:30"],
    ["America/Santiago", "2026-09-06 00:00", "doesn't exist", "2026-09-06T00:00-04:00", "2026-09-06T00:00-03:00"],
  ])("in %s, %s %s: the error has both offsets, which can be typed", (zone, text, what, one, other) => {
    expect(() => read(zone, text)).toThrow(`${what}, as the clocks change then: type "${one}" or "${other}"`);
    const [before, after] = [one, other].map((typed) => Date.parse(read(zone, typed)));
    expect([before, after]).toEqual([Date.parse(one), Date.parse(other)]);
  });

  test("is an error without its day too", () => {
    const now = Date.UTC(2026, 9, 25, 12);
    expect(() => read("Europe/Berlin", "02:30", now)).toThrow('type "2026-10-25T02:30+02:00" or');
    expect(() => read("Europe/Berlin", "yesterday 02:30", now + 24 * 3_600_000)).toThrow("comes twice");
  });

  test.each([
    ["Europe/Berlin", "2026-10-25 01:59:59.999", "2026-10-24T23:59:59.999Z"],
    ["Europe/Berlin", "2026-10-25 03:00", "2026-10-25T02:00:00.000Z"],
    ["Europe/Berlin", "2026-03-29 01:59:59", "2026-03-29T00:59:59.000Z"],
    ["Europe/Berlin", "2026-03-29 03:00", "2026-03-29T01:00:00.000Z"],
    ["Europe/Berlin", "2026-10-25 02:30Z", "2026-10-25T02:30:00.000Z"],
    // A day is its beginning, though it begins at 01:00.
    ["America/Santiago", "2026-09-06", "2026-09-06T04:00:00.000Z"],
  ])("in %s, %s is one instant", (zone, text, iso) => expect(read(zone, text)).toBe(iso));
});
