/**
 * Several `whcb serve` on one PostgreSQL database, with clocks ten minutes apart: killed, paused and cut off under load, with a ledger of
 * everything that reached their endpoints.
 */
import { existsSync, readdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { openStallingProxy, type StallingProxy } from "../postgres/stalling-proxy.js";
import { type EndpointFigures, figuresOf, Ledger, outagesOf, SERVE, startReceiver, type Target } from "./kill-run.js";
import { callIdOf, ServedApi, USER_ENV } from "./served-api.js";
import { eventually, Home, type Running } from "./whcb-process.js";

/** hang: the network to the database. */
type Incident = "kill" | "pause" | "hang";

export interface NodesRunOptions {
  readonly url: string;
  readonly query: <Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]) => Promise<Row[]>;
  readonly nodes: number;
  /** First words of the receiver's paths; each makes one callback. */
  readonly endpoints: readonly ("ok" | "slow" | "flaky" | "down")[];
  /** In all, at least; more if the incidents take longer. */
  readonly calls: number;
  /** In their order, each to another node. */
  readonly incidents: readonly Incident[];
}

export interface NodesFigures {
  readonly endpoints: readonly EndpointFigures[];
  /** From the incident until another node owns the last of the callbacks, ms. */
  readonly takeOvers: readonly { readonly incident: string; readonly callbacks: number; readonly ms: number }[];
  /** Of all nodes. */
  readonly mails: readonly string[];
  readonly outageIds: readonly string[];
  /** Instants in the database before it began and after it ended: must be none. */
  readonly wrongTimes: number;
  readonly stderr: string;
}

interface Node {
  readonly network: StallingProxy;
  readonly home: Home;
  readonly server: Running;
  readonly api: ServedApi;
  /** Another one after its lease has ended. */
  dispatcherId: string;
}

const BATCH = 20;
const CLOCKS_APART_MS = 10 * 60_000;
const NOW_MS = "(extract(epoch FROM clock_timestamp()) * 1000)::float8";
const SECRET_KEY = Buffer.alloc(32, 7).toString("base64");

export async function nodesRun(options: NodesRunOptions): Promise<NodesFigures> {
  const { calls, endpoints, incidents } = options;
  const homes = Array.from({ length: options.nodes + 1 }, () => new Home());
  const [readerHome, ...nodeHomes] = homes;
  if (readerHome === undefined) throw new Error("there is one home more than nodes");
  const ledger = new Ledger(readerHome.path("ledger"));
  const receiver = await startReceiver(readerHome.path("ledger"));
  const nodes: Node[] = [];
  try {
    const [{ now: began = 0 } = {}] = await options.query<{ now: number }>(`SELECT ${NOW_MS} AS now`);
    for (const home of nodeHomes) nodes.push(await startNode(home, nodes, options));
    const [first] = nodes;
    if (first === undefined) throw new Error("there is at least one node");
    const targets: Target[] = [];
    for (const [index, kind] of endpoints.entries()) {
      const path = `/${kind}/${index}`;
      targets.push({ kind, path, accepted: new Set(), id: await first.api.create({ name: path, url: receiver.url + path }) });
    }
    const answering = new Set(nodes);
    const incidentsOver = new AbortController();
    const enough = Math.ceil(calls / targets.length);
    const producers = targets.map((target, index) =>
      produce(target, {
        prefix: `n${index}`,
        answering,
        until: () => incidentsOver.signal.aborted && target.accepted.size >= enough,
      }),
    );
    const takeOvers: NodesFigures["takeOvers"][number][] = [];
    for (const [index, incident] of incidents.entries()) {
      const node = nodes[index % nodes.length];
      if (node === undefined) throw new Error("each incident has a node");
      const isSpread = (counts: readonly number[]) =>
        counts.reduce((sum, count) => sum + count, 0) === targets.length &&
        Math.max(...counts) <= Math.ceil(targets.length / answering.size);
      await eventually(
        () => Promise.all([...answering].map(async (each) => (await ownedBy(options, each)).length)),
        isSpread,
        60_000,
      );
      const owned = await ownedBy(options, node);
      answering.delete(node);
      takeOvers.push({ incident, callbacks: owned.length, ms: await INCIDENTS[incident](node, owned, options) });
      if (incident === "kill") continue;
      node.dispatcherId = await newDispatcher(options, nodes);
      answering.add(node);
    }
    incidentsOver.abort();
    await Promise.all(producers);
    const [living] = answering;
    if (living === undefined) throw new Error("a node is left");
    await settled(living.api, targets);
    const wrongTimes = await countWrongTimes(options, began);
    const running = nodes.filter((node) => answering.has(node));
    for (const { server } of running) {
      const { code, stderr } = await server.stop();
      if (code !== 0) throw new Error(`a stop ended with ${code}: ${stderr}`);
    }
    const reader = await serve(readerHome, options.url, {}, ["--no-dispatch"]);
    const api = new ServedApi(reader.url);
    const lines = ledger.lines();
    const figures: EndpointFigures[] = [];
    for (const target of targets) figures.push(await figuresOf(api, target, lines));
    const outageIds = (await outagesOf(api, targets)).map(({ id }) => id);
    await reader.server.stop();
    return {
      endpoints: figures,
      takeOvers,
      mails: nodeHomes.flatMap((home) => (existsSync(home.path("data", "mail")) ? readdirSync(home.path("data", "mail")) : [])),
      outageIds,
      wrongTimes,
      stderr: nodes.map(({ server }) => server.stderr).join(""),
    };
  } finally {
    receiver.stop();
    for (const { network } of nodes) network.close();
    for (const home of homes) await home.leave();
  }
}

async function serve(home: Home, url: string, more: Readonly<Record<string, string>>, args: readonly string[] = []) {
  const env = { ...USER_ENV, WHCB_DB: url, WHCB_SECRET_KEY: SECRET_KEY, ...more };
  const server = home.start(["serve", "--port", "0", ...SERVE, ...args], { env });
  const [, address = ""] = await server.says(/Listening on (http:\/\/\S+)/);
  return { server, url: address };
}

/** That of none of these nodes. */
async function newDispatcher({ query }: NodesRunOptions, nodes: readonly Node[]): Promise<string> {
  const isNew = ({ id }: { id: string }) => nodes.every(({ dispatcherId }) => dispatcherId !== id);
  const found = await eventually(
    () => query<{ id: string }>("SELECT id FROM dispatchers"),
    (rows) => rows.some(isNew),
  );
  return found.find(isNew)?.id ?? "";
}

async function startNode(home: Home, others: readonly Node[], options: NodesRunOptions): Promise<Node> {
  const network = await openStallingProxy(options.url);
  const aheadMs = (others.length % 3) * CLOCKS_APART_MS - CLOCKS_APART_MS;
  const shift = `const { now } = Date; Date.now = () => now() + ${aheadMs};`;
  const clock = { NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(shift)}"` };
  const { server, url: address } = await serve(home, network.url, clock);
  const dispatcherId = await newDispatcher(options, others);
  return { home, network, server, api: new ServedApi(address), dispatcherId };
}

async function countWrongTimes({ query }: NodesRunOptions, began: number): Promise<number> {
  const [row] = await query<{ count: number }>(
    `SELECT count(*)::float8 AS count FROM calls, (SELECT ${NOW_MS} AS now) AS clock
     WHERE accepted_at < $1 OR accepted_at > now OR attempted_at > now OR first_failed_at > now OR due_at > now + 10000
       OR (attempted_at >= 0 AND attempted_at < $1)`,
    [Math.floor(began)],
  );
  return row?.count ?? -1;
}

async function ownedBy({ query }: NodesRunOptions, { dispatcherId }: Node, ids?: readonly string[]): Promise<string[]> {
  const which = ids === undefined ? "" : "AND id = ANY($2)";
  const rows = await query<{ id: string }>(`SELECT id FROM callbacks WHERE owner = $1 ${which}`, [
    dispatcherId,
    ...(ids === undefined ? [] : [ids]),
  ]);
  return rows.map(({ id }) => id);
}

async function kill(node: Node, owned: readonly string[], options: NodesRunOptions): Promise<number> {
  await node.server.stop("SIGKILL");
  return takenOver(node, owned, options);
}

/** Resolves after it has gone on. */
async function pause(node: Node, owned: readonly string[], options: NodesRunOptions): Promise<number> {
  node.server.child.kill("SIGSTOP");
  const ms = await takenOver(node, owned, options);
  // Others send its calls by now.
  await delay(1_000);
  node.server.child.kill("SIGCONT");
  await node.server.says(/lease on the database had ended/);
  return ms;
}

/** Resolves after the network is back. */
async function hang(node: Node, owned: readonly string[], options: NodesRunOptions): Promise<number> {
  node.network.stall();
  const ms = await takenOver(node, owned, options);
  await delay(1_000);
  node.network.resume();
  await node.server.says(/lease on the database had ended/);
  return ms;
}

const INCIDENTS = { kill, pause, hang } satisfies Record<Incident, unknown>;

async function takenOver(node: Node, owned: readonly string[], options: NodesRunOptions): Promise<number> {
  const began = performance.now();
  await eventually(
    () => ownedBy(options, node, owned),
    (left) => left.length === 0,
    60_000,
  );
  return Math.round(performance.now() - began);
}

/** Submits responses to any of the nodes, repeating each batch until it is accepted. */
async function produce(
  target: Target,
  { prefix, answering, until }: { readonly prefix: string; readonly answering: ReadonlySet<Node>; until(): boolean },
): Promise<void> {
  for (let next = 0; !until(); next += BATCH) {
    const ids = Array.from({ length: BATCH }, (_, index) => callIdOf(next + index, prefix));
    for (let tries = next / BATCH; ; tries += 1) {
      const node = [...answering][tries % answering.size];
      const status = await node?.api.hand(target.id, ids, AbortSignal.timeout(5_000)).then(
        async (response) => {
          await response.text();
          return response.status;
        },
        () => 0,
      );
      if (status === 202) break;
      await delay(50);
    }
    for (const id of ids) target.accepted.add(id);
    await delay(400);
  }
}

async function settled(api: ServedApi, targets: readonly Target[]): Promise<void> {
  for (const { id, kind } of targets) {
    await eventually(
      () => api.count(id, "PENDING"),
      (pending) => pending === 0,
      120_000,
    );
    if (kind !== "ok" && kind !== "slow") continue;
    await eventually(
      () => api.count(id, "FAILED"),
      (failed) => failed === 0,
      60_000,
    );
  }
  await eventually(
    () => outagesOf(api, targets),
    (outages) => outages.every(({ notifiedAt }) => notifiedAt !== undefined),
    150_000,
  );
}
