/** What waits, as the dispatcher asks for it. Each of these reads one partial index in the order that it has. */
import { type RawBuilder, sql } from "kysely";
import type { Call } from "../../domain/call.js";
import type { Db } from "../schema.js";
import { readCalls } from "./call-row.js";

/**
 * Some hundred calls wait in memory at a time, and a response may have 10 MiB: what is larger than this is read when its turn has come
 * (`findCall`). The rare large one costs one more reading; a thousand of them would be no text that SQLite or JavaScript can hold.
 */
export const MOST_WAITING_BYTES = 256 * 1024;

export function fetchPending(db: Db, callbackId: string, limit: number): Promise<Call[]> {
  return fetch(db, callbackId, sql`status = 'PENDING' ORDER BY seq LIMIT ${limit}`);
}

/** `dueBefore` is inclusive; Infinity takes all that have something due. */
export function fetchDue(db: Db, callbackId: string, dueBefore: number, limit: number): Promise<Call[]> {
  const until = Math.min(dueBefore, Number.MAX_SAFE_INTEGER);
  return fetch(
    db,
    callbackId,
    sql`status = 'FAILED' AND due_at IS NOT NULL AND due_at <= ${until} ORDER BY due_at, seq LIMIT ${limit}`,
  );
}

/** `failed_in_recovery` is the number of the recovery in which a call last failed, so those of this recovery have just that number. */
export function fetchBacklog(db: Db, callbackId: string, recovery: number, limit: number): Promise<Call[]> {
  return fetch(
    db,
    callbackId,
    sql`status = 'FAILED' AND due_at IS NOT NULL AND failed_in_recovery < ${recovery} ORDER BY failed_in_recovery, seq LIMIT ${limit}`,
  );
}

export async function fetchHeld(db: Db, callbackId: string): Promise<Call | null> {
  const held = sql`status = 'FAILED' AND due_at IS NOT NULL AND attempt_count = 0 ORDER BY seq LIMIT 1`;
  return (await fetch(db, callbackId, held))[0] ?? null;
}

export async function findCall(db: Db, callbackId: string, callId: string): Promise<Call | null> {
  return (await readCalls(db, callbackId, fromCalls(callbackId, sql`id = ${callId}`)))[0] ?? null;
}

function fetch(db: Db, callbackId: string, which: RawBuilder<unknown>): Promise<Call[]> {
  return readCalls(db, callbackId, fromCalls(callbackId, which), MOST_WAITING_BYTES);
}

function fromCalls(callbackId: string, which: RawBuilder<unknown>): RawBuilder<unknown> {
  const key = sql`(SELECT key FROM callbacks WHERE id = ${callbackId} AND deleted_at IS NULL)`;
  return sql`FROM calls WHERE callback_key = ${key} AND ${which}`;
}
