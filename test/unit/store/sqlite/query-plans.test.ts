/** Every query of the dispatcher and of the usual lists reads an index in the query's order, whatever the number of calls. */
import type Database from "better-sqlite3";
import { Kysely } from "kysely";
import { beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/platform/clock.js";
import { switchRetriesOff } from "../../../../src/store/callbacks/callbacks.js";
import { callAcceptance } from "../../../../src/store/calls/accept-calls.js";
import { callLists } from "../../../../src/store/calls/list-calls.js";
import { outcomeStore } from "../../../../src/store/outcomes/commit-outcomes.js";
import { endpointStore } from "../../../../src/store/outcomes/endpoints.js";
import { noticeStore } from "../../../../src/store/outcomes/notices.js";
import { retentionStore } from "../../../../src/store/purge.js";
import type { Db, Schema } from "../../../../src/store/schema.js";
import { keyCipher } from "../../../../src/store/secret-key.js";
import { migrate } from "../../../../src/store/sqlite/migrations.js";
import { connect } from "../../../../src/store/sqlite/open-sqlite.js";
import { sqliteDialect } from "../../../../src/store/sqlite/sqlite-dialect.js";
import { aGroup, NOW, query } from "../../../contract/store-support.js";
import { anAttempt, aResponse } from "../../../support/builders.js";
import { cursorAt, itListsByIndex, itUsesIndexes, oldestWaiting, type PlannedQuery, usualQueries } from "../query-plan-cases.js";

let database: Database.Database;
let db: Db;
let ran: { sql: string; parameters: readonly unknown[] }[] = [];

beforeAll(() => {
  database = connect(":memory:");
  migrate(database, ":memory:");
  db = new Kysely<Schema>({ dialect: sqliteDialect(database, systemClock), log: ({ query }) => void ran.push(query) });
  database.exec(
    `INSERT INTO callbacks VALUES (1, 'CB1', 'demo', '', 'httpheader', x'', 'json', 0, 1, '', 1, 1, 0, 0, NULL, 0, 0, NULL, NULL, NULL)`,
  );
  database.exec("INSERT INTO replays VALUES (1, 5, 'R', 1, 0, 0, 1, NULL, NULL, NULL, NULL, 0, NULL)");
});

/** Resolves to the plan of every statement on calls, attempts, mails and notices. */
async function plansOf(work: (db: Db) => Promise<unknown>): Promise<string[]> {
  ran = [];
  await work(db);
  const statements = ran.filter(({ sql }) => /\b(calls|attempts|mails|notices)\b/.test(sql));
  return statements.flatMap(({ sql, parameters }) =>
    database
      .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
      .all(...valuesOf(parameters))
      .map(({ detail }) => detail),
  );
}

/** A batch has the values of its first row. */
function valuesOf(parameters: readonly unknown[]): readonly unknown[] {
  const [first] = parameters;
  return Array.isArray(first) ? first : parameters;
}

/** A batch's JSON is scanned as a table; that isn't a scan of the database. */
const isScan = (line: string) =>
  /^SCAN (?!json_each|batch|found|matching|listed|\(subquery|\d+ CONSTANT ROW)/.test(line) || line.includes("TEMP B-TREE");

const usual: readonly PlannedQuery[] = [
  ...usualQueries({ idIndex: "sqlite_autoindex_calls_1", callIds: [], switched: [1, NOW] }),
  ["nextNoticeAt", "notices_queued", (db) => noticeStore(db).nextTryAt("hook", NOW)],
];

/** Held calls are grouped by their outages, of which there are few. */
const switching: PlannedQuery = ["switching retries off", "calls_due", (db) => switchRetriesOff(db, 1, NOW)];

describe("query plans", () => {
  itUsesIndexes(usual, plansOf, isScan);
  itUsesIndexes([switching], plansOf, (line) => isScan(line) && line !== "USE TEMP B-TREE FOR GROUP BY");
  // They are at most 64.
  itUsesIndexes(oldestWaiting, plansOf, (line) => isScan(line) && line !== "SCAN latest");
  itListsByIndex(plansOf, isScan);

  it("a page by cursor seeks by both keys", async () => {
    const cursor = cursorAt("-attempted_at,-seq", [9, 9]);
    const plans = await plansOf(() => callLists(db, systemClock).list("CB1", query({ cursor })));
    expect(plans.filter((line) => line.includes("attempted_at=? AND rowid<?"))).toHaveLength(2);
    expect(plans.filter((line) => line.includes("attempted_at<?"))).toHaveLength(2);
  });

  it("accepting, committing outcomes and purging find rows only by key", async () => {
    await callAcceptance(db).accept([{ callbackId: "CB1", calls: [{ id: "A", response: aResponse() }] }], NOW);
    const outcome = { callbackId: "CB1", callId: "A", callSeq: 1, attempt: anAttempt(), random: 0, recovery: 0 };
    const plans = [
      ...(await plansOf(() =>
        callAcceptance(db).accept([{ callbackId: "CB1", calls: [{ id: "B", response: aResponse() }] }], NOW),
      )),
      ...(await plansOf(() => outcomeStore(db).commit(aGroup({ attempts: [outcome] })))),
      ...(await plansOf(() => retentionStore(db).purgeDeleted(10))),
      ...(await plansOf(() => retentionStore(db).purgeExpired(NOW, 10))),
    ];
    // Callbacks and queued notices are few; purge scans the callbacks to find each one's old calls by index.
    expect(plans.filter(isScan).filter((line) => !/^SCAN (callbacks|notices USING INDEX notices_queued)/.test(line))).toEqual([]);
  });

  it("listing endpoints reads each callback's counters and first due call", async () => {
    database.exec("UPDATE callbacks SET deleted_at = 1");
    const plans = await plansOf(() =>
      endpointStore(db, keyCipher(new Uint8Array(32)), systemClock, async () => new Map()).list(),
    );
    expect(plans.join("\n")).toContain("calls_due");
    expect(plans.filter(isScan)).toEqual(["SCAN callbacks"]);
  });
});
