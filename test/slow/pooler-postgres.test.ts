/** Two nodes whose connections a pooler in transaction mode shares; needs pgbouncer. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { expectNodesRules } from "../e2e/nodes-rules.js";
import { type Pooler, startPooler } from "../support/postgres/pooler.js";
import { type PostgresServer, startServer } from "../support/postgres/server.js";
import { nodesRun } from "../support/process/nodes-run.js";
import { Home } from "../support/process/whcb-process.js";

const DEAF = /Notifications of the database don't arrive/g;

let server: PostgresServer;
let pooler: Pooler;

beforeAll(async () => {
  server = await startServer();
  await server.query("ALTER ROLE postgres SET search_path = public");
  pooler = await startPooler(server);
});
afterAll(async () => {
  await pooler.stop();
  await server.stop();
});

it("two nodes behind a pooler keep all rules, and say that they don't wake each other", async () => {
  const figures = await nodesRun({
    ...{ url: pooler.url, query: server.query, nodes: 2, calls: 400, endpoints: ["ok", "slow", "flaky", "down"] },
    async trouble({ nodes }) {
      for (const { server: node } of nodes) await node.says(new RegExp(DEAF));
    },
  });
  expectNodesRules(figures, 0);
  expect(figures.stderr.match(DEAF)).toHaveLength(2);
  const home = new Home();
  expect(await home.whcb(["db", "check"], { env: { WHCB_DB: pooler.url } })).toMatchObject({ code: 0 });
  await home.leave();
}, 300_000);

it("isn't used where another role could put a schema before the tables'", async () => {
  await server.query("ALTER ROLE postgres RESET search_path");
  await server.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()",
  );
  const home = new Home();
  expect(await home.whcb(["db", "check"], { env: { WHCB_DB: pooler.url } })).toMatchObject({
    code: 4,
    stderr: expect.stringContaining("hint: set it for the user: ALTER ROLE … SET search_path = public"),
  });
  await home.leave();
});
