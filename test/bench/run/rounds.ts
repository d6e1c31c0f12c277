/** Contenders by turns (A B A B …), so that a machine that slows down slows all of them. */
import type { Figures } from "./scope.js";

export type Contenders<Name extends string> = Readonly<Record<Name, () => Promise<Figures | null>>>;

/** The median of each figure; null for a contender that couldn't run. */
export async function medians<Name extends string>(
  rounds: number,
  contenders: Contenders<Name>,
): Promise<Record<Name, Figures | null>> {
  const names = Object.keys(contenders) as Name[];
  const seen = new Map<Name, Figures[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) {
      const figures = await contenders[name]();
      if (figures === null) continue;
      process.stderr.write(`  ${name} ${JSON.stringify(figures)}\n`);
      seen.get(name)?.push(figures);
    }
  }
  return Object.fromEntries(names.map((name) => [name, medianOf(seen.get(name) ?? [])])) as Record<Name, Figures | null>;
}

function medianOf(all: readonly Figures[]): Figures | null {
  const [first] = all;
  if (first === undefined) return null;
  return Object.fromEntries(Object.keys(first).map((key) => [key, median(all.map((figures) => figures[key] ?? Number.NaN))]));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

/** The value that a share `part` of all is at most. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(part * sorted.length) - 1))] ?? Number.NaN;
}
