/** Two nodes on one PostgreSQL database, of which one is killed; test/soak has the long run. */
import { expect, it } from "vitest";
import { createDatabase } from "../support/postgres/databases.js";
import { haveIncidents, type TakeOver } from "../support/process/node-incidents.js";
import { nodesRun } from "../support/process/nodes-run.js";
import { expectTakeOverRules } from "./nodes-rules.js";

it("loses nothing and writes one e-mail per outage when one of two nodes is killed", async () => {
  const { url, query } = await createDatabase("nodes");
  let takeOvers: TakeOver[] = [];
  const figures = await nodesRun({
    ...{ url, query, nodes: 2, calls: 2_000 },
    endpoints: ["ok", "slow", "slow", "flaky", "down"],
    trouble: async (stage) => {
      takeOvers = await haveIncidents(stage, ["kill"]);
    },
  });
  expectTakeOverRules(figures, takeOvers);
  expect(takeOvers).toHaveLength(1);
}, 300_000);
