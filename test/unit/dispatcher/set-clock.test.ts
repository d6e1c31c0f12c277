/** A wall clock that is set. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DAY, down, HOUR, MINUTE, Simulation, up } from "../../support/dispatcher/simulation.js";
import { fetchDue } from "../../support/store/waiting-calls.js";

let sim: Simulation;

beforeEach(async () => {
  sim = await Simulation.open();
  sim.endpoint = down;
});

afterEach(() => sim.store.close());

const dueOf = async (callbackId: string) =>
  (await fetchDue(sim.store, callbackId, Number.POSITIVE_INFINITY, 100)).map(({ due }) => (due?.at ?? 0) - sim.clock.now());

describe("clamping times in the store", () => {
  it("moves calls that are due later than the bound to it, and no others", async () => {
    const callback = await sim.callback();
    const other = await sim.callback({ name: "other" });
    await sim.accept(other);
    await sim.accept(callback);
    await sim.runFor(MINUTE);
    await sim.accept(callback);
    await sim.settle();
    const now = sim.clock.now();
    await sim.store.outcomes.clampTimes({ now, latestDueAt: now + 4.5 * MINUTE });
    expect(await dueOf(callback.id)).toEqual([4 * MINUTE, 4.5 * MINUTE]);
    expect(await dueOf(other.id)).toEqual([4 * MINUTE]);
  });

  it("leaves no first failure, attempt, outage or repair in the future", async () => {
    const callback = await sim.callback();
    const [id = ""] = await sim.accept(callback);
    await sim.settle();
    await sim.update(callback, { url: "http://127.0.0.1:9000/other" });
    const now = sim.clock.now() - HOUR;
    await sim.store.outcomes.clampTimes({ now, latestDueAt: now });
    expect(await sim.store.calls.find(callback.id, id)).toMatchObject({ firstFailedAt: now, attemptedAt: now, due: { at: now } });
    expect((await sim.store.outages.list({ limit: 1, offset: 0 })).items).toMatchObject([{ startedAt: now }]);
    expect(await sim.store.callbacks.find(callback.id)).toMatchObject({ repairedAt: now });
  });
});

describe("a clock that is set", () => {
  it("back by an hour delays no retry by more than one interval", async () => {
    const callback = await sim.callback();
    await sim.accept(callback, 3);
    await sim.runFor(MINUTE);
    const before = sim.sent.length;
    sim.clock.jump(-HOUR);
    await sim.runFor(5 * MINUTE);
    expect(sim.sent.length - before).toBe(3);
  });

  it("back by half a second again and again delays a retry round by no more than a second", async () => {
    const callback = await sim.callback();
    await sim.accept(callback, 10);
    for (let steps = 0; steps < 40; steps += 1) {
      await sim.runFor(100);
      sim.clock.jump(-500);
    }
    await sim.runFor(5 * MINUTE + 1_000);
    expect(sim.sent).toHaveLength(20);
  });

  it("back by three minutes delays none of the later calls: each comes one interval later at most", async () => {
    const callback = await sim.callback();
    await sim.accept(callback);
    await sim.runFor(4 * MINUTE);
    await sim.accept(callback);
    await sim.settle();
    const before = sim.sent.length;
    sim.clock.jump(-3 * MINUTE);
    await sim.runFor(5 * MINUTE + 30_000);
    expect(new Set(sim.sent.slice(before).map(({ callId }) => callId)).size).toBe(2);
  });

  it("back by an hour delays no round and no probe: together they make ten requests one interval later", async () => {
    const callback = await sim.callback();
    await sim.accept(callback, 30);
    await sim.settle();
    await sim.accept(callback, 70);
    await sim.runFor(6 * MINUTE);
    sim.clock.jump(-HOUR);
    const before = sim.sent.length;
    await sim.runFor(5 * MINUTE);
    const times = sim.sent.slice(before).map(({ at }) => sim.clock.now() - at);
    expect(times).toEqual(Array(10).fill(0));
  });

  it("forwards by an hour loses nothing, and repeats no call", async () => {
    const callback = await sim.callback();
    await sim.accept(callback, 30);
    await sim.runFor(MINUTE);
    sim.endpoint = () => ({ result: { kind: "answered", statusCode: 200, statusMessage: "OK", body: "" }, afterMs: 200 });
    const before = sim.sent.length;
    sim.clock.jump(HOUR);
    await sim.runFor(MINUTE);
    const delivered = sim.sent.slice(before).map(({ callId }) => callId);
    expect([delivered.length, new Set(delivered).size]).toEqual([30, 30]);
    expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 30, FAILED: 0 });
  });

  it("ahead for some seconds ends no window for good: what has expired is retried, and no outage ends later than now", async () => {
    const callback = await sim.callback();
    await sim.accept(callback, 3);
    await sim.runFor(MINUTE);
    sim.clock.jump(2 * DAY);
    await sim.runFor(MINUTE);
    expect((await sim.store.endpoints.listReports([callback.id]))[0]?.expiredCalls).toBe(3);
    sim.clock.jump(-2 * DAY);
    sim.endpoint = up;
    await sim.runFor(6 * MINUTE);
    expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 3, FAILED: 0 });
    expect((await sim.store.endpoints.listReports([callback.id]))[0]?.expiredCalls).toBe(0);
    const [outage] = (await sim.store.outages.list({ limit: 1, offset: 0 })).items;
    expect(outage?.endedAt).toBeLessThanOrEqual(sim.clock.now());
  });

  it("back while a request is in flight: the attempt ends now, not later than now", async () => {
    const callback = await sim.callback();
    sim.endpoint = () => ({ result: { kind: "unreachable", reason: "reset", detail: "" }, afterMs: 10_000 });
    const ids = await sim.accept(callback);
    await sim.runFor(5_000);
    sim.clock.jump(-HOUR);
    await sim.runFor(5_000);
    const attempts = [...(await sim.store.calls.listAttempts(callback.id, ids)).values()].flat();
    expect(attempts.map(({ startedAt, durationMs }) => [sim.clock.now() - startedAt, durationMs])).toEqual([[10_000, 10_000]]);
  });

  it("and an interval that became shorter: what was planned with the longer one is due within the new one", async () => {
    const callback = await sim.callback();
    await sim.accept(callback, 2);
    await sim.settle();
    const short = Simulation.over(sim, { policy: { intervalMs: MINUTE, windowMs: HOUR, jitter: false } });
    short.endpoint = down;
    await short.runFor(MINUTE);
    expect(short.sent).toHaveLength(2);
  });

  it("an hour ahead at the first failure and then corrected: the call is retried for 24 h after that", async () => {
    sim.clock.jump(HOUR);
    const [id = ""] = await sim.accept(await sim.callback());
    await sim.runFor(MINUTE);
    sim.clock.jump(-HOUR);
    const corrected = sim.clock.now();
    await sim.runFor(2 * DAY);
    expect(sim.sent.at(-1)?.at).toBeLessThanOrEqual(corrected + DAY);
    expect([288, 289]).toContain(sim.requestsFor(id).length);
  });

  it("30 days ahead and then corrected: a call is tried 288 times, and the dead endpoint costs an e-mail a day", async () => {
    const callback = await sim.callback();
    sim.clock.jump(30 * DAY);
    const [first = ""] = await sim.accept(callback);
    await sim.runFor(MINUTE);
    sim.clock.jump(-30 * DAY);
    for (let hours = 0; hours < 4 * 24; hours += 8) {
      await sim.runFor(8 * HOUR);
      await sim.accept(callback);
    }
    await sim.runFor(HOUR);
    expect([288, 289]).toContain(sim.requestsFor(first).length);
    // A day after the correction, two days after, and so on.
    expect((await sim.store.outages.list({ limit: 10, offset: 0 })).items).toHaveLength(5);
  });

  it("30 days ahead while no service ran to see it corrected: the next one starts with the right times", async () => {
    const callback = await sim.callback();
    sim.clock.jump(30 * DAY);
    const [first = ""] = await sim.accept(callback);
    await sim.runFor(MINUTE);
    sim.clock.jump(-30 * DAY);
    sim.crash();
    await sim.runFor(2 * DAY);
    expect([288, 289]).toContain(sim.requestsFor(first).length);
  });
});
