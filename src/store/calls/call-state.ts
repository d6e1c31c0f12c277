/** Without responses. */
import { sql } from "kysely";
import type { CallProgress } from "../../domain/call.js";
import type { Db } from "../schema.js";
import { listOf, updateEach } from "../sql/batches.js";
import { readRows } from "../sql/json-rows.js";
import { crossJoin } from "../sql/per-database.js";
import type { CountChanges } from "./call-counts.js";
import { PROGRESS_COLUMNS, PROGRESS_TYPES, type ProgressCells, progressCells, toProgress } from "./call-row.js";

export interface CallState {
  readonly id: string;
  readonly seq: number;
  readonly callbackKey: number;
  readonly before: CallProgress;
  after: CallProgress;
}

/** Only calls of this callback. */
export async function readStatesById(db: Db, callbackKey: number, ids: readonly string[]): Promise<Map<string, CallState>> {
  const columns = ["id", "seq", "callback_key", ...PROGRESS_COLUMNS];
  const from = sql`FROM ${listOf(ids, "text")} ${crossJoin} calls ON calls.id = batch.value WHERE calls.callback_key = ${callbackKey}`;
  const rows = await readRows<readonly [string, number, number, ...ProgressCells]>(db, { columns }, from);
  return new Map(rows.map(([id, seq, key, ...progress]) => [id, stateOf(id, seq, key, progress)]));
}

/** Calls of any callback. */
export async function readStatesBySeq(db: Db, seqs: readonly number[]): Promise<Map<number, CallState>> {
  if (seqs.length === 0) return new Map();
  const columns = ["id", "seq", "callback_key", ...PROGRESS_COLUMNS];
  const from = sql`FROM ${listOf(seqs, "bigint")} ${crossJoin} calls ON calls.seq = batch.value`;
  const rows = await readRows<readonly [string, number, number, ...ProgressCells]>(db, { columns }, from);
  return new Map(rows.map(([id, seq, key, ...progress]) => [seq, stateOf(id, seq, key, progress)]));
}

function stateOf(id: string, seq: number, callbackKey: number, cells: ProgressCells): CallState {
  const progress = toProgress(cells);
  return { id, seq, callbackKey, before: progress, after: progress };
}

const PROGRESS = { table: "calls", columns: PROGRESS_COLUMNS, types: PROGRESS_TYPES, key: "seq" };

/** Only those that changed. */
export async function writeStates(db: Db, states: Iterable<CallState>, changes: CountChanges): Promise<void> {
  const rows: (string | number | null)[][] = [];
  for (const state of states) {
    const { seq, callbackKey, before, after } = state;
    if (before === after) continue;
    changes.move(callbackKey, before, after);
    countReplay(state, changes);
    rows.push([...progressCells(after), seq]);
  }
  await updateEach(db, PROGRESS, rows);
}

function countReplay({ callbackKey, before, after }: CallState, changes: CountChanges): void {
  if (before.due?.cause === "replay") {
    if (after.due?.cause === "replay") return;
    const outcome = after.status === "SUCCESS" ? "succeeded" : "failed";
    // A mark may add a client's attempts: they aren't the replay's.
    const isMarked = after.settledBy === "user" || after.settledBy === "replay";
    const isAttempted = after.attemptCount > before.attemptCount && !isMarked;
    changes.leaveReplay(callbackKey, before.due.at, isAttempted ? outcome : null);
  } else if (after.due?.cause === "replay") changes.enterReplay(callbackKey, after.due.at);
}
