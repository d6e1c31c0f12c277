/** How the database of several nodes fails, and what each node must do meanwhile: docs/operations.md, Several nodes. */
import { expect } from "vitest";
import { isCommit } from "../postgres/database-proxy.js";
import type { PostgresServer } from "../postgres/server.js";
import type { Stage } from "./nodes-run.js";
import { eventually } from "./whcb-process.js";

export interface Failure {
  /** What `/readyz` says. */
  readonly reasons: RegExp;
  /** Producers give up before they get an answer. */
  readonly isSilent?: boolean;
  begin(stage: Stage): Promise<void>;
  end(stage: Stage): Promise<void>;
}

/** Connections end, and so does each new one. */
export const AWAY: Failure = {
  reasons: /^The connection to the database was lost$/,
  async begin({ nodes }) {
    for (const { network } of nodes) network.cut();
  },
  async end({ nodes }) {
    for (const { network } of nodes) network.restore();
  },
};

/** Connections stay, and nothing gets through. */
export const HANGING: Failure = {
  isSilent: true,
  reasons: /^The database (hasn't answered|doesn't answer)/,
  async begin({ nodes }) {
    for (const { network } of nodes) network.stall();
  },
  async end({ nodes }) {
    for (const { network } of nodes) network.resume();
  },
};

export const restarted = (server: PostgresServer, mode: "fast" | "immediate"): Failure => ({
  reasons: /^The database (can't be reached|is starting up or shutting down)|^The connection to the database was lost$/,
  begin: () => server.halt(mode),
  end: () => server.start(),
});

export function readOnly(server: PostgresServer): Failure {
  const set = async (value: "on" | "off") => {
    await server.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
    await server.query("SELECT pg_reload_conf()");
  };
  return { reasons: /^The database is read-only$/, begin: () => set("on"), end: () => set("off") };
}

export async function loseAnswersToCommit({ nodes }: Stage): Promise<void> {
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

/** Fails for so long once nothing is in flight any more. */
export async function pauseAndGoOn(stage: Stage, failure: Failure, ms: number): Promise<void> {
  const { nodes, refusals } = stage;
  await moreRequests(stage);
  const refused = refusals.length;
  await failure.begin(stage);
  for (const { api } of nodes) {
    // A slow database may not have answered yet.
    await eventually(
      () => api.readiness(),
      ({ status, body }) => status === 503 && failure.reasons.test(body.reason ?? ""),
    );
    expect((await api.fetch("/healthz")).status).toBe(200);
  }
  await noRequestsFor(stage, ms);
  const answers = refusals.slice(refused).filter(({ status }) => status !== 0);
  if (!failure.isSilent) expect(answers.length).toBeGreaterThan(0);
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

export async function moreRequests({ requests }: Stage): Promise<void> {
  const before = requests().length;
  await eventually(
    async () => requests().length,
    (count) => count > before,
  );
}

/** Resolves when the requests in flight have ended and no other has come for `ms`. */
async function noRequestsFor({ requests }: Stage, ms: number): Promise<void> {
  let seen = { count: requests().length, at: performance.now() };
  await eventually(
    async () => {
      if (requests().length !== seen.count) seen = { count: requests().length, at: performance.now() };
      return performance.now() - seen.at;
    },
    (quietMs) => quietMs >= ms,
    ms + 15_000,
  );
}
