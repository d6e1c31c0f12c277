/** Random commands against the reference model. */
import fc from "fast-check";
import { describe, it } from "vitest";
import { MIB } from "../../src/domain/service-settings.js";
import type { Store } from "../../src/store/open-store.js";
import { anyCommand, anyCommandOrJump, outageOrReplay, runOptions, SEED } from "../support/dispatcher/arbitrary-commands.js";
import { type Command, DispatchRun, type RunOptions } from "../support/dispatcher/dispatch-run.js";
import { MINUTE } from "../support/dispatcher/simulation.js";
import type { WithFreshStore } from "../support/store/fresh-stores.js";

interface Mode {
  readonly title: string;
  readonly commands: fc.Arbitrary<Command>;
  /** Plays what comes after the commands, and resolves to what is wrong then. */
  readonly end: (run: DispatchRun) => Promise<readonly string[]>;
}

const agreesAtEnd = (run: DispatchRun) => run.end();

export const MODES = {
  agreement: { title: "agrees with the reference model after every command", commands: anyCommand, end: agreesAtEnd },
  clock: { title: "agrees while its wall clock is set back and forward", commands: anyCommandOrJump, end: agreesAtEnd },
  replays: { title: "agrees while clients replay its calls", commands: outageOrReplay, end: agreesAtEnd },
  progress: {
    title: "settles everything that is due once all faults have stopped",
    commands: fc.oneof(anyCommandOrJump, outageOrReplay),
    end: (run: DispatchRun) => run.endFaults(),
  },
} satisfies Readonly<Record<string, Mode>>;

export type ModeName = keyof typeof MODES;

export function modelProperty(name: ModeName, withStore: WithFreshStore) {
  const { commands }: Mode = MODES[name];
  return fc.asyncProperty(runOptions, fc.array(commands, { maxLength: 40, size: "max" }), (options, commandsOfRun) =>
    withStore((store) => playCommands(name, store, options, commandsOfRun)),
  );
}

export const ONE_CALLBACK: RunOptions = {
  policy: { intervalMs: 5 * MINUTE, windowMs: 22 * MINUTE, jitter: false },
  callbacks: 1,
  seed: 0,
  limits: { batch: 512, inFlightPerEndpoint: 64, inFlightInAll: 512, bodyBytes: 64 * MIB, groupSize: 512 },
};

/** Throws what is wrong after a command, or at the end. */
export async function playCommands(
  name: ModeName,
  store: Store,
  options: RunOptions,
  commands: readonly Command[],
): Promise<void> {
  const run = await DispatchRun.open(options, store);
  for (const [index, command] of commands.entries()) {
    requireNone(await run.play(command), `after command ${index}, ${JSON.stringify(command)}`);
  }
  requireNone(await MODES[name].end(run), "at the end");
}

export function requireNone(broken: readonly string[], when: string): void {
  if (broken.length > 0) throw new Error(`${when}: ${broken.join("; ")}`);
}

export function describeModel(dispatcher: string, withStore: WithFreshStore, name: ModeName, count: number): void {
  describe(dispatcher, () => {
    it(MODES[name].title, { timeout: 600_000 }, () => fc.assert(modelProperty(name, withStore), { numRuns: count, seed: SEED }));
  });
}
