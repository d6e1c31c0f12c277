import { expect, onTestFinished, test, vi } from "vitest";
import { findUnknownZone } from "../../../../src/cli/args/local-zone.js";

const JULY = Date.UTC(2026, 6, 1, 12);

/** Returns the hour of local time in July if the zone is known. */
function hourIn(zone: string): number | null {
  vi.stubEnv("TZ", zone);
  onTestFinished(() => void vi.unstubAllEnvs());
  expect([null, zone]).toContain(findUnknownZone(zone));
  return findUnknownZone(zone) === null ? new Date(JULY).getHours() : null;
}

test.each([
  ["Europe/Berlin", 14],
  [":Europe/Berlin", 14],
  ["CET", 14],
  ["EST5EDT", 8],
  ["America/Argentina/Buenos_Aires", 9],
  ["Asia/Kolkata", 17],
  ["AEST-10", 22],
  ["UTC+3", 9],
  ["JST-9", 21],
  ["UTC", 12],
  ["UTC0", 12],
  ["GMT", 12],
  ["GMT0", 12],
  ["Etc/UTC", 12],
  ["Zulu", 12],
  ["EST", 7],
  ["Europe/London", 13],
])("TZ=%s is known, and it is %i there", (zone, hour) => expect(hourIn(zone)).toBe(hour));

test.each([
  "CET-1CEST",
  "CET-1CEST,M3.5.0,M10.5.0/3",
  "AEST-10AEDT,M10.1.0,M4.1.0/3",
  "EST5EDT,M3.2.0,M11.1.0",
  "GMT0BST",
  "IST-5:30",
  "AEST-10:00",
  "<+03>-3",
  "Foo/Bar",
  "Australia/Sydney ",
  "europe/berlin",
  "/usr/share/zoneinfo/Europe/Berlin",
  "Eire",
  // Intl knows them.
  ..."ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT IET IST JST MIT NET NST PLT PNT PRT PST SST VST".split(" "),
])("TZ=%s isn't known", (zone) => expect(hourIn(zone)).toBeNull());

test("no TZ is the machine's zone", () => {
  expect([undefined, ""].map(findUnknownZone)).toEqual([null, null]);
});
