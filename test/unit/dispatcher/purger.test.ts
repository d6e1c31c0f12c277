import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Purger } from "../../../src/dispatcher/purger.js";
import { silentLogger } from "../../../src/platform/logger.js";
import { DAY, Simulation } from "../../support/dispatcher/simulation.js";

let sim: Simulation;

beforeEach(async () => {
  sim = await Simulation.open();
});

afterEach(() => sim.store.close());

const purgerOf = () => new Purger({ store: sim.store, clock: sim.clock, logger: silentLogger });

describe("a purger", () => {
  it("removes a deleted callback's calls in chunks, with a pause between, then looks again in a minute", async () => {
    const callback = await sim.callback();
    await sim.accept(callback, 1_200);
    await sim.settle();
    await sim.remove(callback);
    const waits: number[] = [];
    const purger = purgerOf();
    for (let round = 0; round < 3; round += 1) waits.push((await purger.tick()) - sim.clock.now());
    expect(waits).toEqual([50, 50, 60_000]);
  });

  it("keeps calls 30 days after their last change where retries are on", async () => {
    const callback = await sim.callback();
    await sim.accept(callback, 3);
    await sim.settle();
    sim.clock.advance(30 * DAY);
    await purgerOf().tick();
    expect(await sim.store.countCalls(callback.id)).toMatchObject({ SUCCESS: 3 });
    sim.clock.advance(1);
    await purgerOf().tick();
    expect(await sim.store.countCalls(callback.id)).toMatchObject({ SUCCESS: 0 });
  });
});
