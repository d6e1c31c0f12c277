import { sql } from "kysely";
import { requestReplay } from "../../domain/call.js";
import { requireCallback } from "../callbacks/require-callback.js";
import type { Db } from "../schema.js";
import type { ReplaySelection } from "../store.js";
import { CountChanges } from "./call-counts.js";
import { conditionsOf } from "./call-filter-sql.js";
import { writeStates } from "./call-state.js";
import { requireStates } from "./mark-calls.js";

/** Only FAILED calls are meant; others that the selection names are left as they are and not counted. */
export function requestReplays(db: Db, callbackId: string, selection: ReplaySelection, now: number): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const { key } = await requireCallback(trx, callbackId);
    const asked =
      "callIds" in selection
        ? await askByIds(trx, { id: callbackId, key }, selection.callIds, now)
        : await askByFilter(trx, key, selection, now);
    if (asked > 0) await trx.updateTable("callbacks").set({ repaired_at: now }).where("key", "=", key).execute();
    return asked;
  });
}

async function askByIds(
  db: Db,
  callback: { readonly id: string; readonly key: number },
  callIds: readonly string[],
  now: number,
) {
  const states = [...(await requireStates(db, callback, callIds)).values()];
  for (const state of states) state.after = requestReplay(state.before, now);
  await writeStates(db, states, new CountChanges());
  return states.filter(({ before, after }) => before !== after).length;
}

async function askByFilter(db: Db, callbackKey: number, { filter }: Extract<ReplaySelection, { filter: unknown }>, now: number) {
  if (filter.status !== undefined && filter.status !== "FAILED") return 0;
  const { numAffectedRows } = await sql`
    UPDATE calls SET due_at = ${now}, due_cause = 'replay', failed_in_recovery = 0, changed_at = ${now}
    WHERE callback_key = ${callbackKey} AND status = 'FAILED' AND status <> 'PENDING' ${conditionsOf(filter)}`.execute(db);
  return Number(numAffectedRows ?? 0n);
}
