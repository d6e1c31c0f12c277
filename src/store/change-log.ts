/** What other processes wrote, for the dispatcher (docs/dispatcher.md, Ownership). One row per callback, its latest change. */
import { sql } from "kysely";
import type { Db } from "./schema.js";
import { listOf } from "./sqlite/json-rows.js";
import type { Changes } from "./store.js";

/** In the change's transaction. */
export function recordChange(db: Db, callbackId: string): Promise<void> {
  return recordChanges(db, [callbackId]);
}

/** AUTOINCREMENT never reuses a number. */
export async function recordChanges(db: Db, callbackIds: readonly string[]): Promise<void> {
  await sql`INSERT OR REPLACE INTO changes (callback_id) SELECT value FROM ${listOf(callbackIds)}`.execute(db);
}

export async function readLatestChange(db: Db): Promise<number> {
  const { rows } = await sql<{ seq: number | null }>`SELECT max(seq) AS seq FROM changes`.execute(db);
  return rows[0]?.seq ?? 0;
}

export async function readChanges(db: Db, after: number, limit: number): Promise<Changes> {
  const rows = await db.selectFrom("changes").selectAll().where("seq", ">", after).orderBy("seq").limit(limit).execute();
  return { callbackIds: rows.map(({ callback_id }) => callback_id), position: rows.at(-1)?.seq ?? after };
}
