import { type RawBuilder, sql } from "kysely";
import { errorMessage, isWhcbError } from "../../domain/errors.js";
import type { CheckedDatabase, DatabaseProblem } from "../../domain/maintenance.js";
import type { Clock } from "../../platform/clock.js";
import { openReader } from "../open-store.js";
import { readNewer } from "../postgres/postgres-migrations.js";
import type { Db } from "../schema.js";
import { isPostgres } from "../sql/per-database.js";
import { sqliteCode } from "../sqlite/sqlite-error.js";
import { CHECK_RULES } from "./check-rules.js";
import { checkSchema } from "./check-schema.js";

const EXAMPLES = 10;

/**
 * Checks one state, also while others write. Only reads, and holds no rows but the examples. Throws `config` for another
 * version's database, unless it is newer and compatible.
 */
export async function checkDatabase(url: string, clock: Clock, onProgress: (where: string) => void): Promise<CheckedDatabase> {
  const db = await openReader(url, clock);
  try {
    return await db.connection().execute(async (connection) => {
      const damage = isPostgres(connection) ? [] : await checkFile(connection, onProgress);
      if (damage.length > 0) return { rows: null, problems: damage, unchecked: null };
      onProgress("schema");
      const isNewer = isPostgres(connection) && (await readNewer(connection)) !== "none";
      const schema = isNewer ? null : await checkSchema(connection);
      const unchecked = schema !== null ? null : isNewer ? "newer" : "schema";
      const problems = problemsOf("schema", schema?.faults ?? []);
      if (schema?.hasTables === false) return { rows: null, problems, unchecked };
      await beginSnapshot(connection);
      const wrongRows = await checkRows(connection, onProgress);
      const rows = {
        callbacks: await countOf(connection, sql`callbacks`),
        calls: await countOf(connection, sql`calls`),
        attempts: await countOf(connection, sql`attempts`),
      };
      return { rows, problems: [...problems, ...wrongRows], unchecked };
    });
  } finally {
    await db.destroy();
  }
}

async function beginSnapshot(db: Db): Promise<void> {
  if (!isPostgres(db)) return void (await sql`BEGIN`.execute(db));
  await sql`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`.execute(db);
  await sql`SET LOCAL statement_timeout = 0`.execute(db);
}

/** Checks pages, and indexes against rows. PostgreSQL's server checks its own. */
async function checkFile(db: Db, onProgress: (where: string) => void): Promise<readonly DatabaseProblem[]> {
  onProgress("file");
  return problemsOf(
    "file",
    (await readFaults(db)).filter((line) => line !== "ok"),
  );
}

function problemsOf(where: string, faults: readonly string[]): readonly DatabaseProblem[] {
  return faults.length === 0 ? [] : [{ where, rows: faults.length, examples: faults.slice(0, EXAMPLES) }];
}

async function readFaults(db: Db): Promise<readonly string[]> {
  try {
    const { rows } = await sql<{ integrity_check: string }>`PRAGMA integrity_check(${sql.lit(EXAMPLES)})`.execute(db);
    return rows.map((row) => row.integrity_check);
  } catch (error) {
    // The file is so damaged that SQLite can't list the faults.
    if (isWhcbError(error) && sqliteCode(error.cause) === "CORRUPT") return [errorMessage(error.cause)];
    throw error;
  }
}

async function checkRows(db: Db, onProgress: (where: string) => void): Promise<readonly DatabaseProblem[]> {
  const problems: DatabaseProblem[] = [];
  for (const { table, find } of CHECK_RULES) {
    onProgress(table);
    const { rows } = await sql<{ fault: string }>`${find} LIMIT ${EXAMPLES}`.execute(db);
    if (rows.length === 0) continue;
    problems.push({ where: table, rows: await countOf(db, sql`(${find})`), examples: rows.map(({ fault }) => fault) });
  }
  return problems;
}

async function countOf(db: Db, rows: RawBuilder<unknown>): Promise<number> {
  const found = await sql<{ count: number }>`SELECT count(*) AS count FROM ${rows} AS counted`.execute(db);
  return found.rows[0]?.count ?? 0;
}
