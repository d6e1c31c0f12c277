/** The clock of the machine that replays isn't the service's. What it marks and reports is stored all the same. */
import { afterEach, expect, it } from "vitest";
import { startService } from "../../src/main/start-service.js";
import { systemClock } from "../../src/platform/clock.js";
import { SharedClock } from "../../src/platform/shared-clock.js";
import { CliMachine } from "../support/cli/cli-service.js";

const MINUTE = 60_000;
let machine: CliMachine;

afterEach(() => machine.leave());

async function serve(serviceAhead: number): Promise<void> {
  const clock = new SharedClock(systemClock, async () => Date.now() + serviceAhead);
  await clock.sync();
  machine = new CliMachine({
    startService: (options) => startService(options, { version: "1.2.3", log: process.stderr, clock }),
  });
  await machine.serve();
}

it.each([
  ["ten minutes ahead", -10 * MINUTE],
  ["ten minutes behind", 10 * MINUTE],
])("marks its calls as replayed, with the attempts, if our clock is %s", async (_, serviceAhead) => {
  await serve(serviceAhead);
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

it.each([
  ["ahead of", -10 * MINUTE, "--until", "10m"],
  ["behind", 10 * MINUTE, "--since", "10m ago"],
])("with --yes a time ago is an error if our clock is ten minutes %s the service's", async (apart, serviceAhead, limit, ago) => {
  await serve(serviceAhead);
  await machine.rehearse("demo", (await machine.listen(["--status", "503"])).url, 2);
  expect(await machine.whcb(["mark-success", "demo", "--failed", limit, ago, "--yes"])).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(
      new RegExp(
        `^error: this machine's clock is .*m.* ${apart} the service's, and a time ago goes by it\nhint: set the clock, or give ${limit} a date and a time with a zone\n$`,
      ),
    ),
  });
  expect(await machine.ids("demo", "--failed")).toHaveLength(2);
  const at = new Date(Date.now() - 30 * MINUTE).toISOString();
  await machine.works(["mark-success", "demo", "--failed", "--since", at, "--yes"]);
  expect(await machine.ids("demo", "--failed")).toEqual([]);
});
