/** The data of a listing as text: columns, cells, and "name  value" lines. */
import { escapeControls, sanitize } from "./sanitize.js";
import type { Palette, RenderOptions } from "./screen.js";
import { formatInstant, isoInstant } from "./times.js";

/** A column of a listing: the same in a table, in tab-separated lines and in csv. */
export interface Column<Row> {
  /** For --columns and csv's header. */
  readonly key: string;
  readonly title: string;
  /** null is shown as nothing. Instants are epoch ms with `kind` "instant". */
  readonly value: (row: Row) => string | number | null;
  readonly kind?: "instant" | "number";
  readonly paint?: (row: Row, palette: Palette) => (text: string) => string;
  /** The fewest display columns that it may be cut to; left out: never cut. */
  readonly least?: number;
  /** On a narrow terminal, columns with the highest rank are dropped first; 0 or left out: never. */
  readonly dropRank?: number;
  /** Only shown when named by --columns, and in csv. */
  readonly onDemand?: boolean;
}

export type CellOptions = Omit<RenderOptions, "palette" | "width">;

/** The cell for people: one sanitized line. */
export function cellText<Row>(column: Column<Row>, row: Row, options: CellOptions): string {
  const value = column.value(row);
  if (value === null) return "";
  if (column.kind === "instant" && typeof value === "number") return formatInstant(value, options.utc);
  return sanitize(String(value));
}

/** The cell for csv: instants in ISO 8601; line feeds stay, since csv quotes them. */
export function cellData<Row>(column: Column<Row>, row: Row): string | number {
  const value = column.value(row);
  if (value === null) return "";
  if (column.kind === "instant" && typeof value === "number") return isoInstant(value);
  return typeof value === "number" ? value : escapeFormula(value.split(/\r?\n/).map(escapeControls).join("\n"));
}

/** A spreadsheet would run such a text as a formula; an apostrophe stops it. Phone numbers and negative numbers are left alone. */
function escapeFormula(text: string): string {
  return /^([=@]|[+-](?!\d[\d ]*$))/.test(text) ? `'${text}` : text;
}

/** One fact: its name, its value (null: left out), and its colour. */
export type Field = readonly [name: string, value: string | number | null, paint?: (text: string) => string];

/** One line per field, the names aligned, the values sanitized. */
export function renderFields(fields: readonly Field[], palette: Palette): string {
  const shown = fields.filter(([, value]) => value !== null && value !== "");
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(([name, value, paint]) => {
      const text = sanitize(String(value));
      return `${palette.dim(name.padEnd(width))}  ${paint?.(text) ?? text}\n`;
    })
    .join("");
}
