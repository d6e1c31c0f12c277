import { describe, expect, it } from "vitest";
import { readDate, readInstants, toIsoDate, toPlatformDate } from "../../../src/wire/dates.js";

describe("readDate", () => {
  it.each([
    ["2016-01-09T13:22:00.123Z", "UTC", "2016-01-09T13:22:00.123Z"],
    ["2016-01-09T13:22:00+11:00", "UTC", "2016-01-09T02:22:00.000Z"],
    ["2016-01-09T13:22:00+1100", "UTC", "2016-01-09T02:22:00.000Z"],
    ["2016-01-09T13:22:00", "Australia/Sydney", "2016-01-09T02:22:00.000Z"],
    ["2016-01-09", "UTC", "2016-01-09T00:00:00.000Z"],
    ["09/01/16 13:22", "UTC", "2016-01-09T13:22:00.000Z"],
    ["09/01/16 13:22", "Australia/Sydney", "2016-01-09T02:22:00.000Z"],
    ["09/07/16 13:22", "Australia/Sydney", "2016-07-09T03:22:00.000Z"],
    ["9/1/2016 13:22:05", "UTC", "2016-01-09T13:22:05.000Z"],
    [1452345720000, "UTC", "2016-01-09T13:22:00.000Z"],
  ])("reads %s in %s", (value, zone, iso) => {
    expect(toIsoDate(readDate(value, zone) ?? 0)).toBe(iso);
  });

  it.each([
    "",
    "yesterday",
    "31/02/16 10:00",
    "10/10/16 25:00",
    "2016-13-01",
    "2016-01-09T13:60:00Z",
    null,
    {},
    1e300,
    8.64e15,
    -8.64e15,
  ])("reads %j as null", (value) => {
    expect(readDate(value)).toBeNull();
  });
});

it.each([
  ["01/11/26 00:30", "America/New_York", ["2026-11-01T04:30:00.000Z"]],
  ["01/11/26 01:30", "America/New_York", ["2026-11-01T05:30:00.000Z", "2026-11-01T06:30:00.000Z"]],
  ["01/11/26 02:00", "America/New_York", ["2026-11-01T07:00:00.000Z"]],
  ["2026-04-05 02:30", "Australia/Sydney", ["2026-04-04T15:30:00.000Z", "2026-04-04T16:30:00.000Z"]],
  ["05/04/26 01:45", "Australia/Lord_Howe", ["2026-04-04T14:45:00.000Z", "2026-04-04T15:15:00.000Z"]],
  ["25/10/26 01:30", "Europe/London", ["2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z"]],
  ["29/03/26 01:30", "Europe/London", ["2026-03-29T00:30:00.000Z", "2026-03-29T01:30:00.000Z"]],
  ["2026-11-01T01:30:00-04:00", "America/New_York", ["2026-11-01T05:30:00.000Z"]],
])("%s in %s is of %s, and counts as the later instant", (date, zone, instants) => {
  expect(readInstants(date, zone).map(toIsoDate)).toEqual(instants);
  expect(toIsoDate(readDate(date, zone) ?? 0)).toBe(instants.at(-1));
});

describe("toPlatformDate", () => {
  it("writes dd/MM/yy HH:mm in the given zone", () => {
    const at = Date.UTC(2016, 0, 9, 2, 22);
    expect([toPlatformDate(at), toPlatformDate(at, "Australia/Sydney")]).toEqual(["09/01/16 02:22", "09/01/16 13:22"]);
  });
});
