/** Two nodes under load whose database fails: docs/operations.md, Several nodes. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { expectNodesRules } from "../e2e/nodes-rules.js";
import { type PostgresServer, startServer } from "../support/postgres/server.js";
import { AWAY, loseAnswersToCommit, pauseAndGoOn, readOnly, restarted } from "../support/process/database-failures.js";
import { nodesRun } from "../support/process/nodes-run.js";

let server: PostgresServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** In `npm run soak:nodes` it fails for longer. */
const FAILS_FOR_MS = 2_000;
/** The nodes may not log more together. */
const MOST_LINES_A_SECOND = 10;

it("two nodes lose nothing, pause while the database fails, and go on by themselves", async () => {
  const began = performance.now();
  const figures = await nodesRun({
    ...{ url: server.url, query: server.query, nodes: 2, calls: 400, endpoints: ["ok", "slow", "flaky", "down"] },
    async trouble(stage) {
      await loseAnswersToCommit(stage);
      const failures = [AWAY, restarted(server, "fast"), restarted(server, "immediate"), readOnly(server)];
      for (const failure of failures) await pauseAndGoOn(stage, failure, FAILS_FOR_MS);
    },
  });
  expectNodesRules(figures, 0);
  const seconds = (performance.now() - began) / 1_000;
  expect(figures.stderr.split("\n").length).toBeLessThan(seconds * MOST_LINES_A_SECOND);
  // A claim whose answer was lost keeps an e-mail for two minutes.
}, 300_000);
