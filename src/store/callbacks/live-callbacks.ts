import { sql } from "kysely";
import type { Db } from "../schema.js";
import { listOf } from "../sqlite/json-rows.js";
import type { OutcomeGroup } from "../store.js";

/** The callbacks of a group that still are, by id, with the settings that hold at this moment. */
export type LiveCallbacks = ReadonlyMap<string, { readonly key: number; readonly retriesEnabled: boolean }>;

export async function readLiveCallbacks(db: Db, group: OutcomeGroup): Promise<LiveCallbacks> {
  const ids = new Set<string>();
  for (const part of [group.attempts, group.holdings, group.endpoints, group.closedOutages, group.mails]) {
    for (const { callbackId } of part) ids.add(callbackId);
  }
  if (ids.size === 0) return new Map();
  const { rows } = await sql<{ id: string; key: number; retries_enabled: number }>`
    SELECT id, key, retries_enabled FROM ${listOf([...ids])} CROSS JOIN callbacks ON id = batch.value WHERE deleted_at IS NULL`.execute(
    db,
  );
  return new Map(rows.map(({ id, key, retries_enabled }) => [id, { key, retriesEnabled: retries_enabled === 1 }]));
}
