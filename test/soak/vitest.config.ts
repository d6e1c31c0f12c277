import { defineConfig } from "vitest/config";

const POSTGRES = ["test/soak/nodes.soak.ts", "test/soak/database-faults.soak.ts", "test/soak/pause-postgres.soak.ts"];

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 1_800_000,
    env: { NO_COLOR: "1", TZ: "UTC" },
    projects: [
      {
        extends: true,
        test: { name: "whcb", include: ["test/soak/**/*.soak.ts"], exclude: POSTGRES },
      },
      {
        extends: true,
        test: { name: "postgres", include: POSTGRES, globalSetup: "test/support/postgres/cluster.ts" },
      },
    ],
  },
});
