/**
 * Several `whcb serve` on one PostgreSQL database, with clocks ten minutes apart, under load while a test makes trouble, with a log of
 * everything that reached their endpoints.
 */
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { defaultFlags } from "../cli/default-flags.js";
import { type DatabaseProxy, openDatabaseProxy } from "../postgres/database-proxy.js";
import {
  type EndpointFigures,
  type EndpointKind,
  type Line,
  RequestLog,
  type RunFigures,
  readFigures,
  SERVE,
  settled,
  startReceiver,
  type Target,
} from "./run-figures.js";
import { callIdOf, ServedApi, USER_ENV } from "./served-api.js";
import { steppingClock } from "./stepping-clock.js";
import { eventually, Home, type Running } from "./whcb-process.js";

export interface NodesRunOptions {
  readonly url: string;
  readonly query: <Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]) => Promise<Row[]>;
  readonly nodes: number;
  /** Each makes one callback. */
  readonly endpoints: readonly EndpointKind[];
  /** At least so many are submitted in all, and more while `trouble` lasts. */
  readonly calls: number;
  /** Runs while responses are submitted. */
  readonly trouble: (stage: Stage) => Promise<void>;
}

/** What a test makes trouble for. A node's clock is set forward by ten minutes at SIGUSR2. */
export interface Stage extends Pick<NodesRunOptions, "query"> {
  readonly nodes: readonly Node[];
  /** Producers hand in responses to these. */
  readonly answering: Set<Node>;
  readonly targets: readonly Target[];
  /** What reached the endpoints. */
  requests(): Line[];
  /** What producers got instead of 202. */
  readonly refusals: readonly Refusal[];
}

export interface Refusal {
  /** It is 0 if there was no answer. */
  readonly status: number;
  readonly retryAfter: string | null;
}

/** The figures of all nodes together. */
export interface NodesFigures extends RunFigures {
  /** Instants in the database before it began and after it ended: must be none. */
  readonly wrongTimes: number;
}

export function totalsOf({ endpoints, mails, outageIds, wrongTimes }: NodesFigures) {
  const sum = (of: (figures: EndpointFigures) => number) => endpoints.reduce((total, each) => total + of(each), 0);
  return {
    accepted: sum(({ accepted }) => accepted),
    delivered: sum(({ delivered }) => delivered),
    lost: sum(({ lost }) => lost.length),
    repeats: sum(({ repeats }) => repeats),
    unrecorded: sum(({ unrecorded }) => unrecorded),
    outages: outageIds.length,
    mails: mails.length,
    wrongTimes,
  };
}

export interface Node {
  readonly network: DatabaseProxy;
  readonly home: Home;
  readonly server: Running;
  readonly api: ServedApi;
  /** It changes when the node's lease has ended. */
  dispatcherId: string;
}

const BATCH = 20;
const CLOCKS_APART_MS = 10 * 60_000;
const NOW_MS = "(extract(epoch FROM clock_timestamp()) * 1000)::float8";
const SECRET_KEY = Buffer.alloc(32, 7).toString("base64");

export async function nodesRun(options: NodesRunOptions): Promise<NodesFigures> {
  const { calls, endpoints, query, trouble } = options;
  const homes = Array.from({ length: options.nodes + 1 }, () => new Home());
  const [readerHome, ...nodeHomes] = homes;
  if (readerHome === undefined) throw new Error("there is one home more than nodes");
  const requestLog = new RequestLog(readerHome.path("requests"));
  const receiver = await startReceiver(readerHome.path("requests"));
  const nodes: Node[] = [];
  const ended = new AbortController();
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
    let isTroubleOver = false;
    const enough = Math.ceil(calls / targets.length);
    const refusals: Refusal[] = [];
    const producers = targets.map((target, index) =>
      produce(target, {
        ...{ prefix: `n${index}`, answering, refusals, ended: ended.signal },
        until: () => isTroubleOver && target.accepted.size >= enough,
      }),
    );
    await trouble({ nodes, answering, targets, query, requests: () => requestLog.lines(), refusals });
    isTroubleOver = true;
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
    const mailFolders = nodeHomes.map((home) => home.path("data", "mail"));
    const figures = await readFigures(new ServedApi(reader.url), targets, requestLog.lines(), mailFolders);
    await reader.server.stop();
    return { ...figures, wrongTimes, stderr: nodes.map(({ server }) => server.stderr).join("") };
  } finally {
    ended.abort();
    receiver.stop();
    for (const { network } of nodes) network.close();
    for (const home of homes) await home.leave();
  }
}

async function serve(home: Home, url: string, more: Readonly<Record<string, string>>, args: readonly string[] = []) {
  const env = { ...USER_ENV, WHCB_DB: url, WHCB_SECRET_KEY: SECRET_KEY, ...more };
  const server = home.start(["serve", ...defaultFlags(args, { "--port": "0" }), ...SERVE, ...args], { env });
  const [, address = ""] = await server.says(/Listening on (http:\/\/\S+)/);
  return { server, url: address };
}

/** Returns the id of a dispatcher that belongs to none of these nodes. */
export async function newDispatcher({ query }: Pick<Stage, "query">, nodes: readonly Node[]): Promise<string> {
  const isNew = ({ id }: { id: string }) => nodes.every(({ dispatcherId }) => dispatcherId !== id);
  const found = await eventually(
    () => query<{ id: string }>("SELECT id FROM dispatchers"),
    (rows) => rows.some(isNew),
  );
  return found.find(isNew)?.id ?? "";
}

async function startNode(home: Home, others: readonly Node[], options: NodesRunOptions): Promise<Node> {
  const network = await openDatabaseProxy(options.url);
  const aheadMs = (others.length % 3) * CLOCKS_APART_MS - CLOCKS_APART_MS;
  const { server, url: address } = await serve(home, network.url, steppingClock(aheadMs, aheadMs + CLOCKS_APART_MS));
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

interface Production {
  /** The ids of its calls begin with it. */
  readonly prefix: string;
  readonly answering: ReadonlySet<Node>;
  readonly refusals: Refusal[];
  until(): boolean;
  readonly ended: AbortSignal;
}

const NO_ANSWER: Refusal = { status: 0, retryAfter: null };

/** Submits responses to any of the nodes, repeating each batch until it is accepted. */
async function produce(target: Target, { prefix, answering, refusals, until, ended }: Production): Promise<void> {
  for (let next = 0; !until(); next += BATCH) {
    const ids = Array.from({ length: BATCH }, (_, index) => callIdOf(next + index, prefix));
    for (let tries = next / BATCH; ; tries += 1) {
      const node = [...answering][tries % answering.size];
      const answer = await node?.api.hand(target.id, ids, AbortSignal.timeout(5_000)).then(
        async (response) => {
          await response.text();
          return { status: response.status, retryAfter: response.headers.get("retry-after") };
        },
        () => NO_ANSWER,
      );
      if (answer?.status === 202) break;
      if (ended.aborted) return;
      refusals.push(answer ?? NO_ANSWER);
      await delay(50);
    }
    for (const id of ids) target.accepted.add(id);
    await delay(400);
  }
}
