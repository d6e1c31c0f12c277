/** A day of retries in virtual time, with exact counts: the rules of docs/dispatcher.md on a real store. */
import { afterEach, describe, expect, it } from "vitest";
import { ACCEPTED, REFUSED_503 } from "../support/builders.js";
import { DAY, down, HOUR, MINUTE, type Sent, Simulation, type SimulationOptions, up } from "../support/dispatcher/simulation.js";

let simulation: Simulation | undefined;

async function open(options: SimulationOptions = {}): Promise<Simulation> {
  simulation = await Simulation.open(options);
  return simulation;
}

afterEach(async () => {
  await simulation?.store.close();
  simulation = undefined;
});

const ALL = { limit: 500, offset: 0 };

describe("one response against a dead endpoint", () => {
  it("is tried 1 + 288 times, the last exactly 24 h after the first, then never again, and costs one e-mail", async () => {
    const sim = await open();
    sim.endpoint = down;
    const callback = await sim.callback();
    const start = sim.clock.now();
    const [id = ""] = await sim.accept(callback);
    await sim.runFor(3 * DAY);
    expect(sim.sent).toHaveLength(1 + 288);
    expect(sim.sent.at(-1)?.at).toBe(start + DAY);
    expect(await sim.store.calls.find(callback.id, id)).toMatchObject({ status: "FAILED", attemptCount: 289, due: null });
    const attempts = await sim.store.calls.listAttempts(callback.id, [id]);
    expect(attempts.get(id)?.map(({ startedAt }) => startedAt)).toEqual(sim.sent.map(({ at }) => at));
    const outages = await sim.store.outages.list(ALL);
    const mails = await sim.store.mails.fetchQueued(sim.clock.now(), 100);
    expect(outages.items.map(({ startedAt, endedAt }) => (endedAt ?? 0) - startedAt)).toEqual([DAY]);
    expect(mails.map(({ outageId }) => outageId)).toEqual(outages.items.map((outage) => outage.id));
  });

  it("is tried once if retries are off", async () => {
    const sim = await open();
    sim.endpoint = down;
    await sim.accept(await sim.callback({ retriesEnabled: false }));
    await sim.runFor(3 * DAY);
    expect(sim.sent).toHaveLength(1);
  });

  it("retries at the window's last millisecond, not one later", async () => {
    const inside = await open({ policy: { intervalMs: 5 * MINUTE, windowMs: 5 * MINUTE, jitter: false } });
    inside.endpoint = down;
    await inside.accept(await inside.callback());
    await inside.runFor(DAY);
    expect(inside.sent).toHaveLength(2);
    await inside.store.close();
    const outside = await open({ policy: { intervalMs: 5 * MINUTE, windowMs: 5 * MINUTE - 1, jitter: false } });
    outside.endpoint = down;
    await outside.accept(await outside.callback());
    await outside.runFor(DAY);
    expect(outside.sent).toHaveLength(1);
  });
});

describe("thousands of responses against a dead endpoint", () => {
  it("cost at most 10 requests a round, one probe a back-off step, and one e-mail", async () => {
    const sim = await open();
    sim.endpoint = down;
    const callback = await sim.callback();
    const start = sim.clock.now();
    await sim.accept(callback, 3_000);
    await sim.runFor(2 * DAY);
    const ticks = 288;
    const probes = 9 + 288; // 1 s, 2 s … 256 s, then one an interval
    const beforeItWasDown = 64 + 9; // all that may be in flight, and one more for each failure before the tenth
    expect(sim.sent.length).toBeLessThanOrEqual(beforeItWasDown + ticks * 10 + probes);
    expect(sim.sent.length).toBeGreaterThan(ticks * 10);
    expect(Math.max(...sim.sent.map(({ at }) => at))).toBeLessThanOrEqual(start + DAY);
    const perTick = new Map<number, number>();
    for (const { at } of sim.sent.filter((sent) => sent.at > start)) perTick.set(at, (perTick.get(at) ?? 0) + 1);
    expect(Math.max(...perTick.values())).toBeLessThanOrEqual(10);
    expect((await sim.store.outages.list(ALL)).items).toHaveLength(1);
    expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 0, FAILED: 3_000 });
  });

  it("are all delivered when it recovers at hour 13, oldest first, starting with one at a time", async () => {
    const sim = await open();
    const recoversAt = sim.clock.now() + 13 * HOUR;
    sim.endpoint = ({ at }) => ({ result: at < recoversAt ? REFUSED_503 : ACCEPTED, afterMs: 50 });
    const callback = await sim.callback();
    const ids = await sim.accept(callback, 3_000);
    await sim.runUntil(recoversAt - 1);
    sim.mostInFlight.clear();
    await sim.runFor(HOUR);
    expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 3_000, FAILED: 0 });
    const drain = sim.sent.filter(({ at }) => at >= recoversAt);
    const inFlightAtStart = drain.filter(({ at }) => at === drain[0]?.at).length;
    expect(inFlightAtStart).toBeLessThanOrEqual(10);
    const isRecent = ({ at }: Sent) => at >= recoversAt - 5 * MINUTE && at < recoversAt;
    const heldBack = new Set(sim.sent.filter(isRecent).map(({ callId }) => callId));
    const order = drain.slice(10).flatMap(({ callId }) => (heldBack.has(callId) ? [] : ids.indexOf(callId)));
    expect(order).toEqual([...order].sort((one, other) => one - other));
    expect(sim.mostInFlight.get(callback.id)).toBe(64);
  });
});

describe("a recovering endpoint", () => {
  it("is given one request at first, then one more in flight for each success", async () => {
    const sim = await open();
    sim.endpoint = down;
    const callback = await sim.callback();
    await sim.accept(callback, 200);
    await sim.settle();
    sim.endpoint = () => ({ result: ACCEPTED, afterMs: 100 });
    await sim.runFor(1_099); // the probe that finds it up is in flight
    const probe = sim.sent.length;
    await sim.runFor(HOUR);
    const starts = new Map<number, number>();
    for (const { at } of sim.sent.slice(probe)) starts.set(at, (starts.get(at) ?? 0) + 1);
    expect([...starts.values()].slice(0, 6)).toEqual([1, 2, 4, 8, 16, 32]);
  });

  it("doesn't delay 990 good calls behind ten that it can't process", async () => {
    const sim = await open();
    sim.endpoint = down;
    const callback = await sim.callback();
    const ids = await sim.accept(callback, 1_000);
    await sim.settle();
    const undigestible = new Set(ids.slice(0, 10));
    sim.endpoint = ({ call }) => ({ result: undigestible.has(call.id) ? REFUSED_503 : ACCEPTED, afterMs: 20 });
    await sim.runFor(2 * 5 * MINUTE + 1);
    expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 990, FAILED: 10 });
  });

  it("sends what was inside its window at the first success, even if the window ends during the drain", async () => {
    const sim = await open();
    const start = sim.clock.now();
    sim.endpoint = down;
    const callback = await sim.callback();
    await sim.accept(callback, 300);
    await sim.runUntil(start + DAY - 5 * MINUTE - 1);
    sim.endpoint = () => ({ result: ACCEPTED, afterMs: 50_000 });
    await sim.runFor(HOUR);
    expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 300, FAILED: 0 });
    expect(Math.max(...sim.sent.map(({ at }) => at))).toBeGreaterThan(start + DAY);
  });
});

describe("neighbours", () => {
  it("are served at the same times whether or not ten others hang", async () => {
    const arrivals = async (hanging: number): Promise<readonly number[]> => {
      const sim = await open();
      const start = sim.clock.now();
      const bad = new Set<string>();
      sim.endpoint = ({ callback }) =>
        bad.has(callback.id)
          ? { result: { kind: "unreachable", reason: "response-timeout", detail: "no answer" }, afterMs: MINUTE }
          : { result: ACCEPTED, afterMs: 20 };
      for (let index = 0; index < hanging; index += 1) {
        const callback = await sim.callback({ name: `bad-${index}` });
        bad.add(callback.id);
        await sim.accept(callback, 2_000);
      }
      await sim.settle();
      const healthy = [];
      for (let index = 0; index < 10; index += 1) healthy.push(await sim.callback({ name: `good-${index}` }));
      for (let second = 0; second < 30; second += 1) {
        for (const callback of healthy) await sim.accept(callback, 3);
        await sim.runFor(1_000);
      }
      await sim.runFor(1_000);
      const times = sim.sent.filter(({ callbackId }) => !bad.has(callbackId)).map(({ at }) => at - start);
      await sim.store.close();
      return times;
    };
    expect(await arrivals(10)).toEqual(await arrivals(0));
  });
});

describe("an outage", () => {
  it("of a flapping endpoint costs one e-mail", async () => {
    const sim = await open();
    const callback = await sim.callback({ retriesEnabled: false });
    for (let minute = 0; minute < 60; minute += 1) {
      sim.endpoint = minute % 2 === 0 ? down : up;
      await sim.accept(callback);
      await sim.runFor(MINUTE);
    }
    expect((await sim.store.outages.list(ALL)).items).toHaveLength(1);
  });

  it("sends another e-mail when it fails after a quiet interval", async () => {
    const sim = await open();
    const callback = await sim.callback({ retriesEnabled: false });
    for (const endpoint of [down, up, down, up]) {
      sim.endpoint = endpoint;
      await sim.accept(callback);
      await sim.runFor(5 * MINUTE);
    }
    expect((await sim.store.outages.list(ALL)).items).toHaveLength(2);
  });

  it("of a dead endpoint with traffic sends one e-mail a day", async () => {
    const sim = await open();
    sim.endpoint = down;
    const callback = await sim.callback();
    for (let hour = 0; hour < 72; hour += 1) {
      await sim.accept(callback, 2);
      await sim.runFor(HOUR);
    }
    expect((await sim.store.outages.list(ALL)).items).toHaveLength(3);
  });
});

describe("settings changed in the middle of an outage", () => {
  it("retries switched on: what failed inside its window is due now", async () => {
    const sim = await open();
    sim.endpoint = down;
    const callback = await sim.callback({ retriesEnabled: false });
    await sim.accept(callback, 5);
    await sim.runFor(MINUTE);
    expect(sim.sent).toHaveLength(5);
    sim.endpoint = up;
    await sim.update(callback, { retriesEnabled: true });
    await sim.settle();
    expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 5, FAILED: 0 });
  });

  it("retries switched off: what is due is cancelled, what was held gets its one attempt", async () => {
    const sim = await open();
    sim.endpoint = down;
    const callback = await sim.callback();
    await sim.accept(callback, 100);
    await sim.settle();
    const before = sim.sent.length;
    await sim.update(callback, { retriesEnabled: false });
    await sim.runFor(2 * DAY);
    const tried = new Map<string, number>();
    for (const { callId } of sim.sent) tried.set(callId, (tried.get(callId) ?? 0) + 1);
    expect([...tried.values()]).toEqual(Array(100).fill(1));
    expect(sim.sent.length).toBe(100);
    expect(before).toBeLessThan(100);
  });

  it("the URL changed: a round is due at once, to the new URL", async () => {
    const sim = await open();
    sim.endpoint = ({ callback }) => ({ result: callback.url.endsWith("/right") ? ACCEPTED : REFUSED_503 });
    const callback = await sim.callback();
    await sim.accept(callback, 50);
    await sim.runFor(MINUTE);
    await sim.update(callback, { url: "http://127.0.0.1:9000/right" });
    await sim.settle();
    expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 50, FAILED: 0 });
  });
});
