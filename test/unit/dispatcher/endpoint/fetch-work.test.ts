/** What the dispatcher keeps in mind of the store, where it would be forgotten: no call is left lying. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ACCEPTED, aResponse, REFUSED_503 } from "../../../support/builders.js";
import { down, HOUR, MINUTE, Simulation, StoreFailure, up, watchStore } from "../../../support/dispatcher/simulation.js";

let sim: Simulation;

beforeEach(async () => {
  sim = await Simulation.open();
});

afterEach(() => sim.store.close());

describe("a dispatcher", () => {
  it("sends a replay at once requested while a retry that fails was in flight", async () => {
    sim.endpoint = down;
    const callback = await sim.callback();
    const [id = ""] = await sim.accept(callback);
    await sim.runFor(5 * MINUTE - 1);
    sim.endpoint = () => ({ result: REFUSED_503, afterMs: 10_000 });
    await sim.runFor(5_000);
    await sim.replay(callback, { callIds: [id] });
    await sim.runFor(5_001);
    expect(sim.sent.map(({ at }) => sim.clock.now() - at)).toEqual([5 * MINUTE + 10_000, 10_000, 0]);
  });

  it.each(["queue.fetchPending", "queue.fetchDue", "queue.fetchReplays", "outcomes.clampTimes"])(
    "reads again what an error of the store (%s) kept from it",
    async (failing) => {
      let failures = 0;
      await sim.store.close();
      sim = await Simulation.open({
        dispatcherStore: (store) =>
          watchStore(store, (method, _, work) => {
            if (method !== failing || failures > 0) return work();
            failures += 1;
            throw new StoreFailure();
          }),
      });
      sim.endpoint = down;
      const callback = await sim.callback();
      await sim.accept(callback, 3);
      await sim.settle();
      sim.endpoint = up;
      await sim.runFor(6 * MINUTE);
      expect([failures, await sim.store.calls.count(callback.id)]).toEqual([1, { PENDING: 0, SUCCESS: 3, FAILED: 0 }]);
    },
  );

  it("sends a call once whose replay is cancelled between the reads", async () => {
    let isCancelled = false;
    await sim.store.close();
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        watchStore(store, async (method, _, work) => {
          const result = await work();
          if (method !== "queue.fetchReplays" || !Array.isArray(result) || !result.flat().length || isCancelled) return result;
          isCancelled = true;
          const cancel = { replayId: "R1", now: sim.clock.now(), policy: sim.policy, random: 0.5 };
          await store.replays.cancelChunk(callback.id, { ...cancel, begunCalls: () => new Set() });
          return result;
        }),
    });
    sim.endpoint = down;
    const callback = await sim.callback();
    const [id = ""] = await sim.accept(callback);
    await sim.runFor(5 * MINUTE - 1);
    sim.clock.advance(1);
    sim.endpoint = () => ({ result: ACCEPTED, afterMs: 1_000 });
    await sim.replay(callback, { callIds: [id] });
    await sim.settle();
    expect([isCancelled, sim.sent.length]).toEqual([true, 2]);
  });

  it("doesn't send what was marked by another process while a read took long", async () => {
    let isMarked = false;
    await sim.store.close();
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        watchStore(store, async (method, _, work) => {
          if (method === "changes.readCounter" && isMarked) return "another";
          const result = await work();
          if (method !== "queue.fetchPending" || isMarked) return result;
          isMarked = true;
          await store.calls.mark(callback.id, [id], "SUCCESS", sim.clock.now());
          sim.clock.advance(1_001);
          return result;
        }),
    });
    const callback = await sim.callback();
    const [id = "", other = ""] = await sim.accept(callback, 2);
    await sim.runFor(MINUTE);
    expect(sim.sent.map(({ callId }) => callId)).toEqual([other]);
  });

  it("sends although every read takes long and responses come meanwhile", async () => {
    let [reads, readsBefore] = [0, 0];
    await sim.store.close();
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        watchStore(store, async (method, _, work) => {
          if (method === "changes.readCounter") return String(reads);
          const result = await work();
          if (method !== "queue.fetchPending" || reads === 10) return result;
          reads += 1;
          await store.calls.accept([{ callbackId: callback.id, calls: [{ id: `${reads}`, response: aResponse() }] }], 0);
          sim.clock.advance(600);
          return result;
        }),
    });
    sim.endpoint = () => {
      readsBefore ||= reads;
      return { result: ACCEPTED };
    };
    const callback = await sim.callback();
    await sim.accept(callback);
    await sim.runFor(MINUTE);
    expect([readsBefore, await sim.store.calls.count(callback.id)]).toEqual([2, { PENDING: 0, SUCCESS: 11, FAILED: 0 }]);
  });

  it("ends an outage with nothing else to do", async () => {
    const callback = await sim.callback({ retriesEnabled: false });
    sim.endpoint = down;
    await sim.accept(callback);
    await sim.runFor(MINUTE);
    sim.endpoint = up;
    await sim.accept(callback);
    const quietSince = sim.clock.now();
    await sim.runFor(HOUR);
    const { items } = await sim.store.outages.list({ limit: 10, offset: 0 });
    expect([items.map(({ endedAt }) => endedAt), sim.dispatcher.endpoints]).toEqual([[quietSince + 5 * MINUTE], 0]);
  });

  it("ends a recovery that a crash interrupted, if nothing is left to send and no outage is open", async () => {
    await sim.store.close();
    sim = await Simulation.open({ policy: { intervalMs: 5 * MINUTE, windowMs: 30 * MINUTE, jitter: false } });
    const callback = await sim.callback();
    sim.endpoint = down;
    const early = await sim.accept(callback, 12);
    await sim.runFor(20 * MINUTE);
    const late = await sim.accept(callback, 40);
    await sim.runFor(20 * MINUTE - 1);
    sim.endpoint = () => ({ result: ACCEPTED, afterMs: 500 });
    await sim.runFor(600);
    await sim.store.calls.mark(callback.id, [...early, ...late], "SUCCESS", sim.clock.now());
    const [record] = await sim.store.endpoints.list([callback.id]);
    expect(record).toMatchObject({ endpoint: { state: "recovering" }, outage: null });
    sim.crash();
    await sim.settle();
    expect(await sim.store.endpoints.list([callback.id])).toMatchObject([{ endpoint: { state: "up" } }]);
  });
});

describe("what was over before a recovery began", () => {
  it("is sent no more, and the endpoint is up without it", async () => {
    await sim.store.close();
    sim = await Simulation.open({ policy: { intervalMs: 5 * MINUTE, windowMs: 7 * MINUTE + 10_000, jitter: false } });
    const callback = await sim.callback();
    sim.endpoint = down;
    await sim.accept(callback, 12);
    await sim.runFor(6 * MINUTE);
    await sim.accept(callback, 10);
    // The probe that goes after 7 min 3 s brings the recovery after 7 min 23 s: in between the first windows end.
    await sim.runFor(MINUTE);
    sim.endpoint = () => ({ result: ACCEPTED, afterMs: 20_000 });
    const before = sim.sent.length;
    await sim.runFor(5 * MINUTE);
    expect([sim.sent.length - before, (await sim.store.calls.count(callback.id)).SUCCESS]).toEqual([10, 10]);
    expect(await sim.store.endpoints.list([callback.id])).toMatchObject([{ endpoint: { state: "up" }, nextDueAt: null }]);
  });
});

describe("new responses without retries", () => {
  it("go ten at once while the endpoint is down, and as many as its limit allows while it recovers", async () => {
    const callback = await sim.callback({ retriesEnabled: false });
    sim.endpoint = down;
    await sim.accept(callback, 10);
    await sim.settle();
    sim.mostInFlight.clear();
    sim.endpoint = () => ({ result: REFUSED_503, afterMs: 1_000 });
    await sim.accept(callback, 200);
    await sim.runFor(4_500);
    expect([sim.sent.length, sim.mostInFlight.get(callback.id)]).toEqual([60, 10]);
    sim.endpoint = () => ({ result: ACCEPTED, afterMs: 1_000 });
    await sim.runFor(6_000);
    const starts = new Map<number, number>();
    for (const { at } of sim.sent.slice(70)) starts.set(at, (starts.get(at) ?? 0) + 1);
    expect([...starts.values()].slice(0, 3)).toEqual([10, 20, 40]);
  });
});
