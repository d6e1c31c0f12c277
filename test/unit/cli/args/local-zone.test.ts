import { expect, onTestFinished, test, vi } from "vitest";
import { findUnknownZone } from "../../../../src/cli/args/local-zone.js";

const JULY = Date.UTC(2026, 6, 1, 12);

const noFile = () => null;

function isKnown(env: Record<string, string>, readFile: (path: string) => Buffer | null, now = JULY): boolean {
  const unknown = findUnknownZone({ env, now, readFile });
  expect([null, env.TZ === undefined ? "the zone of /etc/localtime" : `TZ=${env.TZ}`]).toContain(unknown);
  return unknown === null;
}

/** Each change is [instant, seconds east]. */
function zoneFile(rule: string, changes: readonly (readonly [at: number, seconds: number])[] = []): Buffer {
  const header = (count: number) => {
    const bytes = Buffer.alloc(44);
    bytes.write("TZif2");
    for (const place of [32, 36]) bytes.writeUInt32BE(count, place);
    return bytes;
  };
  const instants = Buffer.alloc(changes.length * 8);
  const types = Buffer.alloc(changes.length * 6);
  for (const [index, [at, seconds]] of changes.entries()) {
    instants.writeBigInt64BE(BigInt(at / 1_000), index * 8);
    types.writeInt32BE(seconds, index * 6);
  }
  const indexes = Buffer.from(changes.map((_, index) => index));
  return Buffer.concat([header(0), header(changes.length), instants, indexes, types, Buffer.from(`\n${rule}\n`)]);
}

/** Returns the hour of local time in July if the zone is known. */
function hourIn(zone: string): number | null {
  vi.stubEnv("TZ", zone);
  onTestFinished(() => void vi.unstubAllEnvs());
  return isKnown({ TZ: zone }, noFile) ? new Date(JULY).getHours() : null;
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
])("without TZ, where Node's local time is %s, the file's rule %s is known: %s", (zone, rule, known) => {
  vi.stubEnv("TZ", zone);
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(isKnown({}, () => zoneFile(rule))).toBe(known);
});

const JUNE = Date.UTC(2026, 5, 1);
const hours = (count: number): number => count * 3_600;

test.each([
  ["says the same", "Europe/Berlin", zoneFile("CET-1CEST,M3.5.0,M10.5.0/3"), true],
  ["has no daylight saving time any more", "Europe/Berlin", zoneFile("CET-1"), false],
  ["has another standard time", "America/Vancouver", zoneFile("AKST9AKDT,M3.2.0,M11.1.0"), false],
  [
    "has changes that have come",
    "Etc/GMT+7",
    zoneFile("<-08>8", [
      [0, hours(-7)],
      [JUNE, hours(-8)],
    ]),
    false,
  ],
  [
    "has a change that is long to come",
    "Etc/GMT+7",
    zoneFile("<-08>8", [
      [0, hours(-7)],
      [JUNE + 1e11, hours(-8)],
    ]),
    true,
  ],
  [
    "had its last change long ago",
    "Etc/GMT+7",
    zoneFile("<-07>7", [
      [0, hours(-9)],
      [1e12, hours(-7)],
    ]),
    true,
  ],
  ["is cut off", "Etc/GMT+7", zoneFile("<-07>7", [[0, hours(-7)]]).subarray(0, 90), true],
  ["isn't one of zones", "Etc/GMT+7", Buffer.from("TZ?"), true],
])("a zone in TZ whose file %s: %s", (_, zone, file, known) => {
  vi.stubEnv("TZ", zone);
  onTestFinished(() => void vi.unstubAllEnvs());
  const read = (path: string) => (path === `/usr/share/zoneinfo/${zone}` ? file : null);
  expect(isKnown({ TZ: zone }, read)).toBe(known);
  expect(isKnown({ TZ: `:${zone}` }, read)).toBe(known);
  expect(isKnown({ TZ: zone, TZDIR: "/zones" }, (path) => (path === `/zones/${zone}` ? file : null))).toBe(known);
});

test("the months that count are those around the present", () => {
  vi.stubEnv("TZ", "Etc/GMT+7");
  onTestFinished(() => void vi.unstubAllEnvs());
  const read = () =>
    zoneFile("<-08>8", [
      [0, hours(-7)],
      [JUNE, hours(-8)],
    ]);
  const [april, may] = [Date.UTC(2026, 3, 30), Date.UTC(2026, 4, 1)];
  expect([april, may].map((now) => isKnown({ TZ: "Etc/GMT+7" }, read, now))).toEqual([true, false]);
});

test("no file is read for UTC", () => {
  const read = () => {
    throw new Error("it is read");
  };
  expect(isKnown({ TZ: "UTC" }, read)).toBe(true);
});

test("an empty TZ, and no file, are the machine's zone", () => {
  expect([{}, { TZ: "" }].map((env) => isKnown(env, noFile))).toEqual([true, true]);
});
