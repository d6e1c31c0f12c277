import { DAY_MS, readTimeAgo } from "../../domain/duration.js";
import { formatInstant } from "../output/times.js";
import type { ReadContext } from "./flag.js";

/** Clocks of two machines differ by less. */
export const FUTURE_MS = 5 * 60_000;

const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?$/;
const ZONE = /(?<=:\S*) ?(UTC|Z|[+-]\d{2}:?\d{2})$/i;

/**
 * Returns epoch ms, from a time ago ("2h"), a day ("yesterday", "2026-11-24"), a time of day, or both. Without a zone it is local time, or UTC
 * with --utc. Throws an Error that says what the text must be.
 */
export function parseInstant(text: string, { now, utc, unknownZone }: ReadContext): number {
  // Of a unit, the case counts: 1M may be a month.
  const agoMs = readTimeAgo(text.trim());
  if (agoMs !== null) return now - agoMs;
  const typed = text.trim().toLowerCase();
  const zone = typedZone(typed) ?? (utc ? "z" : "");
  const isUtc = zone === "z" || zone === "utc";
  const words = typed.replace(ZONE, "").split(/ |(?<=\d)t(?=\d)/);
  const time = TIME.test(words.at(-1) ?? "") ? words.pop() : undefined;
  const [day = ""] = words;
  const date = day === "" || day === "today" || day === "yesterday" ? dateOf(now, day === "yesterday" ? 1 : 0, isUtc) : day;
  const isOffsetOfDate = isUtc || zone === "" || day === date;
  const at = Date.parse(`${date}T${time ?? "00:00"}${isUtc ? "Z" : zone}`);
  if (typed === "" || words.length > 1 || !isDate(date) || !isOffsetOfDate || Number.isNaN(at))
    throw new Error('must be a time, such as "2h" for two hours ago, "05:00", "yesterday 05:00" or "2026-11-24 13:00"');
  const unknown = zone === "" ? (unknownZone?.() ?? null) : null;
  if (unknown !== null)
    throw new Error(`is local time, but ${unknown} isn't known here: name a zone, such as TZ=Europe/Berlin, or add --utc`);
  if (time !== undefined && zone === "") requireOneInstant(`${date}T${time}`, at);
  if (day === "" && at > now) throw new Error(`is still to come: type "today ${typed}" or "yesterday ${typed}"`);
  return at;
}

/** Returns null if the text ends with no time zone or offset. */
export function typedZone(text: string): string | null {
  return ZONE.exec(text.trim())?.[1] ?? null;
}

/** Where clocks change, a local time comes twice or never. `at` is how Date.parse reads it. */
function requireOneInstant(local: string, at: number): void {
  const offsetAt = (instant: number): number => -new Date(instant).getTimezoneOffset();
  const offsets = [offsetAt(at - DAY_MS), offsetAt(at + DAY_MS)];
  const asUtc = Date.parse(`${local}Z`);
  const readings = offsets.filter((offset) => offsetAt(asUtc - offset * 60_000) === offset).length;
  if (offsets[0] === offsets[1] || readings === 1) return;
  const [one, other] = offsets.map((offset) => `"${local}${spellOffset(offset)}"`);
  throw new Error(`${readings === 2 ? "comes twice" : "doesn't exist"}, as the clocks change then: type ${one} or ${other}`);
}

function spellOffset(minutes: number): string {
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60].map((part) => String(part).padStart(2, "0"));
  return `${minutes < 0 ? "-" : "+"}${hours}:${rest}`;
}

/** Date.parse reads 2026-02-31 as 3 March. */
function isDate(text: string): boolean {
  const at = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(at) && formatInstant(at, true).startsWith(`${text} `);
}

function dateOf(now: number, daysAgo: number, utc: boolean): string {
  const date = new Date(now);
  if (utc) date.setUTCDate(date.getUTCDate() - daysAgo);
  else date.setDate(date.getDate() - daysAgo);
  return formatInstant(date.getTime(), utc).slice(0, "2026-11-24".length);
}
