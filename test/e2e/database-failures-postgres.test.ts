/** Two nodes under load whose database fails: docs/operations.md, Several nodes. */
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
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
beforeEach(async () => {
  await query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
});

/** On a connection of its own: others may have been lost. */
async function query<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
  const client = new pg.Client(server.url);
  await client.connect();
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

const RUN = { nodes: 2, calls: 400, endpoints: ["ok", "slow", "flaky", "down"], query } as const;

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
  await query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
  await query("SELECT pg_reload_conf()");
};
const READ_ONLY: Failure = {
  reasons: /^The database is read-only$/,
  begin: () => setReadOnly("on"),
  end: () => setReadOnly("off"),
};

/** Lines. Four failures of three to five seconds, in two nodes: a few a second. */
const LONGEST_LOG = 300;

/** Shorter than a lease: nobody's callbacks are taken. */
const FAILS_FOR_MS = 3_000;

describe("two nodes", () => {
  it("record everything once when the database's answers to COMMIT are lost", async () => {
    const figures = await nodesRun({
      ...{ ...RUN, url: server.url },
      async trouble({ nodes }) {
        for (const { network } of nodes) {
          let commits = 0;
          network.loseAnswers((text) => {
            if (isCommit(text)) commits += 1;
            return isCommit(text) && commits % 5 === 0;
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

  it("pause while the database is away, restarts or is read-only, and go on by themselves", async () => {
    const figures = await nodesRun({
      ...{ ...RUN, url: server.url },
      async trouble(stage) {
        for (const failure of [AWAY, restarted("fast"), restarted("immediate"), READ_ONLY]) await pauseAndGoOn(stage, failure);
      },
    });
    expectNodesRules(figures, 0);
    expect(figures.stderr.split("\n").length).toBeLessThan(LONGEST_LOG);
  }, 120_000);
});

async function pauseAndGoOn(stage: Stage, failure: Failure): Promise<void> {
  const { nodes, refusals } = stage;
  await moreRequests(stage);
  const refused = refusals.length;
  await failure.begin(stage);
  for (const { api } of nodes) {
    const { body } = await eventually(
      () => api.readiness(),
      ({ status }) => status === 503,
    );
    expect(body).toEqual({ status: "not ready", reason: expect.stringMatching(failure.reasons) });
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
