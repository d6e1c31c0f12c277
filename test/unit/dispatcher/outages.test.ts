/** When an outage closes and reopens (docs/dispatcher.md, An outage). */
import { afterEach, describe, expect, it } from "vitest";
import { type Callback, endpointHealth } from "../../../src/domain/callback.js";
import type { OutcomeGroup } from "../../../src/store/outcomes/commit-outcomes.js";
import { markMatching } from "../../contract/store-support.js";
import { REFUSED_503 } from "../../support/builders.js";
import { DAY, down, HOUR, MINUTE, Simulation, up, watchStore } from "../../support/dispatcher/simulation.js";

let sim: Simulation;

afterEach(() => sim.store.close());

const outages = async () =>
  (await sim.store.outages.list({ limit: 10, offset: 0 })).items.map(({ endedAt, failedCalls }) => ({ endedAt, failedCalls }));
const countMails = async () => (await sim.store.mails.fetchQueued(sim.clock.now(), 100)).length;

/** A dead endpoint with retries off and so many failed calls, an hour after they failed. */
async function anOutage(calls: number): Promise<{ callback: Callback; ids: string[] }> {
  sim = await Simulation.open();
  sim.endpoint = down;
  const callback = await sim.callback({ retriesEnabled: false });
  const ids = await sim.accept(callback, calls);
  await sim.runFor(HOUR);
  return { callback, ids };
}

describe("an outage whose calls are all settled", () => {
  it("closes at once when the last one is marked, without new traffic", async () => {
    const { callback, ids } = await anOutage(20);
    await sim.mark(callback, ids.slice(1), "SUCCESS");
    await sim.settle();
    expect(await outages()).toEqual([{ endedAt: null, failedCalls: 20 }]);
    await sim.mark(callback, ids.slice(0, 1), "SUCCESS");
    const markedAt = sim.clock.now();
    await sim.settle();
    expect(await outages()).toEqual([{ endedAt: markedAt, failedCalls: 20 }]);
  });

  it("closes when a mark of all that match is done, and sends none of them; the endpoint is told once", async () => {
    sim = await Simulation.open();
    sim.endpoint = down;
    const callback = await sim.callback();
    await sim.accept(callback, 1_200);
    await sim.runFor(HOUR);
    expect(await outages()).toMatchObject([{ endedAt: null }]);
    const filter = { status: "FAILED", changedBefore: sim.clock.now() } as const;
    expect(await markMatching(sim.store, callback.id, filter, { status: "SUCCESS", now: sim.clock.now() })).toBe(1_200);
    const [markedAt, sent] = [sim.clock.now(), sim.sent.length];
    sim.dispatcher.changed(callback.id);
    await sim.runFor(HOUR);
    expect(await outages()).toMatchObject([{ endedAt: markedAt }]);
    expect(sim.sent.length).toBe(sent);
  });

  it("closes at once when a requested replay delivers the last one", async () => {
    const { callback } = await anOutage(20);
    sim.endpoint = up;
    await sim.replay(callback, { filter: {} });
    await sim.settle();
    expect(await outages()).toEqual([{ endedAt: sim.clock.now(), failedCalls: 20 }]);
    await sim.runFor(HOUR);
    expect(sim.dispatcher.endpoints).toBe(0);
  });

  it("stays open while its longest attempt has failed, which began before the one that opened it", async () => {
    sim = await Simulation.open();
    const callback = await sim.callback({ retriesEnabled: false });
    const [long] = await sim.accept(callback, 1);
    sim.endpoint = ({ call }) => ({ result: REFUSED_503, afterMs: call.id === long ? 5_000 : 10 });
    await sim.runFor(1_000);
    const began = sim.clock.now() - 1_000;
    const others = await sim.accept(callback, 2);
    await sim.runFor(MINUTE);
    sim.endpoint = up;
    await sim.replay(callback, { callIds: others });
    await sim.settle();
    const { items } = await sim.store.outages.list({ limit: 10, offset: 0 });
    expect(items).toMatchObject([{ startedAt: began, endedAt: null, failedCalls: 3 }]);
  });

  it("closes at the next start if another process marked them while no service ran", async () => {
    const { callback, ids } = await anOutage(3);
    await sim.store.calls.mark(callback.id, ids, "SUCCESS", sim.clock.now());
    sim.crash();
    await sim.settle();
    expect(await outages()).toEqual([{ endedAt: sim.clock.now(), failedCalls: 3 }]);
  });
});

describe("an outage that closed because its calls were marked by hand", () => {
  it.each([1, 5, 9, 50])("leaves an endpoint that is being checked, after %i calls too, until it accepts one", async (calls) => {
    const { callback, ids } = await anOutage(calls);
    const health = async () => {
      const [report] = await sim.store.endpoints.listReports([callback.id]);
      const query = { limit: 10, offset: 0, sort: { field: "name", descending: false }, text: "", health: null } as const;
      const { items, counts } = await sim.store.callbacks.listOverview(query);
      return [report && endpointHealth({ ...report, events: callback.events }).health, items[0]?.health, counts.up];
    };
    await sim.mark(callback, ids, "SUCCESS");
    await sim.settle();
    expect(await health()).toEqual(["checking", "checking", 0]);
    await sim.restart();
    await sim.settle();
    expect(await health()).toEqual(["checking", "checking", 0]);
    sim.endpoint = up;
    await sim.accept(callback);
    await sim.runFor(MINUTE);
    expect(await health()).toEqual(["up", "up", 1]);
  });

  it("reopens at the next first failure, without another e-mail, also after a restart", async () => {
    const { callback, ids } = await anOutage(2);
    await sim.mark(callback, ids, "SUCCESS");
    await sim.settle();
    await sim.restart();
    await sim.accept(callback);
    await sim.settle();
    expect([await outages(), await countMails()]).toEqual([[{ endedAt: null, failedCalls: 3 }], 1]);
  });

  it("doesn't reopen after a success: the next failure opens another one", async () => {
    const { callback, ids } = await anOutage(2);
    await sim.mark(callback, ids, "SUCCESS");
    await sim.settle();
    sim.endpoint = up;
    await sim.accept(callback);
    await sim.runFor(MINUTE);
    sim.endpoint = down;
    await sim.accept(callback);
    await sim.settle();
    expect([(await outages()).length, await countMails()]).toEqual([2, 2]);
  });

  it("doesn't reopen a window after it began: a dead endpoint costs an e-mail a day", async () => {
    const { callback, ids } = await anOutage(2);
    await sim.mark(callback, ids, "SUCCESS");
    await sim.runFor(DAY);
    await sim.accept(callback);
    await sim.settle();
    expect([(await outages()).length, await countMails()]).toEqual([2, 2]);
  });

  it("doesn't reopen if a replay marked one of them, which is a success", async () => {
    const { callback, ids } = await anOutage(2);
    await sim.store.calls.mark(callback.id, ids, "SUCCESS", sim.clock.now(), { settledBy: "replay" });
    sim.dispatcher.changed(callback.id);
    await sim.runFor(MINUTE);
    await sim.accept(callback);
    await sim.settle();
    expect([(await outages()).length, await countMails()]).toEqual([2, 2]);
  });
});

describe("an outage that has been open for one window", () => {
  it("doesn't reopen, though an attempt that began in it fails later: another one opens, which counts what fails", async () => {
    sim = await Simulation.open();
    sim.endpoint = () => ({ result: REFUSED_503, afterMs: MINUTE });
    const callback = await sim.callback({ retriesEnabled: false });
    const startedAt = sim.clock.now();
    await sim.accept(callback);
    await sim.runFor(DAY - MINUTE / 2);
    await sim.accept(callback, 2);
    await sim.runFor(MINUTE);
    expect(await outages()).toEqual([
      { endedAt: null, failedCalls: 2 },
      { endedAt: startedAt + DAY, failedCalls: 1 },
    ]);
    expect(await countMails()).toBe(2);
  });
});

describe("an endpoint that is down again after it accepted one call", () => {
  const policy = { intervalMs: 5 * MINUTE, windowMs: HOUR, jitter: false };
  const states = async (callback: Callback) => {
    const [report] = await sim.store.endpoints.listReports([callback.id]);
    return report && endpointHealth({ ...report, events: callback.events }).health;
  };
  const lastQuietSince = async () => (await sim.store.outages.list({ limit: 1, offset: 0 })).items[0]?.quietSince;

  async function acceptsOne(calls: number): Promise<Callback> {
    sim = await Simulation.open({ policy });
    sim.endpoint = down;
    const callback = await sim.callback();
    await sim.accept(callback, calls);
    await sim.runFor(MINUTE);
    let accepted = 0;
    sim.endpoint = (request) => (accepted++ === 0 ? up(request) : down(request));
    await sim.runFor(10 * MINUTE);
    return callback;
  }

  it("hasn't recovered: its outage goes on until the window is over, and ends without a success since", async () => {
    const callback = await acceptsOne(20);
    expect([await states(callback), await lastQuietSince()]).toEqual(["down", null]);
    await sim.runFor(HOUR);
    expect([(await outages())[0]?.endedAt === null, await lastQuietSince()]).toEqual([false, null]);
    expect(await states(callback)).toBe("checking");
  });

  it("isn't up after its calls were marked by hand: nothing was accepted since new ones failed", async () => {
    const callback = await acceptsOne(3);
    await sim.accept(callback, 2);
    await sim.settle();
    expect((await sim.store.calls.count(callback.id)).FAILED).toBe(4);
    await markMatching(
      sim.store,
      callback.id,
      { status: "FAILED", changedBefore: sim.clock.now() },
      {
        status: "SUCCESS",
        now: sim.clock.now(),
      },
    );
    sim.dispatcher.changed(callback.id);
    await sim.settle();
    expect([(await outages())[0]?.endedAt, await lastQuietSince(), await states(callback)]).toEqual([
      sim.clock.now(),
      null,
      "checking",
    ]);
  });

  it("hasn't recovered by one call of a few whose retries go on failing; one that is always rejected keeps no outage open", async () => {
    const callback = await acceptsOne(5);
    await sim.runFor(30 * MINUTE);
    expect((await outages())[0]?.endedAt).toBeNull();
    const failed = new Set<string>();
    sim.endpoint = (request) => {
      if (failed.size === 0) failed.add(request.call.id);
      return failed.has(request.call.id) ? down(request) : up(request);
    };
    await sim.runFor(15 * MINUTE);
    expect([(await sim.store.calls.count(callback.id)).FAILED, (await outages())[0]?.endedAt === null]).toEqual([1, false]);
    expect([await lastQuietSince(), await states(callback)]).toEqual([expect.any(Number), "up"]);
  });

  it("isn't up with less than ten failed calls whose window is over", async () => {
    sim = await Simulation.open({ policy });
    sim.endpoint = down;
    const callback = await sim.callback();
    await sim.accept(callback, 3);
    await sim.runFor(2 * HOUR);
    expect([(await outages())[0]?.endedAt === null, await states(callback)]).toEqual([false, "checking"]);
    sim.endpoint = up;
    await sim.accept(callback);
    await sim.settle();
    expect(await states(callback)).toBe("up");
  });
});

describe("a holding that is skipped at its commit, because retries were just switched off", () => {
  it("isn't counted in the outage", async () => {
    let callback: Callback | undefined;
    let skipped = 0;
    sim = await Simulation.open({
      policy: { intervalMs: 5 * MINUTE, windowMs: 20 * MINUTE, jitter: false },
      dispatcherStore: (store) =>
        watchStore(store, async (method, [group], work) => {
          const { holdings } = method === "outcomes.commit" ? (group as OutcomeGroup) : { holdings: [] };
          if (callback && holdings.length > 0) {
            skipped += holdings.length;
            await sim.store.callbacks.update(callback.id, { ...callback, retriesEnabled: false }, sim.clock.now(), sim.policy);
            sim.endpoint = () => ({ result: REFUSED_503, afterMs: HOUR });
          }
          return work();
        }),
    });
    sim.endpoint = down;
    const dead = await sim.callback();
    await sim.accept(dead, 12);
    await sim.runFor(MINUTE);
    // The endpoint gets its first probe.
    await sim.accept(dead);
    await sim.settle();
    const before = await outages();
    callback = dead;
    await sim.accept(dead, 3);
    await sim.settle();
    expect([skipped, await outages(), await countMails()]).toEqual([3, before, 1]);
    expect((await sim.store.calls.count(dead.id)).PENDING).toBe(3);
  });
});

describe("a held call that is in flight while retries are switched off", () => {
  it("fails for the first time: it opens an outage, and costs an e-mail", async () => {
    sim = await Simulation.open({ policy: { intervalMs: 5 * MINUTE, windowMs: 30 * MINUTE, jitter: false } });
    sim.endpoint = down;
    const callback = await sim.callback();
    const start = sim.clock.now();
    await sim.accept(callback, 10);
    await sim.runFor(29 * MINUTE);
    const held = (await sim.accept(callback, 20)).slice(1);
    await sim.runFor(5 * MINUTE);
    sim.endpoint = () => ({ result: REFUSED_503, afterMs: MINUTE });
    await sim.runFor(1.5 * MINUTE);
    await sim.update(callback, { retriesEnabled: false });
    await sim.runFor(MINUTE);
    const failedNow = held.filter((id) => sim.requestsFor(id)[0]?.at === start + 35 * MINUTE).length;
    expect(failedNow).toBeGreaterThan(0);
    expect(await outages()).toEqual([
      { endedAt: null, failedCalls: failedNow },
      { endedAt: start + 30 * MINUTE, failedCalls: 30 },
    ]);
    expect(await countMails()).toBe(2);
  });
});
