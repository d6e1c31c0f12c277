/** Random commands against the reference model while the wall clock is set; its own file, so that it runs in parallel. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyCommandOrJump, RUNS, runOptions, SEED } from "../support/dispatcher/arbitrary-commands.js";
import { DispatchRun } from "../support/dispatcher/dispatch-run.js";

describe("a dispatcher whose wall clock is set back and forward", () => {
  it("agrees with the reference model after every command", { timeout: 600_000 }, async () => {
    const agrees = fc.asyncProperty(
      runOptions,
      fc.array(anyCommandOrJump, { maxLength: 40, size: "max" }),
      async (options, commands) => {
        const run = await DispatchRun.open(options);
        try {
          for (const [index, command] of commands.entries()) {
            expect(await run.play(command), `after command ${index}, ${JSON.stringify(command)}`).toEqual([]);
          }
          expect(await run.end(), "at the end").toEqual([]);
        } finally {
          await run.sim.store.close();
        }
      },
    );
    await fc.assert(agrees, { numRuns: RUNS / 2, seed: SEED });
  });
});
