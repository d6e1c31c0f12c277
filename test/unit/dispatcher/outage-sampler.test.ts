import { expect, it } from "vitest";
import { createOutageSampler } from "../../../src/dispatcher/outage-sampler.js";
import { silentLogger } from "../../../src/platform/logger.js";
import { down, MINUTE, Simulation } from "../../support/dispatcher/simulation.js";

it("samples every callback with an open outage, however many, once a minute", async () => {
  const sim = await Simulation.open();
  sim.endpoint = down;
  const sampler = createOutageSampler({ activity: sim.store.activity, clock: sim.clock, logger: silentLogger });
  const start = sim.clock.now();
  const healthy = await sim.callback();
  const callbacks = [];
  for (let index = 0; index < 1_001; index += 1) callbacks.push(await sim.callback({ name: `down ${index}` }));
  for (const callback of callbacks) await sim.accept(callback, 1);
  await sim.settle();
  sim.clock.advance(MINUTE + 5_000);
  expect(await sampler.tick()).toBe(start + 2 * MINUTE);
  const pointsOf = async ({ id }: { readonly id: string }) =>
    (await sim.store.activity.list(id, { since: start + MINUTE, until: start + 2 * MINUTE, maxPoints: 10 })).points;
  for (const callback of callbacks) {
    expect(await pointsOf(callback)).toMatchObject([{ at: start + MINUTE, waiting: { pending: 0, failed: 1 } }]);
  }
  expect(await pointsOf(healthy)).toEqual([]);
  await sim.store.close();
});
