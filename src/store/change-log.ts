/** The log tells the dispatcher what others wrote (docs/dispatcher.md, Ownership): each callback's latest change. */
import { sql } from "kysely";
import type { Db } from "./schema.js";
import { inList, valueList } from "./sql/batches.js";
import { isPostgres, perDatabase } from "./sql/per-database.js";

export interface Changes {
  /** Each callback is there once, in the order of the latest changes. */
  readonly callbackIds: readonly string[];
  /** The next read continues here. */
  readonly position: string;
}

/** Is called in the change's transaction. */
export function recordChange(db: Db, callbackId: string): Promise<void> {
  return recordChanges(db, [callbackId]);
}

/** On SQLite, AUTOINCREMENT never reuses a number. */
export async function recordChanges(db: Db, callbackIds: readonly string[]): Promise<void> {
  const ids = valueList(callbackIds, "text");
  await sql`${perDatabase({
    sqlite: sql`INSERT OR REPLACE INTO changes (callback_id) SELECT value FROM ${ids}`,
    postgres: () => sql`
      INSERT INTO changes (callback_id) SELECT value FROM ${ids} ON CONFLICT (callback_id) DO UPDATE SET xid = excluded.xid`,
  })}`.execute(db);
}

/** Does what `recordChanges` does, in the order of the keys, in which others lock callbacks. */
export async function recordChangesByKey(db: Db, keys: readonly number[]): Promise<void> {
  if (keys.length === 0) return;
  const { rows } = await sql<{ id: string }>`SELECT id FROM callbacks WHERE key ${inList(keys, "bigint")} ORDER BY key`.execute(
    db,
  );
  await recordChanges(
    db,
    rows.map(({ id }) => id),
  );
}

/** A term for a query of callbacks, which differs after each change. */
export const latestChange = perDatabase({
  sqlite: sql`(SELECT seq FROM changes WHERE callback_id = callbacks.id)`,
  postgres: () => sql`(SELECT xid::text FROM changes WHERE callback_id = callbacks.id)`,
});

export function changeStore(db: Db) {
  return {
    /** Resolves to the position behind all changes. */
    async readLatest(): Promise<string> {
      if (isPostgres(db)) return readSnapshot(db);
      const { rows } = await sql<{ seq: number | null }>`SELECT max(seq) AS seq FROM changes`.execute(db);
      return String(rows[0]?.seq ?? 0);
    },

    /**
     * Reads what was changed after this position, other than by the dispatcher, with deleted callbacks. There are more than
     * `limit` only of one transaction.
     */
    async read(after: string, limit: number): Promise<Changes> {
      if (isPostgres(db)) return readCommittedChanges(db, after, limit);
      const { rows } = await sql<{ seq: number; callback_id: string }>`
        SELECT seq, callback_id FROM changes WHERE seq > ${Number(after)} ORDER BY seq LIMIT ${limit}`.execute(db);
      return { callbackIds: rows.map(({ callback_id }) => callback_id), position: String(rows.at(-1)?.seq ?? after) };
    },

    /** Resolves to a text that differs once another process has written. */
    async readCounter(): Promise<string> {
      if (isPostgres(db)) return readSnapshot(db);
      const { rows } = await sql<{ data_version: number }>`PRAGMA data_version`.execute(db);
      return String(rows[0]?.data_version);
    },
  };
}

/*
 * On PostgreSQL a number that is handed out before the commit is no position: a reader that has passed it would miss the row. So a position
 * is a snapshot, and what is read next are the rows of transactions that it doesn't see: each once, however long a transaction takes.
 */

/** The snapshot is of the transactions that have ended: xmin:xmax:those between that haven't. */
async function readSnapshot(db: Db): Promise<string> {
  const { rows } = await sql<{ snapshot: string }>`SELECT pg_current_snapshot()::text AS snapshot`.execute(db);
  return rows[0]?.snapshot ?? "";
}

async function readCommittedChanges(db: Db, after: string, limit: number): Promise<Changes> {
  const { rows } = await sql<{ callback_id: string; xid: string; snapshot: string }>`
    SELECT callback_id, xid::text AS xid, pg_current_snapshot()::text AS snapshot FROM changes
    WHERE xid >= pg_snapshot_xmin(${after}::pg_snapshot) AND NOT pg_visible_in_snapshot(xid, ${after}::pg_snapshot)
    ORDER BY changes.xid FETCH FIRST ${limit} ROWS WITH TIES`.execute(db);
  const last = rows.at(-1);
  const callbackIds = rows.map(({ callback_id }) => callback_id);
  if (last === undefined) return { callbackIds, position: after };
  return { callbackIds, position: rows.length < limit ? last.snapshot : snapshotUpTo(last.snapshot, BigInt(last.xid)) };
}

/** Returns a snapshot that sees no later transaction. */
function snapshotUpTo(snapshot: string, last: bigint): string {
  const [xmin = "", , running = ""] = snapshot.split(":");
  const end = last + 1n;
  const before = running.split(",").filter((xid) => xid !== "" && BigInt(xid) < end);
  return `${BigInt(xmin) < end ? xmin : end}:${end}:${before.join(",")}`;
}
