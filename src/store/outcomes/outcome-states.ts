/** The states of calls for a group of outcomes: the hot path, which reads and writes no column that it doesn't need. */
import { sql } from "kysely";
import type { Call, CallStatus } from "../../domain/call.js";
import type { CountChanges } from "../calls/call-counts.js";
import { type CallState, UNREAD_CALL, writeStates } from "../calls/call-state.js";
import type { Db } from "../schema.js";
import { batchOf, cell, listOf, readRows } from "../sqlite/json-rows.js";

type OutcomeRow = readonly [
  seq: number,
  callbackKey: number,
  status: CallStatus,
  attemptCount: number,
  firstFailedAt: number | null,
  dueAt: number | null,
  dueCause: "retry" | "replay" | null,
  failedInRecovery: number,
  settledBy: "dispatcher" | "user" | null,
];
/** In the order of OutcomeRow. */
const COLUMNS = [
  "seq",
  "callback_key",
  "status",
  "attempt_count",
  "first_failed_at",
  "due_at",
  "due_cause",
  "failed_in_recovery",
  "settled_by",
];

/**
 * By seq. What an attempt overwrites in any case isn't read (when and how the last one went, the last change), nor what no
 * transition looks at: such a call is for `recordAttempt` and `holdCall` only.
 */
export async function readOutcomeStates(db: Db, seqs: readonly number[]): Promise<Map<number, CallState>> {
  if (seqs.length === 0) return new Map();
  const from = sql`FROM ${listOf(seqs)} CROSS JOIN calls ON calls.seq = batch.value`;
  const rows = await readRows<OutcomeRow>(db, { columns: COLUMNS }, from);
  return new Map(rows.map((row) => [row[0], stateOf(row)]));
}

/** As `writeStates`; calls that simply succeeded, which is what most do, in a statement with a third of the cells. */
export async function writeOutcomeStates(db: Db, states: Iterable<CallState>, changes: CountChanges): Promise<void> {
  const delivered: (readonly (string | number | null)[])[] = [];
  const others: CallState[] = [];
  for (const state of states) {
    if (!isSimplyDelivered(state)) others.push(state);
    else {
      const { callbackKey, before, after } = state;
      changes.move(callbackKey, before.status, after.status);
      delivered.push([after.seq, after.attemptCount, after.attemptedAt, after.statusMessage, after.changedAt]);
    }
  }
  await writeStates(db, others, changes);
  if (delivered.length === 0) return;
  await sql`
    UPDATE calls SET
      status = 'SUCCESS', attempt_count = ${cell(1)}, attempted_at = ${cell(2)}, status_code = 200, status_message = ${cell(3)},
      error = NULL, due_at = NULL, due_cause = NULL, settled_by = 'dispatcher', changed_at = ${cell(4)}
    FROM ${batchOf(delivered)} WHERE calls.seq = ${cell(0)}`.execute(db);
}

function isSimplyDelivered({ before, after }: CallState): boolean {
  return (
    after !== before &&
    after.status === "SUCCESS" &&
    after.settledBy === "dispatcher" &&
    after.statusCode === 200 &&
    after.error === null &&
    after.due === null &&
    after.firstFailedAt === before.firstFailedAt &&
    after.failedInRecovery === before.failedInRecovery
  );
}

function stateOf([
  seq,
  callbackKey,
  status,
  attemptCount,
  firstFailedAt,
  dueAt,
  dueCause,
  failedInRecovery,
  settledBy,
]: OutcomeRow): CallState {
  const due = dueAt === null || dueCause === null ? null : { at: dueAt, cause: dueCause };
  const call: Call = { ...UNREAD_CALL, seq, status, attemptCount, firstFailedAt, due, failedInRecovery, settledBy };
  return { callbackKey, before: call, after: call };
}
