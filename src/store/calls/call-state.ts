/** Calls without their responses, as they were read and as they are to be written. */
import { type RawBuilder, sql } from "kysely";
import type { CallProgress } from "../../domain/call.js";
import { forgetExpired } from "../outcomes/expired-calls.js";
import type { Db } from "../schema.js";
import { updateCalls, valueList } from "../sql/batches.js";
import { readRows } from "../sql/json-rows.js";
import { crossJoin } from "../sql/per-database.js";
import { CountChanges, type OutageEntry } from "./call-counts.js";
import { PROGRESS_COLUMNS, progressCells, toProgress } from "./call-row.js";

export interface CallState {
  readonly id: string;
  readonly seq: number;
  readonly callbackKey: number;
  readonly acceptedAt: number;
  readonly before: CallProgress;
  after: CallProgress;
  /** Who has marked the call now. It is undefined unless it was marked. */
  settledByUser?: string | null;
  /** The outage that has counted the call, which is `after.outageId`. */
  entry?: OutageEntry;
}

/** Resolves to the states by call id. Calls of other callbacks are left out. */
export async function readStatesById(db: Db, callbackKey: number, ids: readonly string[]): Promise<Map<string, CallState>> {
  const calls = sql`${valueList(ids, "text")} ${crossJoin} calls ON calls.id = batch.value WHERE calls.callback_key = ${callbackKey}`;
  return new Map((await readStates(db, calls)).map((state) => [state.id, state]));
}

/** Resolves to the states by seq. The calls may be of any callback. */
export async function readStatesBySeq(db: Db, seqs: readonly number[]): Promise<Map<number, CallState>> {
  if (seqs.length === 0) return new Map();
  const calls = sql`${valueList(seqs, "bigint")} ${crossJoin} calls ON calls.seq = batch.value`;
  return new Map((await readStates(db, calls)).map((state) => [state.seq, state]));
}

async function readStates(db: Db, calls: RawBuilder<unknown>): Promise<CallState[]> {
  const rows = await readRows(db, "calls", ["id", "seq", "callback_key", "accepted_at", ...PROGRESS_COLUMNS], sql`FROM ${calls}`);
  return rows.map(([id, seq, callbackKey, acceptedAt, ...cells]) => {
    const progress = toProgress(cells);
    return { id, seq, callbackKey, acceptedAt, before: progress, after: progress };
  });
}

/** Writes the states that changed, and their counters. */
export async function writeStates(db: Db, states: Iterable<CallState>): Promise<void> {
  const changes = new CountChanges();
  const rows: (string | number | null)[][] = [];
  const marked: typeof rows = [];
  const unexpired: number[] = [];
  for (const state of states) {
    const { seq, callbackKey, before, after, entry, settledByUser } = state;
    if (before === after) continue;
    changes.move(callbackKey, before, after);
    if (entry !== undefined) changes.enterOutage(before, entry);
    changes.moveFate(before, after);
    countReplay(state, changes);
    if (mayEndExpiry(before, after)) unexpired.push(seq);
    if (settledByUser === undefined) rows.push([...progressCells(after), seq]);
    else marked.push([...progressCells(after), settledByUser, seq]);
  }
  await updateCalls(db, PROGRESS_COLUMNS, rows);
  await updateCalls(db, [...PROGRESS_COLUMNS, "settled_by_user"], marked);
  await changes.save(db);
  await forgetExpired(db, unexpired);
}

/** A call with a retry due hasn't expired. */
function mayEndExpiry(before: CallProgress, after: CallProgress): boolean {
  if (before.status !== "FAILED" || before.due?.cause === "retry") return false;
  return after.status !== "FAILED" || after.due?.cause === "retry";
}

function countReplay({ callbackKey, before, after }: CallState, changes: CountChanges): void {
  if (before.due?.cause === "replay") {
    if (after.due?.cause === "replay") return;
    // A mark may add a client's attempts: they aren't the replay's.
    const isMarked = after.settledBy === "user" || after.settledBy === "replay";
    if (after.attemptCount > before.attemptCount && !isMarked) changes.leaveReplay(callbackKey, before.due.at, after);
    else changes.withdrawFromReplay(callbackKey, before.due.at);
  } else if (after.due?.cause === "replay") changes.enterReplay(callbackKey, after.due.at);
}
