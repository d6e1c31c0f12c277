import { defineConfig } from "vitest/config";
import { findChromium, NO_CHROMIUM } from "../support/browser/chromium.js";

/**
 * `--mode if-installed` leaves the tests out on a machine without a Chromium; without it they fail there. `--mode screenshots` and
 * `--mode recording` make the README's pictures instead.
 */
export default defineConfig(({ mode }) => {
  const isLeftOut = mode === "if-installed" && findChromium(process.env) === null;
  const isPicture = mode === "screenshots" || mode === "recording";
  if (isLeftOut) process.stderr.write(`The browser tests were left out: ${NO_CHROMIUM}.\n`);
  return {
    test: {
      include: isLeftOut ? [] : [isPicture ? `test/browser/${mode}.ts` : "test/browser/**/*.test.ts"],
      passWithNoTests: isLeftOut,
      pool: "forks",
      // The next file in the same process needn't load everything again.
      isolate: false,
      maxWorkers: 2,
      testTimeout: 120_000,
      hookTimeout: 30_000,
      env: { NO_COLOR: "1", TZ: "UTC" },
    },
  };
});
