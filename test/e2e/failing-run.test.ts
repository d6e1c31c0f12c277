/** The command of the tests itself. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const VITEST = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));
const CONFIG = fileURLToPath(new URL("../fixtures/failing-run/vitest.config.ts", import.meta.url));

it("a run in which a test fails exits with 1, also if it has started PostgreSQL", async () => {
  const { error, stdout } = await new Promise<{ error: { code?: unknown } | null; stdout: string }>((resolve) => {
    execFile(process.execPath, [VITEST, "run", "--config", CONFIG], (error, stdout) => resolve({ error, stdout }));
  });
  expect(stdout).toContain("1 failed");
  expect(error?.code).toBe(1);
});
