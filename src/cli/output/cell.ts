import type { CellOptions, Column } from "./column.js";
import { escapeControls, sanitize } from "./sanitize.js";
import { formatInstant, isoInstant } from "./times.js";

/** The cell for people: one harmless line. */
export function cellText<Row>(column: Column<Row>, row: Row, options: CellOptions): string {
  const value = column.value(row);
  if (value === null) return "";
  if (column.kind === "instant" && typeof value === "number") return formatInstant(value, options.utc);
  return sanitize(String(value));
}

/** The cell for csv: instants in ISO 8601; line feeds may stay, since csv quotes them. */
export function cellData<Row>(column: Column<Row>, row: Row): string | number {
  const value = column.value(row);
  if (value === null) return "";
  if (column.kind === "instant" && typeof value === "number") return isoInstant(value);
  return typeof value === "number" ? value : escapeFormula(value.split(/\r?\n/).map(escapeControls).join("\n"));
}

/** A spreadsheet runs a text that begins so as a formula; an apostrophe stops it. Phone numbers and negative numbers stay as they are. */
function escapeFormula(text: string): string {
  return /^([=@]|[+-](?!\d[\d ]*$))/.test(text) ? `'${text}` : text;
}
