import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/soak/**/*.soak.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 1_800_000,
    env: { NO_COLOR: "1", TZ: "UTC" },
  },
});
