import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ACCEPTED, aResponse, REFUSED_503 } from "../../support/builders.js";
import { DAY, down, HOUR, MINUTE, Simulation, watchStore } from "../../support/dispatcher/simulation.js";
import { fetchDue } from "../../support/store/waiting-calls.js";

let sim: Simulation;

beforeEach(async () => {
  sim = await Simulation.open();
});

afterEach(() => sim.store.close());

const slowly = (afterMs: number) => () => ({ result: ACCEPTED, afterMs });

async function turns(count: number): Promise<void> {
  for (let number = 0; number < count; number += 1) await turn();
}

describe("a dispatcher", () => {
  it("keeps nothing in memory of endpoints that have nothing to do", async () => {
    for (let index = 0; index < 5; index += 1) await sim.accept(await sim.callback({ name: `callback ${index}` }));
    await sim.settle();
    expect(sim.dispatcher.endpoints).toBe(0);
  });

  it.each([
    ["replays", 800, 0],
    ["new responses", 0, 400],
  ])("sleeps while %s wait for slots", async (_, replays, fresh) => {
    // One in five is accepted, so that the endpoint is never down.
    sim.endpoint = ({ call }) => ({ result: call.seq % 5 === 0 ? ACCEPTED : REFUSED_503 });
    const callback = await sim.callback({ retriesEnabled: false });
    await sim.accept(callback, (replays * 5) / 4 + 5);
    await sim.settle();
    sim.endpoint = slowly(MINUTE);
    if (replays > 0) await sim.replay(callback, { filter: {} });
    if (fresh > 0) await sim.accept(callback, fresh);
    await sim.dispatcher.tick();
    const next = await sim.dispatcher.tick();
    expect([sim.dispatcher.inFlight, next === null || next > sim.clock.now()]).toEqual([64, true]);
  });

  /** Has delivered a response, whose outcome gathers for 100 ms. */
  async function gathering() {
    await sim.store.close();
    sim = await Simulation.open({ limits: { gatherMs: 100 } });
    const callback = await sim.callback();
    await sim.accept(callback);
    const ticking = sim.dispatcher.tick();
    await turns(10);
    return { callback, ticking };
  }

  it("sends a new response at once, while outcomes gather for a commit", async () => {
    const { callback, ticking } = await gathering();
    await sim.accept(callback);
    await turns(10);
    expect([sim.sent.length, await sim.store.calls.count(callback.id)]).toMatchObject([2, { PENDING: 2 }]);
    sim.clock.set(sim.clock.now() + 100);
    await ticking;
    expect(await sim.store.calls.count(callback.id)).toMatchObject({ SUCCESS: 2 });
  });

  it("commits outcomes that have gathered with new responses that are stored", async () => {
    const { callback, ticking } = await gathering();
    sim.dispatcher.accepting();
    await sim.accept(callback);
    expect(await sim.store.calls.count(callback.id)).toMatchObject({ PENDING: 1, SUCCESS: 1 });
    await turns(10);
    sim.clock.set(sim.clock.now() + 100);
    await ticking;
  });

  it("sends nothing more for a deleted callback, and lets what is in flight end", async () => {
    sim.endpoint = slowly(MINUTE);
    const callback = await sim.callback();
    await sim.accept(callback, 100);
    await sim.settle();
    await sim.remove(callback);
    await sim.runFor(DAY);
    expect([sim.sent.length, sim.dispatcher.inFlight, sim.dispatcher.endpoints]).toEqual([64, 0, 0]);
  });

  it("sends nothing more for a callback that another process deleted, as soon as it sees that something was written", async () => {
    let counter = 0;
    await sim.store.close();
    sim = await Simulation.open({
      limits: { inFlightPerEndpoint: 1 },
      dispatcherStore: (store) =>
        watchStore(store, async (method, _, work) => (method === "changes.readCounter" ? counter : work())),
    });
    sim.endpoint = slowly(500);
    const callback = await sim.callback();
    await sim.accept(callback, 3);
    await sim.settle();
    await sim.store.callbacks.delete(callback.id, sim.clock.now());
    counter += 1;
    await sim.runFor(HOUR);
    expect(sim.sent).toHaveLength(1);
  });

  it("reads only the callbacks that another process changed, and never many at once", async () => {
    let counter = 0;
    let read: number[] = [];
    await sim.store.close();
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        watchStore(store, async (method, args, work) => {
          if (method === "endpoints.list") read.push(Array.isArray(args[0]) ? args[0].length : Number.POSITIVE_INFINITY);
          return method === "changes.readCounter" ? counter : work();
        }),
    });
    sim.endpoint = down;
    const callbacks = [];
    for (let made = 0; made < 450; made += 1) callbacks.push(await sim.callback({ name: `callback ${made}` }));
    for (const callback of callbacks)
      await sim.store.calls.accept([{ callbackId: callback.id, calls: [{ id: callback.id, response: aResponse() }] }], 0);
    await sim.settle();
    expect(sim.sent).toHaveLength(450);
    expect(read).toEqual([200, 200, 50]);
    read = [];
    const changed = callbacks[7]?.id ?? "";
    await sim.store.calls.mark(changed, [changed], "SUCCESS", sim.clock.now());
    counter += 1;
    await sim.settle();
    expect(read).toEqual([1]);
  });

  it("lets the event loop run while it reads the calls of many endpoints", async () => {
    let endpoints = 0;
    let mostInATurn = 0;
    const endTurn = () => {
      endpoints = 0;
    };
    await sim.store.close();
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        watchStore(store, (method, [reads], work) => {
          if (method === "queue.fetchPending" && Array.isArray(reads)) {
            if (endpoints === 0) turn().then(endTurn);
            endpoints += reads.length;
            mostInATurn = Math.max(mostInATurn, endpoints);
          }
          return work();
        }),
    });
    for (let index = 0; index < 150; index += 1) await sim.accept(await sim.callback({ name: `callback ${index}` }));
    await sim.settle();
    expect(sim.sent).toHaveLength(150);
    expect(mostInATurn).toBeLessThanOrEqual(64);
  });

  it("sends nothing of a batch read more than a second ago: another process may have marked it", async () => {
    sim.endpoint = slowly(5_000);
    const callback = await sim.callback();
    const ids = await sim.accept(callback, 70);
    await sim.settle();
    await sim.store.calls.mark(callback.id, ids.slice(64), "SUCCESS", sim.clock.now());
    await sim.runFor(MINUTE);
    expect(sim.sent).toHaveLength(64);
  });
});

describe("a call whose window ends while it waits for a slot", () => {
  it.each([REFUSED_503, ACCEPTED])(
    "is not sent any more, and has nothing due (the one before it: $statusCode)",
    async (result) => {
      await sim.store.close();
      sim = await Simulation.open({
        policy: { intervalMs: 10_000, windowMs: 10_000, jitter: false },
        limits: { inFlightPerEndpoint: 1 },
      });
      sim.endpoint = down;
      const callback = await sim.callback();
      await sim.accept(callback, 2);
      await sim.settle();
      sim.endpoint = () => ({ result, afterMs: 500 });
      await sim.runFor(HOUR);
      expect(sim.sent).toHaveLength(2 + 1);
      expect(await fetchDue(sim.store, callback.id, Number.POSITIVE_INFINITY, 10)).toEqual([]);
    },
  );
});

describe("a recovering endpoint", () => {
  it("gives one slot in four to new responses", async () => {
    sim.endpoint = down;
    const callback = await sim.callback();
    await sim.accept(callback, 64);
    await sim.settle();
    await sim.accept(callback, 200);
    await sim.settle();
    sim.endpoint = slowly(100);
    await sim.runFor(1_300);
    const fresh = new Set(await sim.accept(callback, 40));
    const before = sim.sent.length;
    await sim.runFor(2_000);
    const order = sim.sent.slice(before, before + 100).map(({ callId }) => fresh.has(callId));
    expect(order.filter(Boolean).length).toBe(25);
  });

  it("tries last what failed in an earlier recovery of the outage", async () => {
    sim.endpoint = down;
    const callback = await sim.callback();
    await sim.accept(callback, 64);
    await sim.settle();
    const ids = await sim.accept(callback, 60);
    await sim.settle();
    // The probe is accepted, then ten failures put the endpoint down again.
    let requests = 0;
    sim.endpoint = () => {
      requests += 1;
      return { result: requests === 1 ? ACCEPTED : REFUSED_503, afterMs: 10 };
    };
    await sim.runFor(1_500);
    const failedInRecovery = new Set(sim.sent.slice(-11, -1).map(({ callId }) => callId));
    expect(requests).toBe(1 + 10 + 1); // and the probe that may go at once
    // Until rule 11 permits them again; what went as a probe meanwhile is held back instead.
    sim.endpoint = down;
    await sim.runFor(9 * MINUTE);
    sim.endpoint = slowly(10);
    const before = sim.sent.length;
    const heldBack = sim.sent.filter(({ at }) => at > sim.clock.now() - 4 * MINUTE).map(({ callId }) => callId);
    await sim.runFor(HOUR);
    const all = sim.sent.slice(before).map(({ callId }) => callId);
    const drained = all.filter((id) => !heldBack.includes(id));
    expect(new Set(drained.slice(-10))).toEqual(failedInRecovery);
    expect(all).toHaveLength(123);
    expect(ids.every((id) => all.includes(id) || sim.requestsFor(id).some(({ accepted }) => accepted))).toBe(true);
  });

  it("ends its outage when nothing is held any more, not before", async () => {
    sim.endpoint = down;
    const callback = await sim.callback();
    await sim.accept(callback, 64);
    await sim.settle();
    await sim.accept(callback, 200);
    await sim.settle();
    sim.endpoint = slowly(50_000);
    await sim.runFor(HOUR);
    const { items } = await sim.store.outages.list({ limit: 10, offset: 0 });
    const lastSentAt = Math.max(...sim.sent.map(({ at }) => at));
    expect(items).toHaveLength(1);
    expect(items[0]?.endedAt).toBeGreaterThanOrEqual(lastSentAt);
  });

  it("is up as soon as everything was tried, even with new responses always in flight", async () => {
    await sim.store.close();
    sim = await Simulation.open({ policy: { intervalMs: 30_000, windowMs: HOUR, jitter: false } });
    sim.endpoint = ({ call }) => ({ result: call.seq <= 20 ? REFUSED_503 : ACCEPTED, afterMs: 900 });
    const callback = await sim.callback();
    const undigestible = await sim.accept(callback, 20);
    await sim.runFor(2_000);
    for (let second = 0; second < 100; second += 1) {
      await sim.accept(callback);
      await sim.runFor(1_000);
    }
    const attempts = await sim.store.calls.listAttempts(callback.id, undigestible);
    for (const id of undigestible) expect(attempts.get(id)?.length).toBeGreaterThanOrEqual(3);
  });
});

describe("an endpoint that has recovered", () => {
  it("is up though new responses wait, so many that they never run out: failed calls are retried when their turn comes", async () => {
    await sim.store.close();
    sim = await Simulation.open({ policy: { intervalMs: 30_000, windowMs: HOUR, jitter: false } });
    sim.endpoint = ({ call }) => ({ result: call.seq <= 10 ? REFUSED_503 : ACCEPTED, afterMs: 900 });
    const callback = await sim.callback();
    const undigestible = await sim.accept(callback, 10);
    await sim.runFor(1_000);
    await sim.accept(callback);
    await sim.runFor(950);
    await sim.accept(callback, 8_000);
    await sim.runFor(100_000);
    expect((await sim.store.calls.count(callback.id)).PENDING).toBeGreaterThan(0);
    const attempts = await sim.store.calls.listAttempts(callback.id, undigestible);
    for (const id of undigestible) expect(attempts.get(id)?.length).toBeGreaterThanOrEqual(4);
  });
});

describe("a probe", () => {
  it("doesn't go out with a call that is marked while it is read", async () => {
    let marked = "";
    const held: string[] = [];
    await sim.store.close();
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        watchStore(store, async (method, _, work) => {
          const result = await work();
          if (method === "queue.fetchHeld" && marked === "" && held.length > 0) {
            marked = held[0] ?? "";
            await sim.mark(callback, [marked], "SUCCESS");
          }
          return result;
        }),
    });
    sim.endpoint = down;
    const callback = await sim.callback();
    await sim.accept(callback, 64);
    await sim.settle();
    const [probe = "", next = ""] = await sim.accept(callback, 3);
    await sim.settle();
    held.push(next);
    await sim.runFor(1_000);
    expect([marked, sim.requestsFor(probe).length, sim.requestsFor(next).length]).toEqual([next, 1, 0]);
  });
});

describe("a retry round", () => {
  it("still sends its calls when a change of settings discards what it read", async () => {
    let isReading = false;
    await sim.store.close();
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        watchStore(store, async (method, args, work) => {
          const result = await work();
          // The second callback is read after the first one's batch was offered, and before anything is sent.
          if (isReading && method === "queue.fetchDue" && JSON.stringify(args).includes(second.id)) {
            isReading = false;
            await sim.mark(first, [], "SUCCESS");
          }
          return result;
        }),
    });
    const first = await sim.callback({ name: "first" });
    const second = await sim.callback({ name: "second" });
    sim.endpoint = down;
    await sim.accept(first, 12);
    await sim.accept(second, 12);
    await sim.settle();
    const before = sim.sent.length;
    isReading = true;
    await sim.runFor(5 * MINUTE);
    expect([isReading, sim.sent.length - before]).toEqual([false, 20]);
  });

  it("doesn't begin while requests of the previous one are in flight", async () => {
    await sim.store.close();
    sim = await Simulation.open({ policy: { intervalMs: 10_000, windowMs: HOUR, jitter: false } });
    sim.endpoint = down;
    const callback = await sim.callback();
    await sim.accept(callback, 12);
    await sim.settle();
    sim.endpoint = ({ call }) => ({ result: REFUSED_503, afterMs: call.seq === 1 ? 60_000 : 0 });
    const before = sim.sent.length;
    await sim.runFor(2 * MINUTE);
    const ticks = new Set(sim.sent.slice(before).map(({ at }) => at));
    expect(ticks.size).toBe(2);
  });
});
