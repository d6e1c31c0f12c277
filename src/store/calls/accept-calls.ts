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
    const before = await lastSeq(trx);
    let accepted = 0;
    for (const rows of chunksOf(calls)) {
      const { numAffectedRows } = await sql`
        INSERT INTO calls (callback_key, accepted_at, status, attempt_count, attempted_at, failed_in_recovery, changed_at, id, message_id, channel, response)
        SELECT ${key}, ${now}, 'PENDING', 0, ${sql.lit(NEVER)}, 0, ${now}, ${cell(0)}, ${cell(1)}, ${cell(2)}, ${cell(3)}
        FROM ${batchOf(rows)} WHERE true
        ON CONFLICT (id) DO NOTHING`.execute(trx);
      accepted += Number(numAffectedRows ?? 0n);
    }
    const ids = calls.map(({ id }) => id);
    const areAllNew = accepted === calls.length;
    if (!areAllNew) await rejectForeignIds(trx, key, ids);
    const changes = new CountChanges();
    changes.add(key, "PENDING", accepted);
    await changes.save(trx);
    await recordChange(trx, callbackId);
    return areAllNew ? ids : await idsSince(trx, before);
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

async function rejectForeignIds(db: Db, callbackKey: number, ids: readonly string[]): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    SELECT calls.id FROM ${listOf(ids)} CROSS JOIN calls ON calls.id = batch.value
    WHERE calls.callback_key <> ${callbackKey} LIMIT 1`.execute(db);
  const foreign = rows[0];
  if (foreign !== undefined) throw new WhcbError("invalid", `The id ${foreign.id} belongs to another callback's call`);
}

/** 0: none. */
async function lastSeq(db: Db): Promise<number> {
  const { rows } = await sql<{ seq: number | null }>`SELECT max(seq) AS seq FROM calls`.execute(db);
  return rows[0]?.seq ?? 0;
}

/** Those of this transaction. RETURNING would cost as much as the insert itself. */
async function idsSince(db: Db, seq: number): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`SELECT id FROM calls WHERE seq > ${seq} ORDER BY seq`.execute(db);
  return rows.map(({ id }) => id);
}
