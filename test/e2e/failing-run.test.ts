/** The command of the tests itself. */
import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const VITEST = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));
const CONFIG = fileURLToPath(new URL("../fixtures/failing-run/vitest.config.ts", import.meta.url));

it("a run in which a test fails exits with 1, also if it has started PostgreSQL", async () => {
  // The variables of the run that this test belongs to must not reach it.
  const options = { env: { PATH: process.env.PATH }, cwd: dirname(CONFIG) };
  const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
    execFile(process.execPath, [VITEST, "run", "--config", CONFIG], options, (error, stdout, stderr) =>
      resolve({ code: error?.code, output: stdout + stderr }),
    );
  });
  expect(output).toContain("1 failed");
  expect(code).toBe(1);
});
