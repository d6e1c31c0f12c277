/** docs/dispatcher.md, A call, rule 6. */
import { sql } from "kysely";
import { isErased, type MarkedBy, markCall, recordClientReplay, requestReplay } from "../../domain/call.js";
import type { RunLease } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import { requireCallback } from "../callbacks/callback-row.js";
import { requireLease } from "../callbacks/run-leases.js";
import { recordChange } from "../change-log.js";
import type { Db } from "../schema.js";
import type { ClientReplay, ReplaySelection } from "../store.js";
import { type RecordedAttempt, saveAttempts } from "./attempts.js";
import { CountChanges } from "./call-counts.js";
import { type CallState, readStatesById, writeStates } from "./call-state.js";
import { conditionsOf } from "./list-calls.js";

export interface Marking {
  readonly callbackId: string;
  readonly callIds: readonly string[];
  readonly status: "SUCCESS" | "FAILED";
  readonly by?: MarkedBy | undefined;
}

export interface ReplayRequest {
  readonly callbackId: string;
  readonly selection: ReplaySelection;
  readonly by: RunLease | null;
}

/** All or none. */
export function markCalls(db: Db, { callbackId, callIds, status, by }: Marking, now: number): Promise<void> {
  return db.transaction().execute(async (trx) => {
    const { key } = await requireCallback(trx, callbackId);
    const states = await requireStates(trx, { id: callbackId, key }, callIds);
    for (const [id, state] of states) {
      if (status === "FAILED" && state.before.status === "PENDING") {
        throw new WhcbError("invalid", `Call ${id} is waiting for its first attempt and can't be marked FAILED`);
      }
      if (status === "FAILED" && isErased(state.before)) {
        throw new WhcbError("invalid", `Call ${id} was erased and can't be sent again, so it can't be marked FAILED`);
      }
      state.after = markCall(state.before, status, now, by);
    }
    const changes = new CountChanges();
    await writeStates(trx, states.values(), changes);
    await changes.save(trx);
    await recordChange(trx, callbackId);
  });
}

/** Atomic. Counts only FAILED calls. Throws `locked` while another run than `by` has the lease. */
export function requestReplays(db: Db, { callbackId, selection, by }: ReplayRequest, now: number): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const { key } = await requireCallback(trx, callbackId);
    await requireLease(trx, key, by, now);
    const requested =
      "callIds" in selection
        ? await requestByIds(trx, { id: callbackId, key }, selection.callIds, now)
        : await requestByFilter(trx, key, selection, now);
    if (requested > 0) await trx.updateTable("callbacks").set({ replay_requested_at: now }).where("key", "=", key).execute();
    await recordChange(trx, callbackId);
    return requested;
  });
}

/** Atomic. Ignores attempts of unknown calls. */
export function recordReplays(db: Db, callbackId: string, replays: readonly ClientReplay[]): Promise<void> {
  return db.transaction().execute(async (trx) => {
    const { key } = await requireCallback(trx, callbackId);
    const states = await readStatesById(trx, key, [...new Set(replays.map(({ callId }) => callId))]);
    const recorded: RecordedAttempt[] = [];
    for (const { callId, attempt } of replays) {
      const state = states.get(callId);
      if (state === undefined) continue;
      const number = state.after.attemptCount + 1;
      state.after = recordClientReplay(state.after, { ...attempt, number });
      recorded.push({ callSeq: state.seq, number, attempt: { ...attempt, number } });
    }
    await writeStates(trx, states.values(), new CountChanges());
    await saveAttempts(trx, recorded);
  });
}

interface CallbackKey {
  readonly id: string;
  readonly key: number;
}

async function requestByIds(db: Db, callback: CallbackKey, callIds: readonly string[], now: number): Promise<number> {
  const states = [...(await requireStates(db, callback, callIds)).values()];
  for (const state of states) state.after = requestReplay(state.before, now);
  await writeStates(db, states, new CountChanges());
  return states.filter(({ before, after }) => before !== after).length;
}

async function requestByFilter(
  db: Db,
  callbackKey: number,
  { filter }: Extract<ReplaySelection, { filter: unknown }>,
  now: number,
): Promise<number> {
  if (filter.status !== undefined && filter.status !== "FAILED") return 0;
  const { numAffectedRows } = await sql`
    UPDATE calls SET due_at = ${now}, due_cause = 'replay', failed_in_recovery = 0, changed_at = ${now}
    WHERE callback_key = ${callbackKey} AND status = 'FAILED' AND status <> 'PENDING' ${conditionsOf(filter)}`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

/** Each once, in order. Throws `not-found` for the first unknown id. */
async function requireStates(db: Db, callback: CallbackKey, callIds: readonly string[]): Promise<Map<string, CallState>> {
  const ids = [...new Set(callIds)];
  const found = await readStatesById(db, callback.key, ids);
  return new Map(
    ids.map((id) => {
      const state = found.get(id);
      if (state === undefined) throw new WhcbError("not-found", `No call ${id} of callback ${callback.id}`);
      return [id, state];
    }),
  );
}
