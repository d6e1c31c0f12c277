/** Nodes that are killed, paused and cut off, one after the other. */
import { setTimeout as delay } from "node:timers/promises";
import type { DatabaseProxy } from "../postgres/database-proxy.js";
import { type Node, newDispatcher, type Stage } from "./nodes-run.js";
import { eventually } from "./whcb-process.js";

/** `hang` stalls the network to the database, in one direction or in both. */
type Incident = "kill" | "pause" | "hang" | "hang-requests" | "hang-answers";

/** `ms` is the time from the incident until other nodes own all callbacks of the node. */
export interface TakeOver {
  readonly incident: Incident;
  readonly callbacks: number;
  readonly ms: number;
}

/** Makes each incident happen to another node, once the callbacks are spread evenly. */
export async function haveIncidents(stage: Stage, incidents: readonly Incident[]): Promise<TakeOver[]> {
  const { nodes, answering } = stage;
  const takeOvers: TakeOver[] = [];
  for (const [index, incident] of incidents.entries()) {
    const node = nodes[index % nodes.length];
    if (node === undefined) throw new Error("each incident has a node");
    await callbacksSpread(stage);
    const owned = await ownedBy(stage, node);
    answering.delete(node);
    takeOvers.push({ incident, callbacks: owned.length, ms: await INCIDENTS[incident](node, owned, stage) });
    if (incident === "kill") continue;
    node.dispatcherId = await newDispatcher(stage, nodes);
    answering.add(node);
  }
  return takeOvers;
}

/** Resolves once the callbacks are spread evenly. */
export async function callbacksSpread(stage: Stage): Promise<void> {
  const { answering, targets } = stage;
  const isSpread = (counts: readonly number[]) =>
    counts.reduce((sum, count) => sum + count, 0) === targets.length &&
    Math.max(...counts) <= Math.ceil(targets.length / answering.size);
  await eventually(() => Promise.all([...answering].map(async (each) => (await ownedBy(stage, each)).length)), isSpread, 60_000);
}

async function ownedBy({ query }: Stage, { dispatcherId }: Node, ids?: readonly string[]): Promise<string[]> {
  const which = ids === undefined ? "" : "AND id = ANY($2)";
  const rows = await query<{ id: string }>(`SELECT id FROM callbacks WHERE owner = $1 ${which}`, [
    dispatcherId,
    ...(ids === undefined ? [] : [ids]),
  ]);
  return rows.map(({ id }) => id);
}

async function kill(node: Node, owned: readonly string[], stage: Stage): Promise<number> {
  await node.server.stop("SIGKILL");
  return takenOver(node, owned, stage);
}

/** Resolves after it has gone on. */
async function pause(node: Node, owned: readonly string[], stage: Stage): Promise<number> {
  node.server.child.kill("SIGSTOP");
  const ms = await takenOver(node, owned, stage);
  // Others send its calls by now.
  await delay(1_000);
  node.server.child.kill("SIGCONT");
  await node.server.says(/lease on the database had ended/);
  return ms;
}

/** Resolves after the network is back. */
const hang = (stall: (network: DatabaseProxy) => void) => async (node: Node, owned: readonly string[], stage: Stage) => {
  stall(node.network);
  const ms = await takenOver(node, owned, stage);
  await delay(1_000);
  node.network.resume();
  await node.server.says(/lease on the database had ended/);
  return ms;
};

const INCIDENTS = {
  kill,
  pause,
  hang: hang((network) => network.stall()),
  "hang-requests": hang((network) => network.stallOneWay("requests")),
  "hang-answers": hang((network) => network.stallOneWay("answers")),
} satisfies Record<Incident, (node: Node, owned: readonly string[], stage: Stage) => Promise<number>>;

async function takenOver(node: Node, owned: readonly string[], stage: Stage): Promise<number> {
  const began = performance.now();
  await eventually(
    () => ownedBy(stage, node, owned),
    (left) => left.length === 0,
    60_000,
  );
  return Math.round(performance.now() - began);
}
