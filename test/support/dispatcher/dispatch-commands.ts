/**
 * Random commands for the reference model, whatever users, endpoints and the store may do. WHCB_PROPERTY_SEED and
 * WHCB_PROPERTY_RUNS set the seed and the number of runs; a failure prints its seed.
 */
import fc from "fast-check";
import { expect } from "vitest";
import type { RetryPolicy } from "../../../src/domain/retry-policy.js";
import { type Command, DispatchRun, type RunOptions, type UserAct } from "./dispatch-run.js";
import { MINUTE } from "./simulation.js";

const RUNS = Number(process.env.WHCB_PROPERTY_RUNS ?? 1_400);
/** One seed for everybody, so that a change is judged by the same runs; others by hand. */
const SEED = { seed: Number(process.env.WHCB_PROPERTY_SEED ?? 20_300_101) };

const callback = fc.nat(2);
const call = fc.nat(200);
const userAct: fc.Arbitrary<UserAct> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ act: fc.constant("accept"), callback, count: fc.constantFrom(1, 2, 5, 12, 40) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("mark"), callback, call, status: fc.constantFrom("SUCCESS", "FAILED") }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("replay"), callback, call }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("replayAll"), callback }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("toggle"), callback }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("edit"), callback }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("delete"), callback: fc.constant(2) }) },
) as fc.Arbitrary<UserAct>;
const behaviour = fc.constantFrom("up", "down", "down", "hanging", "slow", "flapping", "choosy");
const advance = fc.constantFrom(
  1,
  300,
  1_000,
  7_000,
  MINUTE,
  5 * MINUTE - 1,
  5 * MINUTE,
  5 * MINUTE + 1,
  11 * MINUTE,
  30 * MINUTE,
);
const jump = fc.constantFrom(-60 * MINUTE, -6 * MINUTE, -MINUTE, 2_000, 6 * MINUTE, 60 * MINUTE);
export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 12, arbitrary: userAct },
  { weight: 5, arbitrary: fc.record({ act: fc.constant("become"), callback, behaviour }) },
  { weight: 10, arbitrary: fc.record({ act: fc.constant("advance"), ms: advance }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("crash") }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("restart") }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant("intrude"), after: fc.nat(12), by: userAct }) },
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constant("storeFails"), after: fc.nat(12), times: fc.integer({ min: 1, max: 3 }) }),
  },
) as fc.Arbitrary<Command>;
/** The clock is set, too. */
export const jumpyCommand = fc.oneof(
  { weight: 12, arbitrary: command },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("jump"), ms: jump }) as fc.Arbitrary<Command> },
);
const policy: fc.Arbitrary<RetryPolicy> = fc
  .tuple(fc.constantFrom([5 * MINUTE, 22 * MINUTE], [MINUTE, 9 * MINUTE], [5 * MINUTE, 60 * MINUTE]), fc.boolean())
  .map(([[intervalMs = 0, windowMs = 0], jitter]) => ({ intervalMs, windowMs, jitter }));
const options: fc.Arbitrary<RunOptions> = fc.record({
  policy,
  callbacks: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat(),
  batch: fc.constantFrom(512, 8, 1),
});

async function play(runOptions: RunOptions, commands: readonly Command[]): Promise<void> {
  const run = await DispatchRun.open(runOptions);
  try {
    for (const [index, one] of commands.entries()) {
      expect(await run.play(one), `after command ${index}, ${JSON.stringify(one)}`).toEqual([]);
    }
    expect(await run.end(), "at the end").toEqual([]);
  } finally {
    await run.sim.store.close();
  }
}

/** `share`: of the usual number of runs. */
export function keepsItsRules(commands: fc.Arbitrary<Command>, share = 1): Promise<void> {
  const property = fc.asyncProperty(options, fc.array(commands, { maxLength: 40, size: "max" }), play);
  return fc.assert(property, { numRuns: Math.ceil(RUNS * share), ...SEED });
}
