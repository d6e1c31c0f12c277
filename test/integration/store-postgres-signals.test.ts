/** One node wakes the others through PostgreSQL. */
import { beforeAll, beforeEach, expect, it } from "vitest";
import { type Clock, systemClock } from "../../src/platform/clock.js";
import type { NodeStore } from "../../src/store/nodes/open-nodes.js";
import { openSignals } from "../../src/store/nodes/signals.js";
import { openPool } from "../../src/store/postgres/open-postgres.js";
import { openDatabaseProxy } from "../support/postgres/database-proxy.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { eventually } from "../support/process/whcb-process.js";

let database: TestDatabase;
let nodes: readonly [NodeStore, NodeStore];
let heard: [number, number];

async function openNode(): Promise<NodeStore> {
  const { nodes } = await database.openStore();
  if (nodes === null) throw new Error("several nodes may share PostgreSQL");
  return nodes;
}

const listeners = async () =>
  (await database.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'whcb listener' AND datname = 'signals'"))
    .length;
const heardOf = (index: 0 | 1, atLeast: number) =>
  eventually(
    async () => heard[index],
    (count) => count >= atLeast,
  );

beforeAll(async () => {
  database = await createDatabase("signals");
  nodes = [await openNode(), await openNode()];
  heard = [0, 0];
  for (const index of [0, 1] as const) {
    nodes[index].listen(
      () => {
        heard[index] += 1;
      },
      () => undefined,
    );
  }
});

beforeEach(async () => {
  await eventually(listeners, (count) => count === 2);
  // Each is told that it may have missed something.
  await heardOf(0, 1);
  await heardOf(1, 1);
  heard = [0, 0];
});

it("tells the other node, not the one that announces", async () => {
  nodes[0].announce();
  await heardOf(1, 1);
  nodes[1].announce();
  await heardOf(0, 1);
  expect(heard).toEqual([1, 1]);
});

it("announces what comes at once only once or twice", async () => {
  for (let index = 0; index < 100; index += 1) nodes[0].announce();
  await heardOf(1, 1);
  nodes[1].announce();
  await heardOf(0, 1);
  expect(heard[1]).toBeLessThanOrEqual(2);
});

/** Each wait takes a hundredth of its time. */
const FAST: Clock = {
  ...systemClock,
  sleepUntil: (at, signal) => systemClock.sleepUntil(systemClock.now() + (at - systemClock.now()) / 100, signal),
};

it("listens again after its connection has died without an end", async () => {
  const network = await openDatabaseProxy(database.url);
  const pool = openPool(network.url);
  const node = openSignals({ pool, url: network.url, nodeId: "C", clock: FAST });
  let count = 0;
  node.listen(
    () => {
      count += 1;
    },
    () => undefined,
  );
  const hears = () =>
    eventually(
      async () => {
        for (const other of nodes) other.announce();
        return count;
      },
      (heardSoFar) => heardSoFar > 0,
    );
  await hears();
  network.stall("whcb listener");
  count = 0;
  await hears();
  await node.close();
  await pool.end();
  network.close();
});

it("listens again after its connection was lost, and says so", async () => {
  await database.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'whcb listener' AND datname = 'signals'",
  );
  await heardOf(0, 1);
  await heardOf(1, 1);
  heard = [0, 0];
  nodes[0].announce();
  await heardOf(1, 1);
});
