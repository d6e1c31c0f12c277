/** A replay by the service is its calls with `due_cause` "replay". Their `due_at` says of which one they are. */
import { sql } from "kysely";
import type { AuditDetails, Author } from "../../domain/audit/audit-entry.js";
import { cancelReplay, type RetryRule, requestReplay } from "../../domain/call.js";
import type { ReplaySelection, RunLease, ServiceReplay } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import type { RetryPolicy } from "../../domain/retry-policy.js";
import type { Clock } from "../../platform/clock.js";
import { addToAudit, filteredCalls, namedCalls, writeAudit } from "../audit.js";
import { type CallbackRow, lockCallback, requireCallback } from "../callbacks/callback-row.js";
import { type LeaseTime, requireLease, toServiceReplay } from "../callbacks/run-leases.js";
import { recordChange } from "../change-log.js";
import { expireCalls, expiredOf } from "../outcomes/expired-calls.js";
import type { Db, Row } from "../schema.js";
import { inList } from "../sql/batches.js";
import { isPostgres } from "../sql/per-database.js";
import { transact } from "../sql/transactions.js";
import { type FailureGroup, readReplayFailures } from "./call-counts.js";
import { laterChangeAt } from "./call-row.js";
import { readStatesBySeq, writeStates } from "./call-state.js";
import { requireStates } from "./mark-calls.js";
import { readSeqs, type ScanStep, scanCalls } from "./scan-calls.js";

export interface ReplayRequest {
  readonly id: string;
  readonly selection: ReplaySelection;
  readonly by: RunLease | null;
  readonly author?: Author;
}

export interface RequestedReplay {
  readonly id: string;
  /** The replay has so many calls, with those that were added. */
  readonly total: number;
  /** The request asked for so many FAILED calls. Those that wait for an earlier replay count too. */
  readonly accepted: number;
}

export interface ReplayCancel {
  /** With null, what still waits of the callback's cancelled replays is withdrawn. */
  readonly replayId: string | null;
  readonly now: number;
  readonly policy: RetryPolicy;
  /** The jitter comes from this number in [0,1). */
  readonly random: number;
  /** It is left out by the dispatcher, which goes on with what somebody has cancelled. */
  readonly author?: Author;
  /**
   * Returns the seqs of calls in flight, which stay in the replay; or null, and then a dispatcher that owns the callback is to
   * withdraw the others.
   */
  begunCalls(): ReadonlySet<number> | null;
}

/** `isServed` says that a service uses the store, which ends leases of runs. */
export function replayStore(db: Db, clock: Clock, isServed: boolean) {
  return {
    /**
     * Makes one attempt of each call due now, and sets `replayRequestedAt`. Adds to the replay with this id. By ids it is one
     * transaction. By a filter it is many, and what is requested stays if a later one fails. Throws as `calls.mark` does, and
     * `locked` while another run than `by` has the lease, or if that replay was cancelled.
     */
    request: (callbackId: string, request: ReplayRequest, now: number): Promise<RequestedReplay> =>
      requestReplays(db, clock, callbackId, request, { now, isServed }),

    /** Resolves to null for an unknown replay. Throws `not-found` for the callback. */
    async find(callbackId: string, replayId: string): Promise<ServiceReplay | null> {
      const { key } = await requireCallback(db, callbackId);
      const row = await readReplay(db, key, replayId);
      return row === undefined ? null : toServiceReplay(row);
    },

    /** Reads the newest ones first. Throws `not-found` for the callback. */
    async list(callbackId: string, limit: number): Promise<readonly ServiceReplay[]> {
      const { key } = await requireCallback(db, callbackId);
      const rows = db
        .selectFrom("replays")
        .selectAll()
        .where("callback_key", "=", key)
        .orderBy("requested_at", "desc")
        .limit(limit);
      return (await rows.execute()).map(toServiceReplay);
    },

    /** Counts those that failed again by status code or reason, most calls first. Throws `not-found` for the callback. */
    listFailures: async (
      callbackId: string,
      { requestedAt }: Pick<ServiceReplay, "requestedAt">,
    ): Promise<readonly FailureGroup[]> => readReplayFailures(db, (await requireCallback(db, callbackId)).key, requestedAt),

    /**
     * Withdraws one chunk of calls in one transaction; their retries go on. Resolves to false if more may be left. Throws
     * `not-found`.
     */
    cancelChunk: (callbackId: string, cancel: ReplayCancel): Promise<boolean> =>
      transact(db, (trx) => cancelReplayChunk(trx, callbackId, cancel)),
  };
}

async function requestReplays(
  db: Db,
  clock: Clock,
  callbackId: string,
  request: ReplayRequest,
  time: LeaseTime,
): Promise<RequestedReplay> {
  const { id: replayId, selection, author } = request;
  const { now } = time;
  const inReplay = <Result>(work: (trx: Db, replay: Row<"replays">, callback: CallbackRow) => Promise<Result>): Promise<Result> =>
    transact(db, async (trx) => {
      const callback = await lockCallback(trx, callbackId);
      return work(trx, await openReplay(trx, callback, request, time), callback);
    });
  const audit = (trx: Db, callback: CallbackRow, count: number, which: AuditDetails): Promise<number | null> =>
    writeAudit(trx, author, { action: "replay-requested", callback, count, details: { replayId, ...which } });
  const end = async (trx: Db, { callback_key: key, id }: Row<"replays">, accepted: number) => {
    if (accepted > 0) await makeRoundDue(trx, key, now);
    await recordChange(trx, callbackId);
    return { id, total: (await readReplay(trx, key, id))?.total ?? 0, accepted };
  };
  if ("callIds" in selection) {
    return inReplay(async (trx, replay, callback) => {
      const { accepted, addedIds } = await requestByIds(trx, callbackId, selection.callIds, replay, now);
      if (addedIds.length > 0) await audit(trx, callback, addedIds.length, namedCalls(addedIds));
      return end(trx, replay, accepted);
    });
  }
  let accepted = 0;
  let audited: number | null = null;
  const { status = "FAILED" } = selection.filter;
  if (status === "FAILED") {
    const { key } = await requireCallback(db, callbackId);
    const filter = { ...selection.filter, status };
    const scan = { callbackKey: key, filter, maxRows: CALLS_AT_ONCE };
    for await (const step of scanCalls(db, clock, scan)) {
      const [count, row]: readonly [number, number | null] = await inReplay(async (trx, replay, callback) => {
        const found = await addToReplay(trx, step, replay, now);
        if (audited !== null) await addToAudit(trx, audited, found.added);
        else if (found.added > 0) return [found.accepted, await audit(trx, callback, found.added, filteredCalls(filter))];
        return [found.accepted, audited];
      });
      accepted += count;
      audited = row;
    }
  }
  return inReplay((trx, replay) => end(trx, replay, accepted));
}

async function openReplay(trx: Db, { key }: CallbackRow, request: ReplayRequest, time: LeaseTime): Promise<Row<"replays">> {
  const { id, by, selection, author } = request;
  await requireLease(trx, key, by, time);
  const details = {
    requestedBy: requesterOf(by, author?.user ?? null),
    // A run adds to its replay.
    selection: by === null ? JSON.stringify(selection) : null,
    confirmed: null,
    collecting: null,
  };
  const replay = (await readReplay(trx, key, id)) ?? (await beginReplay(trx, key, id, { now: time.now, ...details }));
  if (replay.cancelled_at !== null) throw new WhcbError("locked", `Replay ${replay.id} was cancelled`);
  return replay;
}

/** A run says itself whose it is. */
function requesterOf(by: ReplayRequest["by"], user: string | null): string | null {
  if (by === null || by.holder === user) return user;
  return `${user ?? ""} (says: ${by.holder})`.trim();
}

const CALLS_AT_ONCE = 1_000;

async function cancelReplayChunk(trx: Db, callbackId: string, cancel: ReplayCancel): Promise<boolean> {
  const callback = await lockCallback(trx, callbackId);
  const replays = await markCancelled(trx, callback, cancel);
  const begun = cancel.begunCalls();
  // No dispatcher takes the callback while it is locked.
  if (begun === null && (await hasOwner(trx, callback.key))) {
    await recordChange(trx, callbackId);
    return true;
  }
  let isDone = true;
  for (const { requested_at } of replays.filter(({ waiting }) => waiting > 0))
    isDone = (await withdrawCalls(trx, callback, requested_at, begun ?? new Set(), cancel)) && isDone;
  return isDone;
}

/** A replay that has no call left is cancelled too, as its run may be about to add some. */
async function markCancelled(
  trx: Db,
  callback: CallbackRow,
  { replayId, now, author }: ReplayCancel,
): Promise<readonly Row<"replays">[]> {
  const { key, id } = callback;
  if (replayId === null) {
    const cancelled = trx.selectFrom("replays").selectAll().where("callback_key", "=", key).where("waiting", ">", 0);
    return cancelled.where("cancelled_at", "is not", null).execute();
  }
  const replay = await readReplay(trx, key, replayId);
  if (replay === undefined) throw new WhcbError("not-found", `No replay ${replayId} of callback ${id}`);
  await sql`
    UPDATE replays SET cancelled_at = coalesce(cancelled_at, ${now})
    WHERE callback_key = ${key} AND requested_at = ${replay.requested_at}`.execute(trx);
  // One that has ended stays as it was, unless its run may add calls.
  const isEnded = replay.waiting === 0 && replay.collecting === null && replay.selection !== null;
  if (replay.cancelled_at === null && !isEnded)
    await writeAudit(trx, author, { action: "replay-cancelled", callback, details: { replayId } });
  return [replay];
}

async function hasOwner(trx: Db, callbackKey: number): Promise<boolean> {
  if (!isPostgres(trx)) return false;
  const { rows } = await sql`
    SELECT 1 FROM callbacks JOIN dispatchers ON dispatchers.id = owner WHERE key = ${callbackKey}`.execute(trx);
  return rows.length > 0;
}

/** Resolves to false if there may be more. */
async function withdrawCalls(
  trx: Db,
  callback: CallbackRow,
  requestedAt: number,
  begun: ReadonlySet<number>,
  { now, policy, random }: ReplayCancel,
): Promise<boolean> {
  // The calls that the dispatcher would send next come first.
  const { rows } = await sql<{ seq: number }>`
    SELECT seq FROM calls
    WHERE callback_key = ${callback.key} AND due_cause = 'replay' AND due_at = ${requestedAt}
      AND seq NOT ${inList([...begun], "bigint")}
    ORDER BY due_at, seq LIMIT ${CALLS_AT_ONCE}`.execute(trx);
  if (rows.length === 0) return true;
  const seqs = rows.map(({ seq }) => seq);
  const states = [...(await readStatesBySeq(trx, seqs)).values()];
  const rule: RetryRule = { retriesEnabled: callback.retries_enabled === 1, policy, random };
  for (const state of states) state.after = cancelReplay(state.before, now, rule);
  await writeStates(trx, states);
  await expireCalls(
    trx,
    expiredOf(states, () => rule.retriesEnabled, policy),
  );
  await recordChange(trx, callback.id);
  return rows.length < CALLS_AT_ONCE;
}

export function readReplay(db: Db, callbackKey: number, id: string): Promise<Row<"replays"> | undefined> {
  return db.selectFrom("replays").selectAll().where("callback_key", "=", callbackKey).where("id", "=", id).executeTakeFirst();
}

interface ReplayDetails extends Pick<Row<"replays">, "selection" | "confirmed" | "collecting"> {
  readonly now: number;
  readonly requestedBy: string | null;
}

/** The request is later than every earlier one, as calls are sent in the order of the requests. */
export async function beginReplay(db: Db, callbackKey: number, id: string, details: ReplayDetails): Promise<Row<"replays">> {
  const { now, requestedBy, ...columns } = details;
  const { rows } = await sql<{ last: number | null }>`
    SELECT max(requested_at) AS last FROM replays WHERE callback_key = ${callbackKey}`.execute(db);
  const last = rows[0]?.last ?? null;
  const requestedAt = last === null ? now : Math.max(now, last + 1);
  const counts = { total: 0, succeeded: 0, failed: 0, waiting: 0, in_earlier: 0, cancelled_at: null };
  const row = { callback_key: callbackKey, requested_at: requestedAt, id, requested_by: requestedBy, ...columns, ...counts };
  await db.insertInto("replays").values(row).execute();
  return row;
}

async function requestByIds(
  db: Db,
  callbackId: string,
  callIds: readonly string[],
  replay: Row<"replays">,
  now: number,
): Promise<{ readonly accepted: number; readonly addedIds: readonly string[] }> {
  const states = [...(await requireStates(db, callbackId, replay.callback_key, callIds)).values()];
  for (const state of states) state.after = requestReplay(state.before, now, replay.requested_at);
  await writeStates(db, states);
  return {
    accepted: states.filter(({ after }) => after.due?.cause === "replay").length,
    addedIds: states.filter(({ before, after }) => before !== after).map(({ id }) => id),
  };
}

/**
 * Does what domain/call.ts does, without reading the calls. Those of an earlier replay stay with it, and are accepted, but not
 * added.
 */
export async function addToReplay(
  db: Db,
  step: ScanStep,
  replay: Row<"replays">,
  now: number,
): Promise<{ readonly accepted: number; readonly added: number }> {
  const { callback_key, requested_at, total, in_earlier } = replay;
  const seqs = await readSeqs(db, step);
  const { numAffectedRows } = await sql`
    UPDATE calls SET due_at = ${requested_at}, due_cause = 'replay', failed_in_recovery = 0, changed_at = ${laterChangeAt(now)}
    WHERE seq ${inList(seqs, "bigint")} AND (due_cause IS NULL OR due_cause <> 'replay')`.execute(db);
  const added = Number(numAffectedRows ?? 0n);
  await sql`
    UPDATE replays SET total = total + ${added}, waiting = waiting + ${added}, in_earlier = in_earlier + ${seqs.length - added}
    WHERE callback_key = ${callback_key} AND requested_at = ${requested_at}`.execute(db);
  if (seqs.length > 0 && total + in_earlier === 0) await makeRoundDue(db, callback_key, now);
  return { accepted: seqs.length, added };
}

/** A round is due at once (docs/dispatcher.md, An endpoint), once for each request. */
async function makeRoundDue(db: Db, callbackKey: number, now: number): Promise<void> {
  await db.updateTable("callbacks").set({ replay_requested_at: now }).where("key", "=", callbackKey).execute();
}
