/**
 * There is at most one notice per outage, event and destination, queued in the transaction that opens or ends the outage. Those of expired
 * calls are queued in expired-calls.ts.
 */
import { type RawBuilder, sql } from "kysely";
import type { NewMail, Notice, OutageNotice, OutageReport } from "../../domain/outage.js";
import type { LiveCallbacks } from "../nodes/fences.js";
import type { Db, Row } from "../schema.js";
import { batchOf, inList, insertRows, newValues } from "../sql/batches.js";
import { isPostgres } from "../sql/per-database.js";
import type { ClosedOutage } from "./outages.js";

/** Outages of a group are reported to these destinations, at `at`. */
export interface QueuedNotices {
  readonly began: readonly string[];
  readonly ended: readonly string[];
  readonly at: number;
}

/** Older notices aren't sent: an outage of last week is no news. */
export const NOTICE_LIFETIME_MS = 24 * 60 * 60_000;

/** `started_at` and `failed_calls` are null in a notice of no outage. */
interface NoticeRow extends Row<"notices"> {
  readonly started_at: number | null;
  readonly failed_calls: number | null;
  readonly quiet_since: number | null;
  readonly ended_at: number | null;
  readonly callback_id: string;
  readonly name: string;
  readonly email: string;
  readonly deleted_at: number | null;
}

export function noticeStore(db: Db) {
  return {
    /**
     * Reads what is due at `dueBefore` for one destination, the least tried first, then the oldest. An outage's end follows only
     * after its beginning was sent, and not while the outage is open again. A deleted callback has only that end, if the
     * beginning was sent. None is older than NOTICE_LIFETIME_MS.
     */
    async fetch(destination: string, dueBefore: number, limit: number): Promise<readonly Notice[]> {
      const { rows } = await sql<NoticeRow>`
        SELECT notices.*, started_at, failed_calls, quiet_since, ended_at, callbacks.id AS callback_id, name, email, deleted_at
        FROM ${queuedFor(destination, dueBefore)} AND next_try_at <= ${dueBefore}
        ORDER BY tries, notices.created_at, outage_id, event LIMIT ${limit}`.execute(db);
      return rows.map(toNotice);
    },

    /** Claims notices as `mails.claim` does, and resolves to those that are this node's until `until`. */
    async claim(notices: readonly Notice[], dueBefore: number, until: number): Promise<readonly Notice[]> {
      if (!isPostgres(db) || notices.length === 0) return notices;
      const keys = notices.map(keyOf);
      const { rows } = await sql<Readonly<Record<keyof typeof KEY, string>>>`
        UPDATE notices SET next_try_at = ${until} WHERE (outage_id, event, destination) IN (
          SELECT outage_id, event, destination FROM notices
          WHERE next_try_at <= ${dueBefore}
            AND (outage_id, event, destination) IN (SELECT batch.outage_id, batch.event, batch.destination FROM ${batchOf(KEY, keys)})
          FOR UPDATE SKIP LOCKED)
        RETURNING outage_id, event, destination`.execute(db);
      return notices.filter((notice) => {
        const { outage_id, event, destination } = keyOf(notice);
        return rows.some((row) => row.outage_id === outage_id && row.event === event && row.destination === destination);
      });
    },

    /** Resolves to when the next of those that `fetch` finds is due. */
    async nextTryAt(destination: string, now: number): Promise<number | null> {
      const { rows } = await sql<{ at: number }>`
        SELECT next_try_at AS at FROM ${queuedFor(destination, now)} ORDER BY next_try_at LIMIT 1`.execute(db);
      return rows[0]?.at ?? null;
    },

    saveReport: (notice: OutageNotice, report: OutageReport): Promise<void> =>
      changeUnsent(db, notice, sql`report = ${JSON.stringify(report)}`),
    recordSent: (notice: Notice, at: number): Promise<void> => changeUnsent(db, notice, sql`sent_at = ${at}, next_try_at = NULL`),
    recordFailed: (notice: Notice, error: string, nextTryAt: number): Promise<void> =>
      changeUnsent(db, notice, sql`tries = tries + 1, last_error = ${error}, next_try_at = ${nextTryAt}`),
  };
}

const KEY = { outage_id: "text", event: "text", destination: "text" } as const;

function keyOf(notice: Notice) {
  const { event, destination } = notice;
  return { outage_id: notice.event === "expired" ? notice.report.noticeId : notice.outage.id, event, destination };
}

/** Returns FROM's tables and the conditions. */
function queuedFor(destination: string, now: number): RawBuilder<unknown> {
  const beganWhere = (condition: RawBuilder<unknown>) => sql`EXISTS (
    SELECT 1 FROM notices AS first WHERE first.outage_id = notices.outage_id AND first.event = 'began'
      AND first.destination = notices.destination AND ${condition})`;
  const isQueued = sql`first.next_try_at IS NOT NULL AND first.created_at > ${now - NOTICE_LIFETIME_MS}`;
  return sql`notices LEFT JOIN outages ON outages.id = outage_id JOIN callbacks ON callbacks.key = notices.callback_key
    WHERE destination = ${destination} AND next_try_at IS NOT NULL AND notices.created_at > ${now - NOTICE_LIFETIME_MS}
      AND CASE WHEN event <> 'ended' THEN deleted_at IS NULL
        WHEN deleted_at IS NULL THEN ended_at IS NOT NULL AND NOT ${beganWhere(isQueued)}
        ELSE ${beganWhere(sql`first.sent_at IS NOT NULL`)} END`;
}

async function changeUnsent(db: Db, notice: Notice, changes: RawBuilder<unknown>): Promise<void> {
  const { outage_id, event, destination } = keyOf(notice);
  await sql`
    UPDATE notices SET ${changes}
    WHERE outage_id = ${outage_id} AND event = ${event} AND destination = ${destination} AND sent_at IS NULL`.execute(db);
}

/** An outage opens with its mail. One that reopened and ends again is reported as of then, unless its end was reported before. */
export async function saveNotices(
  db: Db,
  { mails, closedOutages }: { readonly mails: readonly NewMail[]; readonly closedOutages: readonly ClosedOutage[] },
  callbacks: LiveCallbacks,
  { began, ended, at }: QueuedNotices,
): Promise<void> {
  const events = [
    ...mails.map(({ outageId, callbackId }) => ({ outageId, callbackId, event: "began" as const, destinations: began })),
    ...closedOutages.map(({ id, callbackId }) => ({ outageId: id, callbackId, event: "ended" as const, destinations: ended })),
  ];
  const queue = { created_at: at, tries: 0, next_try_at: at };
  const rows = events.flatMap(({ outageId, callbackId, event, destinations }) => {
    const callback = callbacks.get(callbackId);
    if (callback === undefined) return [];
    return destinations.map((destination) => {
      return { outage_id: outageId, event, destination, callback_key: callback.key, ...queue };
    });
  });
  const byKey = new Map(rows.map((row) => [`${row.outage_id} ${row.event} ${row.destination}`, row]));
  await insertRows(db, "notices", [...byKey.values()], QUEUE_AGAIN);
}

/** Tells those who got, or may be getting, the beginning. It runs before the open outage is closed. */
export async function endNoticesOfDeleted(db: Db, callbackKey: number, at: number): Promise<void> {
  await sql`
    INSERT INTO notices (outage_id, event, destination, callback_key, created_at, tries, next_try_at)
    SELECT outage_id, 'ended', destination, notices.callback_key, ${at}, 0, ${at} FROM notices JOIN outages ON outages.id = outage_id
    WHERE notices.callback_key = ${callbackKey} AND event = 'began' AND ended_at IS NULL
      AND (sent_at IS NOT NULL OR next_try_at IS NOT NULL)
    ${QUEUE_AGAIN}`.execute(db);
}

const QUEUE_AGAIN = sql`
  ON CONFLICT (outage_id, event, destination) DO UPDATE
  SET ${newValues(["created_at", "next_try_at"])}, report = NULL WHERE notices.sent_at IS NULL`;

/** Takes notices that are too old out of the queue. */
export async function expireNotices(db: Db, now: number): Promise<void> {
  await sql`
    UPDATE notices SET next_try_at = NULL
    WHERE next_try_at IS NOT NULL AND created_at <= ${now - NOTICE_LIFETIME_MS}`.execute(db);
}

export async function removeNotices(db: Db, outageIds: readonly string[]): Promise<void> {
  await sql`DELETE FROM notices WHERE outage_id ${inList(outageIds, "text")}`.execute(db);
}

function toNotice(row: NoticeRow): Notice {
  const { event, destination, callback_id: id, name, email, started_at, failed_calls } = row;
  const report = row.report === null ? null : JSON.parse(row.report);
  const queued = { destination, callback: { id, name, email }, isDeleted: row.deleted_at !== null, tries: row.tries };
  if (event === "expired" || started_at === null || failed_calls === null) return { event: "expired", ...queued, report };
  return {
    ...{ event, ...queued, report },
    outage: {
      id: row.outage_id,
      callbackId: id,
      startedAt: started_at,
      failedCalls: failed_calls,
      quietSince: row.quiet_since,
      endedAt: row.ended_at,
    },
  };
}
