import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createExpiryReporter } from "../../../../src/dispatcher/outbox/expiry-reporter.js";
import type { ExpiryReport } from "../../../../src/domain/outage.js";
import { silentLogger } from "../../../../src/platform/logger.js";
import { down, HOUR, MINUTE, NO_JITTER, Simulation, up } from "../../../support/dispatcher/simulation.js";

const WINDOW = 4 * HOUR;
const HOOK = "0123456789abcdef";
let sim: Simulation;
let woken: number;

beforeEach(async () => {
  sim = await Simulation.open({ policy: { ...NO_JITTER, windowMs: WINDOW } });
  sim.endpoint = down;
  woken = 0;
});
afterEach(() => sim.store.close());

function aReporter(destinations: readonly string[] = [HOOK]) {
  const { clock, random, store } = sim;
  const onQueued = () => {
    woken += 1;
  };
  return createExpiryReporter({ expiries: store.expiries, destinations, clock, random, logger: silentLogger, onQueued });
}

/** Runs both, and resolves to what was reported. */
async function runFor(ms: number, reporter = aReporter()): Promise<ExpiryReport[]> {
  const reports: ExpiryReport[] = [];
  for (const end = sim.clock.now() + ms; sim.clock.now() < end; ) {
    await sim.runFor(MINUTE);
    await reporter.tick();
    for (const notice of await sim.store.notices.fetch(HOOK, sim.clock.now(), 9)) {
      await sim.store.notices.recordSent(notice, sim.clock.now());
      if (notice.event === "expired") reports.push(notice.report);
    }
  }
  return reports;
}

const shown = (reports: readonly ExpiryReport[]) => reports.map(({ expiredCalls }) => expiredCalls);

describe("calls whose window ends", () => {
  it("are each reported once, at most once an hour, also over a restart", async () => {
    const callback = await sim.callback();
    for (let batch = 0; batch < 6; batch += 1) {
      await sim.accept(callback, 100);
      await sim.runFor(HOUR / 2);
    }
    expect(await runFor(WINDOW - 3 * HOUR - 5 * MINUTE)).toEqual([]);
    const first = await runFor(90 * MINUTE);
    await sim.restart();
    const reports = [...first, ...(await runFor(3 * HOUR))];
    expect(shown(reports).reduce((sum, calls) => sum + calls, 0)).toBe(600);
    expect(woken).toBe(reports.length);
    const times = reports.map(({ asOf }) => asOf);
    for (const [index, at] of times.slice(1).entries()) expect(at - (times[index] ?? 0)).toBeGreaterThanOrEqual(HOUR);
    expect((await sim.store.outages.list({ limit: 9, offset: 0 })).total).toBe(1);
  });

  it("aren't reported if they are delivered or marked before, or have no retries", async () => {
    const [callback, single] = [await sim.callback(), await sim.callback({ name: "single", retriesEnabled: false })];
    const [id = ""] = await sim.accept(callback, 2);
    await sim.accept(single, 2);
    await sim.runFor(WINDOW - MINUTE);
    await sim.mark(callback, [id], "SUCCESS");
    sim.endpoint = up;
    expect(await runFor(WINDOW)).toEqual([]);
  });

  it("are in no later notice if there was no place to report them to", async () => {
    const callback = await sim.callback();
    await sim.accept(callback, 2);
    expect(await runFor(WINDOW + HOUR, aReporter([]))).toEqual([]);
    expect(await runFor(2 * HOUR)).toEqual([]);
  });
});
