/** A call as a row and back. */
import { type RawBuilder, type Selectable, sql } from "kysely";
import type { Call } from "../domain/call.js";
import { decodeResponse } from "./response-codec.js";
import { type CallTable, NEVER } from "./schema.js";

export type CallRow = Omit<Selectable<CallTable>, "callback_key">;

/** For SELECT, from `calls`. */
export const CALL_COLUMNS: RawBuilder<unknown> = sql.raw(
  [
    "seq, id, accepted_at, status, attempt_count, attempted_at, status_code, status_message, error, first_failed_at",
    "due_at, due_cause, deferred, settled_by, changed_at, message_id, channel, response",
  ].join(", "),
);

export function toCall(row: CallRow, callbackId: string): Call {
  return {
    seq: row.seq,
    id: row.id,
    callbackId,
    response: decodeResponse(row.message_id, row.channel, row.response),
    acceptedAt: row.accepted_at,
    status: row.status,
    attemptCount: row.attempt_count,
    attemptedAt: row.attempted_at === NEVER ? null : row.attempted_at,
    statusCode: row.status_code,
    statusMessage: row.status_message,
    error: row.error,
    firstFailedAt: row.first_failed_at,
    due: row.due_at === null || row.due_cause === null ? null : { at: row.due_at, cause: row.due_cause },
    deferred: row.deferred,
    settledBy: row.settled_by,
    changedAt: row.changed_at,
  };
}
