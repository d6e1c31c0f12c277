/** The faults of the chaos table: what each does to three nodes or to their database, and what may be sent again. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { expect } from "vitest";
import { MOST_REPEATS_A_KILL } from "../../e2e/kill-rules.js";
import { openDatabaseProxy } from "../../support/postgres/database-proxy.js";
import { type PostgresServer, startServer, startStandby } from "../../support/postgres/server.js";
import { haveIncidents } from "../../support/process/node-incidents.js";
import type { Stage } from "../../support/process/nodes-run.js";
import { mayTroubleDisks, SmallDisk } from "../../support/process/troubled-disk.js";
import { eventually } from "../../support/process/whcb-process.js";

export interface Cell {
  readonly name: string;
  /** So many calls of an endpoint may be sent again. */
  readonly mostRepeats: number;
  /** Says why it can't run on this machine. */
  readonly leftOut?: string;
  open(): Promise<Troubled>;
}

/** A database of the nodes. */
interface Troubled extends Pick<PostgresServer, "url" | "query"> {
  /** Resolves when the fault is over. */
  fault(stage: Stage): Promise<void>;
  close(): Promise<void>;
}

type Fault = (stage: Stage, server: PostgresServer) => Promise<void>;

/** The old snapshot is held for so long. */
const MINUTES = Number(process.env.SOAK_MINUTES ?? 10);
/** Faults that don't end by themselves last so long: longer than a lease, which takes 15 seconds. */
const FAULT_MS = 20_000;

const CROWD = "crowd";
const CLOSE_OTHERS = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND application_name <> '${CROWD}'`;
const TOO_MANY_CONNECTIONS = "53300";

export const CELLS: readonly Cell[] = [
  { name: "server-restarted", mostRepeats: 0, open: onServer(restart) },
  { name: "connections-killed", mostRepeats: 0, open: onServer(killConnections) },
  { name: "connection-limit", mostRepeats: 0, open: onServer(takeAllConnections, ["max_connections=60"]) },
  { name: "replica-promoted", mostRepeats: 0, open: openReplicated },
  { name: "old-snapshot", mostRepeats: 0, open: onServer(holdSnapshot) },
  {
    ...{ name: "disk-full", mostRepeats: 0, open: openOnSmallDisk },
    ...(!mayTroubleDisks && { leftOut: "this user may not mount a small disk" }),
  },
  {
    name: "node-paused",
    mostRepeats: MOST_REPEATS_A_KILL,
    open: onServer(async (stage) => void (await haveIncidents(stage, ["pause"]))),
  },
  {
    name: "node-killed",
    mostRepeats: MOST_REPEATS_A_KILL,
    open: onServer(async (stage) => void (await haveIncidents(stage, ["kill"]))),
  },
  {
    name: "requests-cut",
    mostRepeats: MOST_REPEATS_A_KILL,
    open: onServer(async (stage) => void (await haveIncidents(stage, ["hang-requests"]))),
  },
  {
    name: "answers-cut",
    mostRepeats: MOST_REPEATS_A_KILL,
    open: onServer(async (stage) => void (await haveIncidents(stage, ["hang-answers"]))),
  },
  { name: "clock-set", mostRepeats: 0, open: onServer(setClock) },
];

function onServer(fault: Fault, settings: readonly string[] = []): Cell["open"] {
  return async () => {
    const server = await startServer(settings);
    return { url: server.url, query: server.query, fault: (stage) => fault(stage, server), close: server.stop };
  };
}

async function restart(_: Stage, server: PostgresServer): Promise<void> {
  await server.halt("immediate");
  await delay(FAULT_MS);
  await server.start();
}

async function killConnections(_: Stage, server: PostgresServer): Promise<void> {
  for (let left = FAULT_MS; left > 0; left -= 2_000) {
    await server.query(CLOSE_OTHERS);
    await delay(2_000);
  }
}

/** Each connection that the server allows is another client's. */
async function takeAllConnections(_: Stage, server: PostgresServer): Promise<void> {
  const crowd: pg.Client[] = [];
  for (let left = FAULT_MS; left > 0; left -= 500) {
    await crowdIn(crowd, server.url);
    await crowd[0]?.query(CLOSE_OTHERS);
    await delay(500);
  }
  await Promise.all(crowd.map((client) => client.end()));
}

async function crowdIn(crowd: pg.Client[], url: string): Promise<void> {
  for (;;) {
    const client = new pg.Client({ connectionString: url, application_name: CROWD });
    try {
      await client.connect();
      crowd.push(client);
    } catch (error) {
      if (error instanceof pg.DatabaseError && error.code === TOO_MANY_CONNECTIONS) return;
      throw error;
    }
  }
}

/** The nodes' address leads to the standby once that is promoted. */
async function openReplicated(): Promise<Troubled> {
  const primary = await startServer();
  const standby = await startStandby(primary);
  const address = await openDatabaseProxy(primary.url);
  let serving: PostgresServer = primary;
  return {
    url: address.url,
    query: (text, values) => serving.query(text, values),
    async fault() {
      await primary.halt("immediate");
      await standby.promote();
      address.redirect(standby.url);
      serving = standby;
    },
    async close() {
      address.close();
      await standby.stop();
      await primary.stop();
    },
  };
}

/** The metrics must show it, and the rows that it keeps. */
async function holdSnapshot({ nodes, requests }: Stage, server: PostgresServer): Promise<void> {
  const client = new pg.Client(server.url);
  await client.connect();
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await client.query("SELECT count(*) FROM calls");
  const [first, sent] = [await transactionOf(server), requests().length];
  await delay(MINUTES * 60_000);
  const [last, sentMeanwhile] = [await transactionOf(server), requests().length - sent];
  const metrics = await (await nodes[0]?.api.fetch("/metrics"))?.text();
  const read = (name: string) => Number(metrics?.split(`\n${name} `)[1]?.split("\n")[0]);
  const shown = { transactions: read("whcb_oldest_snapshot_transactions"), deadCalls: read('whcb_dead_rows{table="calls"}') };
  process.stdout.write(`old snapshot: ${JSON.stringify({ minutes: MINUTES, sentMeanwhile, ...shown })}\n`);
  expect(shown.transactions).toBeGreaterThanOrEqual(last - first);
  // Each outcome replaces a row; the statistics may be late.
  expect(shown.deadCalls).toBeGreaterThan(sentMeanwhile / 2);
  await client.query("COMMIT");
  await client.end();
}

async function transactionOf({ query }: PostgresServer): Promise<number> {
  const [row] = await query<{ id: string }>("SELECT pg_current_xact_id() AS id");
  return Number(row?.id);
}

async function openOnSmallDisk(): Promise<Troubled> {
  const folder = mkdtempSync(join(tmpdir(), "whcb-chaos-"));
  // The server may run as another user.
  chmodSync(folder, 0o755);
  const disk = SmallDisk.mount(join(folder, "disk"), 256);
  const server = await startServer(["min_wal_size=32MB", "max_wal_size=64MB"], disk.folder);
  return {
    url: server.url,
    query: server.query,
    async fault({ refusals }) {
      const refused = refusals.length;
      disk.fill();
      await eventually(
        async () => refusals.length,
        (count) => count > refused,
      );
      await delay(FAULT_MS);
      disk.free();
      // A server that can't write its log ends.
      await eventually(
        async () => server.isRunning() || (await server.start()),
        () => server.isRunning(),
      );
    },
    async close() {
      await server.stop();
      disk.unmount();
      rmSync(folder, { recursive: true });
    },
  };
}

async function setClock({ nodes }: Stage): Promise<void> {
  nodes[0]?.server.child.kill("SIGUSR2");
  await delay(FAULT_MS);
}
