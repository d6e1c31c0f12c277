import { type RawBuilder, sql } from "kysely";
import { type Call, type CallIdMatches, isGeneratedId } from "../../domain/call.js";
import { requireCallback } from "../callbacks/callback-row.js";
import type { Db } from "../schema.js";
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
      const { key } = await requireCallback(db, callbackId);
      const ownIds = async (condition: RawBuilder<unknown>) => {
        const { rows } = await sql<{ id: string; callback_key: number }>`
        SELECT id, callback_key FROM calls WHERE ${condition} ORDER BY id LIMIT ${MAX_IDS_READ + 1}`.execute(db);
        const own = rows.slice(0, MAX_IDS_READ).filter(({ callback_key }) => callback_key === key);
        return { callIds: own.map(({ id }) => id), hasMore: rows.length > MAX_IDS_READ };
      };
      const chosen = (await ownIds(sql`id = ${prefix}`)).callIds;
      const first = prefix.toUpperCase();
      const { callIds, hasMore } = await ownIds(sql`id >= ${first} AND id < ${firstTextAfter(first)}`);
      return { callIds: [...chosen, ...callIds.filter((id) => id.length === 32 && isGeneratedId(id))], hasMore };
    },
  };
}

/** Returns the first text after all that begin with this one. */
export function firstTextAfter(text: string): string {
  return text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1);
}
