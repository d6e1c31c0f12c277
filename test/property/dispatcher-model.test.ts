/**
 * Whatever users, endpoints, clocks and the store do, the rules hold: random commands against the reference model.
 * WHCB_PROPERTY_SEED and WHCB_PROPERTY_RUNS set the seed and the number of runs; a failure prints its seed.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RetryPolicy } from "../../src/domain/retry-policy.js";
import { type Command, DispatchRun, type RunOptions, type UserAct } from "../support/dispatch-run.js";
import { MINUTE } from "../support/simulation.js";

const RUNS = Number(process.env.WHCB_PROPERTY_RUNS ?? 1_500);
const SEED = process.env.WHCB_PROPERTY_SEED === undefined ? {} : { seed: Number(process.env.WHCB_PROPERTY_SEED) };

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
const command: fc.Arbitrary<Command> = fc.oneof(
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
const jumpyCommand = fc.oneof(
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

async function play(runOptions: RunOptions, commands: readonly Command[]): Promise<DispatchRun> {
  const run = await DispatchRun.open(runOptions);
  try {
    for (const [index, one] of commands.entries()) {
      expect(await run.play(one), `after command ${index}, ${JSON.stringify(one)}`).toEqual([]);
    }
    expect(await run.end(), "at the end").toEqual([]);
    return run;
  } finally {
    await run.sim.store.close();
  }
}

describe("a dispatcher, whatever happens to it", () => {
  it("keeps its rules", { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(options, fc.array(command, { maxLength: 40, size: "max" }), async (runOptions, commands) => {
        await play(runOptions, commands);
      }),
      { numRuns: RUNS, ...SEED },
    );
  });

  it("keeps them when the clock is set, too", { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(options, fc.array(jumpyCommand, { maxLength: 40, size: "max" }), async (runOptions, commands) => {
        await play(runOptions, commands);
      }),
      { numRuns: Math.ceil(RUNS / 4), ...SEED },
    );
  });
});
