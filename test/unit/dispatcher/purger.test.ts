import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPurger, type PurgerDeps } from "../../../src/dispatcher/purger.js";
import { silentLogger } from "../../../src/platform/logger.js";
import { DAY, HOUR, Simulation } from "../../support/dispatcher/simulation.js";

let sim: Simulation;

beforeEach(async () => {
  sim = await Simulation.open();
});

afterEach(() => sim.store.close());

const purgerOf = (removeMailFiles: PurgerDeps["removeMailFiles"] = async () => undefined) =>
  createPurger({ store: sim.store, clock: sim.clock, logger: silentLogger, removeMailFiles });

describe("a purger", () => {
  it("removes a deleted callback's calls in chunks, with a pause between, then looks again in a minute", async () => {
    const callback = await sim.callback();
    await sim.accept(callback, 1_200);
    await sim.settle();
    await sim.remove(callback);
    const waits: number[] = [];
    const purger = purgerOf();
    for (let round = 0; round < 3; round += 1) waits.push(((await purger.tick()) ?? 0) - sim.clock.now());
    expect(waits).toEqual([50, 50, 60_000]);
  });

  describe("of what is past retention", () => {
    async function threeSettledCalls() {
      const callback = await sim.callback();
      await sim.accept(callback, 3);
      await sim.settle();
      const kept = async () => (await sim.store.calls.count(callback.id)).SUCCESS;
      return { kept };
    }

    it("removes nothing in the first hour after the start", async () => {
      const { kept } = await threeSettledCalls();
      sim.clock.advance(31 * DAY);
      const purger = purgerOf();
      await purger.tick();
      sim.clock.advance(HOUR - 1);
      await purger.tick();
      expect(await kept()).toBe(3);
      sim.clock.advance(1);
      await purger.tick();
      expect(await kept()).toBe(0);
    });

    it("removes nothing for an hour after the clock jumped ahead, and nothing if it is corrected in that time", async () => {
      const { kept } = await threeSettledCalls();
      const purger = purgerOf();
      sim.clock.advance(2 * HOUR);
      sim.clock.jump(31 * DAY);
      await purger.tick();
      sim.clock.advance(HOUR - 1);
      await purger.tick();
      expect(await kept()).toBe(3);
      sim.clock.jump(-31 * DAY);
      sim.clock.advance(2 * HOUR);
      await purger.tick();
      expect(await kept()).toBe(3);
      sim.clock.jump(31 * DAY);
      await purger.tick();
      sim.clock.advance(HOUR);
      await purger.tick();
      expect(await kept()).toBe(0);
    });

    it("has mail files removed by the stored setting, and none in that hour", async () => {
      const limits: number[] = [];
      const purger = purgerOf(async (before) => void limits.push(sim.clock.now() - before));
      await purger.tick();
      expect(limits).toEqual([]);
      sim.clock.advance(HOUR);
      await purger.tick();
      await sim.store.settings.save({ retainMailMs: 7 * DAY });
      await purger.tick();
      expect(limits).toEqual([365 * DAY, 7 * DAY]);
    });

    it("removes a deleted callback's calls in that hour all the same", async () => {
      const callback = await sim.callback();
      await sim.accept(callback, 3);
      const purger = purgerOf();
      await sim.remove(callback);
      await purger.tick();
      expect(await sim.store.callbacks.create(callback.id, callback, 0)).toMatchObject({ id: callback.id });
    });
  });
});
