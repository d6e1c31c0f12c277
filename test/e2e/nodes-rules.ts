/** What must hold after nodes were killed and paused: docs/dispatcher.md. Also used by test/soak. */
import { expect } from "vitest";
import type { TakeOver } from "../support/process/node-incidents.js";
import type { NodesFigures } from "../support/process/nodes-run.js";
import { expectRunRules, MOST_REPEATS_A_KILL } from "./kill-rules.js";

/** A lease of a node ends after 15 s; a loaded machine may need as long again. */
const LONGEST_TAKE_OVER_MS = 30_000;

export function expectTakeOverRules(figures: NodesFigures, takeOvers: readonly TakeOver[]): void {
  expectNodesRules(figures, takeOvers.length * MOST_REPEATS_A_KILL);
  for (const { ms } of takeOvers) expect(ms).toBeLessThan(LONGEST_TAKE_OVER_MS);
}

/** At most `most` calls of an endpoint may have been sent again. */
export function expectNodesRules({ wrongTimes, ...figures }: NodesFigures, most: number): void {
  expectRunRules(figures, most);
  expect(wrongTimes).toBe(0);
}
