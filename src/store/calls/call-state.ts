/** What of a call a transition reads and writes: read and written back for a whole batch at once, without the response. */
import { type Selectable, sql } from "kysely";
import type { Call } from "../../domain/call.js";
import { type CallTable, type Db, NEVER } from "../schema.js";
import { batchOf, cell, listOf } from "../sqlite/json-rows.js";
import type { CountChanges } from "./call-counts.js";

type StateRow = Omit<Selectable<CallTable>, "message_id" | "channel" | "response" | "accepted_at">;

/** A call under way through domain/call.ts, which never looks at the response. */
export interface CallState {
  readonly callbackKey: number;
  readonly before: Call;
  after: Call;
}

/** Stands in for what isn't read. */
export const UNREAD_CALL: Call = {
  seq: 0,
  id: "",
  callbackId: "",
  response: {
    messageId: "",
    messageLocation: "",
    from: { name: "", mri: "", mobile: "", email: "", voice: "" },
    responseMessage: { channel: "SMS", kind: "reply", date: "", content: "" },
    customParameters: {},
  },
  acceptedAt: 0,
  status: "PENDING",
  attemptCount: 0,
  attemptedAt: null,
  statusCode: null,
  statusMessage: null,
  error: null,
  firstFailedAt: null,
  due: null,
  failedInRecovery: 0,
  settledBy: null,
  changedAt: 0,
};

const STATE_COLUMNS = sql.raw(
  [
    "calls.seq, calls.id, callback_key, status, attempt_count, attempted_at, status_code, status_message, error",
    "first_failed_at, due_at, due_cause, failed_in_recovery, settled_by, changed_at",
  ].join(", "),
);

/** Only those that are calls of this callback. */
export async function readStates(db: Db, callbackKey: number, ids: readonly string[]): Promise<CallState[]> {
  const { rows } = await sql<StateRow>`
    SELECT ${STATE_COLUMNS} FROM ${listOf(ids)} CROSS JOIN calls ON calls.id = batch.value
    WHERE calls.callback_key = ${callbackKey}`.execute(db);
  return rows.map((row) => {
    const call = callOf(row);
    return { callbackKey: row.callback_key, before: call, after: call };
  });
}

/** Writes back those that changed, in one statement, and counts what moved. */
export async function writeStates(db: Db, states: Iterable<CallState>, changes: CountChanges): Promise<void> {
  const rows = [];
  for (const { callbackKey, before, after } of states) {
    if (before === after) continue;
    changes.move(callbackKey, before.status, after.status);
    rows.push(cellsOf(after));
  }
  if (rows.length === 0) return;
  await sql`
    UPDATE calls SET
      status = ${cell(1)}, attempt_count = ${cell(2)}, attempted_at = ${cell(3)}, status_code = ${cell(4)}, status_message = ${cell(5)},
      error = ${cell(6)}, first_failed_at = ${cell(7)}, due_at = ${cell(8)}, due_cause = ${cell(9)}, failed_in_recovery = ${cell(10)},
      settled_by = ${cell(11)}, changed_at = ${cell(12)}
    FROM ${batchOf(rows)} WHERE calls.seq = ${cell(0)}`.execute(db);
}

function cellsOf(call: Call) {
  return [
    call.seq,
    call.status,
    call.attemptCount,
    call.attemptedAt ?? NEVER,
    call.statusCode,
    call.statusMessage,
    call.error,
    call.firstFailedAt,
    call.due?.at ?? null,
    call.due?.cause ?? null,
    call.failedInRecovery,
    call.settledBy,
    call.changedAt,
  ];
}

function callOf(row: StateRow): Call {
  return {
    ...UNREAD_CALL,
    seq: row.seq,
    id: row.id,
    status: row.status,
    attemptCount: row.attempt_count,
    attemptedAt: row.attempted_at === NEVER ? null : row.attempted_at,
    statusCode: row.status_code,
    statusMessage: row.status_message,
    error: row.error,
    firstFailedAt: row.first_failed_at,
    due: row.due_at === null || row.due_cause === null ? null : { at: row.due_at, cause: row.due_cause },
    failedInRecovery: row.failed_in_recovery,
    settledBy: row.settled_by,
    changedAt: row.changed_at,
  };
}
