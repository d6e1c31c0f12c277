import { sql } from "kysely";
import { LEASE_MS, type RunLease } from "../../domain/callback.js";
import type { Db } from "../schema.js";
import { requireCallback } from "./callback-row.js";

/** One statement. null if taken, else the holder's lease. Ignores a lease from before the clock was set back. */
export async function takeRunLease(db: Db, callbackId: string, lease: RunLease, now: number): Promise<RunLease | null> {
  const { key } = await requireCallback(db, callbackId);
  const { run, holder, done, total } = lease;
  const expiresAt = now + LEASE_MS;
  const { rows } = await sql<{ callback_key: number }>`
    INSERT INTO run_leases (callback_key, run, holder, done, total, expires_at)
    VALUES (${key}, ${run}, ${holder}, ${done}, ${total}, ${expiresAt})
    ON CONFLICT (callback_key) DO UPDATE SET
      run = excluded.run, holder = excluded.holder, done = excluded.done, total = excluded.total, expires_at = excluded.expires_at
    WHERE (run_leases.run = excluded.run AND run_leases.holder = excluded.holder)
      OR run_leases.expires_at <= ${now} OR run_leases.expires_at > ${expiresAt}
    RETURNING callback_key`.execute(db);
  if (rows.length > 0) return null;
  const row = await db.selectFrom("run_leases").selectAll().where("callback_key", "=", key).executeTakeFirst();
  // It may have been released since.
  if (row === undefined) return takeRunLease(db, callbackId, lease, now);
  return { run: row.run, holder: row.holder, done: row.done, total: row.total };
}

export async function releaseRunLease(db: Db, callbackId: string, { run, holder }: RunLease): Promise<void> {
  await db
    .deleteFrom("run_leases")
    .where("callback_key", "=", (callbacks) => callbacks.selectFrom("callbacks").select("key").where("id", "=", callbackId))
    .where("run", "=", run)
    .where("holder", "=", holder)
    .execute();
}
