import { formatDuration } from "../../domain/duration.js";
import type { TimeOptions } from "./screen.js";

/** Returns "2026-11-24 23:28:01", local, or "2026-11-24 23:28:01Z" with --utc. */
export function formatInstant(at: number, utc: boolean): string {
  const date = new Date(at);
  if (utc) return `${date.toISOString().slice(0, 19).replace("T", " ")}Z`;
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(twoDigits).join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(":")}`;
}

/** Returns "23:28:01", with the day if that isn't today. */
export function formatTime(at: number, { now, utc }: TimeOptions): string {
  const [day, time = ""] = formatInstant(at, utc).split(" ");
  return day === formatInstant(now, utc).split(" ")[0] ? time : `${day} ${time}`;
}

/** Returns "5m ago", "in 2h 3m" or "now". */
export function formatRelative(at: number, now: number): string {
  if (Math.abs(at - now) < 1_000) return "now";
  return at < now ? `${formatDuration(now - at)} ago` : `in ${formatDuration(at - now)}`;
}

/** A held call's message has the time as the service stores it. */
export function withReadableTime(message: string, utc: boolean): string {
  const [, what = "", since = ""] = /^(Held: endpoint down since )(\S+Z)$/.exec(message) ?? [];
  const at = Date.parse(since);
  return Number.isNaN(at) ? message : what + formatInstant(at, utc);
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
