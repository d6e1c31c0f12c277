import type { Compared, Row } from "./scope.js";

export interface Machine {
  readonly node: string;
  readonly cpus: number;
  readonly cpu: string;
  readonly loadBefore: readonly number[];
  readonly loadAfter: readonly number[];
  readonly scale: number;
  readonly rounds: number;
  /** The tree that each row is a pair with; null: the rows are ours against others. */
  readonly against: string | null;
}

const COLUMNS = ["ours", "against", "ratio", "goal", "met"];
const PAIR_COLUMNS = ["this", "that", "ratio"];

export function rowsAsTable(rows: readonly Row[], machine: Machine): string {
  const columns = machine.against === null ? COLUMNS : PAIR_COLUMNS;
  const titles = ["bench", "measure", ...columns, `CPU ${columns[0]}`, ...columns.slice(1)];
  const cells = rows.map((row) => [row.bench, row.measure, ...cellsOf(row, columns), ...cellsOf(row.cpu, columns)]);
  const load = (values: readonly number[]) => values.map((value) => value.toFixed(1)).join(" ");
  const { node, cpus, cpu, loadBefore, loadAfter, scale, rounds, against } = machine;
  const footer = `node ${node}, ${cpus} x ${cpu}, load ${load(loadBefore)} -> ${load(loadAfter)}, scale ${scale}, medians of ${rounds}`;
  const that = against === null ? "" : `that: ${against}\n`;
  return `${alignedColumns([titles, ...cells])}\n\n${footer}\n${that}`;
}

/** Lines of cells, each column as wide as its widest. */
export function alignedColumns(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function cellsOf(compared: Compared | null, columns: readonly string[]): readonly string[] {
  if (compared === null) return columns.map(() => "");
  const { ours, against, ratio, goal, met } = compared;
  const cells = [ours, against, ratio === null ? "" : ratio.toFixed(2), goal, met === null ? "" : met ? "yes" : "NO"];
  return cells.slice(0, columns.length);
}
