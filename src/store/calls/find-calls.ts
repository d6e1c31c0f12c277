import { type RawBuilder, sql } from "kysely";
import { type Call, type CallIdMatches, type CallPlaces, idKey, isGeneratedId, isIdPrefix } from "../../domain/call.js";
import { requireCallback } from "../callbacks/callback-row.js";
import type { Db } from "../schema.js";
import { crossJoin } from "../sql/per-database.js";
import { executeByIndex } from "../sql/transactions.js";
import { readCalls } from "./call-row.js";

/** Ids of all callbacks are read. Reading more would cost too much, and such a prefix is too short. */
const MAX_IDS_READ = 1_000;

export function callSearch(db: Db) {
  return {
    /** A larger response is left out. */
    async find(callbackId: string, callId: string, maxResponseBytes?: number): Promise<Call | null> {
      const key = sql`(SELECT key FROM callbacks WHERE id = ${callbackId} AND deleted_at IS NULL)`;
      const from = sql`FROM calls WHERE callback_key = ${key} AND id = ${callId}`;
      return (await readCalls(db, callbackId, from, maxResponseBytes))[0] ?? null;
    },

    /**
     * Resolves to the ids of 32 hex digits that begin with the prefix, in order, and to the id that is the prefix. Throws
     * `not-found` for the callback.
     */
    async findIds(callbackId: string, prefix: string): Promise<CallIdMatches> {
      await requireCallback(db, callbackId);
      const { calls, hasMore } = await findPlaces(db, prefix, true);
      return { callIds: calls.filter((call) => call.callbackId === callbackId).map(({ id }) => id), hasMore };
    },

    /** Resolves to the calls of all callbacks that have this id, or whose generated id begins with it. */
    findPlaces: (id: string): Promise<CallPlaces> => findPlaces(db, id, isIdPrefix(id)),
  };
}

/** Joins the callbacks, and leaves out deleted ones. */
export const OF_CALLBACKS = sql`${crossJoin} callbacks ON callbacks.key = calls.callback_key AND callbacks.deleted_at IS NULL`;

async function findPlaces(db: Db, id: string, isPrefix: boolean): Promise<CallPlaces> {
  const read = async (condition: RawBuilder<unknown>): Promise<CallPlaces> => {
    const { rows } = await executeByIndex(
      db,
      sql<{ id: string; callback_id: string }>`
      SELECT calls.id, callbacks.id AS callback_id FROM calls ${OF_CALLBACKS}
      WHERE ${condition} ORDER BY calls.id LIMIT ${MAX_IDS_READ + 1}`,
    );
    const calls = rows.slice(0, MAX_IDS_READ).map((row) => ({ id: row.id, callbackId: row.callback_id }));
    return { calls, hasMore: rows.length > MAX_IDS_READ };
  };
  const whole = await read(sql`calls.id IN (${id}, ${idKey(id)})`);
  if (!isPrefix) return whole;
  const first = id.toUpperCase();
  const { calls, hasMore } = await read(sql`calls.id >= ${first} AND calls.id < ${firstTextAfter(first)}`);
  const generated = calls.filter((call) => call.id.length === 32 && isGeneratedId(call.id));
  return { calls: [...whole.calls, ...generated], hasMore: hasMore || whole.hasMore };
}

/** Returns the first text after all that begin with this one. */
export function firstTextAfter(text: string): string {
  return text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1);
}
