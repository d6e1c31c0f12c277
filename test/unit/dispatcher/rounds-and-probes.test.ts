import { afterEach, describe, expect, it } from "vitest";
import { ACCEPTED, REFUSED_503 } from "../../support/builders.js";
import { down, HOUR, MINUTE, Simulation, type SimulationOptions } from "../../support/dispatcher/simulation.js";

let sim: Simulation;

async function open(options: SimulationOptions = {}): Promise<void> {
  sim = await Simulation.open(options);
  sim.endpoint = down;
}

afterEach(() => sim.store.close());

const failing = (afterMs: number) => () => ({ result: REFUSED_503, afterMs });

describe("a retry round", () => {
  it("that waits for slots sends nothing twice if the next call is marked meanwhile", async () => {
    await open({ limits: { inFlightInAll: 4 } });
    const callback = await sim.callback();
    const ids = await sim.accept(callback, 12);
    await sim.settle();
    sim.endpoint = failing(500);
    const before = sim.sent.length;
    const untried = () => ids.filter((id) => !sim.sent.slice(before).some(({ callId }) => callId === id));
    await sim.runFor(5 * MINUTE + 250);
    await sim.mark(callback, untried().slice(3), "SUCCESS");
    await sim.runFor(500);
    await sim.mark(callback, untried(), "SUCCESS");
    await sim.runFor(MINUTE);
    const sent = sim.sent.slice(before).map(({ callId }) => callId);
    expect([sent.length, new Set(sent).size]).toEqual([4, 4]);
  });

  it("interrupted by a recovery doesn't continue when the endpoint is down again", async () => {
    await open({ limits: { inFlightInAll: 4 } });
    const callback = await sim.callback();
    const ids = await sim.accept(callback, 30);
    await sim.settle();
    const roundAt = sim.clock.now() + 5 * MINUTE;
    sim.endpoint = ({ at }) => ({ result: at === roundAt ? ACCEPTED : REFUSED_503, afterMs: 500 });
    await sim.runFor(6 * MINUTE);
    const [{ endpoint } = { endpoint: null }] = await sim.store.endpoints.list([callback.id]);
    expect(endpoint).toMatchObject({ state: "down", recovery: 1 });
    const attempts = [...(await sim.store.calls.listAttempts(callback.id, ids)).values()].flat();
    const later = attempts.filter(({ startedAt }) => startedAt >= (endpoint?.downSince ?? 0));
    expect(new Set(later.map(({ cause }) => cause))).toEqual(new Set(["probe"]));
  });

  it("and a probe due at the same time don't send the same call at once", async () => {
    // Probes go at 0, 1, 3 and 7 s, and so does the first round.
    await open({ policy: { intervalMs: 7_000, windowMs: HOUR, jitter: false } });
    const callback = await sim.callback();
    const ids = await sim.accept(callback, 10);
    await sim.settle();
    await sim.accept(callback, 6);
    await sim.runFor(5_000);
    await sim.mark(callback, ids.slice(0, 8), "SUCCESS");
    sim.endpoint = failing(1_000);
    const before = sim.sent.length;
    await sim.runFor(2_500);
    const sent = sim.sent.slice(before).map(({ callId }) => callId);
    // All but the one that was a probe 4 s ago: rule 11 holds it back.
    expect([sent.length, new Set(sent).size]).toEqual([7, 7]);
  });

  it("whose requests weren't sent because the process was stopped goes on with calls that weren't marked meanwhile", async () => {
    await open();
    const callback = await sim.callback();
    const ids = await sim.accept(callback, 12);
    await sim.settle();
    const before = sim.sent.length;
    let connections = 0;
    sim.connect = () => (++connections <= 10 ? sim.mark(callback, ids.slice(0, 4), "SUCCESS").then(() => MINUTE) : null);
    await sim.runFor(5 * MINUTE);
    expect(sim.sent.slice(before).map(({ callId }) => callId)).toEqual(ids.slice(4));
  });

  it("is due at once if the endpoint was repaired while no service ran", async () => {
    await open();
    const callback = await sim.callback();
    await sim.accept(callback, 12);
    await sim.runFor(MINUTE);
    const before = sim.sent.length;
    await sim.store.callbacks.update(
      callback.id,
      { ...callback, url: "http://127.0.0.1:9000/right" },
      sim.clock.now(),
      sim.policy,
    );
    sim.crash();
    await sim.settle();
    expect(sim.sent.slice(before).map(({ url }) => url)).toEqual(Array(10).fill("http://127.0.0.1:9000/right"));
  });
});

describe("a probe", () => {
  it("is one at a time, whatever a round brings meanwhile", async () => {
    await open({ policy: { intervalMs: 30_000, windowMs: HOUR, jitter: false } });
    const callback = await sim.callback();
    await sim.accept(callback, 10);
    await sim.settle();
    sim.endpoint = ({ call }) => ({ result: REFUSED_503, afterMs: call.seq === 12 ? MINUTE : 0 });
    await sim.accept(callback, 3);
    await sim.runFor(40_000);
    const [late = ""] = await sim.accept(callback);
    await sim.runFor(10_000);
    expect([sim.sent.length, sim.requestsFor(late).length]).toEqual([10 + 2 + 9, 0]);
  });

  it("that got no slot comes later", async () => {
    await open({ limits: { inFlightInAll: 1 } });
    const dead = await sim.callback({ name: "dead" });
    const hanging = await sim.callback({ name: "hanging", retriesEnabled: false });
    await sim.accept(dead, 10);
    await sim.settle();
    await sim.accept(dead, 3);
    await sim.settle();
    sim.endpoint = ({ callback }) => ({ result: REFUSED_503, afterMs: callback.id === hanging.id ? 10_000 : 0 });
    await sim.accept(hanging);
    await sim.runFor(5_000);
    await sim.mark(dead, [], "SUCCESS");
    const before = sim.sent.length;
    await sim.runFor(6_000);
    expect(sim.sent.slice(before).map(({ callbackId }) => callbackId)).toContain(dead.id);
  });

  it("whose window ends while it waits for a slot isn't sent, and the next response is the probe", async () => {
    await open({ limits: { inFlightInAll: 1 }, policy: { intervalMs: 5 * MINUTE, windowMs: 15_500, jitter: false } });
    const dead = await sim.callback({ name: "dead" });
    const hanging = await sim.callback({ name: "hanging", retriesEnabled: false });
    await sim.accept(dead, 10);
    await sim.settle();
    // They go after 0, 1, 3, 7 and 15 seconds.
    const probes = await sim.accept(dead, 5);
    await sim.runFor(14_800);
    sim.endpoint = ({ callback }) => ({ result: REFUSED_503, afterMs: callback.id === hanging.id ? 1_000 : 0 });
    await sim.accept(hanging);
    await sim.runFor(2_000);
    expect(probes.map((id) => sim.requestsFor(id).length)).toEqual([1, 1, 1, 1, 0]);
    const [next = ""] = await sim.accept(dead);
    await sim.settle();
    expect(sim.requestsFor(next).length).toBe(1);
  });
});
