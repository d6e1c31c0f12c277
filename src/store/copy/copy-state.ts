/**
 * The state says how far a copy into a database is. It is a setting of the target, so that it commits with the rows, and no
 * schema has a table for it.
 */
import { sql } from "kysely";
import { WhcbError } from "../../domain/errors.js";
import type { Db } from "../schema.js";
import { readSetting } from "../settings-store.js";
import { transact } from "../sql/transactions.js";

export const UNFINISHED_COPY = "unfinished-copy";

export interface CopyState {
  /** `source` is a digest of all that is copied. */
  readonly source: string;
  /** All earlier tables are complete. */
  readonly table: string;
  /** `after` is the key of the last row of `table`, or null if there is none yet. */
  readonly after: readonly (string | number)[] | null;
  readonly rows: number;
}

/** Throws `config` if there is one: there may be half of a callback's calls. */
export async function requireNoUnfinishedCopy(db: Db): Promise<void> {
  if ((await readState(db)) === null) return;
  throw new WhcbError("config", "A copy into the database is unfinished", {
    hint: "Run `whcb db copy` again: it goes on where it was interrupted.",
  });
}

/** Resolves to the state of an unfinished copy, or of a new one. Throws `config` for other data, or another source. */
export function beginCopy(db: Db, source: string, firstTable: string): Promise<CopyState> {
  return transact(db, async (trx) => {
    // A service that starts meanwhile waits, or this waits and finds its data.
    await sql`LOCK TABLE settings IN EXCLUSIVE MODE`.execute(trx);
    const state = await readState(trx);
    if (state !== null && state.source !== source) {
      throw new WhcbError("config", "The unfinished copy in the database is of another file, or of this one before it changed", {
        hint: "Give the file that it was begun with, or copy into a new database.",
      });
    }
    if (state !== null) return state;
    await requireEmpty(trx);
    const first: CopyState = { source, table: firstTable, after: null, rows: 0 };
    await trx
      .insertInto("settings")
      .values({ name: UNFINISHED_COPY, value: encodeState(first) })
      .execute();
    return first;
  });
}

/** Is called with the rows, in their transaction. Throws `locked` if another process has copied meanwhile. */
export async function moveState(trx: Db, from: CopyState, to: CopyState): Promise<void> {
  const { numUpdatedRows } = await trx
    .updateTable("settings")
    .set({ value: encodeState(to) })
    .where("name", "=", UNFINISHED_COPY)
    .where("value", "=", encodeState(from))
    .executeTakeFirst();
  if (numUpdatedRows === 1n) return;
  throw new WhcbError("locked", "Another process copies into the database");
}

export async function endCopy(db: Db): Promise<void> {
  await db.deleteFrom("settings").where("name", "=", UNFINISHED_COPY).execute();
}

async function requireEmpty(db: Db): Promise<void> {
  const { rows: tables } = await sql<{ name: string }>`
    SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'migrations'`.execute(db);
  for (const { name } of tables) {
    const { rows } = await sql`SELECT FROM ${sql.table(name)} LIMIT 1`.execute(db);
    if (rows.length === 0) continue;
    throw new WhcbError("config", `The database has data already, in its table ${name}`, {
      hint: "Copy into a new database.",
    });
  }
}

async function readState(db: Db): Promise<CopyState | null> {
  const value = await readSetting(db, UNFINISHED_COPY);
  return value === null ? null : JSON.parse(value.toString());
}

function encodeState(state: CopyState): Buffer {
  return Buffer.from(JSON.stringify(state));
}
