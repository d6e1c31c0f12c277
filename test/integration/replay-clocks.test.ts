/** The clock of the machine that replays isn't the service's. What it marks and reports is stored all the same. */
import { afterEach, expect, it } from "vitest";
import { startService } from "../../src/main/start-service.js";
import { systemClock } from "../../src/platform/clock.js";
import { SharedClock } from "../../src/platform/shared-clock.js";
import { CliMachine } from "../support/cli/cli-service.js";

const MINUTE = 60_000;
let machine: CliMachine;

afterEach(() => machine.leave());

it.each([
  ["ten minutes ahead", -10 * MINUTE],
  ["ten minutes behind", 10 * MINUTE],
])("marks its calls as replayed, with the attempts, if our clock is %s", async (_, serviceAhead) => {
  const clock = new SharedClock(systemClock, async () => Date.now() + serviceAhead);
  await clock.sync();
  machine = new CliMachine({
    startService: (options) => startService(options, { version: "1.2.3", log: process.stderr, clock }),
  });
  await machine.serve();
  const failing = await machine.listen(["--status", "503"]);
  await machine.rehearse("demo", failing.url, 150);
  await failing.stop();
  await machine.listen(["--port", new URL(failing.url).port]);
  const began = Date.now();
  await machine.works(["replay", "demo", "--failed", "--yes"]);
  const ended = Date.now();
  const calls: { id: string; settledBy: string; attemptCount: number; attemptedDate: string }[] = JSON.parse(
    await machine.works(["calls", "list", "demo", "--success", "--all", "-o", "json"]),
  );
  expect(calls).toHaveLength(150);
  expect(new Set(calls.map(({ settledBy, attemptCount }) => `${settledBy} ${attemptCount}`))).toEqual(new Set(["replay 2"]));
  for (const { attemptedDate } of calls) {
    const byUs = Date.parse(attemptedDate) - serviceAhead;
    expect(byUs).toBeGreaterThan(began - 2_000);
    expect(byUs).toBeLessThan(ended + 2_000);
  }
});
