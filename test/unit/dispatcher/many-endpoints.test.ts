/** Work grows with what changes, not with the number of endpoints (docs/dispatcher.md, Ownership). */
import { afterEach, describe, expect, it, vi } from "vitest";
import { Agenda } from "../../../src/dispatcher/agenda.js";
import type { EndpointState } from "../../../src/dispatcher/endpoint/endpoint-state.js";
import type { Callback } from "../../../src/domain/callback.js";
import { ACCEPTED, REFUSED_503 } from "../../support/builders.js";
import { HOUR, MINUTE, Simulation, watchStore } from "../../support/dispatcher/simulation.js";

let sim: Simulation;
let storeCalls: string[];

afterEach(async () => {
  vi.restoreAllMocks();
  await sim.store.close();
});

async function open(): Promise<void> {
  storeCalls = [];
  sim = await Simulation.open({
    dispatcherStore: (store) =>
      watchStore(store, (method, _, work) => {
        storeCalls.push(method);
        return work();
      }),
  });
}

async function acceptForEach(count: number, calls: number): Promise<Callback[]> {
  const callbacks: Callback[] = [];
  for (let index = 0; index < count; index += 1) {
    const callback = await sim.callback({ name: `callback ${index}` });
    await sim.accept(callback, calls);
    callbacks.push(callback);
  }
  return callbacks;
}

function countOf(method: string): number {
  return storeCalls.filter((each) => each === method).length;
}

describe("three hundred endpoints that wait, each with an open outage", () => {
  const open300 = async () => {
    await open();
    sim.endpoint = () => ({ result: REFUSED_503 });
    const callbacks = await acceptForEach(300, 1);
    await sim.runFor(MINUTE);
    storeCalls = [];
    const takeChanged = vi.spyOn(Agenda.prototype, "takeChanged");
    /** Ids of the callbacks whose endpoints were looked at. */
    const looks = () =>
      takeChanged.mock.results.flatMap(({ value }) => (value as EndpointState[]).map(({ callback }) => callback.id));
    return { callbacks, looks };
  };

  it("cost nothing in a step without anything to do", async () => {
    const { looks } = await open300();
    expect(sim.dispatcher.endpoints).toBe(300);
    await sim.dispatcher.tick();
    expect([storeCalls, looks()]).toEqual([["changes.readCounter"], []]);
  });

  it("cost nothing while another one's calls are accepted and answered", async () => {
    const { callbacks, looks } = await open300();
    sim.endpoint = () => ({ result: ACCEPTED, afterMs: 10 });
    for (let calls = 0; calls < 20; calls += 1) {
      await sim.accept(callbacks[7] as Callback);
      await sim.runFor(20);
    }
    expect([...new Set(looks())]).toEqual([callbacks[7]?.id]);
    expect(looks().length).toBeLessThanOrEqual(20 * 6);
  });

  it("are retried when their time comes, with few statements", async () => {
    await open300();
    sim.endpoint = () => ({ result: ACCEPTED });
    await sim.runFor(5 * MINUTE);
    expect(sim.sent).toHaveLength(600);
    const reads = [
      "queue.fetchPending",
      "queue.fetchDue",
      "queue.fetchReplays",
      "queue.fetchHeld",
      "queue.fetchBacklog",
      "queue.expireRetries",
    ].map(countOf);
    expect(reads.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(60);
    await sim.runFor(HOUR);
    expect(sim.dispatcher.endpoints).toBe(0);
  });
});

describe("hundreds of endpoints whose retries are due together, on a slow database", () => {
  it("are sent nothing a second after another node has paused them", async () => {
    let isSlow = false;
    let pausedAt: number | null = null;
    const paused = new Set<string>();
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        watchStore(store, async (method, _, work) => {
          // A write of another process changes it.
          if (method === "changes.readCounter") return String(pausedAt);
          const result = await work();
          if (method !== "queue.fetchDue" || !isSlow) return result;
          sim.clock.advance(200);
          if (pausedAt !== null) return result;
          pausedAt = sim.clock.now();
          for (const id of paused) await sim.store.callbacks.setPause(id, { at: pausedAt, until: null, by: null });
          return result;
        }),
    });
    sim.endpoint = () => ({ result: REFUSED_503 });
    const callbacks = await acceptForEach(450, 1);
    await sim.runFor(MINUTE);
    for (const { id } of callbacks.slice(0, 50)) paused.add(id);
    isSlow = true;
    await sim.runFor(5 * MINUTE);
    expect(sim.sent.filter(({ callbackId }) => !paused.has(callbackId))).toHaveLength(2 * 400);
    expect(sim.sent.filter(({ at, callbackId }) => paused.has(callbackId) && at > (pausedAt ?? 0) + 1_000)).toEqual([]);
  });
});

describe("two hundred endpoints with two calls each", () => {
  it("are drained with few reads, and commits that they share", async () => {
    await open();
    sim.endpoint = () => ({ result: ACCEPTED, afterMs: 5 });
    await acceptForEach(200, 2);
    await sim.settle();
    await sim.runFor(1_000);
    expect(sim.sent).toHaveLength(400);
    expect([countOf("endpoints.list"), countOf("queue.fetchPending"), countOf("outcomes.commit")]).toEqual([1, 4, 1]);
    expect(storeCalls.length).toBeLessThanOrEqual(30);
    expect(sim.dispatcher.endpoints).toBe(0);
  });
});

describe("more endpoints than there are slots", () => {
  it("are read as slots become free, and none is forgotten", async () => {
    await open();
    sim.endpoint = () => ({ result: ACCEPTED, afterMs: 100 });
    const callbacks = await acceptForEach(1_200, 2);
    await sim.settle();
    expect([sim.dispatcher.inFlight, sim.dispatcher.heldBytes < 4 * 1024 * 1024]).toEqual([512, true]);
    await sim.runFor(MINUTE);
    expect(sim.sent).toHaveLength(2_400);
    const counts = await Promise.all(callbacks.map(({ id }) => sim.store.calls.count(id)));
    expect(counts.every(({ SUCCESS }) => SUCCESS === 2)).toBe(true);
  });

  it("are sent though hundreds of them hang: what waits for a slot goes as soon as one is free", async () => {
    await open();
    const callbacks = await acceptForEach(700, 1);
    const hanging = new Set(callbacks.slice(0, 500).map(({ id }) => id));
    sim.endpoint = ({ callback }) =>
      hanging.has(callback.id) ? { result: REFUSED_503, afterMs: MINUTE } : { result: ACCEPTED, afterMs: 10 };
    await sim.runFor(2_000);
    expect(sim.sent).toHaveLength(700);
  });
});
