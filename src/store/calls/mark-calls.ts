/** Marks calls as docs/dispatcher.md says (A call, rule 6). */
import { sql } from "kysely";
import type { NewAttempt } from "../../domain/attempt.js";
import type { AuditDetails, Author } from "../../domain/audit/audit-entry.js";
import {
  type Call,
  type CallProgress,
  isErased,
  isMarked,
  laterChange,
  type MarkedBy,
  markCall,
  markProblem,
  PENDING_PROBLEM,
  recordClientReplay,
} from "../../domain/call.js";
import { matchesState } from "../../domain/call-filter.js";
import { WhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import { addToAudit, countInAudit, filteredCalls, namedCalls, writeAudit } from "../audit.js";
import { type CallbackRow, lockCallback, requireCallback } from "../callbacks/callback-row.js";
import { requestProbe } from "../callbacks/run-leases.js";
import { recordChange } from "../change-log.js";
import { ActivityChanges } from "../outcomes/activity.js";
import type { Db } from "../schema.js";
import { inList } from "../sql/batches.js";
import type { ReadTime } from "../sql/read-time.js";
import { transact } from "../sql/transactions.js";
import { findRecorded, findSentAnew, type RecordedAttempt, saveAttempts } from "./attempts.js";
import { type CallState, readStatesById, readStatesBySeq, writeStates } from "./call-state.js";
import type { MatchingCalls } from "./summarize-calls.js";

export interface MarkOptions {
  /** By default, a user settled it. */
  readonly settledBy?: MarkedBy | undefined;
  readonly replays?: readonly ClientReplay[];
  /** With FAILED, a call that was delivered at this instant or later stays SUCCESS. */
  readonly unlessDeliveredSince?: number;
  /** How each call was listed, by id. One with another instant stays as it is: the clock may have been set meanwhile. */
  readonly unlessChanged?: ReadonlyMap<string, ListedInstants>;
  /** With SUCCESS, a call that is SUCCESS already stays as it is. */
  readonly unlessSettled?: boolean;
  /** With SUCCESS, what a user has made FAILED after this instant stays so, as after `markedAt`. */
  readonly unlessFailedSince?: number;
  /**
   * The calls have changed at this instant, and those that were marked at it are this mark's, which is repeated. Those that a user has made
   * FAILED later stay so, though the service has sent them since.
   */
  readonly markedAt?: number;
  /** Nothing is marked at this instant or later, however long the database was waited for. */
  readonly executeBefore?: number;
  readonly author?: Author;
}

export type ListedInstants = Partial<Pick<Call, "changedAt" | "acceptedAt">>;

export interface ClientReplay {
  readonly callId: string;
  readonly attempt: NewAttempt;
}

export interface Mark {
  readonly status: "SUCCESS" | "FAILED";
  /** By default, a user marks. */
  readonly settledBy?: MarkedBy | undefined;
  readonly now: number;
  readonly author?: Author | undefined;
}

export function callMarks(db: Db, clock: Clock, readTime: ReadTime) {
  return {
    /**
     * Marks up to 100 calls in one transaction, all or none, and records a client's replays of them as `recordReplays` does.
     * Resolves to the ids of those that stay as they are (`unlessDeliveredSince`, `unlessSettled`). Throws `not-found` for the
     * first unknown id, `invalid` for FAILED on a PENDING call, and `too-late`.
     */
    mark: (
      callbackId: string,
      callIds: readonly string[],
      status: Mark["status"],
      now: number,
      details: MarkOptions = {},
    ): Promise<readonly string[]> =>
      transact(db, (trx) => markCalls(trx, { ...details, callbackId, callIds, status }, now, readTime)),

    /**
     * Marks as `mark` does those calls of `findMatching` that haven't changed since, but in many transactions: what is committed stays if a
     * later one fails. With FAILED, leaves out PENDING and erased calls. Notify the dispatcher afterwards; it sends no call for more than 1 s
     * after its mark. Resolves to how many have changed. Throws `not-found`, and `invalid` for FAILED if the filter asks for PENDING calls.
     */
    markMatching: (callbackId: string, matching: MatchingCalls, mark: Mark): Promise<number> =>
      markMatching(db, clock, callbackId, matching, mark),

    /** Records a client's replays in one transaction. Those of unknown calls are ignored. Throws `not-found` for the callback. */
    recordReplays: (callbackId: string, replays: readonly ClientReplay[], now: number, author?: Author): Promise<void> =>
      transact(db, (trx) => recordReplays(trx, callbackId, { replays, now, author })),

    /** Resolves to the users who have marked these calls, by call id. Calls that nobody has marked are left out, and so are unknown users. */
    async findMarkers(
      callbackId: string,
      calls: readonly Pick<Call, "id" | "settledBy">[],
    ): Promise<ReadonlyMap<string, string>> {
      const callIds = calls.filter(isMarked).map(({ id }) => id);
      if (callIds.length === 0) return new Map();
      const { key } = await requireCallback(db, callbackId);
      const { rows } = await sql<{ id: string; user: string }>`
        SELECT id, settled_by_user AS "user" FROM calls
        WHERE id ${inList(callIds, "text")} AND callback_key = ${key} AND settled_by IN ('user', 'replay') AND settled_by_user IS NOT NULL`.execute(
        db,
      );
      return new Map(rows.map(({ id, user }) => [id, user]));
    },

    /** Reads calls without their responses, and leaves unknown ids out. Throws `not-found` for the callback. */
    async findProgress(
      callbackId: string,
      callIds: readonly string[],
    ): Promise<ReadonlyMap<string, CallProgress & Pick<Call, "acceptedAt">>> {
      const states = await readStatesById(db, (await requireCallback(db, callbackId)).key, callIds);
      return new Map(Array.from(states, ([id, { before, acceptedAt }]) => [id, { ...before, acceptedAt }]));
    },
  };
}

interface Marking extends MarkOptions {
  readonly callbackId: string;
  readonly callIds: readonly string[];
  readonly status: Mark["status"];
}

async function markCalls(trx: Db, marking: Marking, now: number, readTime: ReadTime): Promise<readonly string[]> {
  const {
    callbackId,
    callIds,
    status,
    settledBy,
    replays = [],
    unlessDeliveredSince,
    unlessChanged,
    unlessSettled,
    markedAt,
    unlessFailedSince = markedAt,
    executeBefore,
    author,
  } = marking;
  const callback = await lockCallback(trx, callbackId);
  const { key } = callback;
  // Who takes the lock afterwards sees what was marked before.
  const time = executeBefore === undefined && unlessFailedSince === undefined ? now : await readTime(trx);
  if (executeBefore !== undefined && time >= executeBefore) throw new WhcbError("too-late", "X-Execute-Before has passed");
  const states = await requireStates(trx, callbackId, key, callIds);
  const activity = new ActivityChanges();
  // An id may have been used again.
  const isSince = (at = 0): boolean => at > (unlessFailedSince ?? now) && at <= Math.max(now, time);
  const isReplaced = ({ id, acceptedAt }: Pick<CallState, "id" | "acceptedAt">): boolean =>
    (unlessChanged?.get(id)?.acceptedAt ?? acceptedAt) !== acceptedAt;
  const isOther = (state: CallState | undefined): boolean =>
    state !== undefined && (isSince(state.acceptedAt) || isReplaced(state));
  const own = replays.filter(({ callId }) => !isOther(states.get(callId)));
  const attempts = await addReplays(trx, states, { replays: own, now }, activity);
  for (const [id, { before }] of states) {
    const reason = markProblem(before, status);
    if (reason !== null) throw new WhcbError("invalid", `Call ${id} ${reason} be marked FAILED`);
  }
  const isOwn = (call: CallProgress): boolean =>
    call.status === "SUCCESS" && call.changedAt === markedAt && call.settledBy === (settledBy ?? "user");
  const takenBack =
    unlessFailedSince === undefined ? new Set<number>() : await findTakenBack(trx, states, own, unlessFailedSince, isSince);
  const stays = ({ id, seq, acceptedAt, before }: CallState): boolean =>
    takenBack.has(seq) ||
    isReplaced({ id, acceptedAt }) ||
    isDeliveredSince(before, unlessDeliveredSince) ||
    (!isOwn(before) &&
      ((unlessChanged?.get(id)?.changedAt ?? before.changedAt) !== before.changedAt ||
        (unlessSettled === true && before.status === "SUCCESS")));
  const left = [...states.values()].filter(stays);
  for (const state of left) {
    states.delete(state.id);
    // What the endpoint has accepted, too, is a user's mark no more, which could be undone.
    const isAccepted = settledBy === "replay" && status === "SUCCESS" && !isOther(state);
    if (isAccepted && state.before.status === status) applyMark(state, { status, settledBy, now, author });
  }
  // These get the attempts of the report all the same.
  await writeStates(trx, left);
  const mark = { status, settledBy, now: markedAt ?? now, author };
  const marked = await saveMarks(trx, callbackId, [...states.values()], mark);
  if (marked.length > 0) await auditMark(trx, callback, mark, marked.length, namedCalls(marked.map(({ id }) => id)));
  await saveAttempts(trx, attempts);
  await activity.save(trx);
  return left.map(({ id }) => id);
}

/**
 * Resolves to the seqs of calls that a user has made FAILED, has had sent again, or has released by switching retries off, after this
 * instant, and of those that are new since.
 */
async function findTakenBack(
  trx: Db,
  states: ReadonlyMap<string, CallState>,
  replays: readonly ClientReplay[],
  since: number,
  isSince: (at: number) => boolean,
): Promise<ReadonlySet<number>> {
  const changed = [...states.values()].filter(
    ({ acceptedAt, before: { status, changedAt } }) => status !== "SUCCESS" && (isSince(acceptedAt) || isSince(changedAt)),
  );
  const isByUser = ({ acceptedAt, before: { status, settledBy, due } }: CallState): boolean =>
    isSince(acceptedAt) || settledBy === "user" || status === "PENDING" || due?.cause === "replay";
  const byUser = changed.filter(isByUser).map(({ seq }) => seq);
  const reports = new Map(replays.map(({ callId, attempt }) => [callId, attempt]));
  const others = changed.filter((state) => !isByUser(state)).map(({ id, seq }) => ({ callSeq: seq, reported: reports.get(id) }));
  return new Set([...byUser, ...(await findSentAnew(trx, others, since))]);
}

function isDeliveredSince({ settledBy, changedAt }: CallProgress, since = Number.POSITIVE_INFINITY): boolean {
  return (settledBy === "dispatcher" || settledBy === "replay") && changedAt >= since;
}

/** Tells whether the mark has changed the state, which is to be written. */
function applyMark(state: CallState, { status, settledBy, now, author }: Mark): boolean {
  const at = status === "FAILED" ? laterChange(state.before, now) : now;
  const marked = markCall(state.after, status, at, settledBy);
  if (marked === state.after) return false;
  state.after = marked;
  state.settledByUser = author?.user ?? null;
  return true;
}

/** Resolves to those that the mark has changed. */
async function saveMarks(db: Db, callbackId: string, states: readonly CallState[], mark: Mark): Promise<readonly CallState[]> {
  const { status, settledBy, now } = mark;
  const changed = states.filter((state) => applyMark(state, mark));
  await writeStates(db, states);
  if (status === "SUCCESS" && settledBy === "replay") await requestProbe(db, callbackId, now);
  await recordChange(db, callbackId);
  return changed;
}

function auditMark(
  trx: Db,
  callback: CallbackRow,
  { status, settledBy = "user", author }: Mark,
  count: number,
  which: AuditDetails,
): Promise<number | null> {
  return writeAudit(trx, author, { action: "calls-marked", callback, count, details: { status, settledBy, ...which } });
}

/** A transaction of so many calls takes about 10 ms. */
const MAX_MARKED_AT_ONCE = 500;

async function markMatching(
  db: Db,
  clock: Clock,
  callbackId: string,
  { filter, seqs }: MatchingCalls,
  mark: Mark,
): Promise<number> {
  const { status } = mark;
  if (status === "FAILED" && filter.status === "PENDING")
    throw new WhcbError("invalid", `A PENDING call ${PENDING_PROBLEM} be marked FAILED`);
  const { key } = await requireCallback(db, callbackId);
  const which = filteredCalls(filter);
  const canBeMarked = (call: CallProgress) =>
    matchesState(call, filter) && call.status !== status && markProblem(call, status) === null;
  let changed = 0;
  let audited: number | null = null;
  for (let start = 0; start < seqs.length; start += MAX_MARKED_AT_ONCE) {
    const part = seqs.slice(start, start + MAX_MARKED_AT_ONCE);
    const [count, row]: readonly [number, number | null] = await transact(db, async (trx) => {
      const callback = await lockCallback(trx, callbackId);
      const states = await readStatesBySeq(trx, part);
      const marked = [...states.values()].filter(({ callbackKey, before }) => callbackKey === key && canBeMarked(before));
      if (marked.length === 0) return [0, audited];
      await saveMarks(trx, callbackId, marked, mark);
      if (audited === null) return [marked.length, await auditMark(trx, callback, mark, marked.length, which)];
      await addToAudit(trx, audited, marked.length);
      return [marked.length, audited];
    });
    changed += count;
    audited = row;
    await clock.nextTurn();
  }
  return changed;
}

async function recordReplays(
  trx: Db,
  callbackId: string,
  { replays, now, author }: { replays: readonly ClientReplay[]; now: number; author: Author | undefined },
): Promise<void> {
  const callback = await lockCallback(trx, callbackId);
  const states = await readStatesById(trx, callback.key, [...new Set(replays.map(({ callId }) => callId))]);
  const activity = new ActivityChanges();
  const attempts = await addReplays(trx, states, { replays, now }, activity);
  await writeStates(trx, states.values());
  await saveAttempts(trx, attempts);
  await countInAudit(trx, author, { action: "attempts-reported", callback, count: attempts.length });
  await activity.save(trx);
}

/** Each report is compared with the call's other attempts. Its mark counts, so a report too many isn't rejected. */
const MAX_ATTEMPTS = 1_000;

/** A request that is sent twice adds no attempt twice. An erased call gets none, as the answer may hold what was erased. */
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
    if (known.has(attempt) || isErased(state.before) || state.after.attemptCount >= MAX_ATTEMPTS) continue;
    state.after = recordClientReplay(state.after, attempt, now);
    recorded.push({ callSeq: state.seq, number: state.after.attemptCount, attempt });
    activity.add(state.callbackKey, attempt);
  }
  return recorded;
}

/** Resolves to each call once, in order. Throws `not-found` for the first unknown id. */
export async function requireStates(
  db: Db,
  callbackId: string,
  callbackKey: number,
  callIds: readonly string[],
): Promise<Map<string, CallState>> {
  const ids = [...new Set(callIds)];
  const found = await readStatesById(db, callbackKey, ids);
  return new Map(
    ids.map((id) => {
      const state = found.get(id);
      if (state === undefined) throw new WhcbError("not-found", `No call ${id} of callback ${callbackId}`);
      return [id, state];
    }),
  );
}
