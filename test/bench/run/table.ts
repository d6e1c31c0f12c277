import type { Row } from "./scope.js";

export interface Machine {
  readonly node: string;
  readonly cpus: number;
  readonly cpu: string;
  readonly loadBefore: readonly number[];
  readonly loadAfter: readonly number[];
  readonly scale: number;
  readonly rounds: number;
}

export function rowsAsTable(rows: readonly Row[], machine: Machine): string {
  const cells = rows.map(({ bench, measure, ours, against, ratio, goal, met }) => [
    bench,
    measure,
    ours,
    against,
    ratio === null ? "" : ratio.toFixed(2),
    goal,
    met === null ? "" : met ? "yes" : "NO",
  ]);
  const table = [["bench", "measure", "ours", "against", "ratio", "goal", "met"], ...cells];
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0)));
  const lines = table.map((line) =>
    line
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const load = (values: readonly number[]) => values.map((value) => value.toFixed(1)).join(" ");
  const { node, cpus, cpu, loadBefore, loadAfter, scale, rounds } = machine;
  return `${lines.join("\n")}\n\nnode ${node}, ${cpus} x ${cpu}, load ${load(loadBefore)} -> ${load(loadAfter)}, scale ${scale}, medians of ${rounds}\n`;
}
