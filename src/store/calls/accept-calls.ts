/** Stores responses as PENDING calls. */
import { sql } from "kysely";
import { WhcbError } from "../../domain/errors.js";
import { requireCallback } from "../callbacks/callback-row.js";
import { recordChange } from "../change-log.js";
import { type Db, NEVER } from "../schema.js";
import { batchOf, cell, listOf } from "../sqlite/json-rows.js";
import type { NewCall } from "../store.js";
import { CountChanges } from "./call-counts.js";
import { encodeResponse } from "./call-row.js";

/** Atomic: one INSERT for the batch, in the order given. An id that exists already, or twice in the batch, is stored once. Returns the new ids. */
export function acceptCalls(db: Db, callbackId: string, calls: readonly NewCall[], now: number): Promise<readonly string[]> {
  return db.transaction().execute(async (trx) => {
    const { key } = await requireCallback(trx, callbackId);
    const rows = calls.map(({ id, response }) => [
      id,
      response.messageId,
      response.responseMessage.channel,
      JSON.stringify(encodeResponse(response)),
    ]);
    const { rows: accepted } = await sql<{ id: string }>`
      INSERT INTO calls (callback_key, accepted_at, status, attempt_count, attempted_at, failed_in_recovery, changed_at, id, message_id, channel, response)
      SELECT ${key}, ${now}, 'PENDING', 0, ${sql.lit(NEVER)}, 0, ${now}, ${cell(0)}, ${cell(1)}, ${cell(2)}, ${cell(3)}
      FROM ${batchOf(rows)} WHERE true
      ON CONFLICT (id) DO NOTHING
      RETURNING id`.execute(trx);
    if (accepted.length < calls.length) await rejectForeignIds(trx, key, calls);
    const changes = new CountChanges();
    changes.add(key, "PENDING", accepted.length);
    await changes.save(trx);
    await recordChange(trx, callbackId);
    return accepted.map(({ id }) => id);
  });
}

async function rejectForeignIds(db: Db, callbackKey: number, calls: readonly NewCall[]): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    SELECT calls.id FROM ${listOf(calls.map(({ id }) => id))} CROSS JOIN calls ON calls.id = batch.value
    WHERE calls.callback_key <> ${callbackKey} LIMIT 1`.execute(db);
  const foreign = rows[0];
  if (foreign !== undefined) throw new WhcbError("invalid", `The id ${foreign.id} belongs to another callback's call`);
}
