import { markCall } from "../../domain/call.js";
import { WhcbError } from "../../domain/errors.js";
import { requireCallback } from "../callbacks/require-callback.js";
import type { Db } from "../schema.js";
import { CountChanges } from "./call-counts.js";
import { type CallState, readStatesById, writeStates } from "./call-state.js";

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
    for (const [id, state] of states) {
      if (status === "FAILED" && state.before.status === "PENDING") {
        throw new WhcbError("invalid", `Call ${id} is waiting for its first attempt and can't be marked FAILED`);
      }
      state.after = markCall(state.before, status, now);
    }
    const changes = new CountChanges();
    await writeStates(trx, states.values(), changes);
    await changes.save(trx);
  });
}

/** By id, each once, in the order given. Throws `not-found` for the first id that isn't a call of this callback. */
export async function requireStates(
  db: Db,
  callback: { readonly id: string; readonly key: number },
  callIds: readonly string[],
): Promise<Map<string, CallState>> {
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
