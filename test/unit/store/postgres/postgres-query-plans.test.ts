/** Every query of the dispatcher and of the usual lists reads an index in the query's order, with 1 000 000 calls on PostgreSQL. */
import { Kysely, sql } from "kysely";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CallFilter } from "../../../../src/domain/call-filter.js";
import { DEFAULT_SERVICE_SETTINGS } from "../../../../src/domain/service-settings.js";
import { systemClock } from "../../../../src/platform/clock.js";
import { versionStore } from "../../../../src/store/callbacks/callback-versions.js";
import { switchRetriesOff, switchRetriesOn } from "../../../../src/store/callbacks/callbacks.js";
import { acceptCalls } from "../../../../src/store/calls/accept-calls.js";
import {
  expireRetries,
  fetchBacklog,
  fetchDue,
  fetchHeld,
  fetchPending,
  fetchReplays,
  findCall,
} from "../../../../src/store/calls/fetch-calls.js";
import { listCalls } from "../../../../src/store/calls/list-calls.js";
import { markCalls } from "../../../../src/store/calls/mark-calls.js";
import { cancelReplayChunk } from "../../../../src/store/calls/replays.js";
import { leaseStore } from "../../../../src/store/nodes/leases.js";
import { listActivity } from "../../../../src/store/outcomes/activity.js";
import { commitOutcomes } from "../../../../src/store/outcomes/commit-outcomes.js";
import { listActiveCallbacks, listEndpoints } from "../../../../src/store/outcomes/endpoints.js";
import { mailStore } from "../../../../src/store/outcomes/mails.js";
import { noticeStore } from "../../../../src/store/outcomes/notices.js";
import { readOutageProgress } from "../../../../src/store/outcomes/outages.js";
import { openPool } from "../../../../src/store/postgres/open-postgres.js";
import { postgresDialect } from "../../../../src/store/postgres/postgres-dialect.js";
import { purgeExpired } from "../../../../src/store/purge.js";
import type { Db, Schema } from "../../../../src/store/schema.js";
import { keyCipher } from "../../../../src/store/secret-key.js";
import { aGroup, DAY, NOW, POLICY, query } from "../../../contract/store-support.js";
import { anAttempt, aResponse } from "../../../support/builders.js";
import { createDatabase } from "../../../support/postgres/databases.js";

const CALLS = 1_000_000;
const CALLBACKS = 10_000;

let db: Db;
let plans: string[] = [];
let analyze: () => Promise<unknown>;

beforeAll(async () => {
  const database = await createDatabase("plans");
  await database.openStore();
  const pool = openPool(database.url);
  pool.on("connect", explainEach);
  db = new Kysely<Schema>({ dialect: postgresDialect(pool) });
  await database.query("ALTER TABLE calls SET (autovacuum_enabled = off)");
  await database.query(`
    INSERT INTO callbacks (id, name, url, auth_type, auth_key, content_type, remove_html, retries_enabled, email, on_reply, on_undeliverable, created_at, repaired_at)
    SELECT 'CB' || n, 'name ' || n, '', 'httpheader', '', 'json', 0, 1, '', 1, 1, 0, 0 FROM generate_series(1, ${CALLBACKS}) AS n`);
  // Half of the calls are those of the first callback; of ten, six are delivered, one waits and three failed, of which one has a retry.
  await database.query(`
    INSERT INTO calls (id, callback_key, accepted_at, status, attempt_count, attempted_at, status_code, first_failed_at, due_at, due_cause, failed_in_recovery, changed_at, message_id, channel, response)
    SELECT 'call ' || n, CASE WHEN n % 2 = 0 THEN 1 ELSE n / 2 % ${CALLBACKS} + 1 END, 0,
      CASE WHEN kind = 0 THEN 'PENDING' WHEN kind < 4 THEN 'FAILED' ELSE 'SUCCESS' END,
      least(kind, 1), CASE WHEN kind = 0 THEN -1 ELSE ${NOW} + n * 10 END, CASE WHEN kind = 0 THEN NULL WHEN kind < 4 THEN 503 ELSE 200 END,
      CASE WHEN kind BETWEEN 1 AND 3 THEN ${NOW} + n * 10 END, CASE WHEN kind = 1 THEN ${NOW} + n * 10 END,
      CASE WHEN kind = 1 THEN CASE WHEN n % 1000 < 10 THEN 'replay' ELSE 'retry' END END, 0, ${NOW} + n * 10, 'message', 'SMS', '["","","","","","","reply","","text",{}]'
    FROM (SELECT n, n / 2 % 10 AS kind FROM generate_series(1, ${CALLS}) AS n) AS numbers`);
  await database.query('INSERT INTO attempts SELECT seq, 1, \'[0,1,"first",503,"",""]\' FROM calls WHERE attempt_count > 0');
  await database.query("INSERT INTO call_counts SELECT callback_key, status, count(*) FROM calls GROUP BY callback_key, status");
  await database.query("INSERT INTO replays VALUES (1, 5, 'R', 1, 0, 0, 1, NULL)");
  await database.query("INSERT INTO changes (callback_id) SELECT id FROM callbacks");
  await database.query(
    "INSERT INTO activity (callback_key, minute) SELECT key, minute FROM callbacks, generate_series(1, 2000) AS minute WHERE key <= 100",
  );
  await database.query(
    "INSERT INTO mails SELECT 'O' || n, 1, '', '', '', 0, 0, n, NULL, NULL FROM generate_series(1, 10000) AS n",
  );
  await database.query(
    "INSERT INTO notices SELECT 'O' || n, 'ended', 'hook', 1, 0, 0, CASE WHEN n < 10 THEN n END, NULL, NULL, NULL FROM generate_series(1, 10000) AS n",
  );
  analyze = () => database.query("ANALYZE");
}, 300_000);

afterAll(() => db.destroy());

/** Before it runs, with the settings of its transaction. */
function explainEach(client: pg.PoolClient): void {
  const run = client.query.bind(client);
  const query = async (text: string, values: unknown[]) => {
    if (/\b(calls|attempts|mails|notices|activity)\b/.test(text)) {
      const { rows } = await run<{ "QUERY PLAN": string }>(`EXPLAIN ${text}`, values);
      plans.push(...rows.map((row) => row["QUERY PLAN"]));
    }
    return run(text, values);
  };
  Object.assign(client, { query });
}

/** The lines of each statement's plan. */
async function plansOf(work: () => Promise<unknown>): Promise<string[]> {
  plans = [];
  await work();
  return plans;
}

const isScan = (line: string) => /Seq Scan on (calls|attempts|mails|notices|activity)/.test(line);
const isCostly = (line: string) => isScan(line) || /(^|->\s+)(Incremental )?Sort /.test(line);

const READ = { callbackId: "CB1", limit: 512 };
const OTHER = { callbackId: "CB50", limit: 16 };
const A_CANCEL = { replayId: "R", now: NOW, policy: POLICY, random: 0, begunCalls: () => new Set<number>() };

const usual: readonly (readonly [string, string, () => Promise<unknown>])[] = [
  ["fetchPending", "calls_pending", () => fetchPending(db, [READ, OTHER])],
  ["fetchDue", "calls_due", () => fetchDue(db, [{ ...READ, dueBefore: NOW + DAY }])],
  [
    "fetchDue of all",
    "calls_due",
    () =>
      fetchDue(db, [
        { ...READ, dueBefore: Number.POSITIVE_INFINITY },
        { ...OTHER, dueBefore: 1 },
      ]),
  ],
  ["fetchDue at each call's pace", "calls_due", () => fetchDue(db, [{ ...READ, dueBefore: NOW, attemptedBefore: NOW }])],
  ["fetchReplays", "calls_replays", () => fetchReplays(db, [READ])],
  ["cancelling a replay", "calls_replays", () => cancelReplayChunk(db, "CB1", A_CANCEL)],
  ["fetchBacklog", "calls_backlog", () => fetchBacklog(db, [{ ...READ, recovery: 3 }])],
  ["fetchHeld", "calls_held", () => fetchHeld(db, [READ])],
  [
    "readOutageProgress",
    "calls_listed",
    () =>
      readOutageProgress(db, [
        { callbackId: "CB1", since: NOW },
        { callbackId: "CB2", since: NOW },
      ]),
  ],
  ["findCall", "calls_id_key", () => findCall(db, "CB1", "A")],
  [
    "expireRetries",
    "calls_expiring",
    () => expireRetries(db, [{ callbackId: "CB1", firstFailedBefore: NOW + 100, fence: 0 }], 100),
  ],
  ["markCalls", "calls_id_key", () => markCalls(db, { callbackId: "CB1", callIds: ["call 999998"], status: "SUCCESS" }, NOW)],
  ["switching retries on", "calls_listed", () => switchRetriesOn(db, 50, NOW + 10 * CALLS, POLICY)],
  ["nextMailAt", "mails_owed", () => mailStore(db).nextMailAt()],
];

/** Few rows are sorted. */
const sorted: readonly (readonly [string, string, () => Promise<unknown>])[] = [
  ["switching retries off", "calls_", () => switchRetriesOff(db, 50, NOW)],
  ["the activity of a day", "activity_pkey", () => listActivity(db, systemClock, "CB1", { since: 0, until: DAY, maxPoints: 10 })],
  ["nextNoticeAt", "notices_queued", () => noticeStore(db).nextNoticeAt("hook", NOW)],
  ["versions", "activity_pkey", () => versionStore(db).readVersions(["CB1", "CB2"])],
];

const listings: readonly (readonly [string, CallFilter, string])[] = [
  ["all", {}, "calls_listed"],
  ["failed", { status: "FAILED" }, "calls_listed"],
  ["pending", { status: "PENDING" }, "calls_pending"],
  ["a period", { since: NOW, until: NOW + 1_000 }, "calls_listed"],
  ["by code", { status: "FAILED", statusCodes: [{ class: 5 }] }, "calls_listed"],
];

describe.each(["without statistics", "with statistics"])("query plans %s", (statistics) => {
  beforeAll(async () => {
    if (statistics === "with statistics") await analyze();
  }, 60_000);

  it.each(usual)("%s uses %s", async (_name, index, work) => {
    const plans = await plansOf(work);
    expect(plans.join("\n")).toContain(index);
    expect(plans.filter(isCostly)).toEqual([]);
  });

  it.each(sorted)("%s uses %s", async (_name, index, work) => {
    const plans = await plansOf(work);
    expect(plans.join("\n")).toContain(index);
    expect(plans.filter(isScan)).toEqual([]);
  });

  it.each(listings)(
    "listing %s uses its index from the start, from an offset and from a cursor",
    async (_name, filter, index) => {
      const isPending = filter.status === "PENDING";
      const cursor = Buffer.from(
        JSON.stringify([isPending ? "-seq" : "-attempted_at,-seq", isPending ? [99_999] : [NOW + 999_999, 99_999], 0, 0]),
      ).toString("base64url");
      for (const place of [{}, { offset: 1_000 }, { cursor }]) {
        const plans = await plansOf(() => listCalls(db, systemClock, "CB1", query({ filter, ...place })));
        expect(plans.join("\n")).toContain(index);
        expect(plans.filter(isCostly)).toEqual([]);
      }
    },
  );

  it("new responses are read from where the reading goes on, past entries of those delivered before", async () => {
    const plans = await plansOf(() => fetchPending(db, [{ ...READ, from: 9 }, OTHER]));
    expect(plans.join("\n")).toMatch(/Index Cond: .*\(seq \+ 0\) >= /);
  });

  it("accepting, committing outcomes and purging find rows only by key", async () => {
    const { rows } = await sql<{
      seq: number;
    }>`SELECT min(seq) AS seq FROM calls WHERE status = 'PENDING' AND callback_key = 1`.execute(db);
    const outcome = { callbackId: "CB1", callSeq: rows[0]?.seq ?? 0, attempt: anAttempt(), random: 0, recovery: 0 };
    const plans = [
      ...(await plansOf(() =>
        acceptCalls(db, [{ callbackId: "CB1", calls: [{ id: `new ${statistics}`, response: aResponse() }] }], NOW),
      )),
      ...(await plansOf(() => commitOutcomes(db, aGroup({ attempts: [outcome] })))),
      ...(await plansOf(() => purgeExpired(db, NOW + 400 * DAY, 100, DEFAULT_SERVICE_SETTINGS))),
    ];
    expect(plans.filter(isCostly)).toEqual([]);
  });

  it("listing endpoints reads each callback's counters and first due call", async () => {
    const cipher = keyCipher(new Uint8Array(32));
    const plans = [
      ...(await plansOf(() => listEndpoints(db, { ...cipher, decrypt: () => "" }))),
      ...(await plansOf(() => listActiveCallbacks(db))),
    ];
    expect(plans.join("\n")).toContain("calls_due");
    expect(plans.filter(isCostly)).toEqual([]);
  });

  it("taking callbacks looks at each one's counters and first due call, not at all calls", async () => {
    const leases = leaseStore(db);
    await leases.startLease(statistics);
    // The named ones are sorted.
    for (const [which, isWrong] of [[undefined, isCostly] as const, [["CB50", "CB51"], isScan] as const]) {
      const plans = await plansOf(() => leases.takeCallbacks(statistics, 500, which));
      expect(plans.join("\n")).toContain("calls_due");
      expect(plans.filter(isWrong)).toEqual([]);
    }
    await leases.endLease(statistics);
  });
});
