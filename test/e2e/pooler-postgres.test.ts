/** Two nodes whose connections a pooler in transaction mode shares; needs pgbouncer. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Pooler, startPooler } from "../support/postgres/pooler.js";
import { type PostgresServer, startServer } from "../support/postgres/server.js";
import { nodesRun } from "../support/process/nodes-run.js";
import { Home } from "../support/process/whcb-process.js";
import { expectNodesRules } from "./nodes-rules.js";

const DEAF = /Notifications of the database don't arrive/g;

let server: PostgresServer;
let pooler: Pooler;

beforeAll(async () => {
  server = await startServer();
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
