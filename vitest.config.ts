import { defineConfig } from "vitest/config";
import { findPgbouncer, NO_PGBOUNCER } from "./test/support/postgres/find-pgbouncer.js";

const POSTGRES = ["test/**/*postgres*.test.ts", "test/**/postgres/*.test.ts"];

/** This file gives up the user of its process. */
const ISOLATED = "test/integration/store-permissions.test.ts";

const WITHOUT_POOLER = findPgbouncer(process.env) === null ? ["test/slow/pooler-postgres.test.ts"] : [];
if (WITHOUT_POOLER.length > 0) process.stderr.write(`The tests with a pooler were left out: ${NO_PGBOUNCER}.\n`);

/** `--mode quick` leaves out the slow files: `npm test` and CI run them. */
const leftOut = (mode: string): string[] => (mode === "quick" ? ["test/slow/**"] : []);

export default defineConfig(({ mode }) => ({
  test: {
    exclude: ["**/node_modules/**", "test/bench/**", "test/browser/**"],
    pool: "forks",
    maxWorkers: 3,
    setupFiles: ["test/support/remove-temporary-folders.ts", "test/support/server/cheap-hashing.ts"],
    // The next file in the same process needn't load everything again.
    isolate: false,
    // These only end what hangs: on a loaded machine a test takes ten times as long.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    env: { NO_COLOR: "1", TZ: "UTC" },
    projects: [
      {
        extends: true,
        test: { name: "whcb", include: ["test/**/*.test.{ts,tsx}"], exclude: [...POSTGRES, ISOLATED, ...leftOut(mode)] },
      },
      {
        extends: true,
        test: { name: "isolated", include: [ISOLATED], isolate: true },
      },
      {
        extends: true,
        test: {
          name: "postgres",
          include: POSTGRES,
          exclude: [...WITHOUT_POOLER, ...leftOut(mode)],
          globalSetup: "test/support/postgres/cluster.ts",
          setupFiles: "test/support/postgres/drop-databases.ts",
        },
      },
    ],
  },
}));
