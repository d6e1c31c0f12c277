import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createNoticeSender } from "../../../../src/dispatcher/outbox/notice-sender.js";
import { WhcbError } from "../../../../src/domain/errors.js";
import type { OutageReport } from "../../../../src/domain/outage.js";
import type { NoticeTarget, SendFailure } from "../../../../src/notifier/notice-target.js";
import { silentLogger } from "../../../../src/platform/logger.js";
import { DAY, down, HOUR, MINUTE, Simulation, up } from "../../../support/dispatcher/simulation.js";

let sim: Simulation;

beforeEach(async () => {
  sim = await Simulation.open({ notices: { began: ["hook"], ended: ["hook"] } });
  sim.endpoint = down;
});

afterEach(() => sim.store.close());

interface Receiver extends NoticeTarget {
  readonly reports: OutageReport[];
  readonly askedAt: number[];
}

/** Fails the first `failures` times. */
function aReceiver(failures = 0, retryAfterMs: number | null = null): Receiver {
  const reports: OutageReport[] = [];
  const askedAt: number[] = [];
  const failure: SendFailure = { reason: "HTTP 500", retryAfterMs };
  return {
    ...{ destination: "hook", place: "alerts.example.com", events: ["began", "ended"], atOnce: 1 },
    reports,
    askedAt,
    async send(report) {
      askedAt.push(sim.clock.now());
      if (askedAt.length <= failures) return failure;
      if (report.event !== "expired") reports.push(report);
      return null;
    },
  };
}

function senderTo(target: NoticeTarget, store = sim.store) {
  return createNoticeSender({ store, target, clock: sim.clock, logger: silentLogger });
}

async function runFor(sender: ReturnType<typeof senderTo>, ms: number): Promise<void> {
  const end = sim.clock.now() + ms;
  for (let next = await sender.tick(); next !== null && next <= end; next = await sender.tick()) sim.clock.set(next);
}

const shown = ({ event, failedCalls, end }: OutageReport) => {
  return [event, failedCalls, end?.how ?? null, end !== null && "calls" in end ? end.calls : null];
};

describe("a notice sender", () => {
  it("tells of an outage's beginning and end, once each, and what became of its calls", async () => {
    const callback = await sim.callback();
    const receiver = aReceiver();
    const sender = senderTo(receiver);
    const ids = await sim.accept(callback, 3);
    const startedAt = sim.clock.now();
    await sim.settle();
    await sender.tick();
    await sim.mark(callback, ids.slice(0, 1), "SUCCESS");
    sim.endpoint = up;
    await sim.runFor(HOUR);
    await sender.tick();
    await sender.tick();
    const [outage] = (await sim.store.outages.list({ limit: 1, offset: 0 })).items;
    const { id, name, email } = callback;
    const why = { failure: { statusCode: 503, reason: null }, url: callback.url };
    const common = { outageId: outage?.id, callback: { id, name, email }, startedAt, failedCalls: 3, ...why };
    const calls = { delivered: 2, marked: 1, stillFailed: 0, isComplete: true };
    expect(receiver.reports).toEqual([
      { ...common, event: "began", end: null, asOf: startedAt },
      {
        ...common,
        event: "ended",
        end: { endedAt: outage?.endedAt, acceptingSince: outage?.quietSince, how: "recovered", calls },
        asOf: sim.clock.now(),
      },
    ]);
  });

  it("says that calls were marked by hand, and tells nothing more if that outage reopens", async () => {
    const callback = await sim.callback();
    const receiver = aReceiver();
    const sender = senderTo(receiver);
    const ids = await sim.accept(callback, 2);
    await sim.settle();
    await sim.mark(callback, ids, "SUCCESS");
    await sim.settle();
    await sender.tick();
    await sim.accept(callback);
    await sim.settle();
    sim.endpoint = up;
    await sim.runFor(HOUR);
    await sender.tick();
    expect(receiver.reports.map(shown)).toEqual([
      ["began", 2, null, null],
      ["ended", 2, "marked", { delivered: 0, marked: 2, stillFailed: 0, isComplete: true }],
    ]);
  });

  it("tells only of the last end of an outage that reopens before its first was told", async () => {
    const callback = await sim.callback();
    const receiver = aReceiver();
    const sender = senderTo(receiver);
    await sim.mark(callback, await sim.accept(callback, 2).finally(() => sim.settle()), "SUCCESS");
    await sim.settle();
    await sim.accept(callback);
    await sim.settle();
    await sender.tick();
    sim.endpoint = up;
    await sim.runFor(HOUR);
    await sender.tick();
    expect(receiver.reports.map(shown)).toEqual([
      ["began", 3, null, null],
      ["ended", 3, "recovered", { delivered: 1, marked: 2, stillFailed: 0, isComplete: true }],
    ]);
  });

  it("doesn't call an endpoint recovered that is still failing when its window ends", async () => {
    const receiver = aReceiver();
    const sender = senderTo(receiver);
    await sim.accept(await sim.callback(), 2);
    await sim.settle();
    await sender.tick();
    await sim.runFor(DAY);
    await sender.tick();
    expect(receiver.reports.map(shown)).toEqual([
      ["began", 2, null, null],
      ["ended", 2, "unrecovered", { delivered: 0, marked: 0, stillFailed: 2, isComplete: true }],
    ]);
  });

  it("says no more than it knows of an outage with calls that failed before they were counted", async () => {
    const { store } = sim;
    const read = store.outages.readCalls;
    const readCalls: typeof read = async (id) => {
      const { failedCalls, ...counts } = await read(id);
      return { ...counts, failedCalls, failures: [], failed: 0, uncounted: failedCalls };
    };
    const receiver = aReceiver();
    const sender = senderTo(receiver, { ...store, outages: { ...store.outages, readCalls } });
    await sim.accept(await sim.callback(), 2);
    await sim.settle();
    await sender.tick();
    await sim.runFor(DAY);
    await sender.tick();
    expect(receiver.reports.map(shown)[1]).toEqual([
      ...["ended", 2, "unrecovered"],
      { delivered: 0, marked: 0, stillFailed: 1, isComplete: false },
    ]);
  });

  it("asks a receiver that fails after 10 s, 20 s, 40 s … at most 5 minutes, however many notices wait, and sends all when it is back", async () => {
    for (let index = 0; index < 12; index += 1) await sim.accept(await sim.callback({ name: `c${index}` }));
    await sim.settle();
    const receiver = aReceiver(7);
    await runFor(senderTo(receiver), HOUR);
    const waits = receiver.askedAt.slice(1, 8).map((at, index) => (at - (receiver.askedAt[index] ?? 0)) / 1_000);
    expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300]);
    expect(new Set(receiver.reports.map(({ outageId }) => outageId)).size).toBe(12);
    expect(receiver.reports).toHaveLength(12);
  });

  it.each([
    [30_000, 30],
    [1_000, 10],
    [HOUR, 300],
  ])("waits as long as a receiver asks with Retry-After (%i ms), five minutes at most", async (retryAfterMs, seconds) => {
    await sim.accept(await sim.callback());
    await sim.settle();
    const receiver = aReceiver(1, retryAfterMs);
    await runFor(senderTo(receiver), HOUR);
    expect(receiver.askedAt.map((at) => (at - (receiver.askedAt[0] ?? 0)) / 1_000)).toEqual([0, seconds]);
  });

  it("doesn't repeat a notice because the store couldn't note it; after a crash it says the same again", async () => {
    const callback = await sim.callback();
    await sim.accept(callback, 2);
    await sim.settle();
    let isFull = true;
    const store = {
      ...sim.store,
      notices: {
        ...sim.store.notices,
        async recordSent(...args: Parameters<typeof sim.store.notices.recordSent>) {
          if (isFull) throw new WhcbError("unavailable", "The database's disk is full");
          await sim.store.notices.recordSent(...args);
        },
      },
    };
    const receiver = aReceiver();
    await expect(senderTo(receiver, store).tick()).rejects.toMatchObject({ code: "unavailable" });
    await sim.accept(callback, 2);
    await sim.runFor(MINUTE);
    const next = senderTo(receiver, store);
    await expect(next.tick()).rejects.toMatchObject({ code: "unavailable" });
    isFull = false;
    await next.tick();
    expect(receiver.reports).toHaveLength(2);
    expect(receiver.reports[1]).toEqual(receiver.reports[0]);
    expect(await sim.store.notices.nextTryAt("hook", sim.clock.now())).toBeNull();
  });

  it("lets no notice that the place always rejects keep the others from it", async () => {
    const [first, second] = [await sim.callback({ name: "first" }), await sim.callback({ name: "second" })];
    const receiver = aReceiver();
    const target: NoticeTarget = {
      ...receiver,
      send: async (report) =>
        report.callback.id === first.id ? { reason: "HTTP 400", retryAfterMs: null } : receiver.send(report),
    };
    for (const callback of [first, second]) {
      await sim.accept(callback);
      await sim.settle();
    }
    await runFor(senderTo(target), HOUR);
    expect(receiver.reports.map(({ callback }) => callback.name)).toEqual(["second"]);
  });
});
