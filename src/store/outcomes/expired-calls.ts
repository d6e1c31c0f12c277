/** Calls whose window has ended their retries (docs/dispatcher.md, The end of a window), until they are settled. */
import { sql } from "kysely";
import { type CallProgress, endsRetries } from "../../domain/call.js";
import type { ExpiryReport, NotifiedCallback } from "../../domain/outage.js";
import type { RetryPolicy } from "../../domain/retry-policy.js";
import type { Db, Row } from "../schema.js";
import { batchOf, inList, insertRows } from "../sql/batches.js";
import { crossJoin, perDatabase } from "../sql/per-database.js";
import { transact } from "../sql/transactions.js";

/** A callback has at most one notice in so long. */
const NOTICE_INTERVAL_MS = 3_600_000;
const CALLBACKS_AT_ONCE = 500;

export interface ExpiredCall {
  readonly seq: number;
  readonly callbackKey: number;
  readonly firstFailedAt: number;
}

export interface ExpiryNotices {
  readonly destinations: readonly string[];
  /** Returns an id of 32 hex digits. */
  readonly newId: () => string;
  readonly now: number;
}

export function expiryStore(db: Db) {
  return {
    /**
     * Queues a notice of each callback with calls that have expired since its last one, unless that was less than an hour ago, in one
     * transaction. Each call is in one notice; those that are settled by now aren't counted. Resolves to how many callbacks have one.
     */
    queueNotices: (notices: ExpiryNotices): Promise<number> => queueNotices(db, notices),
  };
}

/** Those that have expired already stay in their notice. The caller has locked their callbacks. */
export async function expireCalls(db: Db, calls: readonly ExpiredCall[]): Promise<void> {
  if (calls.length === 0) return;
  const keys = [...new Set(calls.map(({ callbackKey }) => callbackKey))].sort((one, other) => one - other);
  // The row is locked, so that a notice that is made meanwhile doesn't miss these calls.
  const owed = await insertRows(
    db,
    "expiries",
    keys.map((key) => ({ callback_key: key, notice: 1, is_owed: 1 })),
    sql<Pick<Row<"expiries">, "callback_key" | "notice">>`
      ON CONFLICT (callback_key) DO UPDATE SET is_owed = 1 RETURNING callback_key, notice`,
  );
  const notices = new Map(owed.map(({ callback_key, notice }) => [callback_key, notice]));
  const rows = calls.map(({ seq, callbackKey, firstFailedAt }) => ({
    call_seq: seq,
    callback_key: callbackKey,
    notice: notices.get(callbackKey) ?? 1,
    first_failed_at: firstFailedAt,
  }));
  const added = sql<ChangedRow>`ON CONFLICT (call_seq) DO NOTHING RETURNING callback_key`;
  await addToCounts(db, await insertRows(db, "expired_calls", rows, added), 1);
}

interface ChangedCall {
  readonly seq: number;
  readonly callbackKey: number;
  readonly before: CallProgress;
  readonly after: CallProgress;
}

/** `isRetried` says of a callback's key whether its retries are on. */
export function expiredOf(
  states: Iterable<ChangedCall>,
  isRetried: (callbackKey: number) => boolean,
  policy: RetryPolicy,
): readonly ExpiredCall[] {
  const expired: ExpiredCall[] = [];
  for (const { seq, callbackKey, before, after } of states) {
    const { firstFailedAt } = before;
    if (firstFailedAt === null || !endsRetries(before, after, { retriesEnabled: isRetried(callbackKey), policy })) continue;
    expired.push({ seq, callbackKey, firstFailedAt });
  }
  return expired;
}

/** Forgets those of the calls that had expired: they are settled, retried again, or removed. */
export async function forgetExpired(db: Db, seqs: readonly number[]): Promise<void> {
  if (seqs.length === 0) return;
  const { rows } = await sql<ChangedRow>`
    DELETE FROM expired_calls WHERE call_seq ${inList(seqs, "bigint")} RETURNING callback_key`.execute(db);
  await addToCounts(db, rows, -1);
}

type ChangedRow = Pick<Row<"expired_calls">, "callback_key">;

async function addToCounts(db: Db, rows: readonly ChangedRow[], each: 1 | -1): Promise<void> {
  const counts = new Map<number, number>();
  for (const { callback_key: key } of rows) counts.set(key, (counts.get(key) ?? 0) + each);
  if (counts.size === 0) return;
  const changes = Array.from(counts, ([callback_key, calls]) => ({ callback_key, calls }));
  await sql`
    UPDATE expiries SET calls = expiries.calls + batch.calls FROM ${batchOf({ callback_key: "bigint", calls: "bigint" }, changes)}
    WHERE expiries.callback_key = batch.callback_key`.execute(db);
}

/** Resolves, by key, to how many calls aren't retried any more, of the callbacks that have some. */
export async function readExpiredCounts(db: Db, callbackKeys: readonly number[]): Promise<ReadonlyMap<number, number>> {
  const { rows } = await sql<Pick<Row<"expiries">, "callback_key" | "calls">>`
    SELECT callback_key, calls FROM expiries WHERE calls > 0 AND callback_key ${inList(callbackKeys, "bigint")}`.execute(db);
  return new Map(rows.map(({ callback_key, calls }) => [callback_key, calls]));
}

interface OwedRow extends NotifiedCallback {
  readonly callback_key: number;
  readonly notice: number;
  readonly deleted_at: number | null;
  readonly calls: number;
  readonly oldest_seq: number | null;
}

const lockOwed = perDatabase({ sqlite: sql``, postgres: () => sql`FOR UPDATE OF expiries SKIP LOCKED` });

/** A notice in the future was made before the clock was set back. */
const isOwedAt = (now: number) =>
  sql`is_owed = 1 AND (noticed_at IS NULL OR noticed_at <= ${now - NOTICE_INTERVAL_MS} OR noticed_at > ${now})`;

async function queueNotices(db: Db, { destinations, newId, now }: ExpiryNotices): Promise<number> {
  // This looks without the write lock, as usually nothing has expired.
  const { rows: some } = await sql`SELECT 1 FROM expiries WHERE ${isOwedAt(now)} LIMIT 1`.execute(db);
  if (some.length === 0) return 0;
  return transact(db, async (trx) => {
    const { rows: locked } = await sql<{ callback_key: number }>`
      SELECT callback_key FROM expiries WHERE ${isOwedAt(now)} ORDER BY callback_key LIMIT ${CALLBACKS_AT_ONCE} ${lockOwed}`.execute(
      trx,
    );
    const keys = locked.map(({ callback_key }) => callback_key);
    const inNotice = sql`expired_calls WHERE expired_calls.callback_key = expiries.callback_key AND expired_calls.notice = expiries.notice`;
    const { rows } = await sql<OwedRow>`
      SELECT expiries.callback_key, expiries.notice, callbacks.id, name, email, deleted_at,
        (SELECT count(*) FROM ${inNotice}) AS calls,
        (SELECT call_seq FROM ${inNotice} ORDER BY first_failed_at LIMIT 1) AS oldest_seq
      FROM expiries ${crossJoin} callbacks ON callbacks.key = expiries.callback_key
      WHERE expiries.callback_key ${inList(keys, "bigint")}`.execute(trx);
    const noticed = rows.filter(({ calls, deleted_at }) => calls > 0 && deleted_at === null);
    const reports = await makeReports(trx, noticed, newId, now);
    const queue = { event: "expired" as const, created_at: now, tries: 0, next_try_at: now };
    const queued = reports.flatMap(({ callback_key, report }) =>
      destinations.map((destination) => ({
        ...{ outage_id: report.noticeId, destination, callback_key, ...queue },
        report: JSON.stringify(report),
      })),
    );
    const noticedKeys = noticed.map(({ callback_key }) => callback_key);
    await sql`
      DELETE FROM notices WHERE callback_key ${inList(noticedKeys, "bigint")} AND event = 'expired' AND next_try_at IS NULL`.execute(
      trx,
    );
    await insertRows(trx, "notices", queued, sql``);
    await sql`UPDATE expiries SET is_owed = 0 WHERE callback_key ${inList(keys, "bigint")}`.execute(trx);
    await sql`
      UPDATE expiries SET notice = notice + 1, noticed_at = ${now} WHERE callback_key ${inList(noticedKeys, "bigint")}`.execute(
      trx,
    );
    return noticed.length;
  });
}

async function makeReports(trx: Db, rows: readonly OwedRow[], newId: () => string, now: number) {
  const seqs = rows.flatMap(({ oldest_seq }) => oldest_seq ?? []);
  const { rows: oldest } = await sql<{ seq: number; id: string; first_failed_at: number }>`
    SELECT seq, id, first_failed_at FROM calls WHERE seq ${inList(seqs, "bigint")}`.execute(trx);
  const bySeq = new Map(oldest.map((row) => [row.seq, row]));
  return rows.flatMap(({ callback_key, id, name, email, calls, oldest_seq }) => {
    const first = bySeq.get(oldest_seq ?? -1);
    if (first === undefined) return [];
    const report: ExpiryReport = {
      event: "expired",
      noticeId: newId(),
      callback: { id, name, email },
      expiredCalls: calls,
      oldest: { callId: first.id, firstFailedAt: first.first_failed_at },
      asOf: now,
    };
    return [{ callback_key, report }];
  });
}
