/** docs/dispatcher.md, A call, rule 6. */
import { isErased, markCall, recordClientReplay } from "../../domain/call.js";
import { WhcbError } from "../../domain/errors.js";
import { requireCallback } from "../callbacks/callback-row.js";
import { recordChange } from "../change-log.js";
import type { Db } from "../schema.js";
import type { ClientReplay, MarkDetails } from "../store.js";
import { type RecordedAttempt, saveAttempts } from "./attempts.js";
import { CountChanges } from "./call-counts.js";
import { type CallState, readStatesById, writeStates } from "./call-state.js";

export interface Marking extends MarkDetails {
  readonly callbackId: string;
  readonly callIds: readonly string[];
  readonly status: "SUCCESS" | "FAILED";
}

/** All or none. */
export function markCalls(db: Db, { callbackId, callIds, status, settledBy, replays = [] }: Marking, now: number): Promise<void> {
  return db.transaction().execute(async (trx) => {
    const { key } = await requireCallback(trx, callbackId);
    const states = await requireStates(trx, { id: callbackId, key }, callIds);
    // A request sent twice adds none twice.
    const isNew = ({ callId, attempt }: ClientReplay) => states.get(callId)?.before.attemptedAt !== attempt.startedAt;
    const attempts = addReplays(states, replays.filter(isNew));
    for (const [id, state] of states) {
      if (status === "FAILED" && state.before.status === "PENDING") {
        throw new WhcbError("invalid", `Call ${id} is waiting for its first attempt and can't be marked FAILED`);
      }
      if (status === "FAILED" && isErased(state.before)) {
        throw new WhcbError("invalid", `Call ${id} was erased and can't be sent again, so it can't be marked FAILED`);
      }
      state.after = markCall(state.after, status, now, settledBy);
    }
    const changes = new CountChanges();
    await writeStates(trx, states.values(), changes);
    await saveAttempts(trx, attempts);
    await changes.save(trx);
    await recordChange(trx, callbackId);
  });
}

/** Atomic. Ignores attempts of unknown calls. */
export function recordReplays(db: Db, callbackId: string, replays: readonly ClientReplay[]): Promise<void> {
  return db.transaction().execute(async (trx) => {
    const { key } = await requireCallback(trx, callbackId);
    const states = await readStatesById(trx, key, [...new Set(replays.map(({ callId }) => callId))]);
    const attempts = addReplays(states, replays);
    await writeStates(trx, states.values(), new CountChanges());
    await saveAttempts(trx, attempts);
  });
}

function addReplays(states: ReadonlyMap<string, CallState>, replays: readonly ClientReplay[]): readonly RecordedAttempt[] {
  const recorded: RecordedAttempt[] = [];
  for (const { callId, attempt } of replays) {
    const state = states.get(callId);
    if (state === undefined) continue;
    const number = state.after.attemptCount + 1;
    state.after = recordClientReplay(state.after, { ...attempt, number });
    recorded.push({ callSeq: state.seq, number, attempt: { ...attempt, number } });
  }
  return recorded;
}

export interface CallbackKey {
  readonly id: string;
  readonly key: number;
}

/** Each once, in order. Throws `not-found` for the first unknown id. */
export async function requireStates(db: Db, callback: CallbackKey, callIds: readonly string[]): Promise<Map<string, CallState>> {
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
