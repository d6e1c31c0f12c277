/** A group of outcomes, with everything that follows from them, in one transaction (docs/dispatcher.md, A call, Rule 5). */
import { holdCall, recordAttempt } from "../../domain/call.js";
import { type LiveCallbacks, readLiveCallbacks } from "../callbacks/callback-row.js";
import { type RecordedAttempt, saveAttempts } from "../calls/attempts.js";
import { CountChanges } from "../calls/call-counts.js";
import { type CallState, readStatesBySeq, writeStates } from "../calls/call-state.js";
import type { Db } from "../schema.js";
import type { OutcomeGroup } from "../store.js";
import { saveEndpoints } from "./endpoints.js";
import { saveMails } from "./mails.js";
import { closeOutages, saveOpenOutages } from "./outages.js";

export function commitOutcomes(db: Db, group: OutcomeGroup): Promise<void> {
  return db.transaction().execute(async (trx) => {
    const callbacks = await readLiveCallbacks(trx, group);
    const changes = new CountChanges();
    const states = await readStatesBySeq(trx, seqsOf(group));
    const recorded = applyOutcomes(states, group, callbacks);
    await writeStates(trx, states.values(), changes);
    await saveAttempts(trx, recorded);
    await changes.save(trx);
    await saveEndpoints(trx, group.endpoints, callbacks);
    // An outage that ends makes room for the next one of its callback.
    await closeOutages(trx, group.closedOutages, callbacks);
    await saveOpenOutages(trx, group.endpoints, callbacks);
    await saveMails(trx, group.mails, callbacks);
  });
}

function seqsOf({ attempts, holdings }: OutcomeGroup): number[] {
  const seqs = new Set<number>();
  for (const { callSeq } of holdings) seqs.add(callSeq);
  for (const { callSeq } of attempts) seqs.add(callSeq);
  return [...seqs];
}

/** Moves the calls on, holdings first; returns the attempts of calls that are still there. */
function applyOutcomes(states: ReadonlyMap<number, CallState>, group: OutcomeGroup, callbacks: LiveCallbacks): RecordedAttempt[] {
  const { policy } = group;
  for (const { callbackId, callSeq, at, downSince, random } of group.holdings) {
    const callback = callbacks.get(callbackId);
    const state = states.get(callSeq);
    if (callback === undefined || state?.callbackKey !== callback.key) continue;
    // With retries switched off meanwhile it keeps its one attempt: it stays PENDING.
    if (callback.retriesEnabled) state.after = holdCall(state.after, at, downSince, { retriesEnabled: true, policy, random });
  }
  const recorded: RecordedAttempt[] = [];
  for (const { callbackId, callSeq, attempt, random, recovery } of group.attempts) {
    const callback = callbacks.get(callbackId);
    const state = states.get(callSeq);
    if (callback === undefined || state?.callbackKey !== callback.key) continue;
    state.after = recordAttempt(state.after, attempt, { retriesEnabled: callback.retriesEnabled, policy, random }, recovery);
    // The attempt's own number, unless its sender knew an older state of the call: a request that was made is never lost.
    recorded.push({ callSeq, number: state.after.attemptCount, attempt });
  }
  return recorded;
}
