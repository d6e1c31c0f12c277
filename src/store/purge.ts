/** What is removed, in bounded chunks, is in docs/dispatcher.md (A call, rules 8 and 10). */
import { type RawBuilder, sql } from "kysely";
import type { CallStatus } from "../domain/call.js";
import { RETAIN_OUTAGES_MS, type ServiceSettings } from "../domain/service-settings.js";
import { removeAudit } from "./audit.js";
import { CountChanges, FAILURE, FATE, type Fate } from "./calls/call-counts.js";
import { recordChangesByKey } from "./change-log.js";
import { minuteOf } from "./outcomes/activity.js";
import { forgetExpired } from "./outcomes/expired-calls.js";
import { expireNotices, removeNotices } from "./outcomes/notices.js";
import type { Db, Row } from "./schema.js";
import { readSettings } from "./settings-store.js";
import { inList } from "./sql/batches.js";
import { crossJoin, lockFreeRows } from "./sql/per-database.js";
import { transact } from "./sql/transactions.js";

interface PurgedRow {
  readonly seq: number;
  readonly callback_key: number;
  readonly status: CallStatus;
  readonly failure: string;
  readonly outage_id: string | null;
  readonly fate: Fate;
}

const PURGED = sql`seq, callback_key, status, ${FAILURE} AS failure, outage_id, ${FATE} AS fate`;

export function retentionStore(db: Db) {
  return {
    /**
     * Removes calls of deleted callbacks with their attempts, then the callbacks, in one transaction. Resolves to the number of
     * calls. If it is less than `limit`, all is done.
     */
    purgeDeleted: (limit: number): Promise<number> => purgeDeleted(db, limit),

    /**
     * Removes calls, sent mails, the audit, closed outages, finished replays and activity, as the stored settings say, in one transaction.
     * Resolves to the number of rows. If it is less than `limit`, all is done.
     */
    purgeExpired: async (now: number, limit: number): Promise<number> => purgeExpired(db, now, limit, await readSettings(db)),
  };
}

async function purgeDeleted(db: Db, limit: number): Promise<number> {
  const deleted = (from: Db) => from.selectFrom("callbacks").select("key").where("deleted_at", "is not", null);
  // This looks without the write lock, as there is usually nothing to remove.
  if ((await deleted(db).executeTakeFirst()) === undefined) return 0;
  return transact(db, async (trx) => {
    let left = limit;
    for (const { key } of await deleted(trx).modifyEnd(lockFreeRows("callbacks")).execute()) {
      for (const status of ["PENDING", "FAILED", "SUCCESS"] as const)
        left -= await removeCalls(trx, callsOfCallback(key, status), left);
      if (left > 0 && (await removeActivity(trx, minutesOfCallback(key), left))) await removeCallback(trx, key);
      else left = 0;
    }
    return limit - left;
  });
}

function purgeExpired(db: Db, now: number, limit: number, settings: ServiceSettings): Promise<number> {
  return transact(db, async (trx) => {
    let left = limit;
    left -= await removeCalls(trx, callsChangedBefore("SUCCESS", now - settings.retainSuccessMs), left);
    left -= await removeCalls(trx, callsChangedBefore("FAILED", now - settings.retainFailedMs), left);
    const mails = await removeMails(trx, now - settings.retainMailMs, left);
    left -= await removeAudit(trx, now - settings.retainMailMs, left - mails.length);
    await expireNotices(trx, now);
    const outages = await removeOutages(trx, now - RETAIN_OUTAGES_MS, left - mails.length);
    const replays = await removeReplays(trx, now - RETAIN_OUTAGES_MS, left - mails.length - outages.length);
    const callbackKeys = [...mails, ...outages, ...replays];
    left -= callbackKeys.length;
    // Pages that show them are out of date. Calls are counted, and what is counted is known to have changed.
    await recordChangesByKey(trx, callbackKeys);
    const { retainSuccessMs, retainFailedMs } = settings;
    const isQuietGone = left > 0 && (await removeActivity(trx, quietMinutesBefore(now - retainSuccessMs), left));
    const isGone =
      isQuietGone && (await removeActivity(trx, minutesBefore(now - Math.max(retainSuccessMs, retainFailedMs)), left));
    return isGone ? limit - left : limit;
  });
}

function callsOfCallback(key: number, status: CallStatus): RawBuilder<unknown> {
  const settled = status === "PENDING" ? sql`` : sql`AND status <> 'PENDING'`;
  return sql`SELECT ${PURGED} FROM calls WHERE callback_key = ${key} AND status = ${sql.lit(status)} ${settled}`;
}

/** Finds calls by the index by attempt, and skips those marked later or still due. */
function callsChangedBefore(status: "FAILED" | "SUCCESS", since: number): RawBuilder<unknown> {
  return sql`
    SELECT ${PURGED} FROM callbacks ${crossJoin} calls ON calls.callback_key = callbacks.key
    WHERE status = ${sql.lit(status)} AND status <> 'PENDING' AND attempted_at < ${since} AND changed_at < ${since}
      AND due_at IS NULL AND deleted_at IS NULL`;
}

async function removeCalls(db: Db, which: RawBuilder<unknown>, limit: number): Promise<number> {
  if (limit <= 0) return 0;
  const { rows } = await sql<PurgedRow>`${which} LIMIT ${limit} ${lockFreeRows("calls")}`.execute(db);
  if (rows.length === 0) return 0;
  const seqs = rows.map(({ seq }) => seq);
  await sql`DELETE FROM attempts WHERE call_seq ${inList(seqs, "bigint")}`.execute(db);
  await sql`DELETE FROM calls WHERE seq ${inList(seqs, "bigint")}`.execute(db);
  const changes = new CountChanges();
  for (const { callback_key, status, failure, outage_id, fate } of rows) {
    if (status === "FAILED") changes.addFailed(callback_key, failure, -1);
    else changes.add(callback_key, status, -1);
    if (outage_id !== null) {
      changes.addFate(outage_id, fate, -1);
      changes.addFate(outage_id, "removed", 1);
    }
  }
  await changes.save(db);
  await forgetExpired(
    db,
    rows.flatMap(({ seq, status }) => (status === "FAILED" ? seq : [])),
  );
  return rows.length;
}

/** So many rows count as one call, as they are small. */
const ACTIVITY_PER_CALL = 10;

function minutesOfCallback(key: number): RawBuilder<unknown> {
  return sql`SELECT callback_key, minute FROM activity WHERE callback_key = ${key}`;
}

/** These minutes are kept as long as SUCCESS calls: nothing failed, and no outage was open. */
function quietMinutesBefore(at: number): RawBuilder<unknown> {
  return sql`
    SELECT callback_key, minute FROM activity
    WHERE failed = 0 AND replays_failed = 0 AND client_failed = 0 AND pending_calls IS NULL AND minute < ${minuteOf(at)}`;
}

function minutesBefore(at: number): RawBuilder<unknown> {
  return sql`
    SELECT callback_key, minute FROM callbacks ${crossJoin} activity ON activity.callback_key = callbacks.key
    WHERE minute < ${minuteOf(at)}`;
}

/** Returns whether all is removed. */
async function removeActivity(db: Db, which: RawBuilder<unknown>, limit: number): Promise<boolean> {
  const rows = limit * ACTIVITY_PER_CALL;
  const { numAffectedRows } = await sql`
    DELETE FROM activity WHERE (callback_key, minute) IN (${which} LIMIT ${rows})`.execute(db);
  return Number(numAffectedRows ?? 0n) < rows;
}

/** If both are kept as long, a mail is removed with its outage. Resolves to the key of each one's callback, as those below do. */
async function removeMails(db: Db, before: number, limit: number): Promise<readonly number[]> {
  const { rows } = await sql<{ callback_key: number }>`
    DELETE FROM mails WHERE outage_id IN (
      SELECT outage_id FROM mails LEFT JOIN outages ON outages.id = outage_id
      WHERE sent_at < ${before} AND (outages.id IS NULL OR outages.ended_at < ${before}) LIMIT ${limit})
    RETURNING callback_key`.execute(db);
  return rows.map(({ callback_key }) => callback_key);
}

/** Removes outages with their notices, by the index by start. Keeps those with a queued e-mail. */
async function removeOutages(db: Db, endedBefore: number, limit: number): Promise<readonly number[]> {
  const { rows } = await sql<{ id: string; callback_key: number }>`
    SELECT id, callback_key FROM outages WHERE started_at < ${endedBefore} AND ended_at < ${endedBefore}
      AND NOT EXISTS (SELECT 1 FROM mails WHERE outage_id = outages.id) LIMIT ${limit}`.execute(db);
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return [];
  await removeNotices(db, ids);
  await sql`DELETE FROM outage_counts WHERE outage_id ${inList(ids, "text")}`.execute(db);
  await sql`DELETE FROM outages WHERE id ${inList(ids, "text")}`.execute(db);
  return rows.map(({ callback_key }) => callback_key);
}

async function removeReplays(db: Db, requestedBefore: number, limit: number): Promise<readonly number[]> {
  const old = sql`
    SELECT callback_key, requested_at FROM callbacks ${crossJoin} replays ON replays.callback_key = callbacks.key
    WHERE requested_at < ${requestedBefore} AND waiting = 0 LIMIT ${limit}`;
  const { rows } = await sql<Pick<Row<"replays">, "callback_key" | "requested_at">>`${old}`.execute(db);
  for (const { callback_key, requested_at } of rows) {
    for (const table of ["replay_failures", "replays"] as const)
      await db.deleteFrom(table).where("callback_key", "=", callback_key).where("requested_at", "=", requested_at).execute();
  }
  return rows.map(({ callback_key }) => callback_key);
}

/** Removes the callback once its e-mails and the ends of its outages are sent. */
async function removeCallback(db: Db, key: number): Promise<void> {
  const { rows: queued } = await sql`
    SELECT 1 FROM mails WHERE callback_key = ${key} AND sent_at IS NULL
    UNION ALL SELECT 1 FROM notices WHERE callback_key = ${key} AND event = 'ended' AND next_try_at IS NOT NULL LIMIT 1`.execute(
    db,
  );
  if (queued.length > 0) return;
  await sql`DELETE FROM outage_counts WHERE outage_id IN (SELECT id FROM outages WHERE callback_key = ${key})`.execute(db);
  for (const table of [
    "mails",
    "notices",
    "outages",
    "endpoints",
    "call_counts",
    "failure_counts",
    "expiries",
    "run_leases",
    "replays",
    "replay_failures",
  ] as const) {
    await db.deleteFrom(table).where("callback_key", "=", key).execute();
  }
  await db.deleteFrom("callbacks").where("key", "=", key).execute();
}
