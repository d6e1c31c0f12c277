import { sql } from "kysely";
import { WhcbError } from "../../domain/errors.js";
import { requireCallback } from "../callbacks/callback-row.js";
import { recordChange } from "../change-log.js";
import { type Db, NEVER } from "../schema.js";
import { batchOf, cell, listOf } from "../sqlite/json-rows.js";
import type { NewCall } from "../store.js";
import { CountChanges } from "./call-counts.js";
import { encodeResponse } from "./call-row.js";

/** Characters. A thousand large responses would exceed the longest string. */
const INSERT_LENGTH = 8 * 1024 * 1024;

/** Atomic, in the order given. Returns the new ids. */
export function acceptCalls(db: Db, callbackId: string, calls: readonly NewCall[], now: number): Promise<readonly string[]> {
  return db.transaction().execute(async (trx) => {
    const { key } = await requireCallback(trx, callbackId);
    const accepted: string[] = [];
    for (const rows of chunksOf(calls)) {
      const inserted = await sql<{ id: string }>`
        INSERT INTO calls (callback_key, accepted_at, status, attempt_count, attempted_at, failed_in_recovery, changed_at, id, message_id, channel, response)
        SELECT ${key}, ${now}, 'PENDING', 0, ${sql.lit(NEVER)}, 0, ${now}, ${cell(0)}, ${cell(1)}, ${cell(2)}, ${cell(3)}
        FROM ${batchOf(rows)} WHERE true
        ON CONFLICT (id) DO NOTHING
        RETURNING id`.execute(trx);
      for (const { id } of inserted.rows) accepted.push(id);
    }
    if (accepted.length < calls.length) await rejectForeignIds(trx, key, calls);
    const changes = new CountChanges();
    changes.add(key, "PENDING", accepted.length);
    await changes.save(trx);
    await recordChange(trx, callbackId);
    return accepted;
  });
}

/** Only one chunk is in memory. */
function* chunksOf(calls: readonly NewCall[]): Generator<readonly (readonly string[])[]> {
  let rows: string[][] = [];
  let length = 0;
  for (const { id, response } of calls) {
    const encoded = JSON.stringify(encodeResponse(response));
    if (rows.length > 0 && length + encoded.length > INSERT_LENGTH) {
      yield rows;
      rows = [];
      length = 0;
    }
    rows.push([id, response.messageId, response.responseMessage.channel, encoded]);
    length += encoded.length;
  }
  if (rows.length > 0) yield rows;
}

async function rejectForeignIds(db: Db, callbackKey: number, calls: readonly NewCall[]): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    SELECT calls.id FROM ${listOf(calls.map(({ id }) => id))} CROSS JOIN calls ON calls.id = batch.value
    WHERE calls.callback_key <> ${callbackKey} LIMIT 1`.execute(db);
  const foreign = rows[0];
  if (foreign !== undefined) throw new WhcbError("invalid", `The id ${foreign.id} belongs to another callback's call`);
}
