/** What the API and the console do with calls. */
import { type Call, callIdFrom } from "../../domain/call.js";
import type { Callback, RunLease, ServiceReplay } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import { shortId } from "../../platform/random.js";
import type { MarkDetails, ReplaySelection, RequestedReplay } from "../../store/store.js";
import type { ServerDeps } from "../server-deps.js";

/** Throws `not-found`. */
export async function findCall({ store }: ServerDeps, callback: Callback, callId: string): Promise<Call> {
  const call = await store.findCall(callback.id, checkedCallId(callId));
  if (call === null) throw noCall(callId);
  return call;
}

export interface CallMark extends MarkDetails {
  readonly callIds: readonly string[];
  readonly status: "SUCCESS" | "FAILED";
}

/** Up to 100 calls, all or none. Throws as the store. */
export async function markCalls(
  deps: ServerDeps,
  callback: Callback,
  { callIds, status, ...details }: CallMark,
  now = deps.clock.now(),
): Promise<void> {
  await deps.store.markCalls(callback.id, callIds.map(checkedCallId), status, now, details);
  deps.onWork(callback.id, "changed");
}

/** `by`: the run that asks. Throws as the store. */
export async function requestReplay(
  deps: ServerDeps,
  callback: Callback,
  selection: ReplaySelection,
  by: RunLease | null = null,
  id = by?.run ?? shortId(deps.random),
): Promise<RequestedReplay> {
  const request = { id, selection, by };
  const requested = await deps.store.requestReplays(callback.id, request, deps.clock.now());
  if (requested.accepted > 0) deps.onWork(callback.id, "changed");
  return requested;
}

/** Throws `not-found`. */
export async function findReplay({ store }: ServerDeps, callback: Callback, replayId: string): Promise<ServiceReplay> {
  const replay = isReplayId(replayId) ? await store.findReplay(callback.id, replayId) : null;
  if (replay === null) throw noReplay(replayId);
  return replay;
}

/** Calls in flight are still attempted. Throws `not-found`. */
export async function cancelReplay(deps: ServerDeps, callback: Callback, replayId: string): Promise<void> {
  const { store, clock, random, policy } = deps;
  if (!isReplayId(replayId)) throw noReplay(replayId);
  const begunCalls = () => deps.begunCalls(callback.id);
  for (let isDone = false; !isDone; await clock.nextTurn()) {
    const cancel = { replayId, now: clock.now(), policy, random: random.fraction(), begunCalls };
    isDone = await store.cancelReplayChunk(callback.id, cancel);
    // What is prefetched is read again.
    deps.onWork(callback.id, "changed");
  }
}

/** No call id is longer or has a control character; some databases fail on them. */
export function checkedCallId(callId: string): string {
  if (callId.length > 64 || /\p{Cc}/u.test(callId)) throw noCall(callId);
  return callIdFrom(callId);
}

function noCall(callId: string): WhcbError {
  return new WhcbError("not-found", `No call ${callId.slice(0, 64).replace(/\p{Cc}/gu, "?")} of this callback`);
}

/** As for the run of a lease. */
function isReplayId(replayId: string): boolean {
  return replayId.length <= 64 && !replayId.includes("\0");
}

function noReplay(replayId: string): WhcbError {
  return new WhcbError("not-found", `No replay ${replayId.slice(0, 64).replace(/\p{Cc}/gu, "?")} of this callback`);
}
