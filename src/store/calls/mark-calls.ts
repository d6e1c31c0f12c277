/** docs/dispatcher.md, A call, rule 6. */
import { sql } from "kysely";
import { type CallProgress, isErased, type MarkedBy, markCall, recordClientReplay } from "../../domain/call.js";
import type { CallFilter } from "../../domain/call-filter.js";
import { WhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import { lockCallback, requireCallback } from "../callbacks/callback-row.js";
import { requestProbe } from "../callbacks/run-leases.js";
import { recordChange } from "../change-log.js";
import { ActivityChanges } from "../outcomes/activity.js";
import type { MarkMatching } from "../overview-store.js";
import type { Db } from "../schema.js";
import { transact } from "../sql/transactions.js";
import type { ClientReplay, MarkDetails } from "../store.js";
import { findRecorded, type RecordedAttempt, saveAttempts } from "./attempts.js";
import { CountChanges } from "./call-counts.js";
import { type CallState, readStatesById, readStatesBySeq, writeStates } from "./call-state.js";
import { indexKeys, scanCalls } from "./scan-calls.js";

export interface Marking extends MarkDetails {
  readonly callbackId: string;
  readonly callIds: readonly string[];
  readonly status: "SUCCESS" | "FAILED";
}

/** All or none, but for those that are to stay as they are, whose ids it returns. */
export function markCalls(db: Db, marking: Marking, now: number): Promise<readonly string[]> {
  const { callbackId, callIds, status, settledBy, replays = [], unlessDeliveredSince, unlessSettled } = marking;
  return transact(db, async (trx) => {
    const { key } = await lockCallback(trx, callbackId);
    const states = await requireStates(trx, { id: callbackId, key }, callIds);
    const activity = new ActivityChanges();
    const attempts = await addReplays(trx, states, { replays, now }, activity);
    for (const [id, { before }] of states) {
      const reason = whyNotMarked(before, status);
      if (reason !== null) throw new WhcbError("invalid", `Call ${id} ${reason} be marked FAILED`);
    }
    const stays = (call: CallProgress): boolean =>
      isDeliveredSince(call, unlessDeliveredSince) || (unlessSettled === true && call.status === "SUCCESS");
    const left = [...states].flatMap(([id, { before }]) => (stays(before) ? [id] : []));
    for (const id of left) states.delete(id);
    await saveMarks(trx, callbackId, [...states.values()], { status, settledBy, now });
    await saveAttempts(trx, attempts);
    await activity.save(trx);
    return left;
  });
}

function isDeliveredSince({ settledBy, changedAt }: CallProgress, since = Number.POSITIVE_INFINITY): boolean {
  return (settledBy === "dispatcher" || settledBy === "replay") && changedAt >= since;
}

const PENDING_REASON = "is waiting for its first attempt and can't";

/** null if it can be. */
function whyNotMarked(call: CallProgress, status: Mark["status"]): string | null {
  if (status !== "FAILED") return null;
  if (call.status === "PENDING") return PENDING_REASON;
  return isErased(call) ? "was erased and can't be sent again, so it can't" : null;
}

interface Mark {
  readonly status: "SUCCESS" | "FAILED";
  readonly settledBy?: MarkedBy | undefined;
  readonly now: number;
}

async function saveMarks(
  db: Db,
  callbackId: string,
  states: readonly CallState[],
  { status, settledBy, now }: Mark,
): Promise<void> {
  for (const state of states) state.after = markCall(state.after, status, now, settledBy);
  const changes = new CountChanges();
  await writeStates(db, states, changes);
  await changes.save(db);
  if (status === "SUCCESS" && settledBy === "replay") await requestProbe(db, callbackId, now);
  await recordChange(db, callbackId);
}

/** Of a transaction: about 10 ms. */
const MARKED_AT_ONCE = 500;

/** One transaction per step. Returns how many have changed. */
export async function markMatching(
  db: Db,
  clock: Clock,
  callbackId: string,
  filter: CallFilter,
  mark: MarkMatching,
): Promise<number> {
  const { status, by, now } = mark;
  if (status === "FAILED" && filter.status === "PENDING")
    throw new WhcbError("invalid", `A PENDING call ${PENDING_REASON} be marked FAILED`);
  const { key } = await requireCallback(db, callbackId);
  const scan = { callbackKey: key, filter, keys: indexKeys(filter), after: null, maxRows: MARKED_AT_ONCE };
  let changed = 0;
  for await (const step of scanCalls(db, clock, scan)) {
    changed += await transact(db, async (trx) => {
      await lockCallback(trx, callbackId);
      const { rows } = await sql<{ seq: number }>`${step.select(sql`seq`)}`.execute(trx);
      const seqs = rows.map(({ seq }) => seq);
      const states = [...(await readStatesBySeq(trx, seqs)).values()];
      const marked = states.filter(({ before }) => before.status !== status && whyNotMarked(before, status) === null);
      if (marked.length > 0) await saveMarks(trx, callbackId, marked, { status, settledBy: by, now });
      return marked.length;
    });
  }
  return changed;
}

/** Atomic. Ignores attempts of unknown calls. */
export function recordReplays(db: Db, callbackId: string, replays: readonly ClientReplay[], now: number): Promise<void> {
  return transact(db, async (trx) => {
    const { key } = await lockCallback(trx, callbackId);
    const states = await readStatesById(trx, key, [...new Set(replays.map(({ callId }) => callId))]);
    const activity = new ActivityChanges();
    const attempts = await addReplays(trx, states, { replays, now }, activity);
    const changes = new CountChanges();
    await writeStates(trx, states.values(), changes);
    await changes.save(trx);
    await saveAttempts(trx, attempts);
    await activity.save(trx);
  });
}

/** A request sent twice adds none twice. The endpoint's answers may hold what was erased. */
async function addReplays(
  trx: Db,
  states: ReadonlyMap<string, CallState>,
  { replays, now }: { readonly replays: readonly ClientReplay[]; readonly now: number },
  activity: ActivityChanges,
): Promise<readonly RecordedAttempt[]> {
  const sent = replays.flatMap(({ callId, attempt }) => {
    const state = states.get(callId);
    return state === undefined ? [] : [{ state, callSeq: state.seq, attempt }];
  });
  const known = await findRecorded(trx, sent);
  const recorded: RecordedAttempt[] = [];
  for (const { state, attempt } of sent) {
    if (known.has(attempt) || isErased(state.before)) continue;
    state.after = recordClientReplay(state.after, attempt, now);
    recorded.push({ callSeq: state.seq, number: state.after.attemptCount, attempt });
    activity.add(state.callbackKey, attempt);
  }
  return recorded;
}

interface CallbackKey {
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
