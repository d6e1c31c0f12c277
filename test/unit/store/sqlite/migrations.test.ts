import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { MIGRATIONS } from "../../../../src/store/sqlite/migration-steps.js";
import { migrate } from "../../../../src/store/sqlite/migrations.js";

const steps = [
  { version: 1, name: "one", sql: "CREATE TABLE one (x)" },
  { version: 2, name: "two", sql: "CREATE TABLE two (x); INSERT INTO two VALUES (1)" },
];
const tablesOf = (database: Database.Database) =>
  database
    .prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all()
    .map(({ name }) => name);
const versionsOf = (database: Database.Database) =>
  database.prepare("SELECT version, name FROM migrations ORDER BY version").raw().all();

describe("migrations", () => {
  it("are in the order of their versions", () => {
    const versions = MIGRATIONS.map(({ version }) => version);
    expect(versions).toEqual([...new Set(versions)].sort((one, other) => one - other));
  });

  it("update an empty database and any older one, each step once", () => {
    const database = new Database(":memory:");
    migrate(database, "x.db", steps.slice(0, 1));
    migrate(database, "x.db", steps);
    migrate(database, "x.db", steps);
    expect(tablesOf(database)).toEqual(["migrations", "one", "two"]);
    expect(versionsOf(database)).toEqual([
      [1, "one"],
      [2, "two"],
    ]);
  });

  it("rename columns without touching rows, and the indexes follow", () => {
    const database = new Database(":memory:");
    migrate(database, "x.db", MIGRATIONS.slice(0, 1));
    database.exec("INSERT INTO callbacks VALUES (1, 'CB', 'demo', '', 'bearertoken', x'', 'json', 0, 1, '', 1, 1, 5, 6, NULL)");
    migrate(database, "x.db");
    expect(database.prepare("SELECT created_at, repaired_at FROM callbacks").all()).toEqual([{ created_at: 5, repaired_at: 6 }]);
    const backlog = database.prepare("SELECT name FROM pragma_index_info('calls_backlog')").pluck().all();
    expect(backlog).toEqual(["callback_key", "failed_in_recovery"]);
  });

  it("make one replay per callback of what was requested before", () => {
    const database = new Database(":memory:");
    migrate(database, "x.db", MIGRATIONS.slice(0, 1));
    const insert = database.prepare(`
      INSERT INTO calls (seq, id, callback_key, accepted_at, status, attempt_count, attempted_at, due_at, due_cause, deferred,
        changed_at, message_id, channel, response) VALUES (?, ?, ?, 1, 'FAILED', 1, 2, ?, ?, 0, 3, '', 'SMS', '[]')`);
    const calls = [
      [7, "replay"],
      [5, "replay"],
      [6, "retry"],
      [null, null],
    ] as const;
    for (const [index, [dueAt, cause]] of calls.entries()) insert.run(index, `C${index}`, 1, dueAt, cause);
    insert.run(9, "C9", 2, 8, "replay");
    migrate(database, "x.db");
    const counts = { succeeded: 0, failed: 0, cancelled_at: null, id: expect.stringMatching(/^[0-9A-F]{16}$/) };
    expect(
      database
        .prepare("SELECT callback_key, requested_at, id, total, succeeded, failed, waiting, cancelled_at FROM replays")
        .all(),
    ).toEqual([
      { callback_key: 1, requested_at: 5, total: 2, waiting: 2, ...counts },
      { callback_key: 2, requested_at: 8, total: 1, waiting: 1, ...counts },
    ]);
    expect(database.prepare("SELECT due_at FROM calls ORDER BY seq").pluck().all()).toEqual([5, 5, 6, null, 8]);
  });

  it("count the failed calls of before by status code or reason", () => {
    const database = new Database(":memory:");
    migrate(database, "x.db", MIGRATIONS.slice(0, 1));
    const insert = database.prepare(`
      INSERT INTO calls (id, callback_key, accepted_at, status, attempt_count, attempted_at, status_code, error, deferred,
        changed_at, message_id, channel, response) VALUES (?, ?, 1, ?, 1, 2, ?, ?, 0, 3, '', 'SMS', '[]')`);
    const calls = [
      [1, "FAILED", 503, null],
      [1, "FAILED", 503, null],
      [1, "FAILED", null, "dns"],
      [1, "FAILED", null, null],
      [1, "SUCCESS", 503, null],
      [1, "PENDING", null, null],
      [2, "FAILED", 503, null],
    ];
    for (const [index, call] of calls.entries()) insert.run(`C${index}`, ...call);
    migrate(database, "x.db");
    expect(database.prepare("SELECT * FROM failure_counts").raw().all()).toEqual([
      [1, "", 1],
      [1, "503", 2],
      [1, "dns", 1],
      [2, "503", 1],
    ]);
  });

  it("count the calls whose retries ended before, which are in no notice", () => {
    const database = new Database(":memory:");
    migrate(database, "x.db", MIGRATIONS.slice(0, 1));
    const callback = database.prepare(`
      INSERT INTO callbacks (key, id, name, url, auth_type, auth_key, content_type, remove_html, retries_enabled, email, on_reply, on_undeliverable,
        created_at, mended_at) VALUES (?, ?, ?, '', '', '', '', 0, ?, '', 1, 1, 0, 0)`);
    callback.run(1, "C1", "C1", 1);
    callback.run(2, "C2", "C2", 0);
    const call = database.prepare(`
      INSERT INTO calls (id, callback_key, accepted_at, status, attempt_count, attempted_at, first_failed_at, due_at, due_cause, settled_by,
        deferred, changed_at, message_id, channel, response) VALUES (?, ?, 1, ?, 1, 2, 2, ?, ?, ?, 0, 3, '', 'SMS', '[]')`);
    call.run("expired", 1, "FAILED", null, null, null);
    call.run("retried", 1, "FAILED", 9, "retry", null);
    call.run("marked", 1, "FAILED", null, null, "user");
    call.run("delivered", 1, "SUCCESS", null, null, "dispatcher");
    call.run("never retried", 2, "FAILED", null, null, null);
    migrate(database, "x.db");
    expect(database.prepare("SELECT id, notice FROM expired_calls JOIN calls ON seq = call_seq").raw().all()).toEqual([
      ["expired", 0],
    ]);
    expect(database.prepare("SELECT * FROM expiries").raw().all()).toEqual([[1, 1, 1, 0, null]]);
  });

  it("are all or nothing", () => {
    const database = new Database(":memory:");
    const broken = [...steps, { version: 3, name: "three", sql: "CREATE TABLE three (x); CREATE TABLE one (x)" }];
    expect(() => migrate(database, "x.db", broken)).toThrow("already exists");
    expect(tablesOf(database)).toEqual([]);
  });

  it("are rejected for a newer database", () => {
    const database = new Database(":memory:");
    migrate(database, "x.db", steps);
    expect(() => migrate(database, "x.db", steps.slice(0, 1))).toThrow(
      "x.db was written by a newer whcb: it has database version 2, and this whcb knows versions up to 1",
    );
  });

  it("are rejected for a database between two releases, which stays as it is", () => {
    const database = new Database(":memory:");
    migrate(database, "x.db", [{ version: 20, name: "unreleased", sql: "CREATE TABLE callbacks (x)" }]);
    expect(() => migrate(database, "x.db")).toThrow("x.db has database version 20, which no release of whcb wrote");
    expect(tablesOf(database)).toEqual(["callbacks", "migrations"]);
  });
});
