import type { Database } from "better-sqlite3";
import { sql } from "kysely";
import { isWhcbError, systemErrorCode, WhcbError } from "../../domain/errors.js";
import type { Copied, CopyProgress } from "../../domain/maintenance.js";
import type { Clock } from "../../platform/clock.js";
import { openPostgres, requireNotNewerAt } from "../postgres/open-postgres.js";
import type { Db } from "../schema.js";
import { transact } from "../sql/transactions.js";
import { requireCurrent } from "../sqlite/migrations.js";
import { lockDatabase, openToRead } from "../sqlite/open-sqlite.js";
import { translateSqliteError } from "../sqlite/sqlite-error.js";
import { COPIED, type CopiedTable, readTables } from "./copied-tables.js";
import { beginCopy, type CopyState, endCopy, moveState } from "./copy-state.js";
import { type Digests, digestSource, digestTarget, storedText } from "./digests.js";

/** What it throws ends the copy, which can be resumed. */
type OnCopyProgress = (progress: CopyProgress) => void;

/**
 * Copies a SQLite file, which nothing may serve meanwhile, into a PostgreSQL database without data, and compares the two. What was interrupted
 * is resumed, if the file is the same. Throws `config` if the file is served or the target has other data, `locked` while a run sends,
 * `items-failed` if the copy differs.
 */
export async function copyDatabase(path: string, url: string, clock: Clock, onProgress: OnCopyProgress): Promise<Copied> {
  const lock = await lockDatabase(path, { mustExist: true });
  try {
    const { database: source, version } = openToRead(path);
    try {
      requireCurrent(version, path);
      source.exec("BEGIN");
      requireNoRuns(source, clock.now());
      const { db: target } = await openPostgres({ url, mustExist: false });
      try {
        await requireNotNewerAt(url, target);
        return await copyInto(target, source, clock, onProgress);
      } finally {
        await target.destroy();
      }
    } finally {
      source.close();
    }
  } catch (error) {
    throw isWhcbError(error) ? error : translateSqliteError(error);
  } finally {
    await lock.release();
  }
}

/** A run would mark calls in the file that are copied already. */
function requireNoRuns(source: Database, now: number): void {
  if (source.prepare("SELECT 1 FROM run_leases WHERE expires_at > ?").get(now) === undefined) return;
  throw new WhcbError("locked", "A run sends calls of the file", {
    hint: "Wait for its end, or at most a minute if it was killed.",
  });
}

async function copyInto(target: Db, source: Database, clock: Clock, onProgress: OnCopyProgress): Promise<Copied> {
  const tables = readTables(source);
  const wanted = await digestSource(source, tables, clock, (table, rows) => onProgress({ step: "reading", table, rows }));
  const [firstTable = ""] = COPIED;
  const begun = await beginCopy(target, wanted.ofAll, firstTable);
  let state = begun;
  for (const table of tables.slice(tables.findIndex(({ name }) => name === begun.table))) {
    if (state.table !== table.name)
      state = await advanceCopy(target, state, { ...state, table: table.name, after: null, rows: 0 });
    for (let batch = readBatch(source, table, state.after); batch.length > 0; batch = readBatch(source, table, state.after)) {
      const last = batch.at(-1);
      const after = table.key.map((name) => keyCell(last?.[name]));
      state = await advanceCopy(target, state, { ...state, after, rows: state.rows + batch.length }, (trx) =>
        insertBatch(trx, table, batch),
      );
      onProgress({ step: "copying", table: table.name, rows: state.rows });
    }
  }
  await setSequences(target);
  const found = await digestTarget(target, tables, (table, rows) => onProgress({ step: "comparing", table, rows }));
  requireSame(wanted, found, source);
  await endCopy(target);
  return { rows: wanted.rows, isResumed: begun.table !== firstTable || begun.after !== null };
}

async function advanceCopy(
  target: Db,
  from: CopyState,
  to: CopyState,
  work: (trx: Db) => Promise<void> = async () => {},
): Promise<CopyState> {
  await transact(target, async (trx) => {
    await moveState(trx, from, to);
    await work(trx);
  });
  return to;
}

type Row = Readonly<Record<string, unknown>>;

/** A batch has so many characters, but a single row may have more. */
const BATCH_LENGTH = 4 * 1024 * 1024;
const BATCH_ROWS = 5_000;

function readBatch(source: Database, { name, columns, key }: CopiedTable, after: CopyState["after"]): readonly Row[] {
  const keys = key.join(", ");
  const later = after === null ? "" : `WHERE (${keys}) > (${key.map(() => "?").join(", ")})`;
  const rows = source.prepare<unknown[], Row>(`
    SELECT ${columns.map((column) => column.name).join(", ")} FROM ${name} ${later} ORDER BY ${keys} LIMIT ${BATCH_ROWS}`);
  const batch: Row[] = [];
  let length = 0;
  for (const row of rows.iterate(...(after ?? []))) {
    batch.push(row);
    for (const value of Object.values(row)) length += typeof value === "string" || Buffer.isBuffer(value) ? value.length : 1;
    if (length >= BATCH_LENGTH) break;
  }
  return batch;
}

function keyCell(value: unknown): string | number {
  return typeof value === "number" ? value : String(value);
}

async function insertBatch(trx: Db, { name, columns }: CopiedTable, batch: readonly Row[]): Promise<void> {
  const names = sql.join(columns.map((column) => sql.ref(column.name)));
  const rows = JSON.stringify(
    batch.map((row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, cellOf(value)]))),
  );
  try {
    await sql`
      INSERT INTO ${sql.table(name)} (${names})
      SELECT ${names} FROM pg_catalog.json_populate_recordset(CAST(NULL AS ${sql.table(name)}), ${rows}::json)`.execute(trx);
  } catch (error) {
    if (systemErrorCode(error) !== FOREIGN_KEY_VIOLATION) throw error;
    throw new WhcbError("config", `The file has rows in ${name} whose callback doesn't exist`, {
      hint: "See `whcb db check` of the file.",
      cause: error,
    });
  }
}

const FOREIGN_KEY_VIOLATION = "23503";

/** Returns what the cell is in JSON. */
function cellOf(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return `\\x${value.toString("hex")}`;
  return typeof value === "string" ? storedText(value) : value;
}

/** New keys begin behind the copied ones. */
async function setSequences(target: Db): Promise<void> {
  const { rows } = await sql<{ table: string; column: string }>`
    SELECT table_name AS "table", column_name AS "column" FROM information_schema.columns
    WHERE table_schema::name = current_schema() AND is_identity::text = 'YES'`.execute(target);
  for (const { table, column } of rows) {
    await sql`
      SELECT setval(pg_get_serial_sequence(${table}, ${column})::regclass, max(${sql.ref(column)}))
      FROM ${sql.table(table)} HAVING max(${sql.ref(column)}) IS NOT NULL`.execute(target);
  }
}

const MAX_NAMED = 10;

function requireSame(wanted: Digests, found: Digests, source: Database): void {
  const keys = new Set([...wanted.ofCallbacks.keys(), ...found.ofCallbacks.keys()]);
  const different = [...keys].filter((key) => wanted.ofCallbacks.get(key) !== found.ofCallbacks.get(key));
  if (different.length === 0) return;
  const idOf = source.prepare<[number], string>("SELECT id FROM callbacks WHERE key = ?").pluck();
  const names = different
    .slice(0, MAX_NAMED)
    .map((key) => (key === null ? "users and settings" : (idOf.get(key) ?? `callback ${key}`)));
  const more = different.length > MAX_NAMED ? ` and ${different.length - MAX_NAMED} more` : "";
  const tables = [...wanted.rows].filter(([table, rows]) => rows !== found.rows.get(table)).map(([table]) => table);
  const counts = tables.length === 0 ? "the numbers of rows are the same" : `the numbers of rows differ in ${tables.join(", ")}`;
  throw new WhcbError("items-failed", `The copy differs from the file in ${names.join(", ")}${more}; ${counts}`, {
    hint: "Something else has written to the database: copy into a new one.",
  });
}
