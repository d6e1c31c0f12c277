/** Two nodes under load whose database fails: docs/operations.md, Several nodes. */
import { beforeAll, beforeEach, describe, it } from "vitest";
import { isCommit } from "../support/postgres/database-proxy.js";
import { createDatabase, type TestDatabase } from "../support/postgres/databases.js";
import { nodesRun } from "../support/process/nodes-run.js";
import { eventually } from "../support/process/whcb-process.js";
import { expectNodesRules } from "./nodes-rules.js";

const ENDPOINTS = ["ok", "slow", "flaky", "down"] as const;

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase("failures");
});
beforeEach(async () => {
  await database.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
});

describe("two nodes", () => {
  it("record everything once when the database's answers to COMMIT are lost", async () => {
    const figures = await nodesRun({
      ...{ url: database.url, query: database.query, nodes: 2, calls: 400, endpoints: ENDPOINTS },
      async trouble({ nodes }) {
        for (const { network } of nodes) {
          let commits = 0;
          network.loseAnswers((query) => {
            if (isCommit(query)) commits += 1;
            return isCommit(query) && commits % 5 === 0;
          });
        }
        await eventually(
          async () => nodes.map(({ network }) => network.lostAnswers),
          (lost) => Math.min(...lost) >= 10,
          60_000,
        );
        for (const { network } of nodes) network.loseAnswers(() => false);
      },
    });
    expectNodesRules(figures, 0);
  }, 120_000);
});
