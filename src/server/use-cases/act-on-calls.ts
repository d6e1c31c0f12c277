/** Marks or replays a set of calls: exactly those that were counted when it was confirmed, as far as they haven't changed since. */
import { mayHaveBeenTaken } from "../../domain/attempt.js";
import type { Author } from "../../domain/audit/audit-entry.js";
import { type CallProgress, type CallStatus, isErased } from "../../domain/call.js";
import type { CallFilter } from "../../domain/call-filter.js";
import { type Callback, isCollecting, type ServiceReplay } from "../../domain/callback.js";
import { count } from "../../domain/count.js";
import { isWhcbError, WhcbError } from "../../domain/errors.js";
import type { Mark } from "../../store/calls/mark-calls.js";
import type { InTurn } from "../../store/calls/scan-calls.js";
import { CallDigest, type CallSummary, type MatchingCalls } from "../../store/calls/summarize-calls.js";
import type { ServerDeps } from "../server-deps.js";
import { markCalls, requestReplay } from "./settle-calls.js";

/** Mark SUCCESS, mark FAILED, replay. */
export type CallAction = "success" | "failed" | "replay";

/** By ids, at most 100, or by a filter that `boundedFilter` made. */
export type CallSet = Listed | Matching;
type Listed = { readonly callIds: readonly string[] };
type Matching = { readonly filter: CallFilter };

export interface CountedCalls {
  readonly count: number;
  /** `digest` tells sets of calls to mark by a filter apart. For listed calls it says when each has changed; for a replay by a filter it is empty. */
  readonly digest: string;
  /** Listed, but not in a state to act on. */
  readonly others: number;
  readonly notFound: number;
  /** The endpoint may have so many of the calls (`mayHaveBeenTaken`). */
  readonly openEnds: number;
  /** Says what is in a set by a filter. */
  readonly summary: CallSummary | null;
}

export type CountedSet = Pick<CountedCalls, "count" | "digest">;

export interface ActionRequest {
  readonly action: CallAction;
  readonly set: CallSet;
  /** Confirmed. */
  readonly counted: CountedSet;
  /** Of this confirmation: the replay's id. */
  readonly id: string;
  /** When the confirmation was shown: a mark as SUCCESS has it as its `markedAt`, so that a repeat continues the same mark. */
  readonly shownAt: number;
  readonly author: Author;
  /** Runs each step of counting. If it throws before the mark, nothing is marked. */
  readonly inTurn: InTurn;
}

export interface ActionResult {
  /** By this confirmation, also by an earlier request of it. */
  readonly done: number;
  /** Counted, but marked or attempted since: left as they are. */
  readonly changed: number;
  readonly notFound: number;
  /** Of `done`: wait for an earlier replay. */
  readonly waiting: number;
  /** A replay gets more calls, which aren't counted yet. */
  readonly isCollecting?: true;
}

/** An outcome is committed some milliseconds after its attempt has ended. */
const COMMITTED_MS = 500;

/** The calls of the filter that the action applies to, as at `shownAt`. Throws `invalid` if it applies to none of the filter's status. */
export function boundedFilter(action: CallAction, filter: CallFilter, shownAt: number): CallFilter {
  const { status } = filter;
  const statuses = STATUSES_OF[action];
  if (status !== undefined && !statuses.includes(status)) {
    throw new WhcbError("invalid", `The action doesn't apply to ${status} calls`);
  }
  return { ...filter, status: status ?? statuses[0], changedBefore: shownAt - COMMITTED_MS };
}

/** The first is meant if none is given. */
const STATUSES_OF: Readonly<Record<CallAction, readonly [CallStatus, ...CallStatus[]]>> = {
  success: ["FAILED", "PENDING"],
  failed: ["SUCCESS"],
  replay: ["FAILED"],
};

function applies(action: CallAction, call: CallProgress): boolean {
  return STATUSES_OF[action].includes(call.status) && !(action === "failed" && isErased(call));
}

/** It is compared with what the confirmation has: which of them is later doesn't count, as the clock may have been set meanwhile. */
function listedAs(callId: string, { changedAt }: CallProgress): string {
  return `${callId} ${changedAt}`;
}

/** Counts all, however long it takes; the event loop isn't held up. If a call is counted twice, a mark asks again. */
export async function countSet(
  { store }: ServerDeps,
  { id }: Callback,
  { action, set }: Pick<ActionRequest, "action" | "set">,
  inTurn: InTurn,
): Promise<CountedCalls> {
  if ("filter" in set) {
    // Marks compare sets of calls.
    const digest = action === "replay" ? null : new CallDigest();
    const summary = await store.calls.summarizeMatching(id, set.filter, digest, inTurn);
    const open = summary.failures.filter(({ statusCode, reason }) => mayHaveBeenTaken(statusCode, reason));
    const openEnds = open.reduce((sum, failure) => sum + failure.count, 0);
    return { count: summary.count, digest: digest?.toString() ?? "", others: 0, notFound: 0, openEnds, summary };
  }
  const found = await store.calls.findProgress(id, set.callIds);
  const calls = [...found.values()].filter((call) => applies(action, call));
  const [count, notFound] = [calls.length, set.callIds.length - found.size];
  const openEnds = calls.filter(({ statusCode, error }) => mayHaveBeenTaken(statusCode, error)).length;
  const digest = Array.from(found, ([callId, call]) => listedAs(callId, call)).join();
  return { count, digest, others: found.size - count, notFound, openEnds, summary: null };
}

type Done = Pick<ActionResult, "done" | "waiting">;

/**
 * Sent again, to whichever process, it does what is left and counts what was done before. Throws `not-found` for the callback, `locked` while
 * a run sends its calls, and `invalid` if the filter matches other calls than those that were counted; for a replay, if it matches more.
 */
export function actOnCalls(deps: ServerDeps, callback: Callback, request: ActionRequest): Promise<ActionResult> {
  const { set } = request;
  return "filter" in set ? actOnMatching(deps, callback, request, set) : actOnListed(deps, callback, request, set);
}

async function actOnMatching(deps: ServerDeps, callback: Callback, request: ActionRequest, set: Matching): Promise<ActionResult> {
  const { counted, inTurn } = request;
  const mark = markOf(deps, request);
  if (mark === null) return replayMatching(deps, callback, request, set);
  const matching = await deps.store.calls.findMatching(callback.id, set.filter, counted.count, inTurn);
  const { digest } = matching;
  const isCounted = () => digest.count === counted.count && digest.toString() === counted.digest;
  // Dates don't tell whether a call was counted: an outcome may be committed late, and the clock may be set back.
  if (digest.count > 0 && !isCounted()) {
    await addMarked(deps, callback, mark, digest, inTurn);
    if (!isCounted()) throw otherSet(digest.count);
  }
  const done = await markMatching(deps, callback, matching, mark, request);
  return { done, waiting: 0, changed: Math.max(0, counted.count - done), notFound: 0 };
}

function otherSet(count: number): WhcbError {
  return new WhcbError("invalid", `The calls that match have changed since they were counted. Now they are ${count}`);
}

/** Counts what an earlier request of this confirmation has marked; none is known of a mark as FAILED. */
async function addMarked(
  { store }: ServerDeps,
  { id }: Callback,
  { status, now }: Mark,
  digest: CallDigest,
  inTurn: InTurn,
): Promise<void> {
  if (status === "SUCCESS") await store.calls.summarizeMatching(id, { status, markedAt: now }, digest, inTurn);
}

async function actOnListed(deps: ServerDeps, callback: Callback, request: ActionRequest, set: Listed): Promise<ActionResult> {
  const mark = markOf(deps, request);
  const listed = new Set(request.counted.digest.split(","));
  const isMeant = (callId: string, call: CallProgress) => applies(request.action, call) && listed.has(listedAs(callId, call));
  for (;;) {
    const found = await deps.store.calls.findProgress(callback.id, set.callIds);
    const callIds = [...found].filter(([callId, call]) => isMeant(callId, call)).map(([callId]) => callId);
    try {
      const { done, waiting } = await (mark === null
        ? replayListed(deps, callback, request, callIds)
        : markListed(deps, callback, callIds, mark, found));
      return { done, waiting, changed: found.size - done, notFound: set.callIds.length - found.size };
    } catch (error) {
      // One has just been purged: the others are to be marked all the same.
      if (!isWhcbError(error) || error.code !== "not-found") throw error;
    }
  }
}

type AuthoredMark = Mark & { readonly author: Author };

/** null: a replay. */
function markOf({ clock }: ServerDeps, { action, shownAt, author }: ActionRequest): AuthoredMark | null {
  switch (action) {
    case "success":
      return { status: "SUCCESS", settledBy: "user", now: shownAt, author };
    case "failed":
      return { status: "FAILED", settledBy: "user", now: clock.now(), author };
    case "replay":
      return null;
  }
}

/** Resolves to how many calls this confirmation has marked. */
async function markMatching(
  deps: ServerDeps,
  callback: Callback,
  matching: MatchingCalls,
  mark: Mark,
  { counted, inTurn }: ActionRequest,
): Promise<number> {
  const marked = await deps.store.calls.markMatching(callback.id, matching, mark);
  deps.onWork(callback.id, "changed");
  if (marked >= counted.count) return marked;
  const all = new CallDigest();
  await addMarked(deps, callback, mark, all, inTurn);
  return Math.max(marked, all.count);
}

async function markListed(
  deps: ServerDeps,
  callback: Callback,
  callIds: readonly string[],
  { status, settledBy, now, author }: AuthoredMark,
  found: ReadonlyMap<string, CallProgress>,
): Promise<Done> {
  const listed = [...found].filter(([callId]) => callIds.includes(callId));
  const unlessChanged = listed.map(([callId, { changedAt }]) => [callId, { changedAt }] as const);
  const mark = { callIds, status, settledBy, unlessChanged, author };
  const left = callIds.length === 0 ? [] : await markCalls(deps, callback, mark, now);
  const before = [...found.values()].filter(
    (call) => call.status === status && call.settledBy === settledBy && call.changedAt === now,
  );
  return { done: before.length + callIds.length - left.length, waiting: 0 };
}

/** Larger sets are collected after the answer. */
const COLLECTED_BEFORE_ANSWER_MS = 300;

/** One that was cut off goes on. */
async function replayMatching(
  { store, clock, onWork }: ServerDeps,
  callback: Callback,
  { id, counted, author }: ActionRequest,
  { filter }: Matching,
): Promise<ActionResult> {
  const endAt = clock.monotonicMs() + COLLECTED_BEFORE_ANSWER_MS;
  const confirmed = { id, filter, confirmed: counted.count, author };
  let replay = await store.replays.begin(callback.id, confirmed, clock.now());
  for (; isCollecting(replay) && clock.monotonicMs() < endAt; await clock.nextTurn())
    replay = await store.replays.collect(callback.id, id, clock.now());
  onWork(callback.id, "changed");
  const { total, inEarlier, collecting } = replay;
  if (collecting?.step === "more") throw otherSet(collecting.counted);
  const done = total + inEarlier;
  if (isCollecting(replay)) return { done, waiting: inEarlier, changed: 0, notFound: 0, isCollecting: true };
  return { done, waiting: inEarlier, changed: Math.max(0, counted.count - done), notFound: 0 };
}

/**
 * What a replay has not sent of its selection: calls that weren't attempted since it was requested. So an outcome that is committed late
 * doesn't matter. Throws `invalid` if that isn't known, and `locked` while the replay still has calls.
 */
export async function restOf(
  { store }: ServerDeps,
  { id }: Callback,
  { selection, requestedAt, left: waiting }: ServiceReplay,
  shownAt: number,
): Promise<CallSet> {
  if (waiting > 0) {
    throw new WhcbError(
      "locked",
      `${count(waiting, "call")} of the replay ${waiting === 1 ? "is" : "are"} still waiting or being sent`,
      {
        hint: "Try again in a moment",
      },
    );
  }
  if (selection === null) throw new WhcbError("invalid", "It isn't known which calls were to be replayed");
  if ("filter" in selection) {
    const { changedBefore: _, until = requestedAt, ...filter } = selection.filter;
    const bounded = boundedFilter("replay", { ...filter, until: Math.min(until, requestedAt) }, shownAt);
    return { filter: { ...bounded, changedBefore: shownAt } };
  }
  const found = await store.calls.findProgress(id, selection.callIds);
  const left = [...found].filter(([, { attemptedAt }]) => attemptedAt === null || attemptedAt < requestedAt);
  return { callIds: left.map(([callId]) => callId) };
}

async function replayListed(
  deps: ServerDeps,
  callback: Callback,
  { id, author }: ActionRequest,
  callIds: readonly string[],
): Promise<Done> {
  const before = (await deps.store.replays.find(callback.id, id))?.total ?? 0;
  if (callIds.length === 0) return { done: before, waiting: 0 };
  const { total, accepted } = await requestReplay(deps, callback, { id, selection: { callIds }, author });
  const waiting = Math.max(0, before + accepted - total);
  return { done: total + waiting, waiting };
}
