import { beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/platform/clock.js";
import { openReader, openStore } from "../../../../src/store/open-store.js";
import { LATEST_VERSION, POSTGRES_MIGRATIONS } from "../../../../src/store/postgres/postgres-migration-steps.js";
import { createDatabase, type TestDatabase } from "../../../support/postgres/databases.js";

let database: TestDatabase;
let other: TestDatabase;
let empty: TestDatabase;

beforeAll(async () => {
  database = await createDatabase("migrations");
  other = await createDatabase("other");
  empty = await createDatabase("empty");
});

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

  it("between two releases is refused, for all commands", async () => {
    await database.query("UPDATE migrations SET version = 9");
    const rejection = {
      code: "config",
      message: expect.stringMatching(/^127\.0\.0\.1:\d+\/migrations has database version 9, which no release of whcb wrote$/),
      hint: expect.stringContaining("start on a new database"),
    };
    await expect(open(database.url)).rejects.toMatchObject(rejection);
    await expect(open(database.url, true)).rejects.toMatchObject(rejection);
    await expect(openReader(database.url, systemClock)).rejects.toMatchObject(rejection);
    await database.query(`UPDATE migrations SET version = ${LATEST_VERSION}`);
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

it("migrations are in the order of their versions", () => {
  const versions = POSTGRES_MIGRATIONS.map(({ version }) => version);
  expect(versions).toEqual([...new Set(versions)].sort((one, other) => one - other));
});
