/** The process dies at each of the dispatcher's writes, before and after it: the next one continues from what is on disk. */
import { describe, expect, it } from "vitest";
import type { Callback } from "../../src/domain/callback.js";
import type { Store } from "../../src/store/open-store.js";
import { ACCEPTED, REFUSED_503 } from "../support/builders.js";
import { SEED } from "../support/dispatcher/arbitrary-commands.js";
import { HOUR, MINUTE, ProcessDied, type Sent, Simulation, watchStore } from "../support/dispatcher/simulation.js";
import type { WithFreshStore } from "../support/store/fresh-stores.js";

interface Death {
  /** Which write; 0 for none. */
  readonly write: number;
  readonly when: "before" | "after";
}

interface Life {
  readonly sim: Simulation;
  readonly callbacks: readonly Callback[];
  /** How many writes there were, and the requests that had no record when the process died. */
  readonly writes: number;
  readonly unrecorded: readonly Sent[];
}

const WRITES = new Set(["outcomes.commit", "queue.expireRetries", "outcomes.clampTimes"]);
const ALL = { limit: 10_000, offset: 0 };

/** Some hours with outages, marks, a recovery that stumbles, a replay, retries switched, windows that end. */
async function live(store: Store, { write, when }: Death): Promise<Life> {
  let writes = 0;
  let unrecorded: readonly Sent[] = [];
  const sim = await Simulation.open({
    store,
    seed: SEED,
    policy: { intervalMs: 5 * MINUTE, windowMs: 30 * MINUTE, jitter: true },
    limits: { batch: 32, inFlightPerEndpoint: 12 },
    notices: { began: ["hook"], ended: ["hook"] },
    dispatcherStore: (inner) =>
      watchStore(inner, async (method, _, work) => {
        if (!WRITES.has(method)) return work();
        writes += 1;
        if (writes === write && when === "before") await die();
        const result = await work();
        if (writes === write && when === "after") await die();
        return result;
      }),
  });
  const callbacks = [
    await sim.callback({ name: "with retries" }),
    await sim.callback({ name: "without", retriesEnabled: false }),
  ];
  const [retried, once] = callbacks as [Callback, Callback];
  const die = async () => {
    unrecorded = await findUnrecorded(sim, callbacks);
    throw new ProcessDied();
  };

  const ids = await sim.accept(retried, 3);
  await sim.settle();
  sim.endpoint = ({ at }) => ({ result: REFUSED_503, afterMs: at % 2 === 0 ? 0 : 500 });
  const failed = [...(await sim.accept(retried, 30)), ...(await sim.accept(retried, 4))];
  await sim.accept(once, 14);
  await sim.runFor(90_000);
  await sim.mark(retried, failed.slice(0, 3), "SUCCESS");
  await sim.runFor(12 * MINUTE);
  sim.endpoint = ({ call }) => ({ result: call.seq % 7 === 0 ? REFUSED_503 : ACCEPTED, afterMs: 700 });
  await sim.runFor(3_000);
  await sim.accept(retried, 9);
  await sim.runFor(6 * MINUTE);
  await sim.update(once, { retriesEnabled: true });
  sim.endpoint = () => ({ result: REFUSED_503, afterMs: 10 });
  await sim.accept(retried, 20);
  await sim.runFor(40 * MINUTE);
  await sim.replay(retried, { callIds: ids });
  await sim.replay(once, { filter: { status: "FAILED" } });
  sim.endpoint = () => ({ result: ACCEPTED, afterMs: 10 });
  await sim.accept(retried, 2);
  await sim.runFor(HOUR);
  return { sim, callbacks, writes, unrecorded };
}

async function findUnrecorded(sim: Simulation, callbacks: readonly Callback[]): Promise<readonly Sent[]> {
  const recorded = new Map<string, number>();
  for (const callback of callbacks) {
    const { items } = await sim.store.calls.list(callback.id, { ...ALL, filter: {}, sort: [] });
    for (const { id, attemptCount } of items) recorded.set(id, attemptCount);
  }
  return sim.sent.filter((sent) => {
    const left = recorded.get(sent.callId) ?? 0;
    recorded.set(sent.callId, left - 1);
    return left <= 0;
  });
}

async function checkLife({ sim, callbacks, unrecorded }: Life): Promise<void> {
  for (const callback of callbacks) {
    const { items } = await sim.store.calls.list(callback.id, { ...ALL, filter: {}, sort: [] });
    const attempts = await sim.store.calls.listAttempts(
      callback.id,
      items.map(({ id }) => id),
    );
    for (const { id, status, due, settledBy } of items) {
      const sent = sim.requestsFor(id);
      const listed = attempts.get(id)?.length ?? 0;
      const lost = unrecorded.filter(({ callId }) => callId === id).length;
      expect({ id, requests: sent.length, lost: lost <= 1 }).toEqual({ id, requests: listed + lost, lost: true });
      expect({ id, status, due, isSent: sent.length > 0 || settledBy === "user" || status === "FAILED" }).toEqual({
        id,
        status,
        due: null,
        isSent: true,
      });
      if (status === "FAILED") expect(sent.every(({ accepted }) => accepted !== true)).toBe(true);
      const accepted = sent.filter(({ accepted }) => accepted);
      expect(accepted.length).toBeLessThanOrEqual(1 + lost);
    }
    const counts = { PENDING: 0, SUCCESS: 0, FAILED: 0 };
    for (const { status } of items) counts[status] += 1;
    expect(await sim.store.calls.count(callback.id)).toEqual(counts);
    expect(counts.PENDING).toBe(0);
    const outages = await sim.store.outages.list({ ...ALL, callbackId: callback.id });
    const mails = (await sim.store.mails.fetchQueued(sim.clock.now(), 1_000)).filter(
      ({ callbackId }) => callbackId === callback.id,
    );
    expect(mails.map(({ outageId }) => outageId).sort()).toEqual(outages.items.map(({ id }) => id).sort());
    expect(await noticesOf(sim, callback)).toEqual({ began: outages.total, ended: outages.total });
    expect(outages.items.every(({ endedAt }) => endedAt !== null)).toBe(true);
  }
}

/** The ends are found once the beginnings are sent. */
async function noticesOf(sim: Simulation, callback: Callback) {
  const counts = { began: 0, ended: 0 };
  for (const event of ["began", "ended"] as const) {
    const notices = (await sim.store.notices.fetch("hook", sim.clock.now(), 1_000)).filter(
      (notice) => notice.callback.id === callback.id,
    );
    for (const notice of notices) await sim.store.notices.recordSent(notice, sim.clock.now());
    counts[event] = notices.filter((notice) => notice.event === event).length;
  }
  return counts;
}

/** What is on disk is the same after a write as before the next one, when more is lost: so it dies after some writes only. */
const deathsAt = (write: number): readonly Death["when"][] => (write % 4 === 1 ? ["before", "after"] : ["before"]);

/** At the first write that is given, from 1 on, and then at each that is `step` later. */
export interface Deaths {
  readonly first: number;
  readonly step: number;
}

export function describeDeaths(dispatcher: string, withStore: WithFreshStore, parts: readonly Deaths[]): void {
  describe(dispatcher, () => {
    it.each(parts)(
      "loses nothing when it dies at a write, and repeats only what had no record yet (write $first of every $step)",
      async ({ first, step }) => {
        let writes = 0;
        await withStore(async (store) => {
          const whole = await live(store, { write: 0, when: "before" });
          await checkLife(whole);
          writes = whole.writes;
        });
        expect(writes).toBeGreaterThan(50);
        for (let write = first; write <= writes; write += step) {
          for (const when of deathsAt(write)) {
            await withStore(async (store) => {
              const life = await live(store, { write, when });
              try {
                await checkLife(life);
              } catch (error) {
                throw new Error(`dying ${when} write ${write} of ${writes}: ${String(error)}`, { cause: error });
              }
            });
          }
        }
      },
    );
  });
}
