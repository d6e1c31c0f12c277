/**
 * Which callbacks were changed, in order, so that a dispatcher notices what another process wrote without reading every endpoint
 * (docs/dispatcher.md, Ownership). One row per callback: a later change replaces the earlier one. What the dispatcher itself commits
 * is not recorded.
 */
import { sql } from "kysely";
import type { Db } from "./schema.js";
import type { Changes } from "./store.js";

/** Part of the transaction that makes the change. AUTOINCREMENT never uses a number again, even of a row that was replaced. */
export async function recordChange(db: Db, callbackId: string): Promise<void> {
  await sql`INSERT OR REPLACE INTO changes (callback_id) VALUES (${callbackId})`.execute(db);
}

export async function readLatestChange(db: Db): Promise<number> {
  const { rows } = await sql<{ seq: number | null }>`SELECT max(seq) AS seq FROM changes`.execute(db);
  return rows[0]?.seq ?? 0;
}

export async function readChanges(db: Db, after: number, limit: number): Promise<Changes> {
  const rows = await db.selectFrom("changes").selectAll().where("seq", ">", after).orderBy("seq").limit(limit).execute();
  return { callbackIds: rows.map(({ callback_id }) => callback_id), position: rows.at(-1)?.seq ?? after };
}
