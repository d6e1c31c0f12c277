/** Node takes UTC for local time where it doesn't know TZ, and says nothing. Programs of the C library know more forms than it. */
import { join } from "node:path";

/** A fixed offset in whole hours, such as AEST-10, or GMT, which Intl names otherwise than local time. */
const WHOLE_HOURS = /^(?:GMT|[a-z]{3,}[+-]?\d{1,2})$/i;

const PLACE = /^[a-z_]+(?:\/[a-z_]+)+$/i;

/** Daylight saving time begins in one month and ends in another. Its offset is an hour less than the other one if none is given. */
const ZONE = "(?:<[^>]+>|[A-Za-z]+)";
const FILE_RULE = new RegExp(`\\n${ZONE}([+-]?[\\d:]+)(?:${ZONE}([+-]?[\\d:]+)?,M(\\d+)[^,]*,M(\\d+)[^,]*)?\\n$`);

interface ZoneQuestion {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: number;
  /** `readFile` reads a file of the C library's zones, and returns null if there is none. */
  readonly readFile: (path: string) => Buffer | null;
}

/**
 * Returns how to name what gives the zone of local time if Node's local time isn't of it, and null otherwise. Node must know the name in TZ,
 * and agree with the C library's file: its own data may be older, and where a container has the file of its host, it may be of another zone.
 */
export function findUnknownZone({ env: { TZ: tz, TZDIR: folder }, now, readFile }: ZoneQuestion): string | null {
  if (tz === undefined) return isOfFile(readFile("/etc/localtime"), now) ? null : "the zone of /etc/localtime";
  if (tz === "" || tz === "UTC") return null;
  const path = () => join(folder || "/usr/share/zoneinfo", tz.replace(/^:/, ""));
  return isKnownName(tz) && isOfFile(readFile(path()), now) ? null : `TZ=${tz}`;
}

/** Compares the offsets in the middle of the months from a year ago to the next one. */
function isOfFile(file: Buffer | null, now: number): boolean {
  if (file === null) return true;
  const offsetAt = offsetsOf(file);
  const today = new Date(now);
  return Array.from({ length: 14 }, (_, months) => Date.UTC(today.getUTCFullYear(), today.getUTCMonth() + 1 - months, 15)).every(
    (at) => (offsetAt(at) ?? new Date(at).getTimezoneOffset()) === new Date(at).getTimezoneOffset(),
  );
}

/** Returns the offset at an instant, in minutes, above 0 in the west, or null if the file doesn't tell. RFC 9636 describes the file. */
function offsetsOf(file: Buffer): (at: number) => number | null {
  const changes = readChanges(file);
  const ruleAt = readRule(file.toString("latin1"));
  return (at) => {
    const next = changes.findIndex((change) => change.at > at);
    return next === -1 ? ruleAt(new Date(at).getUTCMonth() + 1) : (changes[next - 1]?.offset ?? null);
  };
}

/** The rule is for what comes after the last change. It tells nothing about the months in which the clocks change. */
function readRule(text: string): (month: number) => number | null {
  const [rule, standard = "", saving, begins, ends] = FILE_RULE.exec(text) ?? [];
  if (rule === undefined) return () => null;
  const winter = offsetOf(standard);
  if (begins === undefined) return () => winter;
  const summer = saving === undefined ? winter - 60 : offsetOf(saving);
  const [from, to] = [Number(begins), Number(ends)];
  return (month) => {
    if (month === from || month === to) return null;
    return (from < to ? month > from && month < to : month > from || month < to) ? summer : winter;
  };
}

/** Returns minutes, above 0 in the west. */
function offsetOf(text: string): number {
  const [hours = 0, minutes = 0] = text.replace(/^[+-]/, "").split(":").map(Number);
  return (text.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}

const HEADER_BYTES = 44;

interface OffsetChange {
  readonly at: number;
  readonly offset: number;
}

/** Returns none for a file of version 1, and for one that is cut off. */
function readChanges(file: Buffer): readonly OffsetChange[] {
  try {
    return /^TZif[2-9]/.test(file.toString("latin1", 0, 5)) ? readSecondBlock(file) : [];
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
}

/** Its instants have 64 bits. Throws a RangeError if the file is cut off. */
function readSecondBlock(file: Buffer): readonly OffsetChange[] {
  const counts = (header: number) => [20, 24, 28, 32, 36, 40].map((place) => file.readUInt32BE(header + place));
  const [utcs = 0, standards = 0, leaps = 0, times = 0, types = 0, letters = 0] = counts(0);
  const second = HEADER_BYTES + times * 5 + types * 6 + letters + leaps * 8 + standards + utcs;
  const [, , , count = 0] = counts(second);
  const start = second + HEADER_BYTES;
  return Array.from({ length: count }, (_, index) => {
    const type = file.readUInt8(start + count * 8 + index);
    const seconds = file.readInt32BE(start + count * 9 + type * 6);
    return { at: Number(file.readBigInt64BE(start + index * 8)) * 1_000, offset: -seconds / 60 };
  });
}

function isKnownName(tz: string): boolean {
  if (WHOLE_HOURS.test(tz)) return true;
  // Intl takes 12 ms, and a place that gives an offset is one that Node knows.
  if (PLACE.test(tz) && [0, 6].some((month) => new Date(2026, month).getTimezoneOffset() !== 0)) return true;
  try {
    const { timeZone } = new Intl.DateTimeFormat("en", { timeZone: tz.replace(/^:/, "") }).resolvedOptions();
    // Intl ignores case, as Node's local time doesn't.
    if (timeZone !== new Intl.DateTimeFormat("en").resolvedOptions().timeZone) return false;
  } catch {
    return false;
  }
  // Both name the same zone for IST and Eire, but local time is another.
  const noon = new Date(2026, 0, 1, 12);
  return new Intl.DateTimeFormat("en", { hour: "numeric", hourCycle: "h23" }).format(noon) === "12";
}
