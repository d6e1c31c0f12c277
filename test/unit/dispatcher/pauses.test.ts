/** docs/dispatcher.md, A pause. */
import { afterEach, expect, it } from "vitest";
import type { Store } from "../../../src/store/open-store.js";
import { ACCEPTED, REFUSED_503 } from "../../support/builders.js";
import { DAY, down, HOUR, MINUTE, Simulation, up, watchStore } from "../../support/dispatcher/simulation.js";

let sim: Simulation;

afterEach(() => sim.store.close());

const outages = async () => (await sim.store.outages.list({ limit: 10, offset: 0 })).items;
const countMails = async () => (await sim.store.mails.fetchQueued(sim.clock.now(), 100)).length;
/** Each request takes a second, so this is how many are in flight in each second. */
const slowly = () => ({ result: ACCEPTED, afterMs: 1_000 });
const perSecond = (from: number, seconds: number) =>
  Array.from({ length: seconds }, (_, second) => sim.sent.filter(({ at }) => at - from === second * 1_000).length);

it("lets what is accepted wait without an attempt, and then begins with one request, even at an endpoint that is up", async () => {
  sim = await Simulation.open();
  sim.endpoint = slowly;
  const callback = await sim.callback();
  await sim.accept(callback, 3);
  await sim.runFor(MINUTE);
  await sim.pause(callback, 2 * HOUR);
  const until = sim.clock.now() + 2 * HOUR;
  await sim.accept(callback, 100);
  await sim.runUntil(until - 1);
  expect(sim.sent).toHaveLength(3);
  expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 100, SUCCESS: 3, FAILED: 0 });
  await sim.runFor(MINUTE);
  expect(perSecond(until, 4)).toEqual([1, 2, 4, 8]);
  expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 103, FAILED: 0 });
});

it("begins so also after a restart, and when it was paused and resumed by another process", async () => {
  // Another process's write changes this.
  let counter = "0";
  const watched = (store: Store) =>
    watchStore(store, async (method, _, work) => (method === "changes.readCounter" ? counter : work()));
  sim = await Simulation.open({ dispatcherStore: watched });
  sim.endpoint = slowly;
  const callback = await sim.callback();
  await sim.accept(callback);
  await sim.runFor(MINUTE);
  counter = "1";
  await sim.store.callbacks.setPause(callback.id, { at: sim.clock.now(), until: null, by: null });
  await sim.runFor(MINUTE);
  await sim.accept(callback, 20);
  await sim.runFor(HOUR);
  sim.crash();
  await sim.runFor(DAY);
  expect(sim.sent).toHaveLength(1);
  counter = "2";
  await sim.store.callbacks.setPause(callback.id, null);
  const from = sim.clock.now();
  await sim.runFor(MINUTE);
  expect(perSecond(from, 3)).toEqual([1, 2, 4]);
  expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 21, FAILED: 0 });
});

it("lets requests in flight end, and stops a retry round, probes and requested replays", async () => {
  sim = await Simulation.open();
  sim.endpoint = down;
  const callback = await sim.callback();
  const ids = await sim.accept(callback, 30);
  await sim.runFor(MINUTE);
  sim.endpoint = () => ({ result: REFUSED_503, afterMs: 10_000 });
  await sim.runFor(4 * MINUTE + 1_000);
  const before = sim.sent.length;
  expect(sim.dispatcher.inFlight).toBeGreaterThan(0);
  await sim.pause(callback, null);
  await sim.accept(callback, 5);
  await sim.replay(callback, { callIds: ids.slice(0, 3) });
  await sim.runFor(2 * DAY);
  expect([sim.sent.length, sim.dispatcher.inFlight]).toEqual([before, 0]);
  expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 5, SUCCESS: 0, FAILED: 30 });
});

it("keeps its outage open, and lets the windows of failed calls run on: these aren't retried any more", async () => {
  sim = await Simulation.open();
  sim.endpoint = down;
  const callback = await sim.callback();
  await sim.accept(callback, 12);
  await sim.runFor(HOUR);
  await sim.pause(callback, 2 * DAY);
  await sim.accept(callback, 2);
  sim.endpoint = up;
  await sim.runFor(2 * DAY - 1);
  expect([(await outages()).map(({ endedAt }) => endedAt), await countMails()]).toEqual([[null], 1]);
  const endsAt = sim.clock.now() + 1;
  await sim.runFor(MINUTE);
  expect((await outages()).map(({ endedAt }) => endedAt)).toEqual([endsAt]);
  expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 2, FAILED: 12 });
});

it("reports calls whose window ends in a pause without an end, within an interval, also after a restart", async () => {
  sim = await Simulation.open();
  sim.endpoint = down;
  const callback = await sim.callback();
  const began = sim.clock.now();
  await sim.accept(callback, 3);
  await sim.runFor(HOUR);
  await sim.accept(callback, 2);
  await sim.runFor(HOUR);
  await sim.pause(callback, null);
  const expired = async () => (await sim.store.endpoints.listReports([callback.id]))[0]?.expiredCalls;
  await sim.runUntil(began + DAY);
  expect(await expired()).toBe(0);
  await sim.runFor(5 * MINUTE);
  expect(await expired()).toBe(3);
  sim.crash();
  await sim.runFor(HOUR);
  expect(await expired()).toBe(5);
});

it("has an endpoint that was down probed, and its calls retried, at once", async () => {
  sim = await Simulation.open();
  sim.endpoint = down;
  const callback = await sim.callback();
  await sim.accept(callback, 15);
  await sim.runFor(3 * HOUR);
  await sim.pause(callback, null);
  await sim.runFor(MINUTE);
  sim.endpoint = up;
  await sim.resume(callback);
  await sim.settle();
  expect(sim.sent.at(-1)?.at).toBe(sim.clock.now());
  await sim.runFor(5 * MINUTE);
  expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 15, FAILED: 0 });
});

it("costs a look for windows that are over once an interval, however many responses are accepted in it", async () => {
  const storeCalls: string[] = [];
  sim = await Simulation.open({
    dispatcherStore: (store) =>
      watchStore(store, (method, _, work) => {
        storeCalls.push(method);
        return work();
      }),
  });
  const callback = await sim.callback();
  await sim.pause(callback, null);
  await sim.accept(callback);
  await sim.settle();
  storeCalls.length = 0;
  for (let index = 0; index < 50; index += 1) {
    await sim.accept(callback, 2);
    await sim.runFor(MINUTE);
  }
  expect(storeCalls.filter((method) => method !== "changes.readCounter")).toEqual(Array(10).fill("queue.expireRetries"));
});

it("ends by the clock: one that is set back lengthens none, and begins none again", async () => {
  sim = await Simulation.open();
  const callback = await sim.callback();
  const other = await sim.callback({ name: "other" });
  await sim.pause(callback, HOUR);
  await sim.pause(other, 2 * HOUR);
  await sim.runFor(90 * MINUTE);
  sim.clock.jump(-2 * HOUR);
  await sim.accept(callback);
  await sim.accept(other);
  await sim.settle();
  expect(sim.sent.map(({ callbackId }) => callbackId)).toEqual([callback.id]);
  await sim.runFor(2 * HOUR);
  expect(sim.sent).toHaveLength(2);
});
