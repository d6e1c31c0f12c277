/** Retries switched on and off (dispatch.md, a call, 7): what waits changes in the transaction that changes the setting. */
import { sql } from "kysely";
import type { RetryPolicy } from "../../domain/retry-policy.js";
import { CountChanges } from "../calls/call-counts.js";
import { type Db, NEVER } from "../schema.js";

/**
 * FAILED calls that are still inside their window (its last instant included) are due now. Those that never failed, but were marked, have no window; those
 * that wait for a replay go on waiting for it.
 */
export async function switchRetriesOn(db: Db, callbackKey: number, now: number, policy: RetryPolicy): Promise<void> {
  await sql`
    UPDATE calls SET due_at = ${now}, due_cause = 'retry', changed_at = ${now}
    WHERE callback_key = ${callbackKey} AND status = 'FAILED' AND status <> 'PENDING'
      AND due_at IS NULL AND first_failed_at >= ${now - policy.windowMs}`.execute(db);
}

/**
 * A held call was never sent: it is PENDING again, as if it had just come in, and gets its one attempt. Every other retry is
 * cancelled. A replay that someone asked for isn't a retry, and stays.
 */
export async function switchRetriesOff(db: Db, callbackKey: number, now: number): Promise<void> {
  const released = await sql`
    UPDATE calls
    SET status = 'PENDING', attempted_at = ${NEVER}, status_message = NULL, first_failed_at = NULL,
        due_at = NULL, due_cause = NULL, failed_in_recovery = 0, settled_by = NULL, changed_at = ${now}
    WHERE callback_key = ${callbackKey} AND status = 'FAILED' AND due_at IS NOT NULL AND attempt_count = 0`.execute(db);
  await sql`
    UPDATE calls SET due_at = NULL, due_cause = NULL, changed_at = ${now}
    WHERE callback_key = ${callbackKey} AND status = 'FAILED' AND due_at IS NOT NULL AND due_cause = 'retry'`.execute(db);
  const changes = new CountChanges();
  changes.add(callbackKey, "PENDING", Number(released.numAffectedRows ?? 0n));
  changes.add(callbackKey, "FAILED", -Number(released.numAffectedRows ?? 0n));
  await changes.save(db);
}
