/** This tree and another one, measured in turn. */
import { compare } from "./measures.js";
import { median } from "./rounds.js";
import type { Compared, Measure } from "./scope.js";

export type Tree = "this" | "that";

/** Runs both trees in each round, in the order A B B A …; the medians of what each measured of itself, this against that. */
export async function measureInTurn(
  rounds: number,
  measureTree: (tree: Tree) => Promise<readonly Measure[]>,
): Promise<readonly Measure[]> {
  const runs: Record<Tree, (readonly Measure[])[]> = { this: [], that: [] };
  for (let round = 0; round < rounds; round += 1) {
    const order: readonly Tree[] = round % 2 === 0 ? ["this", "that"] : ["that", "this"];
    for (const tree of order) runs[tree].push(await measureTree(tree));
  }
  const [first = []] = runs.this;
  const pairs = first.map(({ measure, unit, cpu }, index) => {
    const pairOf = (choose: (measure: Measure | undefined) => Compared | null | undefined) => {
      const medianOf = (tree: Tree) => median(runs[tree].map((measures) => choose(measures[index])?.figure ?? Number.NaN));
      return { ours: medianOf("this"), against: medianOf("that") };
    };
    return compare({
      measure: ownName(measure),
      unit,
      ...pairOf((one) => one),
      ...(cpu !== null && { cpu: pairOf((one) => one?.cpu) }),
    });
  });
  // A row compares one figure with several others.
  return pairs.filter(({ measure }, index) => pairs.findIndex((pair) => pair.measure === measure) === index);
}

/** Without what the figure was compared with. */
function ownName(measure: string): string {
  return measure.replace(/, against [^;]*/, "");
}
