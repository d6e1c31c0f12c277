/** The long run of test/e2e/nodes-postgres.test.ts, by hand: `npm run soak:nodes`. SOAK_CALLS changes it; the figures are printed. */
import { expect, it } from "vitest";
import { expectTakeOverRules } from "../e2e/nodes-rules.js";
import { createDatabase } from "../support/postgres/databases.js";
import { haveIncidents, type TakeOver } from "../support/process/node-incidents.js";
import { nodesRun, totalsOf } from "../support/process/nodes-run.js";

const calls = Number(process.env.SOAK_CALLS ?? 20_000);

it("three nodes survive a kill, a pause and a network that hangs", async () => {
  const { url, query } = await createDatabase("nodes");
  let takeOvers: TakeOver[] = [];
  const figures = await nodesRun({
    ...{ url, query, nodes: 3, calls },
    endpoints: ["ok", "ok", "ok", "slow", "slow", "slow", "slow", "flaky", "flaky", "down"],
    trouble: async (stage) => {
      takeOvers = await haveIncidents(stage, ["kill", "pause", "hang"]);
    },
  });
  process.stdout.write(`${JSON.stringify({ ...totalsOf(figures), takeOvers }, null, 2)}\n`);
  expectTakeOverRules(figures, takeOvers);
  expect(takeOvers).toHaveLength(3);
});
