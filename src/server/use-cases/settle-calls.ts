import { isAccepted } from "../../domain/attempt.js";
import type { Author } from "../../domain/audit/audit-entry.js";
import { type Call, idKey } from "../../domain/call.js";
import type { Callback, ReplaySelection, RunLease, ServiceReplay } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import { shortId } from "../../platform/random.js";
import type { ClientReplay, ListedInstants, MarkOptions } from "../../store/calls/mark-calls.js";
import type { RequestedReplay } from "../../store/calls/replays.js";
import type { StoredState } from "../../wire/json/call-json.js";
import type { ServerDeps } from "../server-deps.js";

const LARGE_RESPONSE = 64 * 1024;

/** Finds a call, without its response if that is large. Throws `not-found`. */
export async function findOutline(deps: ServerDeps, callback: Callback, callId: string): Promise<Call> {
  const storedId = await findStoredIds(deps, callback, [callId]);
  const call = await deps.store.calls.find(callback.id, storedId(callId), LARGE_RESPONSE);
  if (call === null) throw noCall(callId);
  return call;
}

/** `beforeRead` is called with the bytes of a large response, and may throw. Throws `not-found`. */
export async function findCall(
  deps: ServerDeps,
  callback: Callback,
  callId: string,
  beforeRead: (bytes: number) => Promise<void>,
): Promise<Call> {
  const outline = await findOutline(deps, callback, callId);
  if (outline.leftOutBytes === undefined) return outline;
  await beforeRead(outline.leftOutBytes);
  const call = await deps.store.calls.find(callback.id, outline.id);
  if (call === null) throw noCall(callId);
  return call;
}

/** Leaves out unknown calls. */
export async function findStates(
  deps: ServerDeps,
  callback: Callback,
  callIds: readonly string[],
): Promise<readonly StoredState[]> {
  const storedId = await findStoredIds(deps, callback, callIds);
  const calls = await deps.store.calls.findProgress(callback.id, callIds.map(storedId));
  return callIds.flatMap((id) => {
    const call = calls.get(storedId(id));
    return call === undefined ? [] : [{ ...call, id }];
  });
}

export interface CallMark extends Omit<MarkOptions, "unlessChanged"> {
  readonly callIds: readonly string[];
  readonly status: "SUCCESS" | "FAILED";
  readonly author: Author;
  /** How each of these calls was listed. */
  readonly unlessChanged?: readonly (readonly [callId: string, listed: ListedInstants])[] | undefined;
}

/** Marks up to 100 calls, all or none, but for those whose ids it returns. Throws what the store throws. */
export async function markCalls(
  deps: ServerDeps,
  callback: Callback,
  { callIds, status, replays = [], unlessChanged = [], ...details }: CallMark,
  now = deps.clock.now(),
): Promise<readonly string[]> {
  const storedId = await findStoredIds(deps, callback, callIds);
  const marked = callIds.map(storedId);
  const stored = {
    ...details,
    replays: await withStoredIds(deps, callback, replays),
    unlessChanged: listedChanges(unlessChanged, marked),
  };
  if (status === "SUCCESS" && details.settledBy === "replay") requireAccepted(marked, stored.replays);
  const left = await deps.store.calls.mark(callback.id, marked, status, now, stored);
  deps.onWork(callback.id, "changed");
  return left;
}

/** Throws `invalid` for a call that isn't marked, or is there twice: it would guard nothing. `marked` are stored ids. */
function listedChanges(
  listed: NonNullable<CallMark["unlessChanged"]>,
  marked: readonly string[],
): ReadonlyMap<string, ListedInstants> {
  const changes = new Map<string, ListedInstants>();
  const byKey = new Map(marked.map((id) => [idKey(id), id]));
  for (const [callId, instants] of listed) {
    const storedId = marked.includes(callId) ? callId : byKey.get(idKey(callId));
    if (storedId !== undefined && !changes.has(storedId)) changes.set(storedId, instants);
    else {
      const problem = storedId === undefined ? ", which the request doesn't mark" : " twice";
      throw new WhcbError("invalid", `unlessChanged has call ${callId}${problem}`);
    }
  }
  return changes;
}

/** Throws `invalid` for a call whose reported attempts deny that it was accepted. A report may leave out a call. */
function requireAccepted(callIds: readonly string[], replays: readonly ClientReplay[]): void {
  const accepted = new Set(replays.filter(({ attempt }) => isAccepted(attempt.result)).map(({ callId }) => callId));
  const denied = replays.find(({ callId }) => !accepted.has(callId) && callIds.includes(callId));
  if (denied === undefined) return;
  throw new WhcbError(
    "invalid",
    `No attempt of call ${denied.callId} in replays was accepted (200), so settledBy can't be replay`,
  );
}

export interface RequestedCalls {
  readonly selection: ReplaySelection;
  /** The run that asks. */
  readonly by?: RunLease | null;
  readonly author: Author;
  readonly id?: string;
}

/** Throws what the store throws. */
export async function requestReplay(deps: ServerDeps, callback: Callback, requested: RequestedCalls): Promise<RequestedReplay> {
  const { selection, by = null, author, id = by?.run ?? shortId(deps.random) } = requested;
  const stored =
    "callIds" in selection
      ? { callIds: selection.callIds.map(await findStoredIds(deps, callback, selection.callIds)) }
      : selection;
  const replay = await deps.store.replays.request(callback.id, { id, selection: stored, by, author }, deps.clock.now());
  if (replay.accepted > 0) deps.onWork(callback.id, "changed");
  return replay;
}

/** Throws `not-found`. */
export async function findReplay({ store }: ServerDeps, callback: Callback, replayId: string): Promise<ServiceReplay> {
  const replay = isReplayId(replayId) ? await store.replays.find(callback.id, replayId) : null;
  if (replay === null) throw noReplay(replayId);
  return replay;
}

/** Calls in flight are still attempted. After `budgetMs` the dispatcher goes on with the others. Throws `not-found`. */
export async function cancelReplay(
  deps: ServerDeps,
  callback: Callback,
  replayId: string,
  author: Author,
  budgetMs = Number.POSITIVE_INFINITY,
): Promise<void> {
  const { store, clock, random, policy } = deps;
  if (!isReplayId(replayId)) throw noReplay(replayId);
  const begunCalls = () => deps.begunCalls(callback.id);
  const endAt = clock.monotonicMs() + budgetMs;
  for (let isDone = false; !isDone && clock.monotonicMs() < endAt; await clock.nextTurn()) {
    const cancel = { replayId, now: clock.now(), policy, random: random.fraction(), begunCalls, author };
    isDone = await store.replays.cancelChunk(callback.id, cancel);
    // The dispatcher reads again what it has prefetched.
    deps.onWork(callback.id, "changed");
  }
}

/** No call id is longer or has a control character; some databases fail on them. */
export function checkedCallId(callId: string): string {
  if (callId.length > 64 || /\p{Cc}/u.test(callId)) throw noCall(callId);
  return callId;
}

/**
 * Returns the id under which each of these is stored. That is its key, but 0.1.0 kept the dashes of a UUID, and receivers know such a call by
 * this webhook-id. Throws `not-found`.
 */
async function findStoredIds(
  { store }: ServerDeps,
  { id }: Callback,
  callIds: readonly string[],
): Promise<(callId: string) => string> {
  const changed = callIds.map(checkedCallId).filter((callId) => callId.includes("-") && idKey(callId) !== callId);
  const kept = changed.length === 0 ? null : await store.calls.findProgress(id, changed);
  return (callId) => (kept?.has(callId) ? callId : idKey(callId));
}

/** Throws `not-found`. */
export async function withStoredIds(
  deps: ServerDeps,
  callback: Callback,
  replays: readonly ClientReplay[],
): Promise<readonly ClientReplay[]> {
  const callIds = replays.map(({ callId }) => callId);
  const storedId = await findStoredIds(deps, callback, callIds);
  return replays.map((replay) => ({ ...replay, callId: storedId(replay.callId) }));
}

function noCall(callId: string): WhcbError {
  return new WhcbError("not-found", `No call ${callId.slice(0, 64).replace(/\p{Cc}/gu, "?")} of this callback`);
}

/** The rule is that of a lease's run. */
function isReplayId(replayId: string): boolean {
  return replayId.length <= 64 && !replayId.includes("\0");
}

function noReplay(replayId: string): WhcbError {
  return new WhcbError("not-found", `No replay ${replayId.slice(0, 64).replace(/\p{Cc}/gu, "?")} of this callback`);
}
