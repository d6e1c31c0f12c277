/** Writes ISO 8601; also reads the platform's dd/MM/yy HH:mm, which has no zone. */
import { DAY_MS } from "../domain/duration.js";

export function toIsoDate(at: number): string {
  return new Date(at).toISOString();
}

export function dateOrNull(at: number | null): string | null {
  return at === null ? null : toIsoDate(at);
}

/** Writes dd/MM/yy HH:mm in this IANA zone. */
export function toPlatformDate(at: number, timezone = "UTC"): string {
  const { year, month, day, hour, minute } = partsIn(at, timezone);
  return `${twoDigits(day)}/${twoDigits(month)}/${twoDigits(year % 100)} ${twoDigits(hour)}:${twoDigits(minute)}`;
}

/** Most dates are `toIsoDate`'s, which need no regular expression. */
const TO_ISO_LENGTH = "2026-01-31T12:34:56.789Z".length;
const PLATFORM_DATE = /^(\d{1,2})\/(\d{1,2})\/(\d{2}|\d{4})[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?$/;
const ISO_DATE = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?(?:\s*(Z|[+-]\d{2}:?\d{2}))?$/i;

/** JavaScript's last instant, and first, less a day: what is calculated from a date must be one, too. */
const MAX_INSTANT = 8.64e15 - 86_400_000;

/**
 * Reads ISO, dd/MM/yy HH:mm or epoch ms; otherwise returns null. Dates without a zone are in `timezone` (IANA). Of an hour that clocks repeat,
 * it returns the later instant.
 */
export function readDate(value: unknown, timezone = "UTC"): number | null {
  return readInstants(value, timezone).at(-1) ?? null;
}

/** Returns both instants that a date without a zone may be of, the earlier one first, in an hour that clocks repeat or skip. */
export function readInstants(value: unknown, timezone: string): readonly number[] {
  if (typeof value === "number") return Number.isSafeInteger(value) && Math.abs(value) <= MAX_INSTANT ? [value] : [];
  if (typeof value !== "string") return [];
  if (value.length === TO_ISO_LENGTH) {
    const at = Date.parse(value);
    if (!Number.isNaN(at) && toIsoDate(at) === value) return [at];
  }
  const text = value.trim();
  const platform = PLATFORM_DATE.exec(text);
  if (platform) {
    const [, day, month, year = "", hour, minute, second] = platform;
    return instantsOf([year.length === 2 ? `20${year}` : year, month, day, hour, minute, second], 0, timezone);
  }
  const iso = ISO_DATE.exec(text);
  if (!iso) return [];
  const [, year, month, day, hour, minute, second, fraction = "", zone] = iso;
  const milliseconds = Number(`${fraction}000`.slice(0, 3));
  return instantsOf([year, month, day, hour, minute, second], milliseconds, zone ?? timezone);
}

/** Returns null if it isn't a date. */
export function saysZone(value: unknown): boolean | null {
  const at = readDate(value, "+00:00");
  return at === null ? null : at === readDate(value, "+01:00");
}

/** Returns none if it is out of range, as 31/02 or 25:00. */
function instantsOf(fields: readonly (string | undefined)[], milliseconds: number, zone: string): readonly number[] {
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = fields.map((field) => Number(field ?? 0));
  const asUtc = Date.UTC(year, month - 1, day, hour, minute, second, milliseconds);
  const back = new Date(asUtc);
  if (back.getUTCMonth() !== month - 1 || back.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) return [];
  return offsetsOf(asUtc, zone)
    .map((offset) => asUtc - offset)
    .sort((one, other) => one - other);
}

function offsetsOf(localAsUtc: number, zone: string): readonly number[] {
  if (/^(?:Z|UTC)$/i.test(zone)) return [0];
  const fixed = /^([+-])(\d{2}):?(\d{2})$/.exec(zone);
  if (fixed) return [(fixed[1] === "-" ? -1 : 1) * (Number(fixed[2]) * 60 + Number(fixed[3])) * 60_000];
  const [before, after] = [offsetAt(localAsUtc - DAY_MS, zone), offsetAt(localAsUtc + DAY_MS, zone)];
  if (before === after) return [before];
  const valid = [before, after].filter((offset) => offsetAt(localAsUtc - offset, zone) === offset);
  return valid.length === 0 ? [before, after] : valid;
}

function offsetAt(at: number, timezone: string): number {
  const { year, month, day, hour, minute, second } = partsIn(at, timezone);
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
}

const PARTS = ["year", "month", "day", "hour", "minute", "second"] as const;

type DateParts = Readonly<Record<(typeof PARTS)[number], number>>;

const FORMATS = new Map<string, Intl.DateTimeFormat>();

function partsIn(at: number, timezone: string): DateParts {
  let format = FORMATS.get(timezone);
  if (format === undefined) {
    const numeric = Object.fromEntries(PARTS.map((part) => [part, "numeric"]));
    format = new Intl.DateTimeFormat("en-u-ca-iso8601-nu-latn", { timeZone: timezone, hourCycle: "h23", ...numeric });
    FORMATS.set(timezone, format);
  }
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type as string, Number(value)]));
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = PARTS.map((part) => parts.get(part));
  return { year, month, day, hour, minute, second };
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
