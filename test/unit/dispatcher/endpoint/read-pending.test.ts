/** Where the reading of new responses goes on (src/dispatcher/endpoint/read-calls.ts). */
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Callback } from "../../../../src/domain/callback.js";
import type { PendingRead } from "../../../../src/store/calls/fetch-calls.js";
import { ACCEPTED } from "../../../support/builders.js";
import { MINUTE, Simulation, watchStore } from "../../../support/dispatcher/simulation.js";

let sim: Simulation;
let starts: (number | undefined)[];

beforeEach(async () => {
  starts = [];
  sim = await Simulation.open({
    limits: { batch: 2, inFlightPerEndpoint: 1 },
    dispatcherStore: (store) =>
      watchStore(store, (method, [reads], work) => {
        if (method === "queue.fetchPending") starts.push(...(reads as readonly PendingRead[]).map(({ from }) => from));
        return work();
      }),
  });
});
afterEach(() => sim.store.close());

async function change(callback: Callback, over: Partial<Callback>): Promise<void> {
  await sim.store.callbacks.update(callback.id, { ...callback, ...over }, sim.clock.now(), sim.policy);
}

/** Where it starts next, after something was changed. */
async function nextStart(callback: Callback): Promise<number | undefined> {
  starts = [];
  sim.dispatcher.changed(callback.id);
  await sim.settle();
  return starts[0];
}

it("goes on at the oldest one that was PENDING", async () => {
  sim.endpoint = () => ({ result: ACCEPTED, afterMs: 100 });
  const callback = await sim.callback();
  await sim.accept(callback, 6);
  await sim.runFor(MINUTE);
  expect(sim.sent).toHaveLength(6);
  expect(starts[0]).toBe(0);
  expect(starts).toEqual(starts.toSorted((one = 0, other = 0) => one - other));
  expect(starts.at(-1)).toBeGreaterThan(3);
});

it("goes on there after settings were changed that release no held response", async () => {
  const callback = await sim.callback();
  sim.endpoint = () => ({ result: ACCEPTED, afterMs: MINUTE });
  await sim.accept(callback, 6);
  await sim.runFor(4 * MINUTE);
  await change(callback, { email: "other@example.com" });
  expect(await nextStart(callback)).toBeGreaterThan(3);
});

it.each<[string, (callback: Callback) => Promise<void>]>([
  ["off", (callback) => change(callback, { retriesEnabled: false })],
  [
    "off and on again while nobody looked",
    async (callback) => {
      await change(callback, { retriesEnabled: false });
      sim.clock.advance(1);
      await change(callback, {});
    },
  ],
  [
    "off and on again in the millisecond of a change that was seen",
    async (callback) => {
      await change(callback, { url: "http://127.0.0.1:9000/other" });
      expect(await nextStart(callback)).toBe(0);
      await change(callback, { retriesEnabled: false });
      await change(callback, {});
    },
  ],
])("starts from the first one when retries were switched %s: held ones are PENDING again", async (_, switchOff) => {
  sim.endpoint = () => ({ result: ACCEPTED, afterMs: MINUTE });
  const callback = await sim.callback();
  await sim.accept(callback, 20);
  await sim.runFor(4 * MINUTE);
  await switchOff(callback);
  expect(await nextStart(callback)).toBe(0);
});
