/** Replays by the service: calls with `due_cause` "replay"; `due_at` says of which one. */
import { sql } from "kysely";
import { cancelReplay, type RetryRule, requestReplay } from "../../domain/call.js";
import type { CallFilter } from "../../domain/call-filter.js";
import type { ServiceReplay } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import { requireCallback } from "../callbacks/callback-row.js";
import { requireLease, toServiceReplay } from "../callbacks/run-leases.js";
import { recordChange } from "../change-log.js";
import type { Db, ReplayTable } from "../schema.js";
import { listOf } from "../sqlite/json-rows.js";
import type { ReplayCancel, ReplayRequest, RequestedReplay } from "../store.js";
import { CountChanges } from "./call-counts.js";
import { readStatesBySeq, writeStates } from "./call-state.js";
import { type CallbackKey, requireStates } from "./mark-calls.js";
import { conditionsOf } from "./scan-calls.js";

/** Atomic. Throws `locked` while another run than `by` has the lease, or if the replay was cancelled. */
export function requestReplays(db: Db, callbackId: string, request: ReplayRequest, now: number): Promise<RequestedReplay> {
  return db.transaction().execute(async (trx) => {
    const { key } = await requireCallback(trx, callbackId);
    await requireLease(trx, key, request.by, now);
    const replay = (await readReplay(trx, key, request.id)) ?? (await beginReplay(trx, key, request.id, now));
    if (replay.cancelled_at !== null) throw new WhcbError("locked", `Replay ${replay.id} was cancelled`);
    const { selection } = request;
    const accepted =
      "callIds" in selection
        ? await requestByIds(trx, { id: callbackId, key }, selection.callIds, replay, now)
        : await requestByFilter(trx, selection.filter, replay, now);
    if (accepted > 0) await trx.updateTable("callbacks").set({ replay_requested_at: now }).where("key", "=", key).execute();
    await recordChange(trx, callbackId);
    const { total } = (await readReplay(trx, key, request.id)) ?? replay;
    return { id: replay.id, total, accepted };
  });
}

export async function findReplay(db: Db, callbackId: string, replayId: string): Promise<ServiceReplay | null> {
  const { key } = await requireCallback(db, callbackId);
  const row = await readReplay(db, key, replayId);
  return row === undefined ? null : toServiceReplay(row);
}

export async function listReplays(db: Db, callbackId: string, limit: number): Promise<readonly ServiceReplay[]> {
  const { key } = await requireCallback(db, callbackId);
  const rows = db.selectFrom("replays").selectAll().where("callback_key", "=", key).orderBy("requested_at", "desc").limit(limit);
  return (await rows.execute()).map(toServiceReplay);
}

const CHUNK = 1_000;

/** Atomic, for one chunk of calls; false: there may be more. Throws `not-found`. */
export function cancelReplayChunk(db: Db, callbackId: string, cancel: ReplayCancel): Promise<boolean> {
  const { replayId, now, policy, random } = cancel;
  return db.transaction().execute(async (trx) => {
    const callback = await requireCallback(trx, callbackId);
    const replay = await readReplay(trx, callback.key, replayId);
    if (replay === undefined) throw new WhcbError("not-found", `No replay ${replayId} of callback ${callbackId}`);
    // Also of one that has no call left: its run may be about to add some.
    await sql`
      UPDATE replays SET cancelled_at = coalesce(cancelled_at, ${now})
      WHERE callback_key = ${callback.key} AND requested_at = ${replay.requested_at}`.execute(trx);
    if (replay.waiting === 0) return true;
    const begun = cancel.begunCalls();
    // Those that the dispatcher would send next come first.
    const { rows } = await sql<{ seq: number }>`
      SELECT seq FROM calls
      WHERE callback_key = ${callback.key} AND due_cause = 'replay' AND due_at = ${replay.requested_at}
        AND seq NOT IN (SELECT batch.value FROM ${listOf([...begun])})
      ORDER BY due_at, seq LIMIT ${CHUNK}`.execute(trx);
    const seqs = rows.map(({ seq }) => seq);
    const states = [...(await readStatesBySeq(trx, seqs)).values()];
    const rule: RetryRule = { retriesEnabled: callback.retries_enabled === 1, policy, random };
    for (const state of states) state.after = cancelReplay(state.before, now, rule);
    const changes = new CountChanges();
    await writeStates(trx, states, changes);
    await changes.save(trx);
    await recordChange(trx, callbackId);
    return rows.length < CHUNK;
  });
}

function readReplay(db: Db, callbackKey: number, id: string): Promise<ReplayTable | undefined> {
  return db.selectFrom("replays").selectAll().where("callback_key", "=", callbackKey).where("id", "=", id).executeTakeFirst();
}

/** Later than every earlier one: calls are sent in the order of the requests. */
async function beginReplay(db: Db, callbackKey: number, id: string, now: number): Promise<ReplayTable> {
  const { rows } = await sql<{ last: number | null }>`
    SELECT max(requested_at) AS last FROM replays WHERE callback_key = ${callbackKey}`.execute(db);
  const last = rows[0]?.last ?? null;
  const counts = { total: 0, succeeded: 0, failed: 0, waiting: 0, cancelled_at: null };
  const row = { callback_key: callbackKey, requested_at: last === null ? now : Math.max(now, last + 1), id, ...counts };
  await db.insertInto("replays").values(row).execute();
  return row;
}

async function requestByIds(
  db: Db,
  callback: CallbackKey,
  callIds: readonly string[],
  replay: ReplayTable,
  now: number,
): Promise<number> {
  const states = [...(await requireStates(db, callback, callIds)).values()];
  for (const state of states) state.after = requestReplay(state.before, now, replay.requested_at);
  const changes = new CountChanges();
  await writeStates(db, states, changes);
  await changes.save(db);
  return states.filter(({ after }) => after.due?.cause === "replay").length;
}

async function requestByFilter(db: Db, filter: CallFilter, replay: ReplayTable, now: number): Promise<number> {
  if (filter.status !== undefined && filter.status !== "FAILED") return 0;
  const { callback_key, requested_at } = replay;
  const { rows } = await sql<{ calls: number }>`
    SELECT count(*) AS calls FROM calls WHERE callback_key = ${callback_key} AND due_cause = 'replay' ${conditionsOf(filter)}`.execute(
    db,
  );
  const { numAffectedRows } = await sql`
    UPDATE calls SET due_at = ${requested_at}, due_cause = 'replay', failed_in_recovery = 0, changed_at = ${now}
    WHERE callback_key = ${callback_key} AND status = 'FAILED' AND status <> 'PENDING'
      AND (due_cause IS NULL OR due_cause <> 'replay') ${conditionsOf(filter)}`.execute(db);
  const added = Number(numAffectedRows ?? 0n);
  await sql`
    UPDATE replays SET total = total + ${added}, waiting = waiting + ${added}
    WHERE callback_key = ${callback_key} AND requested_at = ${requested_at}`.execute(db);
  return (rows[0]?.calls ?? 0) + added;
}
