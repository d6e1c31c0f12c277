/** Removes deleted callbacks and calls past retention (docs/dispatcher.md, A call, rules 8 and 10). */
import { type RawBuilder, sql } from "kysely";
import type { CallStatus } from "../domain/call.js";
import { keptSince, type RetentionPolicy } from "../domain/retention.js";
import { CountChanges } from "./calls/call-counts.js";
import type { Db } from "./schema.js";
import { listOf } from "./sqlite/json-rows.js";

interface PurgedRow {
  readonly seq: number;
  readonly callback_key: number;
  readonly status: CallStatus;
}

/** Atomic and bounded. Returns how many calls it removed; fewer than `limit` means that nothing is left. */
export function purge(
  db: Db,
  retention: RetentionPolicy,
  query: { readonly now: number; readonly limit: number },
): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const deleted = await trx.selectFrom("callbacks").select("key").where("deleted_at", "is not", null).execute();
    let left = query.limit;
    for (const { key } of deleted) {
      for (const status of ["PENDING", "FAILED", "SUCCESS"] as const)
        left -= await removeCalls(trx, ofCallback(key, status), left);
      if (left > 0) await removeCallback(trx, key);
    }
    const since = {
      withRetries: keptSince(query.now, true, retention),
      withoutRetries: keptSince(query.now, false, retention),
    };
    for (const status of ["FAILED", "SUCCESS"] as const) left -= await removeCalls(trx, pastRetention(status, since), left);
    return query.limit - left;
  });
}

function ofCallback(key: number, status: CallStatus): RawBuilder<unknown> {
  const settled = status === "PENDING" ? sql`` : sql`AND status <> 'PENDING'`;
  return sql`SELECT seq, callback_key, status FROM calls WHERE callback_key = ${key} AND status = ${sql.lit(status)} ${settled}`;
}

/**
 * A call changes at or after its last attempt, so the index by attempt finds the old ones; those marked later are skipped. What is
 * still due stays.
 */
function pastRetention(status: "FAILED" | "SUCCESS", since: { readonly withRetries: number; readonly withoutRetries: number }) {
  const kept = sql`(CASE retries_enabled WHEN 1 THEN ${since.withRetries} ELSE ${since.withoutRetries} END)`;
  return sql`
    SELECT seq, callback_key, status FROM callbacks CROSS JOIN calls ON calls.callback_key = callbacks.key
    WHERE status = ${sql.lit(status)} AND status <> 'PENDING' AND attempted_at < ${kept} AND changed_at < ${kept}
      AND due_at IS NULL AND deleted_at IS NULL`;
}

async function removeCalls(db: Db, which: RawBuilder<unknown>, limit: number): Promise<number> {
  if (limit <= 0) return 0;
  const { rows } = await sql<PurgedRow>`${which} LIMIT ${limit}`.execute(db);
  if (rows.length === 0) return 0;
  const seqs = rows.map(({ seq }) => seq);
  await sql`DELETE FROM attempts WHERE call_seq IN (SELECT batch.value FROM ${listOf(seqs)})`.execute(db);
  await sql`DELETE FROM calls WHERE seq IN (SELECT batch.value FROM ${listOf(seqs)})`.execute(db);
  const changes = new CountChanges();
  for (const { callback_key, status } of rows) changes.add(callback_key, status, -1);
  await changes.save(db);
  return rows.length;
}

/** Waits until its queued e-mails are sent: a failure before the deletion is still reported. */
async function removeCallback(db: Db, key: number): Promise<void> {
  const queued = await db
    .selectFrom("mails")
    .select("outage_id")
    .where("callback_key", "=", key)
    .where("sent_at", "is", null)
    .executeTakeFirst();
  if (queued !== undefined) return;
  for (const table of ["mails", "outages", "endpoints", "call_counts"] as const) {
    await db.deleteFrom(table).where("callback_key", "=", key).execute();
  }
  await db.deleteFrom("callbacks").where("key", "=", key).execute();
}
