import { type RawBuilder, sql } from "kysely";
import { ATTEMPT_DEADLINE_MS } from "../../domain/attempt.js";
import { type OldestWaiting, UNANSWERED_MS } from "../../domain/callback.js";
import type { Db } from "../schema.js";
import { valueList } from "../sql/batches.js";
import { crossJoin, jsonPart, seqOfWaiting } from "../sql/per-database.js";
import type { ReadTime } from "../sql/read-time.js";
import { executeByIndex } from "../sql/transactions.js";

/** So many requests are in flight at most, so what ended last is among the calls that were attempted last. */
const LATEST_CALLS = 64;

interface OldestRow {
  readonly key: number;
  readonly accepted_at: number;
  readonly is_unanswered: number;
}

/** Resolves, by key, to the oldest PENDING call of each callback that has one. Costs some index lookups each. */
export type ReadOldestWaiting = (callbackKeys: readonly number[]) => Promise<ReadonlyMap<number, OldestWaiting>>;

/** An endpoint that nothing is sent to can't answer: `isSent` says whether a process sends, or may send. */
export function oldestWaitingReader(db: Db, readTime: ReadTime, isSent: () => Promise<boolean>): ReadOldestWaiting {
  return async (callbackKeys) => {
    if (callbackKeys.length === 0) return new Map();
    const oldest = await readOldestWaiting(db, callbackKeys, await readTime(db));
    if (![...oldest.values()].some(({ isUnanswered }) => isUnanswered) || (await isSent())) return oldest;
    return new Map([...oldest].map(([key, { acceptedAt }]) => [key, { acceptedAt, isUnanswered: false }]));
  };
}

/** It does what `ReadOldestWaiting` says, whether or not anything sends. */
export async function readOldestWaiting(
  db: Db,
  callbackKeys: readonly number[],
  now: number,
): Promise<ReadonlyMap<number, OldestWaiting>> {
  const { rows } = await executeByIndex(
    db,
    sql<OldestRow>`
    SELECT batch.value AS key, oldest.accepted_at,
      CASE WHEN oldest.accepted_at < ${now - UNANSWERED_MS} AND NOT ${isNewRecovery(now - UNANSWERED_MS)}
        AND NOT ${hasEnded("SUCCESS")} AND NOT ${hasEnded("FAILED")} THEN 1 ELSE 0 END AS is_unanswered
    FROM ${valueList(callbackKeys, "bigint")}
    ${crossJoin} calls AS oldest ON oldest.seq = (
      SELECT seq FROM calls WHERE callback_key = batch.value AND status = 'PENDING' ORDER BY ${seqOfWaiting} LIMIT 1)`,
  );
  return new Map(rows.map((row) => [row.key, { acceptedAt: row.accepted_at, isUnanswered: row.is_unanswered === 1 }]));
}

/** Resolves to when the oldest PENDING call was accepted, of all callbacks that aren't paused. */
export async function readOldestAcceptance(db: Db, now: number): Promise<number | null> {
  const { rows } = await executeByIndex(
    db,
    sql<{ at: number | null }>`
    SELECT min(oldest.accepted_at) AS at FROM call_counts
    ${crossJoin} callbacks ON callbacks.key = call_counts.callback_key AND deleted_at IS NULL AND NOT ${isPausedAt(now)}
    ${crossJoin} calls AS oldest ON oldest.seq = (
      SELECT seq FROM calls WHERE callback_key = call_counts.callback_key AND status = 'PENDING' ORDER BY ${seqOfWaiting} LIMIT 1)
    WHERE call_counts.status = 'PENDING' AND count > 0`,
  );
  return rows[0]?.at ?? null;
}

/** Resolves to how many PENDING calls have a paused callback. */
export async function countPaused(db: Db, now: number): Promise<number> {
  const { rows } = await sql<{ calls: number }>`
    SELECT coalesce(sum(count), 0) AS calls FROM callbacks
    ${crossJoin} call_counts ON callback_key = callbacks.key AND status = 'PENDING'
    WHERE deleted_at IS NULL AND ${isPausedAt(now)}`.execute(db);
  return rows[0]?.calls ?? 0;
}

/** It says in SQL what `runningPause` does. */
function isPausedAt(now: number): RawBuilder<unknown> {
  return sql`(paused_at IS NOT NULL AND (paused_until IS NULL OR paused_until > ${now}))`;
}

/** A recovery begins with an answer, or with the end of a pause, before which nothing was sent. */
function isNewRecovery(since: number): RawBuilder<unknown> {
  return sql`EXISTS (SELECT 1 FROM endpoints WHERE callback_key = batch.value AND recovering_since >= ${since})`;
}

/** Whether the last attempt of a call with this status has ended since the oldest was accepted. Marks and requests change no attempt. */
function hasEnded(status: "SUCCESS" | "FAILED"): RawBuilder<unknown> {
  return sql`EXISTS (
    SELECT 1 FROM (
      SELECT seq, attempt_count FROM calls
      WHERE callback_key = batch.value AND status = ${sql.lit(status)} AND status <> 'PENDING'
        AND attempted_at >= oldest.accepted_at - ${ATTEMPT_DEADLINE_MS}
      ORDER BY attempted_at DESC LIMIT ${sql.lit(LATEST_CALLS)}) AS latest
    ${crossJoin} attempts ON call_seq = latest.seq AND number = latest.attempt_count
    WHERE CAST(${jsonPart("outcome", 0)} AS bigint) + CAST(${jsonPart("outcome", 1)} AS bigint) >= oldest.accepted_at)`;
}
