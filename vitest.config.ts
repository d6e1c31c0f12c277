import { defineConfig } from "vitest/config";

const POSTGRES = ["test/**/*postgres*.test.ts", "test/**/postgres/*.test.ts"];

export default defineConfig({
  test: {
    exclude: ["**/node_modules/**", "test/bench/**", "test/browser/**"],
    pool: "forks",
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    env: { NO_COLOR: "1", TZ: "UTC" },
    projects: [
      {
        extends: true,
        test: { name: "whcb", include: ["test/**/*.test.{ts,tsx}"], exclude: POSTGRES },
      },
      {
        extends: true,
        test: { name: "postgres", include: POSTGRES, globalSetup: "test/support/postgres/cluster.ts" },
      },
    ],
  },
});
