/** Every query of the dispatcher and of the usual lists reads an index in the query's order, with 200 000 calls on PostgreSQL. */
import { Kysely, sql } from "kysely";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/platform/clock.js";
import { versionStore } from "../../../../src/store/callbacks/callback-versions.js";
import { switchRetriesOff } from "../../../../src/store/callbacks/callbacks.js";
import { callAcceptance } from "../../../../src/store/calls/accept-calls.js";
import { queueStore } from "../../../../src/store/calls/fetch-calls.js";
import { leaseStore } from "../../../../src/store/nodes/leases.js";
import { activityStore } from "../../../../src/store/outcomes/activity.js";
import { outcomeStore } from "../../../../src/store/outcomes/commit-outcomes.js";
import { endpointStore } from "../../../../src/store/outcomes/endpoints.js";
import { noticeStore } from "../../../../src/store/outcomes/notices.js";
import { openPool } from "../../../../src/store/postgres/open-postgres.js";
import { postgresDialect } from "../../../../src/store/postgres/postgres-dialect.js";
import { retentionStore } from "../../../../src/store/purge.js";
import type { Db, Schema } from "../../../../src/store/schema.js";
import { keyCipher } from "../../../../src/store/secret-key.js";
import { aGroup, DAY, NOW } from "../../../contract/store-support.js";
import { anAttempt, aResponse } from "../../../support/builders.js";
import { createDatabase } from "../../../support/postgres/databases.js";
import {
  itListsByIndex,
  itUsesIndexes,
  OTHER,
  oldestWaiting,
  type PlannedQuery,
  READ,
  usualQueries,
} from "../query-plan-cases.js";

const CALLS = 200_000;
const noneWaits = async () => new Map();
const CALLBACKS = 2_000;

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
  await database.query("INSERT INTO replays VALUES (1, 5, 'R', 1, 0, 0, 1, NULL, NULL, NULL, NULL, 0, NULL)");
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

/** Explains each statement before it runs, with the settings of its transaction. */
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

/** Resolves to the lines of each statement's plan. */
async function plansOf(work: (db: Db) => Promise<unknown>): Promise<string[]> {
  plans = [];
  await work(db);
  return plans;
}

const isScan = (line: string) => /Seq Scan on (calls|attempts|mails|notices|activity)/.test(line);
const isCostly = (line: string) => isScan(line) || /(^|->\s+)(Incremental )?Sort /.test(line);

const usual = usualQueries({ idIndex: "calls_id_key", callIds: [`call ${CALLS - 2}`], switched: [50, NOW + 10 * CALLS] });

/** Few rows are sorted. */
const sorted: readonly PlannedQuery[] = [
  ["switching retries off", "calls_", (db) => switchRetriesOff(db, 50, NOW)],
  [
    "the activity of a day",
    "activity_pkey",
    (db) => activityStore(db, systemClock).list("CB1", { since: 0, until: DAY, maxPoints: 10 }),
  ],
  ["nextNoticeAt", "notices_queued", (db) => noticeStore(db).nextTryAt("hook", NOW)],
  ["versions", "activity_pkey", (db) => versionStore(db, noneWaits).readVersions(["CB1", "CB2"])],
];

describe.each(["without statistics", "with statistics"])("query plans %s", (statistics) => {
  beforeAll(async () => {
    if (statistics === "with statistics") await analyze();
  });

  itUsesIndexes(usual, plansOf, isCostly);
  itUsesIndexes(oldestWaiting, plansOf, isCostly);
  itUsesIndexes(sorted, plansOf, isScan);
  itListsByIndex(plansOf, isCostly);

  it("new responses are read from where the reading goes on, past entries of those delivered before", async () => {
    const plans = await plansOf(() => queueStore(db).fetchPending([{ ...READ, from: 9 }, OTHER]));
    expect(plans.join("\n")).toMatch(/Index Cond: .*\(seq \+ 0\) >= /);
  });

  it("accepting, committing outcomes and purging find rows only by key", async () => {
    const { rows } = await sql<{
      seq: number;
    }>`SELECT min(seq) AS seq FROM calls WHERE status = 'PENDING' AND callback_key = 1`.execute(db);
    const outcome = { callbackId: "CB1", callId: "A", callSeq: rows[0]?.seq ?? 0, attempt: anAttempt(), random: 0, recovery: 0 };
    const plans = [
      ...(await plansOf(() =>
        callAcceptance(db).accept([{ callbackId: "CB1", calls: [{ id: `new ${statistics}`, response: aResponse() }] }], NOW),
      )),
      ...(await plansOf(() => outcomeStore(db).commit(aGroup({ attempts: [outcome] })))),
      ...(await plansOf(() => retentionStore(db).purgeExpired(NOW + 400 * DAY, 100))),
    ];
    expect(plans.filter(isCostly)).toEqual([]);
  });

  it("listing endpoints reads each callback's counters and first due call", async () => {
    const cipher = keyCipher(new Uint8Array(32));
    const plans = [
      ...(await plansOf(() => endpointStore(db, { ...cipher, decrypt: () => "" }, systemClock, noneWaits).list())),
      ...(await plansOf(() => endpointStore(db, cipher, systemClock, noneWaits).listActive())),
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
