/** No stored time may be in the future (docs/dispatcher.md, Ownership), and leases of runs start again. */
import { type RawBuilder, sql } from "kysely";
import { RUN_LEASE_MS } from "../../domain/callback.js";
import type { RetryPolicy } from "../../domain/retry-policy.js";
import { lockKeys } from "../callbacks/callback-row.js";
import { switchRetriesOn } from "../callbacks/callbacks.js";
import { recordChanges } from "../change-log.js";
import { type Db, NEVER } from "../schema.js";
import { crossJoin } from "../sql/per-database.js";

export interface SetBack {
  /** What the clock would show if it hadn't been set back. */
  readonly clockBefore: number;
  readonly policy: RetryPolicy;
}

export interface ClockBounds {
  readonly now: number;
  /** Retries that are due later are due then. */
  readonly latestDueAt: number;
  /** It is left out, or null, at the start. */
  readonly setBack?: SetBack | null;
}

/** A run gives up earlier than that. */
const LONGEST_AWAY_MS = 10 * 60_000;
/** Connecting may take 5 s, and an attempt 60 s. */
const LONGEST_ATTEMPT_MS = 65_000;

/** With half a million calls, one statement would take longer than PostgreSQL's timeout, and block the process with SQLite. */
const CALLS_AT_ONCE = 1_000;

/**
 * Clamps what is stored, usually by a few index lookups per callback. Resolves to the ids of callbacks whose calls are retried again, or to null
 * if it must be called again for more calls.
 */
export async function clampTimes(trx: Db, { now, latestDueAt, setBack = null }: ClockBounds): Promise<readonly string[] | null> {
  await lockKeys(trx);
  // A requested replay goes at once, whatever its due time, which is its replay's key.
  const isTooLate = sql`due_at IS NOT NULL AND due_at > ${latestDueAt} AND due_cause <> 'replay'`;
  const clampedTimes = sql`attempted_at = ${atMost("attempted_at", now)}, sent_at = ${atMost("sent_at", now)},
    first_failed_at = ${atMost("first_failed_at", now)}`;
  const areAllClamped =
    (await clampCalls(trx, sql`due_at = ${latestDueAt}`, isTooLate)) &&
    (await clampCalls(trx, clampedTimes, sql`status <> 'PENDING' AND attempted_at > ${now}`)) &&
    (await clampCalls(trx, clampedTimes, sql`due_cause = 'retry' AND first_failed_at > ${now}`));
  if (!areAllClamped) return null;
  await sql`
    UPDATE outages SET started_at = ${atMost("started_at", now)}, quiet_since = ${atMost("quiet_since", now)}
    WHERE ended_at IS NULL AND (started_at > ${now} OR quiet_since > ${now})`.execute(trx);
  // A probe that waits for a run's lock is due later, and one that has gone, or is in flight, must not be due again.
  const isOldProbe = sql`replay_probe_at > ${now + RUN_LEASE_MS}`;
  await sql`
    UPDATE callbacks SET repaired_at = ${atMost("repaired_at", now)}, replay_requested_at = ${atMost("replay_requested_at", now)},
      replay_probe_at = CASE WHEN ${isOldProbe} THEN ${now - LONGEST_ATTEMPT_MS} ELSE replay_probe_at END
    WHERE repaired_at > ${now} OR replay_requested_at > ${now} OR ${isOldProbe}`.execute(trx);
  // A pause that was over stays so, and one that began in the future keeps its length.
  await sql`
    UPDATE callbacks SET paused_at = NULL, paused_until = NULL, paused_by = NULL
    WHERE paused_at IS NOT NULL AND paused_until <= ${setBack?.clockBefore ?? NEVER}`.execute(trx);
  await sql`
    UPDATE callbacks SET paused_at = ${now}, paused_until = paused_until - (paused_at - ${now}) WHERE paused_at > ${now}`.execute(
    trx,
  );
  // Its run may live, and couldn't renew it while the service was away.
  const expiresAt = now + RUN_LEASE_MS;
  await sql`
    UPDATE run_leases SET expires_at = ${expiresAt}
    WHERE expires_at > ${now - LONGEST_AWAY_MS} AND expires_at <> ${expiresAt}`.execute(trx);
  await sql`DELETE FROM run_leases WHERE expires_at <= ${now - LONGEST_AWAY_MS}`.execute(trx);
  return setBack === null ? [] : undoEndedWindows(trx, now, setBack.policy);
}

/** The clock was ahead, so windows and outages have ended that haven't. */
async function undoEndedWindows(trx: Db, now: number, policy: RetryPolicy): Promise<readonly string[]> {
  await sql`UPDATE outages SET ended_at = ${now} WHERE ended_at > ${now}`.execute(trx);
  const { rows } = await sql<{ key: number; id: string }>`
    SELECT key, id FROM callbacks WHERE retries_enabled = 1 AND deleted_at IS NULL AND EXISTS (
      SELECT 1 FROM expired_calls WHERE callback_key = key AND first_failed_at >= ${now - policy.windowMs}) ORDER BY key`.execute(
    trx,
  );
  for (const { key } of rows) await switchRetriesOn(trx, key, now, policy);
  const ids = rows.map(({ id }) => id);
  if (ids.length > 0) await recordChanges(trx, ids);
  return ids;
}

/** Keeps null as it is. */
function atMost(column: string, now: number): RawBuilder<unknown> {
  return sql`CASE WHEN ${sql.ref(column)} > ${now} THEN ${now} ELSE ${sql.ref(column)} END`;
}

/** Updates FAILED calls. Returns whether there are no more of them. */
async function clampCalls(trx: Db, change: RawBuilder<unknown>, condition: RawBuilder<unknown>): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`
    UPDATE calls SET ${change} WHERE seq IN (
      SELECT seq FROM callbacks ${crossJoin} calls ON calls.callback_key = callbacks.key
      WHERE status = 'FAILED' AND ${condition} LIMIT ${CALLS_AT_ONCE})`.execute(trx);
  return numAffectedRows < CALLS_AT_ONCE;
}
