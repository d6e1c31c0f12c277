/** Without responses. */
import { sql } from "kysely";
import type { CallProgress } from "../../domain/call.js";
import type { Db } from "../schema.js";
import { NEVER } from "../schema.js";
import { batchOf, type Cell, cell, listOf, readRows } from "../sqlite/json-rows.js";
import type { CountChanges } from "./call-counts.js";
import { PROGRESS_COLUMNS, type ProgressCells, progressCells, toProgress } from "./call-row.js";

export interface CallState {
  readonly seq: number;
  readonly callbackKey: number;
  readonly before: CallProgress;
  after: CallProgress;
}

/** Only calls of this callback. */
export async function readStatesById(db: Db, callbackKey: number, ids: readonly string[]): Promise<Map<string, CallState>> {
  const columns = ["id", "seq", "callback_key", ...PROGRESS_COLUMNS];
  const from = sql`FROM ${listOf(ids)} CROSS JOIN calls ON calls.id = batch.value WHERE calls.callback_key = ${callbackKey}`;
  const rows = await readRows<readonly [string, number, number, ...ProgressCells]>(db, { columns }, from);
  return new Map(rows.map(([id, seq, key, ...progress]) => [id, stateOf(seq, key, progress)]));
}

/** Calls of any callback. */
export async function readStatesBySeq(db: Db, seqs: readonly number[]): Promise<Map<number, CallState>> {
  if (seqs.length === 0) return new Map();
  const columns = ["seq", "callback_key", ...PROGRESS_COLUMNS];
  const from = sql`FROM ${listOf(seqs)} CROSS JOIN calls ON calls.seq = batch.value`;
  const rows = await readRows<readonly [number, number, ...ProgressCells]>(db, { columns }, from);
  return new Map(rows.map(([seq, key, ...progress]) => [seq, stateOf(seq, key, progress)]));
}

function stateOf(seq: number, callbackKey: number, cells: ProgressCells): CallState {
  const progress = toProgress(cells);
  return { seq, callbackKey, before: progress, after: progress };
}

/** Only those that changed. Settled calls, the most frequent, need a third of the cells. */
export async function writeStates(db: Db, states: Iterable<CallState>, changes: CountChanges): Promise<void> {
  const settled = new Map<string, SettledCalls>();
  const others: (readonly Cell[])[] = [];
  for (const state of states) {
    const { seq, callbackKey, before, after } = state;
    if (before === after) continue;
    changes.move(callbackKey, before, after);
    countReplay(state, changes);
    if (isSettled(state)) {
      const { attemptCount, attemptedAt, statusMessage, changedAt } = after;
      settledAlike(settled, after).push([seq, attemptCount, attemptedAt ?? NEVER, statusMessage, changedAt]);
    } else others.push([seq, ...progressCells(after)]);
  }
  for (const { like, cells } of settled.values()) {
    await sql`
      UPDATE calls SET
        status = 'SUCCESS', attempt_count = ${cell(1)}, attempted_at = ${cell(2)}, status_code = ${like.statusCode},
        status_message = ${cell(3)}, error = NULL, due_at = NULL, due_cause = NULL, settled_by = ${like.settledBy}, changed_at = ${cell(4)}
      FROM ${batchOf(cells)} WHERE calls.seq = ${cell(0)}`.execute(db);
  }
  if (others.length > 0) {
    const assignments = PROGRESS_COLUMNS.map((column, index) => sql`${sql.raw(column)} = ${cell(index + 1)}`);
    await sql`UPDATE calls SET ${sql.join(assignments)} FROM ${batchOf(others)} WHERE calls.seq = ${cell(0)}`.execute(db);
  }
}

function countReplay({ callbackKey, before, after }: CallState, changes: CountChanges): void {
  if (before.due?.cause === "replay") {
    if (after.due?.cause === "replay") return;
    const outcome = after.status === "SUCCESS" ? "succeeded" : "failed";
    changes.leaveReplay(callbackKey, before.due.at, after.attemptCount > before.attemptCount ? outcome : null);
  } else if (after.due?.cause === "replay") changes.enterReplay(callbackKey, after.due.at);
}

interface SettledCalls {
  /** For their status code and who settled them. */
  readonly like: CallProgress;
  readonly cells: (readonly Cell[])[];
}

function settledAlike(groups: Map<string, SettledCalls>, call: CallProgress): (readonly Cell[])[] {
  const key = `${call.statusCode} ${call.settledBy}`;
  const group = groups.get(key) ?? { like: call, cells: [] };
  groups.set(key, group);
  return group.cells;
}

function isSettled({ before, after }: CallState): boolean {
  return (
    after.status === "SUCCESS" &&
    after.error === null &&
    after.due === null &&
    after.firstFailedAt === before.firstFailedAt &&
    after.failedInRecovery === before.failedInRecovery
  );
}
