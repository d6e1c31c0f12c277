/** Does what pause.soak.ts does, on PostgreSQL. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { expectRunRules, MOST_REPEATS_A_KILL } from "../e2e/kill-rules.js";
import { expectNodesRules } from "../e2e/nodes-rules.js";
import { createDatabase } from "../support/postgres/databases.js";
import { haveIncidents, type TakeOver } from "../support/process/node-incidents.js";
import { nodesRun, totalsOf } from "../support/process/nodes-run.js";
import { pauseRun, stopFor } from "../support/process/pause-run.js";
import { Home } from "../support/process/whcb-process.js";
import { seededRandom } from "../support/time/seeded-random.js";

const seed = Number(process.env.SOAK_SEED ?? 1);
const random = seededRandom(seed);

let home: Home;

beforeEach(() => {
  home = new Home();
});

afterEach(() => home.leave());

it.each([
  [8, 6_000, 0],
  [1, 63_000, MOST_REPEATS_A_KILL],
])("one node stopped %d times for %d ms", async (pauses, pauseMs, most) => {
  const { url } = await createDatabase(`stopped_${pauses}`);
  const options = { pauses, pause: stopFor(pauseMs), calls: 132, random };
  const figures = await pauseRun(home, { ...options, database: url });
  process.stdout.write(`${JSON.stringify({ seed, ...figures }, null, 2)}\n`);
  expectRunRules(figures, most);
});

it("one of two nodes stopped for longer than its lease, three times", async () => {
  const { url, query } = await createDatabase("nodes");
  let takeOvers: TakeOver[] = [];
  const figures = await nodesRun({
    ...{ url, query, nodes: 2, calls: 4_000 },
    endpoints: ["ok", "slow", "slow", "slow"],
    trouble: async (stage) => {
      takeOvers = await haveIncidents(stage, ["pause", "pause", "pause"]);
    },
  });
  process.stdout.write(`${JSON.stringify({ ...totalsOf(figures), takeOvers }, null, 2)}\n`);
  expectNodesRules(figures, takeOvers.length * MOST_REPEATS_A_KILL);
  expect(takeOvers).toHaveLength(3);
});
