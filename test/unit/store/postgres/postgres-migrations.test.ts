import { beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/platform/clock.js";
import { openStore } from "../../../../src/store/open-store.js";
import { POSTGRES_MIGRATIONS } from "../../../../src/store/postgres/postgres-migration-steps.js";
import { createDatabase, type TestDatabase } from "../../../support/postgres/databases.js";
import { CONVERTED_CALLS, INSERT_OLD_CALLS, READ_CALLS, READ_HELD } from "../../../support/store/old-reports.js";

let database: TestDatabase;
let other: TestDatabase;
let empty: TestDatabase;
let older: TestDatabase;

beforeAll(async () => {
  database = await createDatabase("migrations");
  other = await createDatabase("other");
  empty = await createDatabase("empty");
  older = await createDatabase("older");
});

const numberOf = (cell: string | null) => (cell === null ? null : Number(cell));
const open = (url: string, mustExist = false) => openStore({ url, clock: systemClock, secretKey: new Uint8Array(32), mustExist });

describe("a PostgreSQL database", () => {
  it("is created by one of several nodes that start at once, and opened by all", async () => {
    const stores = await Promise.all(Array.from({ length: 5 }, () => database.openStore()));
    for (const store of stores) expect(await store.endpoints.listActive()).toEqual([]);
    const versions = await database.query("SELECT version, name FROM migrations ORDER BY version");
    expect(versions).toEqual(POSTGRES_MIGRATIONS.map(({ version, name }) => ({ version, name })));
  });

  it("of a newer version is opened if all newer steps are compatible, and refused otherwise", async () => {
    await database.query("INSERT INTO migrations VALUES (98, 'of the future', true), (99, 'of the future', true)");
    await (await open(database.url)).close();
    await database.query("UPDATE migrations SET is_compatible = false WHERE version = 98");
    await expect(open(database.url)).rejects.toMatchObject({
      code: "config",
      message: expect.stringMatching(/^127\.0\.0\.1:\d+\/migrations was written by a newer whcb: it has database version 99/),
    });
    await database.query("DELETE FROM migrations WHERE version >= 98");
  });

  it("of an older version gets the service's own attempts apart from those that clients reported, and what was erased, by one of several nodes", async () => {
    await (await open(older.url)).close();
    await older.query("DROP INDEX calls_held");
    await older.query(
      "ALTER TABLE calls DROP COLUMN sent_at, DROP COLUMN is_replayed, DROP COLUMN outage_id, DROP COLUMN settled_by_user",
    );
    for (const table of ["outage_counts", "audit"]) await older.query(`DROP TABLE ${table}`);
    await older.query("CREATE INDEX calls_held ON calls (callback_key)");
    await older.query("DROP TABLE replay_failures, expired_calls, expiries");
    for (const column of ["requested_by", "selection", "confirmed", "in_earlier", "collecting"])
      await older.query(`ALTER TABLE replays DROP COLUMN ${column}`);
    const added = ["signing_secrets", "paused_at", "paused_until", "paused_by"];
    await older.query(`ALTER TABLE callbacks ${added.map((column) => `DROP COLUMN ${column}`).join(", ")}`);
    await older.query("DELETE FROM migrations WHERE version >= 5");
    for (const statement of INSERT_OLD_CALLS) await older.query(statement);
    for (const store of await Promise.all(Array.from({ length: 5 }, () => open(older.url)))) await store.close();
    const numbers = (await older.query(READ_CALLS)).map((row) => ({
      ...row,
      sent_at: numberOf(row.sent_at),
      status_code: numberOf(row.status_code),
    }));
    expect(numbers).toEqual(CONVERTED_CALLS);
    expect(await older.query(READ_HELD)).toEqual([{ id: "held" }, { id: "held and reported" }]);
  });

  it("with another program's tables is refused, and stays as it is", async () => {
    await other.query("CREATE TABLE migrations (id integer)");
    await expect(open(other.url)).rejects.toMatchObject({ code: "config", message: /other has another program's tables/ });
    expect(await other.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).toEqual([
      { tablename: "migrations" },
    ]);
  });

  it.each([
    ["VIEW settings AS SELECT 1", "VIEW settings"],
    ["SEQUENCE calls", "SEQUENCE calls"],
    ["TYPE nodes AS ENUM ()", "TYPE nodes"],
    ["FUNCTION instr(text, text) RETURNS text LANGUAGE sql RETURN $1", "FUNCTION instr"],
  ])("with another program's %s is refused", async (definition, object) => {
    await empty.query(`CREATE ${definition}`);
    await expect(open(empty.url)).rejects.toMatchObject({
      code: "config",
      message: "The database has another program's objects, with names that whcb needs",
    });
    await empty.query(`DROP ${object}`);
  });

  it("without tables isn't created for a command that needs existing data", async () => {
    await expect(open(empty.url, true)).rejects.toMatchObject({ code: "config", message: /empty has no data of whcb/ });
    expect(await empty.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).toEqual([]);
  });
});

it("migrations are numbered without a gap", () => {
  expect(POSTGRES_MIGRATIONS.map(({ version }) => version)).toEqual(POSTGRES_MIGRATIONS.map((_, index) => index + 1));
});
