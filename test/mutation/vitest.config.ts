import { readFileSync } from "node:fs";
import { defineConfig, mergeConfig, type Plugin } from "vitest/config";
import type { Reporter, TestModule, Vitest } from "vitest/node";
import repository from "../../vitest.config.js";

/** The change of a file's text for this run; it is set by run.mjs, and not in a run of Stryker, which changes the code itself. */
const change = process.env.WHCB_MUTANT;

function changeText(path: string, from: string, to: string): Plugin {
  return {
    name: "change-text",
    enforce: "pre",
    load: (id) => (id.endsWith(`/${path}`) ? readFileSync(id, "utf8").replace(from, () => to) : null),
  };
}

/** Stryker looks only at tests. A file that throws while its tests are collected has none, and would let the mutant survive. */
class CollectionErrors implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const error of modules.flatMap((module) => module.errors())) this.#vitest?.state.catchError(error, "Collection Error");
  }
}

/** Stryker needs a config without projects. */
const forStryker = defineConfig({
  test: {
    include: [process.env.WHCB_MUTATION_TESTS ?? ""],
    exclude: ["**/*postgres*", "**/node_modules/**"],
    isolate: false,
    // The process would write it into the copied code while that is removed.
    cache: false,
    testTimeout: 120_000,
    setupFiles: ["test/support/remove-temporary-folders.ts", "test/support/server/cheap-hashing.ts"],
    env: { NO_COLOR: "1", TZ: "UTC", WHCB_PROPERTY_RUNS: "20" },
    reporters: [new CollectionErrors()],
  },
});

export default defineConfig((env) =>
  change === undefined
    ? forStryker
    : mergeConfig(repository(env), { plugins: [changeText(...(JSON.parse(change) as [string, string, string]))] }),
);
