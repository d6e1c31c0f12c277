/** The long run of test/slow/database-failures-postgres.test.ts, by hand: `npm run soak:nodes`. SOAK_SECONDS changes it. */
import { afterAll, beforeAll, it } from "vitest";
import { expectNodesRules } from "../e2e/nodes-rules.js";
import { type PostgresServer, startServer } from "../support/postgres/server.js";
import { AWAY, HANGING, pauseAndGoOn, readOnly, restarted } from "../support/process/database-failures.js";
import { nodesRun, totalsOf } from "../support/process/nodes-run.js";

/** A lease takes a quarter of this. */
const seconds = Number(process.env.SOAK_SECONDS ?? 60);

let server: PostgresServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

it("two nodes send nothing twice after a database that was away for a minute", async () => {
  const figures = await nodesRun({
    ...{ url: server.url, query: server.query, nodes: 2, calls: 4_000, endpoints: ["ok", "slow", "slow", "flaky", "down"] },
    async trouble(stage) {
      const failures = [AWAY, HANGING, restarted(server, "fast"), restarted(server, "immediate"), readOnly(server)];
      for (const failure of failures) await pauseAndGoOn(stage, failure, 1_000 * seconds);
    },
  });
  process.stdout.write(`${JSON.stringify(totalsOf(figures), null, 2)}\n`);
  expectNodesRules(figures, 0);
});
