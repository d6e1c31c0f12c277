/** What a down endpoint is sent after a client's replay, and while no outage is open (docs/dispatcher.md, An endpoint). */
import { afterEach, describe, expect, it } from "vitest";
import type { Callback, CallbackSettings } from "../../../src/domain/callback.js";
import { ACCEPTED, REFUSED_503 } from "../../support/builders.js";
import { down, HOUR, MINUTE, Simulation, up } from "../../support/dispatcher/simulation.js";

const POLICY = { intervalMs: 5 * MINUTE, windowMs: HOUR, jitter: false };
/** Probes go after 1 s, 2 s, 4 s …; once it was down for so long, one goes each interval. */
const LONG_DOWN_MS = 21 * MINUTE;

let sim: Simulation;

afterEach(() => sim.store.close());

const countMails = async () => (await sim.store.mails.fetchQueued(sim.clock.now(), 100)).length;
const openOutages = async () =>
  (await sim.store.outages.list({ limit: 10, offset: 0 })).items.filter(({ endedAt }) => endedAt === null).length;
const counts = (callback: Callback) => sim.store.calls.count(callback.id);

/** 25 failed calls of an endpoint that went down `forMs` ago; the last one was a probe, which failed 2 s ago. */
async function aDownEndpoint(
  forMs: number,
  over: Partial<CallbackSettings> = {},
): Promise<{ callback: Callback; ids: string[] }> {
  sim = await Simulation.open({ policy: POLICY });
  sim.endpoint = down;
  const callback = await sim.callback(over);
  const ids = [...(await sim.accept(callback, 12))];
  await sim.settle();
  ids.push(...(await sim.accept(callback, 12)));
  await sim.runFor(forMs);
  ids.push(...(await sim.accept(callback)));
  await sim.runFor(2_000);
  return { callback, ids };
}

describe("after a client's replay, a down endpoint", () => {
  it.each([4_000, LONG_DOWN_MS])(
    "is probed by the next response, which isn't reported as an outage (down for %i ms)",
    async (forMs) => {
      const { callback, ids } = await aDownEndpoint(forMs);
      sim.endpoint = up;
      await sim.mark(callback, ids, "SUCCESS", "replay");
      await sim.runFor(MINUTE);
      expect(await openOutages()).toBe(0);
      const later = await sim.accept(callback, 5);
      await sim.settle();
      expect([await counts(callback), await countMails()]).toEqual([{ PENDING: 0, SUCCESS: 30, FAILED: 0 }, 1]);
      const attempts = await sim.store.calls.listAttempts(callback.id, later);
      expect(later.map((id) => attempts.get(id)?.map(({ cause }) => cause))).toEqual([["probe"], ...Array(4).fill(["first"])]);
    },
  );

  it("is probed again although the service stopped between the mark and the response", async () => {
    const { callback, ids } = await aDownEndpoint(LONG_DOWN_MS);
    sim.endpoint = up;
    await sim.store.calls.mark(callback.id, ids, "SUCCESS", sim.clock.now(), { settledBy: "replay" });
    sim.crash();
    const [next = ""] = await sim.accept(callback);
    await sim.settle();
    expect([sim.requestsFor(next).length, await countMails()]).toEqual([1, 1]);
  });

  it("gets nothing that the run is about to send: it is probed when the run ends", async () => {
    const { callback, ids } = await aDownEndpoint(LONG_DOWN_MS);
    const lease = { run: "RUN", holder: "ada@desk", done: 0, total: ids.length };
    await sim.store.runLeases.take(callback.id, lease, sim.clock.now());
    sim.endpoint = up;
    await sim.mark(callback, ids.slice(1), "SUCCESS", "replay");
    const [next = ""] = await sim.accept(callback);
    await sim.runFor(20_000);
    expect(sim.requestsFor(next)).toEqual([]);
    await sim.store.runLeases.release(callback.id, lease, sim.clock.now());
    sim.dispatcher.changed(callback.id);
    const [last = ""] = await sim.accept(callback);
    await sim.settle();
    expect([sim.requestsFor(next).length, sim.requestsFor(last).length, await countMails()]).toEqual([1, 1, 1]);
  });

  it("that still fails for the service costs one outage and one e-mail, and the other responses are held", async () => {
    const { callback, ids } = await aDownEndpoint(LONG_DOWN_MS);
    await sim.mark(callback, ids, "SUCCESS", "replay");
    await sim.runFor(MINUTE);
    const before = sim.sent.length;
    await sim.accept(callback, 5);
    await sim.runFor(1_000);
    expect([sim.sent.length - before, await openOutages(), await countMails()]).toEqual([1, 1, 2]);
    expect(await counts(callback)).toEqual({ PENDING: 0, SUCCESS: 25, FAILED: 5 });
  });

  it("gets one probe a second at most, however many marks there are", async () => {
    const { callback, ids } = await aDownEndpoint(LONG_DOWN_MS);
    await sim.accept(callback, 200);
    await sim.settle();
    const [before, startedAt] = [sim.sent.length, sim.clock.now()];
    for (const id of ids) {
      await sim.mark(callback, [id], "SUCCESS", "replay");
      await sim.runFor(250);
    }
    const probes = sim.sent.slice(before).map(({ at }) => at - startedAt);
    expect(probes).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000]);
    // A new process too waits for an interval, as there are no more marks.
    await sim.runFor(10_000);
    await sim.restart();
    await sim.accept(callback);
    await sim.runFor(10_000);
    expect(sim.sent.length - before).toBe(probes.length);
  });

  it("is probed again as soon as the probe fails that was in flight at the mark", async () => {
    const { callback, ids } = await aDownEndpoint(LONG_DOWN_MS);
    await sim.mark(callback, ids.slice(1), "SUCCESS");
    await sim.runFor(6 * MINUTE);
    sim.endpoint = () => ({ result: REFUSED_503, afterMs: MINUTE });
    await sim.accept(callback);
    await sim.runFor(30_000);
    sim.endpoint = up;
    await sim.mark(callback, ids.slice(0, 1), "SUCCESS", "replay");
    await sim.accept(callback, 3);
    await sim.runFor(MINUTE);
    expect(await counts(callback)).toEqual({ PENDING: 0, SUCCESS: 25 + 3, FAILED: 1 });
  });

  it.each([2 * MINUTE, HOUR])("is probed once for a mark, also if the clock is set back by %i ms meanwhile", async (ms) => {
    const { callback, ids } = await aDownEndpoint(LONG_DOWN_MS);
    await sim.mark(callback, ids.slice(1), "SUCCESS");
    await sim.runFor(6 * MINUTE);
    sim.endpoint = () => ({ result: REFUSED_503, afterMs: MINUTE });
    await sim.mark(callback, ids.slice(0, 1), "SUCCESS", "replay");
    const before = sim.sent.length;
    await sim.accept(callback, 2);
    await sim.runFor(30_000);
    sim.clock.jump(-ms);
    await sim.runFor(MINUTE);
    expect([sim.sent.length - before, await counts(callback)]).toEqual([1, { PENDING: 0, SUCCESS: 25, FAILED: 2 }]);
  });

  it("isn't probed because of a mark by a user", async () => {
    const { callback, ids } = await aDownEndpoint(LONG_DOWN_MS);
    await sim.mark(callback, ids, "SUCCESS");
    const [next = ""] = await sim.accept(callback);
    await sim.runFor(MINUTE);
    expect(sim.requestsFor(next)).toEqual([]);
  });

  it("with retries off gets each response at once, and recovers with the first that it accepts", async () => {
    const { callback, ids } = await aDownEndpoint(LONG_DOWN_MS, { retriesEnabled: false });
    sim.endpoint = up;
    await sim.mark(callback, ids, "SUCCESS", "replay");
    await sim.accept(callback, 5);
    await sim.settle();
    expect([await counts(callback), await countMails()]).toEqual([{ PENDING: 0, SUCCESS: 30, FAILED: 0 }, 1]);
  });
});

describe("while an endpoint is down and no outage is open, a response", () => {
  it("waits until the next probe step, an interval at most, and is sent then", async () => {
    const { callback, ids } = await aDownEndpoint(LONG_DOWN_MS);
    await sim.mark(callback, ids, "SUCCESS");
    await sim.settle();
    await sim.restart();
    await sim.accept(callback, 3);
    await sim.runFor(10_000);
    expect([await counts(callback), await openOutages()]).toEqual([{ PENDING: 3, SUCCESS: 25, FAILED: 0 }, 0]);
    sim.endpoint = up;
    await sim.runFor(5 * MINUTE);
    expect([await counts(callback), await countMails()]).toEqual([{ PENDING: 0, SUCCESS: 28, FAILED: 0 }, 1]);
  });

  it("reopens the outage that users' marks closed if it fails, without another e-mail", async () => {
    const { callback, ids } = await aDownEndpoint(LONG_DOWN_MS);
    await sim.mark(callback, ids, "SUCCESS");
    await sim.accept(callback, 3);
    await sim.runFor(5 * MINUTE);
    const { items } = await sim.store.outages.list({ limit: 10, offset: 0 });
    expect([items.map(({ endedAt, failedCalls }) => ({ endedAt, failedCalls })), await countMails()]).toEqual([
      [{ endedAt: null, failedCalls: 25 + 3 }],
      1,
    ]);
  });

  it("goes before those held earlier if the outage's window has ended, and opens the next one", async () => {
    const { callback } = await aDownEndpoint(HOUR - MINUTE);
    await sim.accept(callback, 30);
    await sim.runFor(2 * MINUTE);
    expect([await openOutages(), await countMails()]).toEqual([0, 1]);
    const began = sim.clock.now();
    const [next = ""] = await sim.accept(callback);
    await sim.runFor(5 * MINUTE);
    const [sent] = sim.requestsFor(next);
    expect([sim.requestsFor(next).length, await openOutages(), await countMails()]).toEqual([1, 1, 2]);
    expect((sent?.at ?? 0) - began).toBeLessThanOrEqual(5 * MINUTE);
  });

  it("waits for its probe also if no call is left that a round would send", async () => {
    const { callback, ids } = await aDownEndpoint(HOUR - MINUTE);
    await sim.mark(callback, ids.slice(1), "SUCCESS");
    await sim.runFor(2 * HOUR);
    expect(await openOutages()).toBe(0);
    sim.endpoint = () => ({ result: ACCEPTED, afterMs: 10 });
    const [next = ""] = await sim.accept(callback);
    await sim.settle();
    expect(sim.requestsFor(next).length).toBe(1);
  });
});
