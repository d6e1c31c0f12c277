import type { Cell } from "../../wire/call-record.js";
import type { Paint, Palette, TimeOptions } from "./screen.js";
import { joinText, type ScreenText, sanitize, text } from "./screen-text.js";
import { formatInstant } from "./times.js";

/** Tables, tab-separated lines and csv have it. */
export interface Column<Row> extends Cell<Row> {
  /** `key` is used by --columns and csv's header. */
  readonly key: string;
  readonly title: string;
  readonly paint?: (row: Row, palette: Palette) => Paint;
  /** The column is cut to no less than this width. Default: it is never cut. */
  readonly least?: number;
  /** A narrow terminal drops the highest first. A column with 0, the default, is never dropped. */
  readonly dropRank?: number;
  /** A table has the column only if a row has a cell in it. */
  readonly isOptional?: boolean;
  /** The column is shown only with --columns, and in csv. */
  readonly onDemand?: boolean;
}

export function cellText<Row>(column: Column<Row>, row: Row, options: TimeOptions): string {
  const value = column.value(row);
  if (value === null) return "";
  if (column.kind === "instant" && typeof value === "number") return formatInstant(value, options.utc);
  return sanitize(String(value));
}

/** A field with the value null is left out. */
export type Field = readonly [name: string, value: string | number | null, paint?: Paint];

export function renderFields(fields: readonly Field[], palette: Palette): ScreenText {
  return text`${joinText(fieldLines(fields, palette), "\n")}\n`;
}

export function fieldLines(fields: readonly Field[], palette: Palette): readonly ScreenText[] {
  const shown = fields.flatMap(([name, value, paint]) => (value === null || value === "" ? [] : [{ name, value, paint }]));
  const width = Math.max(0, ...shown.map(({ name }) => name.length));
  return shown.map(({ name, value, paint }) => text`${palette.dim(name.padEnd(width))}  ${paint?.(value) ?? value}`);
}
