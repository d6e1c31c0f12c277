import { expect, onTestFinished, test, vi } from "vitest";
import { findUnknownZone } from "../../../../src/cli/args/local-zone.js";

const JULY = Date.UTC(2026, 6, 1, 12);

const noFile = () => "";

/** Returns the hour of local time in July if the zone is known. */
function hourIn(zone: string): number | null {
  vi.stubEnv("TZ", zone);
  onTestFinished(() => void vi.unstubAllEnvs());
  expect([null, `TZ=${zone}`]).toContain(findUnknownZone(zone, noFile));
  return findUnknownZone(zone, noFile) === null ? new Date(JULY).getHours() : null;
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

test.each([
  ["UTC", "UTC0", true],
  ["UTC", "GMT0BST,M3.5.0/1,M10.5.0", false],
  ["UTC", "IST-5:30", false],
  ["Asia/Kolkata", "IST-5:30", true],
  ["Asia/Kolkata", "IST-1GMT0,M10.5.0,M3.5.0/1", false],
  ["Europe/Dublin", "IST-1GMT0,M10.5.0,M3.5.0/1", true],
  ["Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3", true],
  ["Etc/GMT-10", "AEST-10AEDT,M10.1.0,M4.1.0/3", false],
  ["Australia/Sydney", "AEST-10AEDT,M10.1.0,M4.1.0/3", true],
  ["Australia/Sydney", "<+10>-10<+11>,M3.5.0,M10.5.0", false],
  ["America/New_York", "EST5EDT,M3.2.0,M11.1.0", true],
  ["Asia/Kathmandu", "<+0545>-5:45", true],
  ["UTC", "", true],
])("without TZ, where Node's local time is %s, the file's rule %s is known: %s", (zone, rule, isKnown) => {
  vi.stubEnv("TZ", zone);
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(findUnknownZone(undefined, () => `TZif2\0\n${rule}\n`)).toBe(isKnown ? null : "the zone of /etc/localtime");
});

test("an empty TZ, and no file, are the machine's zone", () => {
  expect([undefined, ""].map((tz) => findUnknownZone(tz, noFile))).toEqual([null, null]);
});
