/** Calls as rows. */
import type { RawBuilder } from "kysely";
import type { UnreachableReason } from "../domain/attempt.js";
import type { Call, CallStatus } from "../domain/call.js";
import type { Channel } from "../domain/message-response.js";
import { decodeResponse, type StoredResponse } from "./response-codec.js";
import { type Db, NEVER } from "./schema.js";
import { readRows } from "./sqlite/json-rows.js";

type CallRow = readonly [
  seq: number,
  id: string,
  acceptedAt: number,
  status: CallStatus,
  attemptCount: number,
  attemptedAt: number,
  statusCode: number | null,
  statusMessage: string | null,
  error: UnreachableReason | null,
  firstFailedAt: number | null,
  dueAt: number | null,
  dueCause: "retry" | "replay" | null,
  deferred: number,
  settledBy: "dispatcher" | "user" | null,
  changedAt: number,
  messageId: string,
  channel: Channel,
  response: StoredResponse,
];

/** In the order of CallRow. */
const COLUMNS = [
  ...["seq", "id", "accepted_at", "status", "attempt_count", "attempted_at", "status_code", "status_message", "error"],
  ...["first_failed_at", "due_at", "due_cause", "deferred", "settled_by", "changed_at", "message_id", "channel"],
];

/** The calls of `from`: FROM and all that follows it, in its order. All are this callback's. */
export async function readCalls(db: Db, callbackId: string, from: RawBuilder<unknown>): Promise<Call[]> {
  const rows = await readRows<CallRow>(db, { columns: COLUMNS, json: ["response"] }, from);
  return rows.map((row) => toCall(row, callbackId));
}

function toCall(row: CallRow, callbackId: string): Call {
  const [seq, id, acceptedAt, status, attemptCount, attemptedAt, statusCode, statusMessage, error, ...more] = row;
  const [firstFailedAt, dueAt, dueCause, deferred, settledBy, changedAt, messageId, channel, response] = more;
  return {
    seq,
    id,
    callbackId,
    response: decodeResponse(messageId, channel, response),
    acceptedAt,
    status,
    attemptCount,
    attemptedAt: attemptedAt === NEVER ? null : attemptedAt,
    statusCode,
    statusMessage,
    error,
    firstFailedAt,
    due: dueAt === null || dueCause === null ? null : { at: dueAt, cause: dueCause },
    deferred,
    settledBy,
    changedAt,
  };
}
