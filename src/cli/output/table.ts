import Table from "cli-table3";
import stringWidth from "string-width";
import { type Column, cellText } from "./cells.js";
import type { RenderOptions, Screen } from "./screen.js";
import { joinText, layoutText, type ScreenText } from "./screen-text.js";
import { cutToWidth } from "./text-width.js";

/** The package draws a box around each cell; a list has a gap between them only. */
const GAP = 2;
const BOX = "top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid";
const CHARS = { ...Object.fromEntries(BOX.split(" ").map((name) => [name, ""])), middle: " ".repeat(GAP) };

/** The time that the package takes for a table grows with the square of its rows. */
const MAX_ROWS = 100;

/** cli-table3 aligns, pads and joins the cells. docs/architecture.md, "Packages", says what it can't do. */
export function renderTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], options: RenderOptions): ScreenText {
  const cells = rows.map((row) => tableCells(row, columns, options));
  return joinText([...layOutTable(cells, columns, options).blocks]);
}

/** Says on stderr which columns `renderTable` leaves out on this terminal. */
export function noteLeftOutOf<Row>(rows: readonly Row[], columns: readonly Column<Row>[], screen: Screen): void {
  if (rows.length === 0) return;
  const cells = rows.map((row) => tableCells(row, columns, screen.renderOptions));
  noteLeftOut(layOutTable(cells, columns, screen.renderOptions).leftOut, screen);
}

/** Writes the table of rows with these cells, and says on stderr which columns it leaves out. */
export async function writeTable<Row>(
  rows: readonly (readonly string[])[],
  columns: readonly Column<Row>[],
  screen: Screen,
): Promise<void> {
  const { leftOut, blocks } = layOutTable(rows, columns, screen.renderOptions);
  for (const block of blocks) await screen.out(block);
  noteLeftOut(leftOut, screen);
}

function noteLeftOut(titles: readonly string[], screen: Screen): void {
  if (titles.length > 0) screen.info(`columns that don't fit the terminal: ${titles.join(", ")}; -o json has all`);
}

/** Paints the cells, and cuts them to what a table may show of them. */
export function tableCells<Row>(row: Row, columns: readonly Column<Row>[], options: RenderOptions): readonly string[] {
  return columns.map((column) => {
    const whole = cellText(column, row, options);
    const cut = column.least === undefined || options.width === null ? whole : cutToWidth(whole, options.width);
    return String(column.paint?.(row, options.palette)(cut) ?? cut);
  });
}

interface TableLayout {
  /** The terminal has no room for the columns with these titles. */
  readonly leftOut: readonly string[];
  /** All together they may be longer than a string can be. */
  readonly blocks: Iterable<ScreenText>;
}

/** Lays out a table whose rows have these cells. */
function layOutTable<Row>(
  rows: readonly (readonly string[])[],
  columns: readonly Column<Row>[],
  options: RenderOptions,
): TableLayout {
  const natural = columns.map((column, index) =>
    rows.reduce((most, row) => Math.max(most, stringWidth(row[index] ?? "")), stringWidth(column.title)),
  );
  const filled = [...columns.keys()].filter((index) => !columns[index]?.isOptional || rows.some((row) => row[index]));
  const shown = fitColumns(columns, filled, natural, options.width ?? Number.POSITIVE_INFINITY);
  const leftOut = filled.flatMap((index) => (shown.has(index) ? [] : (columns[index]?.title ?? [])));
  return { leftOut, blocks: tableBlocks(rows, columns, shown, options) };
}

function* tableBlocks<Row>(
  rows: readonly (readonly string[])[],
  columns: readonly Column<Row>[],
  shown: ReadonlyMap<number, number>,
  options: RenderOptions,
): Generator<ScreenText> {
  const layout = {
    chars: CHARS,
    style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 0 },
    colWidths: [...shown.values()],
    colAligns: [...shown.keys()].map((index) => (columns[index]?.kind === "number" ? ("right" as const) : ("left" as const))),
  };
  const cutCells = (cells: readonly string[]) => Array.from(shown, ([index, width]) => cutToWidth(cells[index] ?? "", width));
  for (let start = 0; start < Math.max(1, rows.length); start += MAX_ROWS) {
    const table = new Table(layout);
    if (start === 0) table.push(cutCells(columns.map(({ title }) => String(options.palette.dim(title)))));
    for (const cells of rows.slice(start, start + MAX_ROWS)) table.push(cutCells(cells));
    // The last column is padded too.
    const lines = table.toString().split("\n");
    yield layoutText(lines.map((line) => `${line.trimEnd()}\n`).join(""));
  }
}

/** Returns widths by column index, of the `filled` columns. Rank 0 is always shown, the others by rank if their least width fits. */
function fitColumns<Row>(
  columns: readonly Column<Row>[],
  filled: readonly number[],
  natural: readonly number[],
  width: number,
): ReadonlyMap<number, number> {
  const leastOf = (index: number) => Math.min(columns[index]?.least ?? Number.POSITIVE_INFINITY, natural[index] ?? 0);
  const byRank = [...filled].sort((a, b) => dropRankOf(columns[a]) - dropRankOf(columns[b]) || a - b);
  const chosen: number[] = [];
  let used = -GAP;
  for (const index of byRank) {
    if (dropRankOf(columns[index]) > 0 && used + GAP + leastOf(index) > width) continue;
    chosen.push(index);
    used += GAP + leastOf(index);
  }
  const shown = new Map(chosen.sort((a, b) => a - b).map((index) => [index, natural[index] ?? 0]));
  const total = [...shown.values()].reduce((sum, size) => sum + size, 0) + GAP * (shown.size - 1);
  shrinkColumns(columns, shown, Math.min(total - width, total));
  return shown;
}

function shrinkColumns<Row>(columns: readonly Column<Row>[], shown: Map<number, number>, excess: number): void {
  for (let left = excess; left > 0; left--) {
    let widest = -1;
    for (const [index, size] of shown) {
      const least = columns[index]?.least;
      if (least !== undefined && size > least && size > (shown.get(widest) ?? 0)) widest = index;
    }
    if (widest < 0) return;
    shown.set(widest, (shown.get(widest) ?? 0) - 1);
  }
}

function dropRankOf<Row>(column: Column<Row> | undefined): number {
  return column?.dropRank ?? 0;
}
