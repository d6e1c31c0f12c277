/** Fits a table into the columns of a terminal: first texts are cut, then whole columns left out, ids never. */
import stringWidth from "string-width";
import type { Column } from "./column.js";

const GAP = 2;

/**
 * The widths of the columns that are shown, by their place in `columns`; those left out have none. Columns of rank 0 are always
 * shown; the others come in the order of their ranks, each if there is room for the least of it.
 */
export function fitColumns<Row>(
  columns: readonly Column<Row>[],
  natural: readonly number[],
  width: number,
): ReadonlyMap<number, number> {
  const leastOf = (index: number) => Math.min(columns[index]?.least ?? Number.POSITIVE_INFINITY, natural[index] ?? 0);
  const byRank = [...columns.keys()].sort((a, b) => rank(columns[a]) - rank(columns[b]) || a - b);
  const chosen: number[] = [];
  let used = -GAP;
  for (const index of byRank) {
    if (rank(columns[index]) > 0 && used + GAP + leastOf(index) > width) continue;
    chosen.push(index);
    used += GAP + leastOf(index);
  }
  const shown = new Map(chosen.sort((a, b) => a - b).map((index) => [index, natural[index] ?? 0]));
  const total = [...shown.values()].reduce((sum, size) => sum + size, 0) + GAP * (shown.size - 1);
  shrink(columns, shown, Math.min(total - width, total));
  return shown;
}

/** The text cut to this many display columns, with an ellipsis where something is gone. */
export function cutToWidth(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)) {
    const size = stringWidth(segment);
    if (used + size > width - 1) break;
    kept += segment;
    used += size;
  }
  return `${kept}…`;
}

/** Takes `excess` columns from what may be cut, always from the widest. */
function shrink<Row>(columns: readonly Column<Row>[], shown: Map<number, number>, excess: number): void {
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

function rank<Row>(column: Column<Row> | undefined): number {
  return column?.dropRank ?? 0;
}
