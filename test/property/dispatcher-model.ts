/** Random commands against the reference model. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runOptions, SEED } from "../support/dispatcher/arbitrary-commands.js";
import { type Command, DispatchRun } from "../support/dispatcher/dispatch-run.js";
import type { WithFreshStore } from "../support/store/fresh-stores.js";

export interface ModelRuns {
  readonly commands: fc.Arbitrary<Command>;
  readonly count: number;
}

export function describeAgreement(dispatcher: string, withStore: WithFreshStore, { commands, count }: ModelRuns): void {
  describe(dispatcher, () => {
    it("agrees with the reference model after every command", { timeout: 600_000 }, async () => {
      const agrees = fc.asyncProperty(runOptions, fc.array(commands, { maxLength: 40, size: "max" }), (options, commandsOfRun) =>
        withStore(async (store) => {
          const run = await DispatchRun.open(options, store);
          for (const [index, command] of commandsOfRun.entries()) {
            expect(await run.play(command), `after command ${index}, ${JSON.stringify(command)}`).toEqual([]);
          }
          expect(await run.end(), "at the end").toEqual([]);
        }),
      );
      await fc.assert(agrees, { numRuns: count, seed: SEED });
    });
  });
}
