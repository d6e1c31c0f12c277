import { defineConfig } from "vitest/config";
import { findPgbouncer, NO_PGBOUNCER } from "./test/support/postgres/find-pgbouncer.js";

const POSTGRES = ["test/**/*postgres*.test.ts", "test/**/postgres/*.test.ts"];

const UNIT = "test/unit/**/*.test.{ts,tsx}";
/** All but a file that gives up the user of its process. */
const IN_PROCESS = "test/{contract,integration,property}/**/!(store-permissions).test.ts";

const WITHOUT_POOLER = findPgbouncer(process.env) === null ? ["test/e2e/pooler-postgres.test.ts"] : [];
if (WITHOUT_POOLER.length > 0) process.stderr.write(`The tests with a pooler were left out: ${NO_PGBOUNCER}.\n`);

export default defineConfig({
  test: {
    exclude: ["**/node_modules/**", "test/bench/**", "test/browser/**"],
    pool: "forks",
    maxWorkers: 3,
    setupFiles: ["test/support/remove-temporary-folders.ts", "test/support/server/cheap-hashing.ts"],
    // These only end what hangs: on a loaded machine a test takes ten times as long.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    env: { NO_COLOR: "1", TZ: "UTC" },
    projects: [
      {
        extends: true,
        test: { name: "whcb", include: ["test/**/*.test.{ts,tsx}"], exclude: [...POSTGRES, UNIT, IN_PROCESS] },
      },
      {
        extends: true,
        // The next file in the same process needn't load everything again.
        test: { name: "in-process", include: [UNIT, IN_PROCESS], exclude: POSTGRES, isolate: false },
      },
      {
        extends: true,
        test: { name: "postgres", include: POSTGRES, exclude: WITHOUT_POOLER, globalSetup: "test/support/postgres/cluster.ts" },
      },
    ],
  },
});
