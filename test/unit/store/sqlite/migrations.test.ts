import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { MIGRATIONS, migrate } from "../../../../src/store/sqlite/migrations.js";

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
  it("are numbered without a gap", () => {
    expect(MIGRATIONS.map(({ version }) => version)).toEqual(MIGRATIONS.map((_, index) => index + 1));
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
});
