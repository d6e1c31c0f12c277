/**
 * Two dispatchers on one database whose connections break at any statement, with a log of what was sent: by hand,
 * `npm run soak:faults`. SOAK_SEED is the first of SOAK_SEEDS runs of 12 seconds; the figures are printed.
 */
import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, expect, it } from "vitest";
import { Dispatcher } from "../../src/dispatcher/dispatcher.js";
import { createMailSender } from "../../src/dispatcher/outbox/mail-sender.js";
import { createNoticeSender } from "../../src/dispatcher/outbox/notice-sender.js";
import type { Callback } from "../../src/domain/callback.js";
import { type Clock, systemClock } from "../../src/platform/clock.js";
import { silentLogger } from "../../src/platform/logger.js";
import { openStore, type Store } from "../../src/store/open-store.js";
import { ACCEPTED, aResponse, REFUSED_503, someSettings } from "../support/builders.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { type FaultyConnections, openFaultyConnections } from "../support/postgres/faulty-connections.js";
import { seededRandom } from "../support/time/seeded-random.js";

const POLICY = { intervalMs: 4_000, windowMs: 3_600_000, jitter: true };
const RUN_MS = 12_000;
/** The dispatchers' time is faster than that of the database, by which leases end: none does. */
const SPEED = 10;
const FAULTS = ["before", "after", "late"] as const;
const LATE_MS = 400;
const ALL = { limit: 100_000, offset: 0 };

const clock = fastClock();
let database: TestDatabase;
/** Its connections don't break. */
let control: Store;

beforeAll(async () => {
  database = await createDatabase("faults");
  control = await database.openStore();
});

function fastClock(): Clock {
  const [began, monotonic] = [Date.now(), systemClock.monotonicMs()];
  const elapsed = () => (systemClock.monotonicMs() - monotonic) * SPEED;
  return {
    now: () => Math.floor(began + elapsed()),
    monotonicMs: elapsed,
    nextTurn: () => systemClock.nextTurn(),
    sleepUntil: (at, signal) => systemClock.sleepUntil(systemClock.now() + (at - (began + elapsed())) / SPEED, signal),
  };
}

class Run {
  readonly fraction: () => number;
  /** The ids of the calls that were sent. */
  readonly sent: string[] = [];
  readonly accepted: string[] = [];
  /** Ids of outages. */
  readonly mails: string[] = [];
  readonly notices: string[] = [];
  readonly faults: string[] = [];
  /** Ids of callbacks whose endpoints fail. */
  readonly down = new Set<string>();
  /** The share of statements whose connection breaks. */
  faultRate = 0;

  constructor(seed: number) {
    const random = seededRandom(seed);
    this.fraction = () => random.fraction();
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.fraction() * items.length)];
    if (item === undefined) throw new Error("there is nothing to pick from");
    return item;
  }

  /** A commit breaks more often. */
  faultOf(query: Buffer) {
    const isCommit = query.includes("COMMIT\0");
    if (this.fraction() >= this.faultRate * (isCommit ? 4 : 1)) return null;
    const fault = this.pick(FAULTS);
    this.faults.push(`${fault} ${isCommit ? "COMMIT" : "another"}`);
    return fault;
  }

  async send(callback: Callback, callId: string) {
    const isFailing = this.down.has(callback.id) || (callback.name === "flaky" && this.faultRate > 0 && this.fraction() < 0.4);
    this.sent.push(callId);
    if (!isFailing) this.accepted.push(callId);
    await delay(40 * this.fraction());
    return isFailing ? REFUSED_503 : ACCEPTED;
  }
}

class Node {
  readonly store: Store;
  readonly dispatcher: Dispatcher;
  readonly #network: FaultyConnections;
  readonly #workers: readonly { start(): void; stop(): Promise<void> }[];

  private constructor(run: Run, seed: number, network: FaultyConnections, store: Store) {
    this.store = store;
    this.#network = network;
    const deps = { store, clock, logger: silentLogger };
    const notices = createNoticeSender({
      ...deps,
      target: {
        ...{ destination: "hook", place: "hook", atOnce: 5, events: ["began", "ended"] },
        async send(report) {
          if (report.event !== "expired") run.notices.push(`${report.outageId} ${report.event}`);
          await delay(300 * run.fraction());
          return null;
        },
      },
    });
    const mails = createMailSender({
      ...deps,
      store,
      notifier: { channel: "smtp", send: async ({ outageId }) => String(run.mails.push(outageId)), close: async () => undefined },
    });
    this.dispatcher = new Dispatcher({
      ...{ ...deps, policy: POLICY, random: seededRandom(seed) },
      prepare: (callback, { id }) => ({ bodyBytes: 1, send: () => run.send(callback, id) }),
      notices: () => ({ began: ["hook"], ended: ["hook"], at: clock.now() }),
      onAttempt: () => undefined,
      wakeOutboxes() {
        notices.wake();
        mails.wake();
      },
      onCallbackDeleted: () => undefined,
    });
    this.#workers = [this.dispatcher, notices, mails];
  }

  static async start(run: Run, seed: number): Promise<Node> {
    const network = await openFaultyConnections(
      database.url,
      (query) => run.faultOf(query),
      () => LATE_MS * run.fraction(),
    );
    const store = await openStore({ url: network.url, clock: systemClock, secretKey: new Uint8Array(32) });
    const node = new Node(run, seed, network, store);
    for (const worker of node.#workers) worker.start();
    store.nodes?.listen(
      () => node.dispatcher.wake(),
      () => undefined,
    );
    return node;
  }

  async stop(): Promise<void> {
    for (const worker of this.#workers) await worker.stop();
    await this.store.close();
    this.#network.close();
  }
}

/** Hands in responses, again with the same ids until they are accepted. */
async function produce(run: Run, nodes: readonly Node[], callbacks: readonly Callback[], prefix: string): Promise<string[]> {
  const ids: string[] = [];
  for (const end = performance.now() + RUN_MS; performance.now() < end; await delay(30)) {
    const [{ id: callbackId }, { store, dispatcher }] = [run.pick(callbacks), run.pick(nodes)];
    const calls = Array.from({ length: 1 + Math.floor(6 * run.fraction()) }, (_, index) => {
      return { id: `${prefix}-${ids.length + index}`, response: aResponse() };
    });
    const accept = () => store.calls.accept([{ callbackId, calls }], clock.now()).catch(() => null);
    while ((await accept()) === null);
    ids.push(...calls.map(({ id }) => id));
    dispatcher.accepted(callbackId);
    store.nodes?.announce();
  }
  return ids;
}

/** Endpoints fail for a while, retries are switched, replays requested and cancelled. */
async function act(run: Run, nodes: readonly Node[], callbacks: readonly Callback[]): Promise<void> {
  const replays: { readonly id: string; readonly callback: Callback }[] = [];
  for (const end = performance.now() + RUN_MS; performance.now() < end; await delay(60)) {
    const [callback, node, action] = [run.pick(callbacks), run.pick(nodes), run.fraction()];
    if (action < 0.1 && !run.down.delete(callback.id)) run.down.add(callback.id);
    else if (action < 0.25 && callback.name === "switched") {
      const settings = (await control.callbacks.find(callback.id)) ?? callback;
      const retriesEnabled = !settings.retriesEnabled;
      await control.callbacks.update(callback.id, { ...settings, retriesEnabled }, clock.now(), POLICY);
    } else if (action < 0.35) replays.push({ id: await replayFailed(callback), callback });
    else if (action < 0.45 && replays.length > 0) {
      const { id: replayId, callback: replayed } = run.pick(replays);
      const begunCalls = () => node.dispatcher.begunCalls(replayed.id);
      const cancel = { replayId, now: clock.now(), policy: POLICY, random: run.fraction(), begunCalls };
      await node.store.replays.cancelChunk(replayed.id, cancel).catch(() => undefined);
    } else continue;
    node.dispatcher.changed(callback.id);
    node.store.nodes?.announce();
  }
}

let replaysRequested = 0;

async function replayFailed({ id }: Callback): Promise<string> {
  replaysRequested += 1;
  const request = { id: `R${replaysRequested}`, by: null, selection: { filter: { status: "FAILED" } } } as const;
  return (await control.replays.request(id, request, clock.now())).id;
}

async function settle(callbacks: readonly Callback[]): Promise<void> {
  for (const end = performance.now() + 60_000; ; await delay(300)) {
    const counts = await Promise.all(callbacks.map(({ id }) => control.calls.count(id)));
    if (counts.every(({ PENDING, FAILED }) => PENDING + FAILED === 0)) return;
    if (performance.now() > end) throw new Error(`still ${JSON.stringify(counts)}`);
    for (const callback of callbacks) await replayFailed(callback);
  }
}

const first = Number(process.env.SOAK_SEED ?? 1);
const seeds = Array.from({ length: Number(process.env.SOAK_SEEDS ?? 20) }, (_, index) => first + index);

it.each(seeds)("nothing is lost, sent twice, or recorded otherwise than it was sent (seed %d)", async (seed) => {
  await database.clear();
  const run = new Run(seed);
  const nodes = [await Node.start(run, seed), await Node.start(run, -seed)];
  const callbacks: Callback[] = [];
  for (const name of ["steady", "flaky", "switched", "other", "once"]) {
    const settings = someSettings({ name, retriesEnabled: name !== "once" });
    callbacks.push(await control.callbacks.create(name.padStart(16, "0"), settings, clock.now()));
  }
  let ids: string[] = [];
  try {
    run.faultRate = 0.003 + 0.02 * run.fraction();
    const producers = ["a", "b", "c"].map((prefix) => produce(run, nodes, callbacks, prefix));
    await act(run, nodes, callbacks);
    run.faultRate = 0;
    run.down.clear();
    ids = (await Promise.all(producers)).flat();
    await settle(callbacks);
  } finally {
    for (const node of nodes) await node.stop();
  }

  expect(run.accepted.toSorted()).toEqual(ids.toSorted());
  const attempts: string[] = [];
  const outageIds: string[] = [];
  let counted = 0;
  for (const { id } of callbacks) {
    for (const [callId, listed] of await control.calls.listAttempts(id, ids)) attempts.push(...listed.map(() => callId));
    outageIds.push(...(await control.outages.list({ ...ALL, callbackId: id })).items.map((outage) => outage.id));
    const hour = { since: clock.now() - 3_600_000, until: clock.now() + 1, maxPoints: 100 };
    for (const { scheduled, serviceReplays } of (await control.activity.list(id, hour)).points)
      counted += scheduled.accepted + scheduled.failed + serviceReplays.accepted + serviceReplays.failed;
  }
  expect(attempts.toSorted()).toEqual(run.sent.toSorted());
  expect(counted).toBe(attempts.length);
  expect(run.mails.toSorted()).toEqual(outageIds.toSorted());
  expect(run.notices.toSorted()).toEqual([...new Set(run.notices)].toSorted());
  expect(await database.query("SELECT id FROM replays WHERE waiting <> 0")).toEqual([]);
  const { sent, mails, notices, faults } = run;
  const figures = { seed, calls: ids.length, sent: sent.length, mails: mails.length, notices: notices.length };
  process.stdout.write(`${JSON.stringify({ ...figures, faults: faults.length })}\n`);
});
