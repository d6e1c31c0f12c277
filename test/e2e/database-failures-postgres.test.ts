/** Two nodes under load whose database fails: docs/operations.md, Several nodes. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { isCommit } from "../support/postgres/database-proxy.js";
import { type PostgresServer, startServer } from "../support/postgres/server.js";
import { nodesRun, type Stage } from "../support/process/nodes-run.js";
import { eventually } from "../support/process/whcb-process.js";
import { expectNodesRules } from "./nodes-rules.js";

let server: PostgresServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

interface Failure {
  readonly reasons: RegExp;
  begin(stage: Stage): Promise<void>;
  end(stage: Stage): Promise<void>;
}

const AWAY: Failure = {
  reasons: /^The connection to the database was lost$/,
  async begin({ nodes }) {
    for (const { network } of nodes) network.cut();
  },
  async end({ nodes }) {
    for (const { network } of nodes) network.restore();
  },
};

const restarted = (mode: "fast" | "immediate"): Failure => ({
  reasons: /^The database (can't be reached|is starting up or shutting down)|^The connection to the database was lost$/,
  begin: () => server.halt(mode),
  end: () => server.start(),
});

const setReadOnly = async (value: "on" | "off") => {
  await server.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
  await server.query("SELECT pg_reload_conf()");
};
const READ_ONLY: Failure = {
  reasons: /^The database is read-only$/,
  begin: () => setReadOnly("on"),
  end: () => setReadOnly("off"),
};

/** Of both nodes. */
const MOST_LINES_A_SECOND = 8;

const FAILS_FOR_MS = 2_000;

it("two nodes lose nothing, pause while the database fails, and go on by themselves", async () => {
  const began = performance.now();
  const figures = await nodesRun({
    ...{ url: server.url, query: server.query, nodes: 2, calls: 400, endpoints: ["ok", "slow", "flaky", "down"] },
    async trouble(stage) {
      await loseAnswersToCommit(stage);
      for (const failure of [AWAY, restarted("fast"), restarted("immediate"), READ_ONLY]) await pauseAndGoOn(stage, failure);
    },
  });
  expectNodesRules(figures, 0);
  const seconds = (performance.now() - began) / 1_000;
  expect(figures.stderr.split("\n").length).toBeLessThan(seconds * MOST_LINES_A_SECOND);
}, 120_000);

async function loseAnswersToCommit({ nodes }: Stage): Promise<void> {
  for (const { network } of nodes) {
    let commits = 0;
    network.loseAnswers((query) => {
      if (isCommit(query)) commits += 1;
      return isCommit(query) && commits % 4 === 0;
    });
  }
  await eventually(
    async () => nodes.map(({ network }) => network.lostAnswers),
    (lost) => Math.min(...lost) >= 8,
    60_000,
  );
  for (const { network } of nodes) network.loseAnswers(() => false);
}

async function pauseAndGoOn(stage: Stage, failure: Failure): Promise<void> {
  const { nodes, refusals } = stage;
  await moreRequests(stage);
  const refused = refusals.length;
  await failure.begin(stage);
  for (const { api } of nodes) {
    // At first it may be that a slow database hasn't answered yet.
    await eventually(
      () => api.readiness(),
      ({ status, body }) => status === 503 && failure.reasons.test(body.reason ?? ""),
    );
    expect((await api.fetch("/healthz")).status).toBe(200);
  }
  await noRequestsFor(stage, FAILS_FOR_MS);
  const answers = refusals.slice(refused).filter(({ status }) => status !== 0);
  expect(answers.length).toBeGreaterThan(0);
  for (const answer of answers) expect(answer).toEqual({ status: 503, retryAfter: "5" });
  await failure.end(stage);
  for (const { api } of nodes) {
    await eventually(
      () => api.readiness(),
      ({ status }) => status === 200,
    );
  }
  await moreRequests(stage);
}

async function moreRequests({ requests }: Stage): Promise<void> {
  const before = requests();
  await eventually(
    async () => requests(),
    (count) => count > before,
  );
}

/** Once those in flight have ended. */
async function noRequestsFor({ requests }: Stage, ms: number): Promise<void> {
  let seen = { count: requests(), at: performance.now() };
  await eventually(
    async () => {
      if (requests() !== seen.count) seen = { count: requests(), at: performance.now() };
      return performance.now() - seen.at;
    },
    (quietMs) => quietMs >= ms,
  );
}
