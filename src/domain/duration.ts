import { count } from "./count.js";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS, w: 7 * DAY_MS };

/** `LONGEST_MS` is 2 700 years, for "for ever"; with more, an instant may not be a valid date. */
export const LONGEST_MS = 1_000_000 * DAY_MS;

/** Reads "500ms", "30s", "24h", "2w", several ("1h30m", "2d 3h") or "5 minutes" in ms. Throws an Error that says what is expected. */
export function parseDuration(text: string): number {
  const parts = [...text.trim().matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw]| (?:second|minute|hour)s?(?![a-z])) ?/gy)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== text.trim()) {
    throw new Error('must be a duration, such as "30s", "1h30m", "7d" or "2w"');
  }
  const unitMs = (unit: string): number => UNITS_MS[unit] ?? UNITS_MS[unit.charAt(1)] ?? 0;
  const total = parts.reduce((sum, [, amount, unit = ""]) => sum + Number(amount) * unitMs(unit), 0);
  if (total > LONGEST_MS) throw new Error("must be at most 1000000d");
  return Math.round(total);
}

/** Reads a duration, and throws for zero too. */
export function parsePositiveDuration(text: string): number {
  const duration = parseDuration(text);
  if (duration === 0) throw new Error("must be longer than zero");
  return duration;
}

/** Reads a time ago in ms, such as "2h", "2h ago" or "now". Returns null for another text, and throws as parseDuration. */
export function readTimeAgo(text: string): number | null {
  if (text === "now") return 0;
  return /^\d+(\.\d+)? ?(ms|[smhdw])/.test(text) ? parseDuration(text.replace(/ ago$/, "")) : null;
}

/** Returns "5m", "2d 3h", with at most two units. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = Math.round(ms / 1_000);
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([amount]) => amount > 0);
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join(" ");
}

/** Returns "5 minutes", "90 seconds", in one unit. */
export function spellDuration(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1_000));
  if (seconds % 3_600 === 0) return count(seconds / 3_600, "hour");
  return seconds % 60 === 0 ? count(seconds / 60, "minute") : count(seconds, "second");
}
