/** Counters, updated in the transaction that changes the calls. */
import { sql } from "kysely";
import type { UnreachableReason } from "../../domain/attempt.js";
import { UNREACHABLE_REASONS } from "../../domain/attempt.js";
import type { CallProgress, CallStatus } from "../../domain/call.js";
import { requireCallback } from "../callbacks/callback-row.js";
import type { Db } from "../schema.js";
import { batchOf, cell, listOf } from "../sql/batches.js";

export type CallCounts = Readonly<Record<CallStatus, number>>;

export interface WaitingCalls {
  readonly pending: number;
  readonly failed: number;
  /** Of the failed ones: of callbacks with retries on. Their windows may be over. */
  readonly retried: number;
}

/** Both null: never answered, as a held call. */
export interface FailureGroup {
  readonly statusCode: number | null;
  readonly reason: UnreachableReason | null;
  readonly count: number;
}

interface ReplayCounts {
  total: number;
  succeeded: number;
  failed: number;
  waiting: number;
}

/** A batch updates few rows. */
export class CountChanges {
  readonly #byCallback = new Map<number, Record<CallStatus, number>>();
  readonly #failures = new Map<number, Map<string, number>>();
  readonly #byReplay = new Map<string, ReplayCounts & { readonly key: readonly [callbackKey: number, requestedAt: number] }>();

  add(callbackKey: number, status: CallStatus, change: number): void {
    const counts = this.#byCallback.get(callbackKey) ?? { PENDING: 0, SUCCESS: 0, FAILED: 0 };
    this.#byCallback.set(callbackKey, counts);
    counts[status] += change;
  }

  addFailed(callbackKey: number, failure: string, change: number): void {
    this.add(callbackKey, "FAILED", change);
    const failures = this.#failures.get(callbackKey) ?? new Map<string, number>();
    this.#failures.set(callbackKey, failures);
    failures.set(failure, (failures.get(failure) ?? 0) + change);
  }

  move(callbackKey: number, from: CallProgress, to: CallProgress): void {
    if (from.status === to.status && from.status !== "FAILED") return;
    this.#addCall(callbackKey, from, -1);
    this.#addCall(callbackKey, to, 1);
  }

  #addCall(callbackKey: number, call: CallProgress, change: number): void {
    if (call.status === "FAILED") this.addFailed(callbackKey, failureOf(call), change);
    else this.add(callbackKey, call.status, change);
  }

  enterReplay(callbackKey: number, requestedAt: number): void {
    const counts = this.#ofReplay(callbackKey, requestedAt);
    counts.total += 1;
    counts.waiting += 1;
  }

  /** `outcome`: of its attempt; null: withdrawn. */
  leaveReplay(callbackKey: number, requestedAt: number, outcome: "succeeded" | "failed" | null, calls = 1): void {
    const counts = this.#ofReplay(callbackKey, requestedAt);
    counts.waiting -= calls;
    if (outcome !== null) counts[outcome] += calls;
  }

  #ofReplay(callbackKey: number, requestedAt: number): ReplayCounts {
    const name = `${callbackKey} ${requestedAt}`;
    const key = [callbackKey, requestedAt] as const;
    const counts = this.#byReplay.get(name) ?? { key, total: 0, succeeded: 0, failed: 0, waiting: 0 };
    this.#byReplay.set(name, counts);
    return counts;
  }

  async save(db: Db): Promise<void> {
    await this.#saveReplays(db);
    await this.#saveFailures(db);
    const rows: [number, string, number][] = [];
    for (const [key, counts] of this.#byCallback) {
      for (const [status, change] of Object.entries(counts)) if (change !== 0) rows.push([key, status, change]);
    }
    if (rows.length === 0) return;
    rows.sort(byKey);
    await sql`
      INSERT INTO call_counts (callback_key, status, count)
      SELECT ${cell(0)}, ${cell(1)}, ${cell(2)} FROM ${batchOf(rows, ["bigint", "text", "bigint"])} WHERE true
      ON CONFLICT (callback_key, status) DO UPDATE SET count = call_counts.count + excluded.count`.execute(db);
  }

  async #saveFailures(db: Db): Promise<void> {
    const rows: [number, string, number][] = [];
    for (const [key, failures] of this.#failures) {
      for (const [failure, change] of failures) if (change !== 0) rows.push([key, failure, change]);
    }
    if (rows.length === 0) return;
    rows.sort(byKey);
    await sql`
      INSERT INTO failure_counts (callback_key, failure, count)
      SELECT ${cell(0)}, ${cell(1)}, ${cell(2)} FROM ${batchOf(rows, ["bigint", "text", "bigint"])} WHERE true
      ON CONFLICT (callback_key, failure) DO UPDATE SET count = failure_counts.count + excluded.count`.execute(db);
  }

  async #saveReplays(db: Db): Promise<void> {
    if (this.#byReplay.size === 0) return;
    const rows = Array.from(this.#byReplay.values(), ({ key, total, succeeded, failed, waiting }) => {
      return [...key, total, succeeded, failed, waiting];
    });
    await sql`
      UPDATE replays SET total = total + ${cell(2)}, succeeded = succeeded + ${cell(3)}, failed = failed + ${cell(4)},
        waiting = waiting + ${cell(5)}
      FROM ${batchOf(rows, REPLAY_TYPES)} WHERE callback_key = ${cell(0)} AND requested_at = ${cell(1)}`.execute(db);
  }
}

/** Of the counters. */
export function callCounters(db: Db) {
  return {
    /** By status. Throws `not-found` for the callback. */
    count: async (callbackId: string): Promise<CallCounts> => readCounts(db, (await requireCallback(db, callbackId)).key),
    /** As `count`, by callback id. */
    countOf: (callbackIds: readonly string[]): Promise<ReadonlyMap<string, CallCounts>> => readCountsOf(db, callbackIds),
    /** Of all callbacks. */
    countWaiting: (): Promise<WaitingCalls> => readWaiting(db),
    /** FAILED calls by status code or reason; most calls first. Throws `not-found` for the callback. */
    listFailures: async (callbackId: string): Promise<readonly FailureGroup[]> =>
      readFailures(db, (await requireCallback(db, callbackId)).key),
  };
}

const REPLAY_TYPES = ["bigint", "bigint", "bigint", "bigint", "bigint", "bigint"] as const;

/** Two transactions that lock the same rows in the same order don't wait for each other. */
function byKey([one, first]: readonly [number, string, number], [other, second]: readonly [number, string, number]): number {
  return one - other || (first < second ? -1 : 1);
}

/** Of a call that was neither attempted nor answered: held, or marked. */
export const NO_ANSWER = "";

/** A status code, or why there was no answer. */
export function failureOf({ statusCode, error }: Pick<CallProgress, "statusCode" | "error">): string {
  return statusCode === null ? (error ?? NO_ANSWER) : String(statusCode);
}

/** `failureOf` for a query. */
export const FAILURE = sql<string>`coalesce(CAST(status_code AS TEXT), error, '')`;

/** Most calls first. */
export async function readFailures(db: Db, callbackKey: number): Promise<FailureGroup[]> {
  const { rows } = await sql<{ failure: string; count: number }>`
    SELECT failure, count FROM failure_counts WHERE callback_key = ${callbackKey} AND count > 0
    ORDER BY count DESC, failure`.execute(db);
  return rows.map(({ failure, count }) => toFailureGroup(failure, count));
}

/** `failure`: as by `failureOf`. */
export function toFailureGroup(failure: string, count: number): FailureGroup {
  const reason = UNREACHABLE_REASONS.find((each) => each === failure) ?? null;
  return { statusCode: /^\d+$/.test(failure) ? Number(failure) : null, reason, count };
}

export async function readCounts(db: Db, callbackKey: number): Promise<CallCounts> {
  const rows = await db.selectFrom("call_counts").select(["status", "count"]).where("callback_key", "=", callbackKey).execute();
  return countsOf(rows);
}

async function readCountsOf(db: Db, callbackIds: readonly string[]): Promise<ReadonlyMap<string, CallCounts>> {
  const { rows } = await sql<{ id: string; status: CallStatus; count: number }>`
    SELECT callbacks.id, call_counts.status, call_counts.count
    FROM ${listOf(callbackIds, "text")} JOIN callbacks ON callbacks.id = batch.value AND deleted_at IS NULL
    JOIN call_counts ON callback_key = callbacks.key`.execute(db);
  return new Map(callbackIds.map((id) => [id, countsOf(rows.filter((row) => row.id === id))]));
}

function countsOf(rows: readonly { readonly status: CallStatus; readonly count: number }[]): CallCounts {
  const counts: Record<CallStatus, number> = { PENDING: 0, SUCCESS: 0, FAILED: 0 };
  for (const { status, count } of rows) counts[status] = count;
  return counts;
}

async function readWaiting(db: Db): Promise<WaitingCalls> {
  const { rows } = await sql<WaitingCalls>`
    SELECT coalesce(sum(CASE WHEN status = 'PENDING' THEN count END), 0) AS pending,
      coalesce(sum(CASE WHEN status = 'FAILED' THEN count END), 0) AS failed,
      coalesce(sum(CASE WHEN status = 'FAILED' AND retries_enabled = 1 THEN count END), 0) AS retried
    FROM call_counts JOIN callbacks ON callbacks.key = callback_key WHERE deleted_at IS NULL`.execute(db);
  return rows[0] ?? { pending: 0, failed: 0, retried: 0 };
}
