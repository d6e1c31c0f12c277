/** A listing as people read it on a terminal: aligned columns, no borders, no wider than the terminal. */
import Table from "cli-table3";
import stringWidth from "string-width";
import { cellText } from "./cell.js";
import type { Column } from "./column.js";
import { cutToWidth, fitColumns } from "./fit.js";
import type { RenderOptions } from "./render-options.js";

const NO_BORDER = "";
const BORDERS = {
  top: NO_BORDER,
  "top-mid": NO_BORDER,
  "top-left": NO_BORDER,
  "top-right": NO_BORDER,
  bottom: NO_BORDER,
  "bottom-mid": NO_BORDER,
  "bottom-left": NO_BORDER,
  "bottom-right": NO_BORDER,
  left: NO_BORDER,
  "left-mid": NO_BORDER,
  mid: NO_BORDER,
  "mid-mid": NO_BORDER,
  right: NO_BORDER,
  "right-mid": NO_BORDER,
  middle: "  ",
};

/** Lines ending in a line feed; a header line first. */
export function renderTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], options: RenderOptions): string {
  const texts = rows.map((row) => columns.map((column) => cellText(column, row, options)));
  const natural = columns.map((column, index) =>
    texts.reduce((most, row) => Math.max(most, stringWidth(row[index] ?? "")), stringWidth(column.title)),
  );
  const shown = fitColumns(columns, natural, options.width ?? Number.POSITIVE_INFINITY);
  const table = new Table({
    chars: BORDERS,
    style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 0 },
    colWidths: [...shown.values()],
    colAligns: [...shown.keys()].map((index) => (columns[index]?.kind === "number" ? "right" : "left")),
  });
  table.push([...shown].map(([index, width]) => options.palette.dim(cutToWidth(columns[index]?.title ?? "", width))));
  for (const [at, row] of rows.entries()) {
    table.push(
      [...shown].map(([index, width]) => {
        const text = cutToWidth(texts[at]?.[index] ?? "", width);
        return columns[index]?.paint?.(row, options.palette)(text) ?? text;
      }),
    );
  }
  return `${table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")}\n`;
}
