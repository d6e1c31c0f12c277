import type { Compared, Row } from "./scope.js";

export interface Machine {
  readonly node: string;
  readonly cpus: number;
  readonly cpu: string;
  readonly loadBefore: readonly number[];
  readonly loadAfter: readonly number[];
  readonly scale: number;
  readonly rounds: number;
}

const COLUMNS = ["ours", "against", "ratio", "goal", "met"];

export function rowsAsTable(rows: readonly Row[], machine: Machine): string {
  const titles = ["bench", "measure", ...COLUMNS, "CPU ours", ...COLUMNS.slice(1)];
  const cells = rows.map((row) => [row.bench, row.measure, ...cellsOf(row), ...cellsOf(row.cpu)]);
  const load = (values: readonly number[]) => values.map((value) => value.toFixed(1)).join(" ");
  const { node, cpus, cpu, loadBefore, loadAfter, scale, rounds } = machine;
  const footer = `node ${node}, ${cpus} x ${cpu}, load ${load(loadBefore)} -> ${load(loadAfter)}, scale ${scale}, medians of ${rounds}`;
  return `${alignedColumns([titles, ...cells])}\n\n${footer}\n`;
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

function cellsOf(compared: Compared | null): readonly string[] {
  if (compared === null) return COLUMNS.map(() => "");
  const { ours, against, ratio, goal, met } = compared;
  return [ours, against, ratio === null ? "" : ratio.toFixed(2), goal, met === null ? "" : met ? "yes" : "NO"];
}
