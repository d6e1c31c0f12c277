import type { Palette } from "./palette.js";
import type { RenderOptions } from "./render-options.js";

/** A column of a listing: the same in a table, in tab-separated lines and in csv. */
export interface Column<Row> {
  /** For --columns and csv's header. */
  readonly key: string;
  readonly title: string;
  /** The plain value; null is shown as nothing. Instants are epoch ms with `kind` "instant". */
  readonly value: (row: Row) => string | number | null;
  readonly kind?: "instant" | "number";
  /** Paints the cell of this row. */
  readonly paint?: (row: Row, palette: Palette) => (text: string) => string;
  /** May be cut to this many display columns; left out: never cut. */
  readonly least?: number;
  /** Where the room is short, columns with the highest rank go first; 0 or left out: never. */
  readonly dropRank?: number;
  /** Only shown when named by --columns, and in csv. */
  readonly onDemand?: boolean;
}

/** What every listing's look depends on, the palette apart. */
export type CellOptions = Omit<RenderOptions, "palette" | "width">;
