import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { readArrivals, turnEndpoint } from "../run/arrivals.js";
import { compare } from "../run/measures.js";
import { startPostgres } from "../run/peers.js";
import { cpuOfProcesses } from "../run/process-cpu.mjs";
import { medians } from "../run/rounds.js";
import type { Bench, Figures, Scope } from "../run/scope.js";
import { type RunningService, startBenchService } from "../run/service.js";

/** Enough for each node to fill its 512 requests in flight, however few of them one callback may have. */
const CALLBACKS = 1_600;
const NODES = 3;
/** As many a second as 64 in flight at 50 ms: a node has no such limit, only one of 512 in flight. */
const LATENCY_MS = 400;
/** Between the windows. */
const SLOW_MS = 1_000;
const SETTLE_MS = 1_500;
const LONGEST_SPREAD_MS = 25_000;
const LOOK_EVERY_MS = 200;

/** One, two and three nodes on one database, each joining those that run. */
export const nodes: Bench = async (scope) => {
  const receiver = `http://127.0.0.1:${(await scope.start("receiver")).line}`;
  const postgres = await startPostgres(scope);
  const { shared, file } = await medians(scope.settings.rounds, {
    shared: async () => postgres.address && onPostgres(scope, receiver, postgres.address),
    file: () => onSqlite(scope, receiver),
  });
  const against = (measure: string, [ours, name]: Named, [other, otherName]: Named, atLeast?: number) =>
    compare({
      measure,
      ours: ours?.[`${name}Rate`],
      against: other?.[`${otherName}Rate`],
      unit: "/s",
      ...(atLeast !== undefined && { atLeast }),
      missing: postgres.missing,
      cpu: { ours: ours?.[`${name}CpuUs`], against: other?.[`${otherName}CpuUs`] },
    });
  const slow = `endpoints take ${LATENCY_MS} ms`;
  return [
    against(`delivered by two nodes, against one; ${slow}`, [shared, "latency2"], [shared, "latency1"]),
    against(`delivered by three nodes, against one; ${slow}`, [shared, "latency3"], [shared, "latency1"], 2.9),
    against(`delivered by one node, against SQLite; ${slow}`, [shared, "latency1"], [file, "latency1"]),
    against("delivered by two nodes, against one; no latency", [shared, "cpu2"], [shared, "cpu1"]),
    against("delivered by three nodes, against one; no latency", [shared, "cpu3"], [shared, "cpu1"]),
    against("delivered by one node, against SQLite; no latency", [shared, "cpu1"], [file, "cpu1"]),
  ];
};

type Named = readonly [figures: Figures | null, name: string];

async function onPostgres(
  scope: Scope,
  receiver: string,
  { connectionString, stores }: { readonly connectionString: string; readonly stores: readonly number[] },
): Promise<Figures> {
  const name = `nodes_${Date.now()}`;
  await query(connectionString, `CREATE DATABASE ${name} ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0`);
  const url = new URL(connectionString);
  url.pathname = name;
  const database = url.href;
  await fill(scope, receiver, database);
  const running: RunningService[] = [];
  const all: Record<string, number> = {};
  while (running.length < NODES) {
    await turnEndpoint(receiver, `after/${SLOW_MS}`);
    running.push(await startBenchService(scope, { database, dispatch: true }));
    await untilSpread(database, running.length);
    Object.assign(all, await bothWindows(scope, receiver, running, stores));
  }
  await endAll(scope, running, receiver);
  return all;
}

async function onSqlite(scope: Scope, receiver: string): Promise<Figures> {
  const database = scope.freshFile(".db");
  await fill(scope, receiver, database);
  await turnEndpoint(receiver, `after/${SLOW_MS}`);
  const running = [await startBenchService(scope, { database, dispatch: true })];
  const figures = await bothWindows(scope, receiver, running, []);
  await endAll(scope, running, receiver);
  return figures;
}

async function fill(scope: Scope, receiver: string, database: string): Promise<void> {
  // What is sent before the windows doesn't depend on the scale.
  const callsEach = Math.ceil(60 + 100 * scope.settings.scale);
  await scope.measure("fill-callbacks", { database, url: `${receiver}/hook`, callbacks: CALLBACKS, callsEach });
}

/** Each owns about as many callbacks. */
async function untilSpread(database: string, count: number): Promise<void> {
  let owned: readonly number[] = [];
  for (const end = performance.now() + LONGEST_SPREAD_MS; performance.now() < end; await delay(LOOK_EVERY_MS)) {
    owned = (await query<{ owned: number }>(database, OWNED)).map((row) => row.owned);
    if (owned.length === count && Math.min(...owned) > (CALLBACKS / count) * 0.9) return;
  }
  throw new Error(`${count} nodes don't share the callbacks evenly: ${owned}`);
}

const OWNED = "SELECT (SELECT count(*) FROM callbacks WHERE owner = dispatchers.id)::float8 AS owned FROM dispatchers";

async function query<Row extends pg.QueryResultRow>(connectionString: string, text: string): Promise<Row[]> {
  const client = new pg.Client(connectionString);
  try {
    await client.connect();
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

async function bothWindows(
  scope: Scope,
  receiver: string,
  running: readonly RunningService[],
  stores: readonly number[],
): Promise<Figures> {
  const latency = await windowOf(scope, { receiver, running, stores, answerMs: LATENCY_MS, seconds: 6 });
  const cpu = await windowOf(scope, { receiver, running, stores, answerMs: 0, seconds: 3 });
  const count = running.length;
  return {
    [`latency${count}Rate`]: latency.rate,
    [`latency${count}CpuUs`]: latency.cpuUs,
    [`latency${count}StoreUs`]: latency.storeUs,
    [`cpu${count}Rate`]: cpu.rate,
    [`cpu${count}CpuUs`]: cpu.cpuUs,
    [`cpu${count}StoreUs`]: cpu.storeUs,
  };
}

interface Window {
  readonly receiver: string;
  readonly running: readonly RunningService[];
  readonly stores: readonly number[];
  readonly answerMs: number;
  readonly seconds: number;
}

/** What arrives while nodes and database are busy; CPU of both, and of the database alone. */
async function windowOf(scope: Scope, { receiver, running, stores, answerMs, seconds }: Window) {
  await turnEndpoint(receiver, `after/${answerMs}`);
  await delay(SETTLE_MS);
  await turnEndpoint(receiver, `after/${answerMs}`);
  const began = performance.now();
  const storesBefore = stores.length === 0 ? 0 : cpuOfProcesses(stores);
  for (const { probe } of running) probe.begin({ quietly: true });
  await delay(Math.max(1, seconds * scope.settings.scale) * 1_000);
  const { accepted } = await readArrivals(receiver);
  const ms = performance.now() - began;
  const storeMs = (stores.length === 0 ? 0 : cpuOfProcesses(stores)) - storesBefore;
  const nodesMs = await Promise.all(running.map(async ({ probe }) => (await probe.end()).cpuMs));
  const cpuMs = nodesMs.reduce((sum, each) => sum + each, storeMs);
  return { rate: (accepted / ms) * 1_000, cpuUs: (cpuMs / accepted) * 1_000, storeUs: (storeMs / accepted) * 1_000 };
}

async function endAll(scope: Scope, running: readonly RunningService[], receiver: string): Promise<void> {
  await turnEndpoint(receiver, "up");
  await delay(SETTLE_MS);
  const { accepted } = await readArrivals(receiver);
  await Promise.all(running.map(({ child }) => scope.end(child)));
  if (accepted === 0) throw new Error("The calls that waited weren't enough");
}
