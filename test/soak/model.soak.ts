/**
 * Plays random commands to the dispatcher and its model for some time: `npm run soak:model -- --minutes 30`. Prints a command for each
 * failure that repeats it. `--mode` takes one of MODES or `nodes`, which otherwise take turns.
 */
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { MODES, type ModeName, modelProperty } from "../property/dispatcher-model.js";
import { nodesProperty } from "../property/dispatcher-nodes.js";
import { createSharedDatabase, type SharedDatabase } from "../support/dispatcher/nodes/shared-database.js";
import { onSqlite } from "../support/store/fresh-stores.js";

const { SOAK_MODE, SOAK_PATH } = process.env;
const minutes = Number(process.env.SOAK_MINUTES ?? 30);
const seed = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000);

const ALL_MODES = [...(Object.keys(MODES) as ModeName[]), "nodes"] as const;
const modes = ALL_MODES.filter((name) => name === (SOAK_MODE ?? name));

const RUNS_PER_SEED = 10;

let shared: SharedDatabase;

beforeAll(async () => {
  if (modes.includes("nodes")) shared = await createSharedDatabase("nodes_model");
});

const propertyOf = (mode: (typeof ALL_MODES)[number]): fc.IAsyncPropertyWithHooks<unknown> =>
  mode === "nodes" ? nodesProperty(() => shared) : modelProperty(mode, onSqlite);

it.runIf(SOAK_PATH === undefined)(`keeps to the model for ${minutes} minutes (seed ${seed})`, { timeout: 0 }, async () => {
  const endsAt = Date.now() + minutes * 60_000;
  const failures: string[] = [];
  let runs = 0;
  for (let next = seed; Date.now() < endsAt; next += 1) {
    for (const mode of modes) {
      const checked = await fc.check(propertyOf(mode), {
        numRuns: RUNS_PER_SEED,
        seed: next,
        interruptAfterTimeLimit: Math.max(1, endsAt - Date.now()),
      });
      runs += checked.numRuns;
      if (checked.counterexamplePath === null) continue;
      failures.push(
        `${checked.errorInstance}\nnpm run soak:model -- --mode ${mode} --seed ${next} --path ${checked.counterexamplePath}`,
      );
      process.stdout.write(`${failures.at(-1)}\n`);
    }
  }
  process.stdout.write(`${runs} runs, ${failures.length} seeds failed\n`);
  expect(failures.join("\n\n")).toBe("");
});

it.runIf(SOAK_PATH !== undefined).each(modes)("keeps to the model in one run of the mode %s", { timeout: 0 }, (mode) =>
  fc.assert(propertyOf(mode), { seed, path: SOAK_PATH ?? "", endOnFailure: true, numRuns: 1 }),
);
