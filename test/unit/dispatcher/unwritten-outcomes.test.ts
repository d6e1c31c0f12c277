/** What was sent must be recorded: nothing more is sent than that holds for. */
import { afterEach, describe, expect, it } from "vitest";
import { ACCEPTED } from "../../support/builders.js";
import { MINUTE, Simulation, StoreFailure, watchStore } from "../../support/dispatcher/simulation.js";

let sim: Simulation;

afterEach(() => sim.store.close());

const slowly = (afterMs: number) => () => ({ result: ACCEPTED, afterMs });

describe("a dispatcher", () => {
  it("sends nothing while the store can't be written, and each call once when it can", async () => {
    let isFull = false;
    sim = await Simulation.open({
      limits: { inFlightPerEndpoint: 1 },
      dispatcherStore: (store) =>
        watchStore(store, (method, _, work) => {
          if (isFull && (method === "outcomes.commit" || method === "checkWritable")) throw new StoreFailure();
          return work();
        }),
    });
    sim.endpoint = slowly(200);
    const callback = await sim.callback();
    await sim.accept(callback, 5);
    await sim.settle();
    isFull = true;
    await sim.runFor(MINUTE);
    expect(sim.sent).toHaveLength(2); // the second went while the first one's outcome was about to be committed
    isFull = false;
    await sim.runFor(MINUTE);
    expect([sim.sent.length, (await sim.store.calls.count(callback.id)).SUCCESS]).toEqual([5, 5]);
  });

  it("sends nothing at its start before a write has shown that the store can be written", async () => {
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        watchStore(store, (method, _, work) => {
          if (method === "checkWritable") throw new StoreFailure();
          return work();
        }),
    });
    await sim.accept(await sim.callback());
    await sim.runFor(MINUTE);
    expect(sim.sent).toEqual([]);
  });

  it("has no more than one group of outcomes waiting for their commit, however long it takes", async () => {
    let isSlow = false;
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        watchStore(store, async (method, _, work) => {
          if (isSlow && method === "outcomes.commit") await sim.clock.sleepFor(500);
          return work();
        }),
    });
    sim.endpoint = slowly(1);
    isSlow = true;
    for (const name of ["one", "two", "three"]) await sim.accept(await sim.callback({ name }), 600);
    const ticking = sim.dispatcher.tick();
    await pass(100);
    expect(sim.sent.length).toBeGreaterThanOrEqual(512);
    expect(sim.sent.length).toBeLessThanOrEqual(512 + 2 * 3 * 64); // and what was in flight when it was full
    isSlow = false;
    await pass(1_000);
    await ticking;
  });

  it("commits at its stop what was in flight, and sends nothing more", async () => {
    sim = await Simulation.open({ limits: { inFlightPerEndpoint: 1 } });
    sim.endpoint = slowly(200);
    const callback = await sim.callback();
    await sim.accept(callback, 3);
    await sim.settle();
    await sim.restart();
    expect([sim.sent.length, await sim.store.calls.count(callback.id)]).toEqual([1, { PENDING: 2, SUCCESS: 1, FAILED: 0 }]);
    await sim.runFor(MINUTE);
    expect(sim.sent).toHaveLength(3);
  });
});

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1) {
    sim.clock.advance(1);
    await sim.clock.nextTurn();
  }
}
