import { defineConfig } from "vitest/config";

const POSTGRES = [
  "test/soak/attack-console.soak.ts",
  "test/soak/chaos/chaos.soak.ts",
  "test/soak/model.soak.ts",
  "test/soak/nodes.soak.ts",
  "test/soak/database-faults.soak.ts",
  "test/soak/pause-postgres.soak.ts",
  "test/soak/stores.soak.ts",
];

/** `npm run soak:power -- --cuts 500` is SOAK_CUTS=500: vitest leaves what follows `--`. */
function soakEnv(argv: readonly string[]): Record<string, string> {
  const words = argv.slice(argv.indexOf("--") + 1);
  return Object.fromEntries(
    words.flatMap((word, at) => (word.startsWith("--") ? [[`SOAK_${word.slice(2).toUpperCase()}`, words[at + 1] ?? ""]] : [])),
  );
}

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 1_800_000,
    hookTimeout: 120_000,
    env: { NO_COLOR: "1", TZ: "UTC", ...(process.argv.includes("--") && soakEnv(process.argv)) },
    projects: [
      {
        extends: true,
        test: { name: "whcb", include: ["test/soak/**/*.soak.ts"], exclude: POSTGRES },
      },
      {
        extends: true,
        test: {
          name: "postgres",
          include: POSTGRES,
          globalSetup: "test/support/postgres/cluster.ts",
          setupFiles: "test/support/postgres/drop-databases.ts",
        },
      },
    ],
  },
});
