/** The timelines in which the rules of docs/dispatcher.md are easiest to break, each undisturbed, with a restart and with a replay. */
import { afterEach, describe, expect, it } from "vitest";
import type { DeliveryResult } from "../../src/domain/attempt.js";
import type { Callback } from "../../src/domain/callback.js";
import { ACCEPTED, REFUSED_503 } from "../support/builders.js";
import { DAY, down, HOUR, MINUTE, Simulation } from "../support/dispatcher/simulation.js";

let sim: Simulation;

afterEach(() => sim.store.close());

const REJECTED: DeliveryResult = { kind: "answered", statusCode: 400, statusMessage: "Bad Request", body: "" };
const ALL = { limit: 500, offset: 0 };

const DISTURBANCES = ["nothing", "a restart", "a crash", "a replay"] as const;
type Disturbance = (typeof DISTURBANCES)[number];

/** A replay is of this call. */
async function disturb(disturbance: Disturbance, callback: Callback, callId: string): Promise<void> {
  if (disturbance === "a restart") await sim.restart();
  else if (disturbance === "a crash") sim.crash();
  else if (disturbance === "a replay") await sim.replay(callback, { callIds: [callId] });
}

const startsOf = (callId: string) => sim.requestsFor(callId).map(({ at }) => at);

/** I11: the pairs of attempts of one call that began less than 0.8 interval apart. */
function tooEarly(exempt: readonly string[] = []): string[] {
  const last = new Map<string, number>();
  const early: string[] = [];
  for (const { callId, at } of sim.sent) {
    const before = last.get(callId);
    if (before !== undefined && at - before < 4 * MINUTE && !exempt.includes(callId)) early.push(`${callId}: ${at - before} ms`);
    last.set(callId, at);
  }
  return early;
}

const stateOf = async (callback: Callback) => (await sim.store.endpoints.list([callback.id]))[0]?.endpoint.state;
const countOutages = async () => (await sim.store.outages.list(ALL)).items.length;

describe.each(DISTURBANCES)("one call that the endpoint always rejects, with three good ones an hour, and %s", (disturbance) => {
  it("costs one e-mail and 288 retries a day, and no other call waits or fails", async () => {
    sim = await Simulation.open();
    const callback = await sim.callback();
    const [poison = ""] = await sim.accept(callback);
    sim.endpoint = ({ call }) => ({ result: call.id === poison ? REJECTED : ACCEPTED, afterMs: 20 });
    const good: { id: string; at: number }[] = [];
    for (let hour = 0; hour < 24; hour += 1) {
      await sim.runFor(HOUR - 1_000);
      if (hour === 7) await disturb(disturbance, callback, poison);
      const at = sim.clock.now();
      for (const id of await sim.accept(callback, 3)) good.push({ id, at });
      await sim.runFor(1_000);
    }
    await sim.runFor(HOUR);
    expect(good.map(({ id }) => startsOf(id))).toEqual(good.map(({ at }) => [at]));
    expect([288, 289]).toContain(startsOf(poison).length - (disturbance === "a replay" ? 1 : 0));
    expect(tooEarly(disturbance === "a replay" ? [poison] : [])).toEqual([]);
    expect([await countOutages(), await sim.store.calls.count(callback.id)]).toEqual([1, { PENDING: 0, SUCCESS: 72, FAILED: 1 }]);
  });
});

describe.each(DISTURBANCES)("twelve such calls, with a good one every ten seconds, and %s", (disturbance) => {
  it("are tried at most 13 times an hour each, and every good call is accepted at its first attempt", async () => {
    sim = await Simulation.open({ policy: { intervalMs: 5 * MINUTE, windowMs: DAY, jitter: true } });
    const callback = await sim.callback();
    const poison = await sim.accept(callback, 12);
    sim.endpoint = ({ call }) => ({ result: poison.includes(call.id) ? REJECTED : ACCEPTED, afterMs: 20 });
    const start = sim.clock.now();
    const good: string[] = [];
    for (let second = 0; second < 2 * 3_600; second += 10) {
      await sim.runFor(10_000);
      good.push(...(await sim.accept(callback)));
      if (second === 3_000) await disturb(disturbance, callback, poison[3] ?? "");
    }
    await sim.runFor(MINUTE);
    expect(good.flatMap(startsOf).length).toBe(good.length);
    expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: good.length, FAILED: 12 });
    for (const hour of [0, 1]) {
      const counts = poison.map(
        (id) => startsOf(id).filter((at) => at >= start + hour * HOUR && at < start + (hour + 1) * HOUR).length,
      );
      expect(Math.max(...counts)).toBeLessThanOrEqual(14 + (disturbance === "a replay" ? 1 : 0));
      expect(Math.min(...counts)).toBeGreaterThanOrEqual(8);
    }
    expect(tooEarly(disturbance === "a replay" ? [poison[3] ?? ""] : [])).toEqual([]);
    expect(await countOutages()).toBe(1);
  });
});

describe.each(DISTURBANCES)("a dead endpoint with five calls, and %s", (disturbance) => {
  it("stays up, tries each every five minutes, and costs one e-mail a day", async () => {
    sim = await Simulation.open();
    sim.endpoint = down;
    const callback = await sim.callback();
    const ids = await sim.accept(callback, 5);
    await sim.runFor(7 * HOUR + 1_000);
    await disturb(disturbance, callback, ids[2] ?? "");
    await sim.runFor(HOUR);
    expect(await stateOf(callback)).toBe("up");
    await sim.runFor(DAY);
    // The replay moves the call's retries, so that its window may end before the last of them.
    const extra = (id: string) => (disturbance === "a replay" && id === ids[2] ? 1 : 0);
    for (const id of ids) expect([288, 289]).toContain(startsOf(id).length - extra(id));
    expect(tooEarly(ids.filter((id) => extra(id) === 1))).toEqual([]);
    expect(await countOutages()).toBe(1);
  });
});

describe.each(DISTURBANCES)("the recovery after an outage of 2000 calls, and %s", (disturbance) => {
  it("delivers each once, at its own pace", async () => {
    sim = await Simulation.open();
    sim.endpoint = down;
    const callback = await sim.callback();
    const ids = await sim.accept(callback, 2_000);
    await sim.runFor(HOUR + 2_000);
    sim.endpoint = () => ({ result: ACCEPTED, afterMs: 250 });
    // Within the drain, which starts with the next probe or round.
    await sim.runFor(5 * MINUTE);
    const before = sim.sent.filter(({ accepted }) => accepted).length;
    expect(before).toBeGreaterThan(0);
    await disturb(disturbance, callback, ids[1_999] ?? "");
    await sim.runFor(HOUR);
    expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 2_000, FAILED: 0 });
    const accepted = sim.sent.filter((sent) => sent.accepted);
    expect([accepted.length, new Set(accepted.map(({ callId }) => callId)).size]).toEqual([2_000, 2_000]);
    // A request that was in flight at the crash has no record, and is repeated.
    if (disturbance !== "a crash") expect(tooEarly()).toEqual([]);
    expect([await stateOf(callback), await countOutages()]).toEqual(["up", 1]);
  });
});

describe.each(DISTURBANCES)("a dead endpoint with retries off, and %s", (disturbance) => {
  it("gets each call once", async () => {
    sim = await Simulation.open();
    sim.endpoint = down;
    const callback = await sim.callback({ retriesEnabled: false });
    const ids = await sim.accept(callback, 30);
    await sim.runFor(HOUR);
    await disturb(disturbance, callback, ids[7] ?? "");
    const late = await sim.accept(callback, 5);
    await sim.runFor(2 * DAY);
    const extra = (id: string) => (disturbance === "a replay" && id === ids[7] ? 1 : 0);
    expect([...ids, ...late].map((id) => startsOf(id).length)).toEqual([...ids, ...late].map((id) => 1 + extra(id)));
    expect(await countOutages()).toBe(1);
  });
});

describe("an endpoint that was repaired while there was no traffic", () => {
  it("gets its next three responses without a failure, an outage or an e-mail", async () => {
    sim = await Simulation.open();
    sim.endpoint = () => ({ result: REFUSED_503 });
    const callback = await sim.callback({ retriesEnabled: false });
    await sim.accept(callback, 12);
    await sim.runFor(MINUTE);
    const enabled = await sim.update(callback, { retriesEnabled: true });
    await sim.runFor(2 * DAY);
    expect([await stateOf(enabled), await countOutages()]).toEqual(["down", 1]);
    sim.endpoint = () => ({ result: ACCEPTED, afterMs: 30 });
    const ids = await sim.accept(enabled, 3);
    await sim.runFor(MINUTE);
    const { items } = await sim.store.calls.list(enabled.id, { ...ALL, filter: { status: "SUCCESS" }, sort: [] });
    expect(items.map(({ id, firstFailedAt }) => [id, firstFailedAt]).sort()).toEqual(ids.map((id) => [id, null]).sort());
    expect([await stateOf(enabled), await countOutages()]).toEqual(["up", 1]);
  });
});
