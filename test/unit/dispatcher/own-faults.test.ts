/** What is our own fault is not an attempt, and never blamed on the endpoint (docs/dispatcher.md, A call, Rule 3). */
import { afterEach, describe, expect, it } from "vitest";
import { Dispatcher } from "../../../src/dispatcher/dispatcher.js";
import { silentLogger } from "../../../src/platform/logger.js";
import { ACCEPTED, aResponse } from "../../support/builders.js";
import { HOUR, MINUTE, NO_JITTER, Simulation, StoreFailure, watchStore } from "../../support/dispatcher/simulation.js";

let sim: Simulation;

afterEach(() => sim.store.close());

const PAGE = { limit: 10, offset: 0 };
const large = () => aResponse({ responseMessage: { ...aResponse().responseMessage, content: "x".repeat(300_000) } });

describe("a store error while a large body is read", () => {
  it("is no attempt: the call is tried again after 1 s, 2 s, 4 s, and no outage opens", async () => {
    let failures = 4;
    const readAt: number[] = [];
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        watchStore(store, (method, _, work) => {
          if (method !== "calls.find") return work();
          readAt.push(sim.clock.now() - start);
          if (failures > 0) {
            failures -= 1;
            throw new StoreFailure("disk I/O error");
          }
          return work();
        }),
    });
    const start = sim.clock.now();
    const callback = await sim.callback();
    await sim.accept(callback, 1, large());
    await sim.runFor(HOUR);
    expect(readAt).toEqual([0, 1_000, 3_000, 7_000, 15_000]);
    const [sent] = sim.sent;
    expect([sim.sent.length, (sent?.at ?? 0) - start, sent?.accepted]).toEqual([1, 15_000, true]);
    expect((await sim.store.calls.list(callback.id, { ...PAGE, filter: {}, sort: [] })).items).toMatchObject([
      { status: "SUCCESS", attemptCount: 1 },
    ]);
    expect((await sim.store.outages.list(PAGE)).items).toEqual([]);
  });

  it("waits at most one interval", async () => {
    const readAt: number[] = [];
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        watchStore(store, (method, _, work) => {
          if (method !== "calls.find") return work();
          readAt.push(sim.clock.now());
          throw new StoreFailure("disk I/O error");
        }),
    });
    await sim.accept(await sim.callback(), 1, large());
    await sim.runFor(HOUR);
    const waits = readAt.slice(1).map((at, index) => at - (readAt[index] ?? 0));
    expect(Math.max(...waits)).toBe(5 * MINUTE);
    expect(sim.sent).toEqual([]);
  });
});

describe("a shortage that concerns all calls of an endpoint, such as a proxy that is down", () => {
  it("is no attempt: they wait, one is tried after 1 s, 2 s, 4 s … 30 s, and all go once one was answered", async () => {
    sim = await Simulation.open();
    const callback = await sim.callback();
    const other = await sim.callback({ name: "other" });
    const start = sim.clock.now();
    const triedAt: number[] = [];
    sim.shortage = { afterMs: 0 };
    sim.connect = () => {
      triedAt.push(sim.clock.now() - start);
      return null;
    };
    await sim.accept(callback, 200);
    await sim.runFor(100_000);
    const trials = triedAt.filter((at) => at > 0).map((at) => at / 1_000);
    expect(trials).toEqual([1, 3, 7, 15, 31, 61, 91]);
    expect(sim.dispatcher.heldBytes).toBe(0);
    expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 200, SUCCESS: 0, FAILED: 0 });
    sim.shortage = null;
    await sim.accept(other, 1);
    await sim.runFor(1_000);
    expect(sim.sent.map(({ callbackId }) => callbackId)).toEqual([other.id]);
    await sim.runFor(30_000);
    expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 200, FAILED: 0 });
    expect(sim.sent).toHaveLength(201);
    expect((await sim.store.outages.list(PAGE)).items).toEqual([]);
  });

  it("ends the wait of no call later because the clock was set back", async () => {
    sim = await Simulation.open();
    sim.shortage = { afterMs: 0 };
    const callback = await sim.callback();
    await sim.accept(callback, 1);
    await sim.runFor(2 * MINUTE);
    sim.shortage = null;
    sim.clock.jump(-HOUR);
    await sim.accept(callback, 1);
    await sim.runFor(MINUTE);
    expect(sim.sent).toHaveLength(2);
  });
});

describe("a request that can't even be built", () => {
  it("is no attempt, and doesn't keep the others waiting", async () => {
    sim = await Simulation.open();
    const callback = await sim.callback({ retriesEnabled: false });
    const dispatcher = new Dispatcher({
      store: sim.store,
      clock: sim.clock,
      random: sim.random,
      logger: silentLogger,
      policy: NO_JITTER,
      limits: { gatherMs: 0 },
      prepare(_, { seq }) {
        if (seq === 1) throw new Error("no such header");
        return { bodyBytes: 0, send: async () => ACCEPTED };
      },
      onAttempt: () => undefined,
      wakeOutboxes: () => undefined,
      onCallbackDeleted: () => undefined,
    });
    await sim.accept(callback, 3);
    dispatcher.accepted(callback.id);
    const next = await dispatcher.tick();
    expect([dispatcher.inFlight, next]).toEqual([0, sim.clock.now() + 1_000]);
    expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 1, SUCCESS: 2, FAILED: 0 });
  });
});
