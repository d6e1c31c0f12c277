import { markCall } from "../../domain/call.js";
import { WhcbError } from "../../domain/errors.js";
import { requireCallback } from "../callbacks/require-callback.js";
import type { Db } from "../schema.js";
import { CountChanges } from "./call-counts.js";
import { type CallState, readStates, writeStates } from "./call-state.js";

export interface Marking {
  readonly callbackId: string;
  readonly callIds: readonly string[];
  readonly status: "SUCCESS" | "FAILED";
}

/** All or none (dispatch.md, a call, 6). */
export function markCalls(db: Db, { callbackId, callIds, status }: Marking, now: number): Promise<void> {
  return db.transaction().execute(async (trx) => {
    const { key } = await requireCallback(trx, callbackId);
    const states = await requireStates(trx, { id: callbackId, key }, callIds);
    for (const state of states) {
      if (status === "FAILED" && state.before.status === "PENDING") {
        throw new WhcbError("invalid", `Call ${state.before.id} is waiting for its first attempt and can't be marked FAILED`);
      }
      state.after = markCall(state.before, status, now);
    }
    const changes = new CountChanges();
    await writeStates(trx, states, changes);
    await changes.save(trx);
  });
}

/** Each once, in the order given. Throws `not-found` naming the first id that is no call of this callback. */
export async function requireStates(
  db: Db,
  callback: { readonly id: string; readonly key: number },
  callIds: readonly string[],
): Promise<CallState[]> {
  const ids = [...new Set(callIds)];
  const found = new Map((await readStates(db, callback.key, ids)).map((state) => [state.before.id, state]));
  return ids.map((id) => {
    const state = found.get(id);
    if (state === undefined) throw new WhcbError("not-found", `No call ${id} of callback ${callback.id}`);
    return state;
  });
}
