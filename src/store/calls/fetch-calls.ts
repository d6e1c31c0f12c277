/** One statement reads the next calls of many callbacks. Each query reads one partial index in order. */
import { type RawBuilder, sql } from "kysely";
import type { Call } from "../../domain/call.js";
import { lockLiveCallbacks, withoutStale } from "../nodes/fences.js";
import { expireCalls } from "../outcomes/expired-calls.js";
import type { Db, Row } from "../schema.js";
import { batchOf } from "../sql/batches.js";
import { crossJoin, perDatabase, seqOfWaiting } from "../sql/per-database.js";
import { transact } from "../sql/transactions.js";
import { IS_HELD, readCallsOfEach } from "./call-row.js";

export interface CallRead {
  readonly callbackId: string;
  readonly limit: number;
  /** Larger responses are left out, and all over 256 KiB. */
  readonly maxBytes?: number;
}

export interface PendingRead extends CallRead {
  /** The caller knows that no call before this seq is PENDING. */
  readonly from?: number;
}

interface PacedRead extends CallRead {
  /** Retries of calls that the service last sent after this instant are left out. */
  readonly attemptedBefore?: number;
}

export interface DueRead extends PacedRead {
  /** Calls due at this instant are included. Infinity reads all with something due. */
  readonly dueBefore: number;
}

export interface BacklogRead extends PacedRead {
  readonly recovery: number;
}

export interface RetryExpiry {
  readonly callbackId: string;
  /** A call that first failed at this instant isn't expired. */
  readonly firstFailedBefore: number;
  readonly fence: number;
}

/** Larger responses are read by `store.calls.find`. */
const MAX_PREFETCHED_BYTES = 256 * 1024;
const LATEST_INSTANT = Number.MAX_SAFE_INTEGER;

type CallLists = Promise<readonly (readonly Call[])[]>;

/** While a snapshot is open, PostgreSQL's index keeps delivered calls: they are skipped. SQLite may reuse a seq. */
const fromHint = perDatabase({ sqlite: sql``, postgres: () => sql`AND ${seqOfWaiting} >= ${extraColumn(0)}` });

/** Reads the next calls to send: for each read, a list at its place. */
export function queueStore(db: Db) {
  return {
    /** Reads PENDING calls, oldest first. */
    fetchPending: (reads: readonly PendingRead[]): CallLists =>
      fetchForEach(
        db,
        reads,
        ({ from = 0 }) => [from],
        (limit) => sql`status = 'PENDING' ${fromHint} ORDER BY ${seqOfWaiting} LIMIT ${limit}`,
      ),

    /** Reads what is due of FAILED calls, earliest first. */
    fetchDue: (reads: readonly DueRead[]): CallLists =>
      fetchForEach(
        db,
        reads,
        ({ dueBefore, attemptedBefore = LATEST_INSTANT }) => [finiteInstant(dueBefore), finiteInstant(attemptedBefore)],
        (limit) => sql`status = 'FAILED' AND due_at IS NOT NULL AND due_at <= ${extraColumn(0)} AND ${isPaced}
          ORDER BY due_at, seq LIMIT ${limit}`,
      ),

    /** Reads the calls of requested replays, in the order of the requests. */
    fetchReplays: (reads: readonly CallRead[]): CallLists =>
      fetchForEach(
        db,
        reads,
        () => [],
        (limit) => sql`due_cause = 'replay' ORDER BY due_at, seq LIMIT ${limit}`,
      ),

    /** Reads due calls that haven't failed in this recovery: oldest first, and those that failed in earlier ones last. */
    fetchBacklog: (reads: readonly BacklogRead[]): CallLists =>
      fetchForEach(
        db,
        reads,
        ({ recovery, attemptedBefore = LATEST_INSTANT }) => [recovery, finiteInstant(attemptedBefore)],
        (limit) => sql`status = 'FAILED' AND due_at IS NOT NULL AND failed_in_recovery < ${extraColumn(0)} AND ${isPaced}
          ORDER BY failed_in_recovery, seq LIMIT ${limit}`,
      ),

    /** Reads held calls, oldest first. */
    fetchHeld: (reads: readonly CallRead[]): CallLists =>
      fetchForEach(
        db,
        reads,
        () => [],
        (limit) => sql`${IS_HELD} ORDER BY ${seqOfWaiting} LIMIT ${limit}`,
      ),

    /** Ends at most `limit` retries whose window is over, in one transaction, and resolves to how many. Skips stale fences. */
    async expireRetries(expiries: readonly RetryExpiry[], limit: number): Promise<number> {
      // This looks without the write lock, as usually no window is over.
      const { rows: some } = await sql`${selectExpired(expiries)} LIMIT 1`.execute(db);
      if (some.length === 0) return 0;
      return transact(db, async (trx) => {
        const fences = new Map(expiries.map(({ callbackId, fence }) => [callbackId, fence]));
        const callbacks = withoutStale(await lockLiveCallbacks(trx, [...fences.keys()]), fences);
        const own = expiries.filter(({ callbackId }) => callbacks.has(callbackId));
        const { rows } = await sql<Pick<Row<"calls">, "seq" | "callback_key"> & { first_failed_at: number }>`
          UPDATE calls SET due_at = NULL, due_cause = NULL WHERE seq IN (${selectExpired(own)} LIMIT ${limit})
          RETURNING seq, callback_key, first_failed_at`.execute(trx);
        await expireCalls(
          trx,
          rows.map((row) => ({ seq: row.seq, callbackKey: row.callback_key, firstFailedAt: row.first_failed_at })),
        );
        return rows.length;
      });
    },
  };
}

/** Held calls and requested replays are exempt (docs/dispatcher.md, A call, Rule 11). */
const isPaced = sql`(coalesce(sent_at, attempted_at) <= ${extraColumn(1)} OR attempt_count = 0 OR due_cause = 'replay')`;

function extraColumn(index: 0 | 1): RawBuilder<unknown> {
  return sql.raw(`batch.extra_${index}`);
}

const READ_COLUMNS = { callback_id: "text", max_bytes: "bigint", extra_0: "bigint", extra_1: "bigint" } as const;

/** `which` is the condition, order and limit of one callback's calls. `extrasOf` returns the values that differ between reads. */
async function fetchForEach<Read extends CallRead>(
  db: Db,
  reads: readonly Read[],
  extrasOf: (read: Read) => readonly number[],
  which: (limit: number) => RawBuilder<unknown>,
): Promise<(readonly Call[])[]> {
  const found = new Map<Read, readonly Call[]>();
  for (const alike of withSimilarLimits(reads)) {
    const rows = alike.map((read) => {
      const maxBytes = Math.min(read.maxBytes ?? MAX_PREFETCHED_BYTES, MAX_PREFETCHED_BYTES);
      const [extra_0 = null, extra_1 = null] = extrasOf(read);
      return { callback_id: read.callbackId, max_bytes: maxBytes, extra_0, extra_1 };
    });
    const batch = sql`
      SELECT callbacks.key, max_bytes, extra_0, extra_1
      FROM ${batchOf(READ_COLUMNS, rows)} LEFT JOIN callbacks ON callbacks.id = callback_id AND deleted_at IS NULL`;
    const limit = Math.max(...alike.map((read) => read.limit));
    const lists = await readCallsOfEach(db, alike, batch, sql`FROM calls WHERE callback_key = batch.key AND ${which(limit)}`);
    for (const [index, read] of alike.entries()) found.set(read, lists[index]?.slice(0, read.limit) ?? []);
  }
  return reads.map((read) => found.get(read) ?? []);
}

/** A statement has one limit, so too much would be read for a much smaller one. */
function withSimilarLimits<Read extends CallRead>(reads: readonly Read[]): Iterable<readonly Read[]> {
  const groups = new Map<number, Read[]>();
  for (const read of reads) {
    const size = Math.ceil(Math.log2(Math.max(1, read.limit)));
    const group = groups.get(size);
    if (group) group.push(read);
    else groups.set(size, [read]);
  }
  return groups.values();
}

function finiteInstant(instant: number): number {
  return Math.min(instant, LATEST_INSTANT);
}

function selectExpired(expiries: readonly RetryExpiry[]): RawBuilder<unknown> {
  const rows = expiries.map(({ callbackId, firstFailedBefore }) => ({ callback_id: callbackId, before: firstFailedBefore }));
  return sql`
    SELECT seq FROM ${batchOf({ callback_id: "text", before: "bigint" }, rows)} ${crossJoin} callbacks ON callbacks.id = callback_id
    ${crossJoin} calls ON callback_key = callbacks.key AND due_cause = 'retry' AND first_failed_at < batch.before`;
}
