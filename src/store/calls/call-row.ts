/** Calls as rows. */
import type { RawBuilder } from "kysely";
import type { UnreachableReason } from "../../domain/attempt.js";
import type { Call, CallStatus } from "../../domain/call.js";
import type { Channel } from "../../domain/message-response.js";
import { type Db, NEVER } from "../schema.js";
import { readRows } from "../sqlite/json-rows.js";
import { decodeResponse, type StoredResponse } from "./response-codec.js";

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
  failedInRecovery: number,
  settledBy: "dispatcher" | "user" | null,
  changedAt: number,
  messageId: string,
  channel: Channel,
  response: StoredResponse | null,
];

/** What an e-mail shows of such a call. */
const LEFT_OUT: StoredResponse = ["", "", "", "", "", "", "reply", "", "(too large to be shown here)", {}];

/** In the order of CallRow. */
const COLUMNS = [
  ...["seq", "id", "accepted_at", "status", "attempt_count", "attempted_at", "status_code", "status_message", "error"],
  ...["first_failed_at", "due_at", "due_cause", "failed_in_recovery", "settled_by", "changed_at", "message_id", "channel"],
];

/**
 * The calls of `from`: FROM and all that follows it, in its order. All are this callback's. `mostBytes`: a response that takes more
 * is left out of its call, which then `isAbridged`.
 */
export async function readCalls(db: Db, callbackId: string, from: RawBuilder<unknown>, mostBytes?: number): Promise<Call[]> {
  const bounds = mostBytes === undefined ? {} : { mostJsonBytes: mostBytes };
  const rows = await readRows<CallRow>(db, { columns: COLUMNS, json: ["response"], ...bounds }, from);
  return rows.map((row) => toCall(row, callbackId));
}

function toCall(row: CallRow, callbackId: string): Call {
  const [seq, id, acceptedAt, status, attemptCount, attemptedAt, statusCode, statusMessage, error, ...more] = row;
  const [firstFailedAt, dueAt, dueCause, failedInRecovery, settledBy, changedAt, messageId, channel, response] = more;
  return {
    seq,
    id,
    callbackId,
    response: decodeResponse(messageId, channel, response ?? LEFT_OUT),
    ...(response === null && { isAbridged: true as const }),
    acceptedAt,
    status,
    attemptCount,
    attemptedAt: attemptedAt === NEVER ? null : attemptedAt,
    statusCode,
    statusMessage,
    error,
    firstFailedAt,
    due: dueAt === null || dueCause === null ? null : { at: dueAt, cause: dueCause },
    failedInRecovery,
    settledBy,
    changedAt,
  };
}
