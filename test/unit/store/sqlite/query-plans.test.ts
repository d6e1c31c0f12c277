/** Every query of the dispatcher and of the usual lists reads an index in the query's order, whatever the number of calls. */
import type Database from "better-sqlite3";
import { Kysely } from "kysely";
import { beforeAll, describe, expect, it } from "vitest";
import type { CallFilter } from "../../../../src/domain/call-filter.js";
import { DEFAULT_SERVICE_SETTINGS } from "../../../../src/domain/service-settings.js";
import { systemClock } from "../../../../src/platform/clock.js";
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
import { commitOutcomes } from "../../../../src/store/outcomes/commit-outcomes.js";
import { listEndpoints } from "../../../../src/store/outcomes/endpoints.js";
import { mailStore } from "../../../../src/store/outcomes/mails.js";
import { noticeStore } from "../../../../src/store/outcomes/notices.js";
import { readOutageProgress } from "../../../../src/store/outcomes/outages.js";
import { purgeDeleted, purgeExpired } from "../../../../src/store/purge.js";
import type { Db, Schema } from "../../../../src/store/schema.js";
import { keyCipher } from "../../../../src/store/secret-key.js";
import { migrate } from "../../../../src/store/sqlite/migrations.js";
import { connect } from "../../../../src/store/sqlite/open-sqlite.js";
import { sqliteDialect } from "../../../../src/store/sqlite/sqlite-dialect.js";
import { aGroup, NOW, POLICY, query } from "../../../contract/store-support.js";
import { anAttempt, aResponse } from "../../../support/builders.js";

let database: Database.Database;
let db: Db;
let ran: { sql: string; parameters: readonly unknown[] }[] = [];

beforeAll(() => {
  database = connect(":memory:");
  migrate(database, ":memory:");
  db = new Kysely<Schema>({ dialect: sqliteDialect(database, systemClock), log: ({ query }) => void ran.push(query) });
  database.exec(`INSERT INTO callbacks VALUES (1, 'CB', 'demo', '', 'httpheader', x'', 'json', 0, 1, '', 1, 1, 0, 0, NULL, 0)`);
  database.exec("INSERT INTO replays VALUES (1, 5, 'R', 1, 0, 0, 1, NULL)");
});

/** The plan of every statement on calls, attempts, mails and notices. */
async function plansOf(work: () => Promise<unknown>): Promise<string[]> {
  ran = [];
  await work();
  const statements = ran.filter(({ sql }) => /\b(calls|attempts|mails|notices)\b/.test(sql));
  return statements.flatMap(({ sql, parameters }) =>
    database
      .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
      .all(...valuesOf(parameters))
      .map(({ detail }) => detail),
  );
}

/** Of a batch, those of its first row. */
function valuesOf(parameters: readonly unknown[]): readonly unknown[] {
  const [first] = parameters;
  return Array.isArray(first) ? first : parameters;
}

/** A batch's JSON is scanned as a table; that isn't a scan of the database. */
const isScan = (line: string) =>
  /^SCAN (?!json_each|batch|found|matching|listed|\(subquery|\d+ CONSTANT ROW)/.test(line) || line.includes("TEMP B-TREE");

const READ = { callbackId: "CB", limit: 512 };
const A_CANCEL = { replayId: "R", now: NOW, policy: POLICY, random: 0, begunCalls: () => new Set<number>() };

const usual: readonly (readonly [string, string, () => Promise<unknown>])[] = [
  ["fetchPending", "calls_pending", () => fetchPending(db, [READ])],
  ["fetchDue", "calls_due", () => fetchDue(db, [{ ...READ, dueBefore: NOW }])],
  ["fetchDue of all", "calls_due", () => fetchDue(db, [{ ...READ, dueBefore: Number.POSITIVE_INFINITY }])],
  ["fetchDue at each call's pace", "calls_due", () => fetchDue(db, [{ ...READ, dueBefore: NOW, attemptedBefore: NOW }])],
  ["fetchReplays", "calls_replays", () => fetchReplays(db, [READ])],
  ["cancelling a replay", "calls_replays", () => cancelReplayChunk(db, "CB", A_CANCEL)],
  ["fetchBacklog", "calls_backlog", () => fetchBacklog(db, [{ ...READ, recovery: 3 }])],
  ["fetchHeld", "calls_held", () => fetchHeld(db, [READ])],
  ["readOutageProgress", "calls_listed", () => readOutageProgress(db, [{ callbackId: "CB", since: NOW }])],
  ["findCall", "sqlite_autoindex_calls_1", () => findCall(db, "CB", "A")],
  ["expireRetries", "calls_expiring", () => expireRetries(db, [{ callbackId: "CB", firstFailedBefore: NOW, fence: 0 }], 100)],
  ["markCalls", "sqlite_autoindex_calls_1", () => markCalls(db, { callbackId: "CB", callIds: [], status: "SUCCESS" }, NOW)],
  ["switching retries on", "calls_listed", () => switchRetriesOn(db, 1, NOW, POLICY)],
  ["switching retries off", "calls_due", () => switchRetriesOff(db, 1, NOW)],
  ["nextMailAt", "mails_owed", () => mailStore(db).nextMailAt()],
  ["nextNoticeAt", "notices_queued", () => noticeStore(db).nextNoticeAt("hook", NOW)],
];

const listings: readonly (readonly [string, CallFilter, string])[] = [
  ["all", {}, "calls_listed"],
  ["failed", { status: "FAILED" }, "calls_listed"],
  ["pending", { status: "PENDING" }, "calls_pending"],
  ["a period", { since: NOW, until: NOW + 1 }, "calls_listed"],
  ["by code", { status: "FAILED", statusCodes: [{ class: 5 }] }, "calls_listed"],
];

describe("query plans", () => {
  it.each(usual)("%s uses %s", async (_name, index, work) => {
    const plans = await plansOf(work);
    expect(plans.join("\n")).toContain(index);
    expect(plans.filter(isScan)).toEqual([]);
  });

  it.each(listings)(
    "listing %s uses its index from the start, from an offset and from a cursor",
    async (_name, filter, index) => {
      const cursor = Buffer.from(
        JSON.stringify([
          filter.status === "PENDING" ? "-seq" : "-attempted_at,-seq",
          filter.status === "PENDING" ? [9] : [9, 9],
          0,
          0,
        ]),
      ).toString("base64url");
      for (const place of [{}, { offset: 1_000 }, { cursor }]) {
        const plans = await plansOf(() => listCalls(db, systemClock, "CB", query({ filter, ...place })));
        expect(plans.join("\n")).toContain(index);
        expect(plans.filter(isScan)).toEqual([]);
      }
    },
  );

  it("a page by cursor seeks by both keys", async () => {
    const cursor = Buffer.from(JSON.stringify(["-attempted_at,-seq", [9, 9], 0, null])).toString("base64url");
    const plans = await plansOf(() => listCalls(db, systemClock, "CB", query({ cursor })));
    expect(plans.filter((line) => line.includes("attempted_at=? AND rowid<?"))).toHaveLength(2);
    expect(plans.filter((line) => line.includes("attempted_at<?"))).toHaveLength(2);
  });

  it("accepting, committing outcomes and purging find rows only by key", async () => {
    await acceptCalls(db, [{ callbackId: "CB", calls: [{ id: "A", response: aResponse() }] }], NOW);
    const outcome = { callbackId: "CB", callSeq: 1, attempt: anAttempt(), random: 0, recovery: 0 };
    const plans = [
      ...(await plansOf(() => acceptCalls(db, [{ callbackId: "CB", calls: [{ id: "B", response: aResponse() }] }], NOW))),
      ...(await plansOf(() => commitOutcomes(db, aGroup({ attempts: [outcome] })))),
      ...(await plansOf(() => purgeDeleted(db, 10))),
      ...(await plansOf(() => purgeExpired(db, NOW, 10, DEFAULT_SERVICE_SETTINGS))),
    ];
    // Callbacks and queued notices are few; purge scans the callbacks to find each one's old calls by index.
    expect(plans.filter(isScan).filter((line) => !/^SCAN (callbacks|notices USING INDEX notices_queued)/.test(line))).toEqual([]);
  });

  it("listing endpoints reads each callback's counters and first due call", async () => {
    database.exec("UPDATE callbacks SET deleted_at = 1");
    const plans = await plansOf(() => listEndpoints(db, keyCipher(new Uint8Array(32))));
    expect(plans.join("\n")).toContain("calls_due");
    expect(plans.filter(isScan)).toEqual(["SCAN callbacks"]);
  });
});
