/** A dispatcher that has lost a callback to another one must write nothing about it (docs/dispatcher.md, Ownership). */
import { sql } from "kysely";
import { lockCallbacksInOrder } from "../callbacks/callback-row.js";
import type { Db } from "../schema.js";
import { valueList } from "../sql/batches.js";
import { crossJoin, perDatabase } from "../sql/per-database.js";

/** Deleted callbacks aren't in it. The keys are ids. */
export type LiveCallbacks = ReadonlyMap<
  string,
  { readonly key: number; readonly retriesEnabled: boolean; readonly fence: number }
>;

/** The keys are callback ids. A callback without a fence isn't checked. */
export type Fences = ReadonlyMap<string, number>;

/** Leaves out callbacks that another dispatcher has taken. */
export function withoutStale(callbacks: LiveCallbacks, fences: Fences): LiveCallbacks {
  const isCurrent = (id: string, fence: number) => (fences.get(id) ?? fence) === fence;
  return new Map([...callbacks].filter(([id, { fence }]) => isCurrent(id, fence)));
}

/** One process owns a SQLite file, so it has no fences. */
const currentFence = perDatabase({ sqlite: sql`0`, postgres: () => sql`fence` });

/** Reads callbacks and locks them until the transaction ends. */
export async function lockLiveCallbacks(trx: Db, ids: readonly string[]): Promise<LiveCallbacks> {
  if (ids.length === 0) return new Map();
  const { rows } = await sql<{ id: string; key: number; retries_enabled: number; fence: number }>`
    SELECT id, key, retries_enabled, ${currentFence} AS fence FROM ${valueList(ids, "text")} ${crossJoin} callbacks ON id = batch.value WHERE deleted_at IS NULL
    ${lockCallbacksInOrder}`.execute(trx);
  return new Map(rows.map(({ id, key, retries_enabled, fence }) => [id, { key, retriesEnabled: retries_enabled === 1, fence }]));
}
