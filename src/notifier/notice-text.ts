/** Outside text must not start a line, move the cursor or change the reading direction. */
import { CONTROL, INVISIBLE } from "../platform/unsafe-characters.js";

/** Returns "2026-11-24 23:31:05 UTC". */
export function formatUtc(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Longer lines need an encoding. */
const MAX_LINE = 76;

export function labelledLine(label: string, value: string): string {
  const line = `${`${label}:`.padEnd(11)}${value}`;
  return line.length > MAX_LINE ? `${label}:\n  ${value}` : line;
}

const LINE_BREAKS = /\r\n|[\n\r\u0085\u2028\u2029]/;
const UNSAFE = new RegExp(`[${CONTROL}${INVISIBLE}]`, "gu");

/** Reads only the beginning of a long text: 10 MB of line breaks or control characters would take hundreds of MB. */
export function toLine(text: string, max: number): string {
  // Two characters become one at most.
  const beginning = text.trim().slice(0, 2 * (max + 1));
  return truncate(beginning.split(LINE_BREAKS).join(" ").replace(UNSAFE, "\ufffd").trimStart(), max);
}

/** Ends a text that is cut with "...". */
export function truncate(text: string, max: number): string {
  if (text.length <= max) return text;
  // A surrogate pair must not be cut in two.
  return `${text.slice(0, max).replace(/[\ud800-\udbff]$/, "")}...`;
}

/** Marks each line, so that none looks like the e-mail's own text. The text may be the beginning of `whole`. */
export function quoteBlock(text: string, max: number, whole = text): string[] {
  const lines = truncate(text.trim(), max).split(LINE_BREAKS);
  const quoted = lines.map((line) => `  | ${line.replaceAll("\t", "  ").replace(UNSAFE, "\ufffd")}`);
  return text.trim().length > max ? [...quoted, `  (truncated: ${whole.trim().length} characters in total)`] : quoted;
}
