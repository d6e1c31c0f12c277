/** The schema of a database is compared with what this version's migrations make of an empty one. */
import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { applyMigrations } from "../postgres/postgres-migrations.js";
import { readSchemaObjects } from "../postgres/schema-objects.js";
import type { Db } from "../schema.js";
import { isPostgres } from "../sql/per-database.js";
import { migrate } from "../sqlite/migrations.js";
import { openDatabase } from "../sqlite/open-database.js";

/** The definitions are by kind and name, such as "index calls_due". */
type SchemaObjects = ReadonlyMap<string, string>;

export interface CheckedSchema {
  readonly faults: readonly string[];
  /** If true, queries read this version's tables, and no view or generated column in their place, which may run anything. */
  readonly hasTables: boolean;
}

/** Changes nothing. Resolves to null if PostgreSQL's tables can't be made a second time to compare them. */
export async function checkSchema(db: Db): Promise<CheckedSchema | null> {
  const both = isPostgres(db) ? await readPostgres(db) : { found: await readSqlite(db), expected: expectSqlite() };
  if (both === null) return null;
  const { found, expected } = both;
  const wrong = [...expected].filter(([object, definition]) => found.get(object) !== definition);
  const added = [...found.keys()].filter((object) => !expected.has(object));
  return {
    faults: [
      ...added.map((object) => `${object}: isn't part of whcb's schema`),
      ...wrong.map(([object]) => `${object}: ${found.has(object) ? "differs from what whcb creates" : "is missing"}`),
    ],
    hasTables: !wrong.some(([object]) => object.startsWith("table ")),
  };
}

/** The statistics of ANALYZE are left out, and so are the indexes of constraints, which are part of their table's definition. */
const SQLITE_OBJECTS = `
  SELECT type || ' ' || name || CASE type WHEN 'trigger' THEN ' on ' || tbl_name ELSE '' END AS object, sql AS definition
  FROM sqlite_schema WHERE sql IS NOT NULL AND NOT (type = 'table' AND name GLOB 'sqlite_stat[1-4]') ORDER BY object`;

interface ObjectRow {
  readonly object: string;
  readonly definition: string;
}

async function readSqlite(db: Db): Promise<SchemaObjects> {
  return sqliteObjects((await sql.raw<ObjectRow>(SQLITE_OBJECTS).execute(db)).rows);
}

function expectSqlite(): SchemaObjects {
  const database = openDatabase(":memory:", {});
  try {
    migrate(database, ":memory:");
    return sqliteObjects(database.prepare<[], ObjectRow>(SQLITE_OBJECTS).all());
  } finally {
    database.close();
  }
}

/** SQLite keeps the white space of the statement, which is no part of a migration. */
function sqliteObjects(rows: readonly ObjectRow[]): SchemaObjects {
  return new Map(rows.map(({ object, definition }) => [object, definition.replace(/\s+/g, " ")]));
}

/** The same server writes both definitions: they differ between versions of PostgreSQL. */
async function readPostgres(db: Db): Promise<Readonly<Record<"found" | "expected", SchemaObjects>> | null> {
  const { rows } = await sql<{ schema: string; may_create: number }>`
    SELECT current_schema() AS schema, has_database_privilege(current_database()::text, 'CREATE')
      AND current_setting('transaction_read_only') = 'off' AS may_create`.execute(db);
  const { schema = "", may_create: mayCreate = 0 } = rows[0] ?? {};
  if (mayCreate === 0) return null;
  await sql`BEGIN`.execute(db);
  try {
    await useSchema(db, schema);
    const found = await readSchemaObjects(db);
    const scratch = `whcb_check_${randomUUID()}`;
    await sql`CREATE SCHEMA ${sql.id(scratch)}`.execute(db);
    await useSchema(db, scratch);
    await applyMigrations(db, "");
    return { found, expected: await readSchemaObjects(db) };
  } finally {
    await sql`ROLLBACK`.execute(db);
  }
}

/** The schema is used until the end of the transaction. Definitions name only this schema's objects without their schema. */
async function useSchema(db: Db, schema: string): Promise<void> {
  await sql`SET LOCAL search_path = ${sql.id(schema)}, pg_temp`.execute(db);
}
