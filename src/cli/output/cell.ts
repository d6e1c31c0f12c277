import type { Column, PlainLook } from "./column.js";
import { harmless, sanitize } from "./sanitize.js";
import { formatInstant, isoInstant } from "./times.js";

/** The cell for people: one harmless line. */
export function cellText<Row>(column: Column<Row>, row: Row, look: PlainLook): string {
  const value = column.value(row);
  if (value === null) return "";
  if (column.kind === "instant" && typeof value === "number") return formatInstant(value, look.utc);
  return sanitize(String(value));
}

/** The cell for csv: instants in ISO 8601; line feeds may stay, since csv quotes them. */
export function cellData<Row>(column: Column<Row>, row: Row): string | number {
  const value = column.value(row);
  if (value === null) return "";
  if (column.kind === "instant" && typeof value === "number") return isoInstant(value);
  return typeof value === "number" ? value : inert(value.split(/\r?\n/).map(harmless).join("\n"));
}

/** A spreadsheet runs a text that begins so as a formula; an apostrophe stops it. Phone numbers and negative numbers stay as they are. */
function inert(text: string): string {
  return /^([=@]|[+-](?!\d[\d ]*$))/.test(text) ? `'${text}` : text;
}
