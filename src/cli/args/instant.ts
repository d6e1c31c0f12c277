import { parseDuration } from "../../domain/duration.js";
import type { ReadContext } from "./flag.js";

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?$/i;

/**
 * Reads an instant: ISO 8601, or a duration that means "so long ago". A date or time without a zone is local time, or UTC
 * with --utc. Returns epoch ms. Throws an Error that says what is wanted.
 */
export function parseInstant(text: string, context: ReadContext): number {
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?(ms|s|m|h|d)/.test(trimmed)) return context.now - parseDuration(trimmed);
  const instant = parseIso(trimmed, context.utc);
  if (Number.isNaN(instant)) throw new Error('is no date (write "2026-11-24T13:00", "2026-11-24" or "2h" for two hours ago)');
  return instant;
}

function parseIso(text: string, utc: boolean): number {
  if (DATE.test(text)) return Date.parse(`${text}T00:00:00${utc ? "Z" : ""}`);
  const match = DATE_TIME.exec(text);
  if (match === null) return Number.NaN;
  return Date.parse(text.replace(" ", "T").toUpperCase() + (match[3] === undefined && utc ? "Z" : ""));
}
