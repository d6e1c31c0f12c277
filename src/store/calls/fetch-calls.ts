/** Each query reads one partial index in order. */
import { type RawBuilder, sql } from "kysely";
import type { Call } from "../../domain/call.js";
import type { Db } from "../schema.js";
import type { FetchOptions } from "../store.js";
import { readCalls } from "./call-row.js";

/** `findCall` reads larger ones. */
const MAX_PREFETCHED_BYTES = 256 * 1024;

export function fetchPending(db: Db, callbackId: string, limit: number, options?: FetchOptions): Promise<Call[]> {
  return fetch(db, callbackId, sql`status = 'PENDING' ORDER BY seq LIMIT ${limit}`, options);
}

/** `dueBefore` is inclusive. */
export function fetchDue(db: Db, callbackId: string, dueBefore: number, limit: number, options?: FetchOptions): Promise<Call[]> {
  return fetch(
    db,
    callbackId,
    sql`status = 'FAILED' AND due_at IS NOT NULL AND due_at <= ${finite(dueBefore)} ${isPaced(options)}
      ORDER BY due_at, seq LIMIT ${limit}`,
    options,
  );
}

export function fetchReplays(db: Db, callbackId: string, limit: number, options?: FetchOptions): Promise<Call[]> {
  return fetch(db, callbackId, sql`due_cause = 'replay' ORDER BY due_at, seq LIMIT ${limit}`, options);
}

/** Leaves out calls that failed in this recovery. */
export function fetchBacklog(
  db: Db,
  callbackId: string,
  recovery: number,
  limit: number,
  options?: FetchOptions,
): Promise<Call[]> {
  return fetch(
    db,
    callbackId,
    sql`status = 'FAILED' AND due_at IS NOT NULL AND failed_in_recovery < ${recovery} ${isPaced(options)}
      ORDER BY failed_in_recovery, seq LIMIT ${limit}`,
    options,
  );
}

export async function fetchHeld(db: Db, callbackId: string, options?: FetchOptions): Promise<Call | null> {
  const held = sql`status = 'FAILED' AND due_at IS NOT NULL AND attempt_count = 0 ORDER BY seq LIMIT 1`;
  return (await fetch(db, callbackId, held, options))[0] ?? null;
}

export async function findCall(db: Db, callbackId: string, callId: string): Promise<Call | null> {
  return (await readCalls(db, callbackId, fromCalls(callbackId, sql`id = ${callId}`)))[0] ?? null;
}

function fetch(
  db: Db,
  callbackId: string,
  which: RawBuilder<unknown>,
  { maxBytes = MAX_PREFETCHED_BYTES }: FetchOptions = {},
): Promise<Call[]> {
  return readCalls(db, callbackId, fromCalls(callbackId, which), Math.min(maxBytes, MAX_PREFETCHED_BYTES));
}

/** Held calls and requested replays are exempt (docs/dispatcher.md, A call, Rule 11). */
function isPaced({ attemptedBefore }: FetchOptions = {}): RawBuilder<unknown> {
  if (attemptedBefore === undefined) return sql``;
  return sql`AND (attempted_at <= ${finite(attemptedBefore)} OR attempt_count = 0 OR due_cause = 'replay')`;
}

function finite(instant: number): number {
  return Math.min(instant, Number.MAX_SAFE_INTEGER);
}

function fromCalls(callbackId: string, which: RawBuilder<unknown>): RawBuilder<unknown> {
  const key = sql`(SELECT key FROM callbacks WHERE id = ${callbackId} AND deleted_at IS NULL)`;
  return sql`FROM calls WHERE callback_key = ${key} AND ${which}`;
}

/** Atomic. `firstFailedBefore` is exclusive. */
export function expireRetries(db: Db, callbackId: string, firstFailedBefore: number, limit: number): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const { numAffectedRows } = await sql`
      UPDATE calls SET due_at = NULL, due_cause = NULL WHERE seq IN (
        SELECT seq FROM calls
        WHERE callback_key = (SELECT key FROM callbacks WHERE id = ${callbackId})
          AND due_cause = 'retry' AND first_failed_at < ${firstFailedBefore}
        ORDER BY first_failed_at LIMIT ${limit})`.execute(trx);
    return Number(numAffectedRows ?? 0n);
  });
}
