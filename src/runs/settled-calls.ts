/** Which calls stay as they are when others are marked: they were delivered, or marked by another run. */
import type { CallState, Client, ListedCall } from "../client/client.js";
import { isAcceptedStatus } from "../domain/attempt.js";
import { idFinder } from "../domain/call.js";
import { MINUTE_MS } from "../domain/duration.js";
import { MAX_IDS_PER_REQUEST } from "../wire/bulk-ids.js";
import { callKey, LISTS_LAG_MS, latestMark, readMarks } from "./journal/other-runs.js";
import { newRunId } from "./journal/run-id.js";
import type { UndoneRun } from "./journal/run-step.js";
import { mayBeLater, type RunDates, type RunOverview, readRun, toServiceClock } from "./journal/stored-runs.js";
import { nullIfGone } from "./plan/call-scope.js";
import type { RunDeps } from "./run-deps.js";
import type { RunSession } from "./run-session.js";

export type CallCheck = (call: ListedCall) => Promise<boolean>;

/**
 * Returns a function that tells whether a call that is to become FAILED may have arrived since the run listed it, or since the mark that it
 * undoes. A replay would send such a call twice.
 */
export async function readArrivalCheck({ header, deps }: RunSession): Promise<CallCheck> {
  const { undoes, startedAt, listedAt = startedAt } = header;
  if (undoes !== undefined) return readStayCheck(undoes, deps);
  const since = toServiceClock(listedAt, header);
  return async (call) => {
    const { statusCode, statusMessage, settledBy, attemptedAt } = call;
    if (attemptedAt === null) return false;
    if (isAcceptedStatus(statusCode) || isByDelivery(settledBy)) return mayBeAcceptedSince(call, since, deps.client);
    return statusCode === null && statusMessage === null && attemptedAt >= since;
  };
}

/** Leaves out unknown calls. */
export async function findStates(
  callbackId: string,
  ids: readonly string[],
  client: Client,
): Promise<ReadonlyMap<string, CallState>> {
  const found = new Map<string, CallState>();
  for (let at = 0; at < ids.length; at += MAX_IDS_PER_REQUEST) {
    const states = await client.findStates(callbackId, ids.slice(at, at + MAX_IDS_PER_REQUEST)).catch(nullIfGone);
    if (states === null) {
      const calls = (await client.findCalls(callbackId, ids).catch(nullIfGone)) ?? [];
      return new Map(calls.map((call) => [call.id, call]));
    }
    for (const [id, state] of states) found.set(id, state);
  }
  return found;
}

export async function findSuccessful(callbackId: string, ids: readonly string[], client: Client): Promise<ReadonlySet<string>> {
  const states = await findStates(callbackId, ids, client);
  return new Set(ids.filter((id) => states.get(id)?.status === "SUCCESS"));
}

/** Returns the calls that don't stay as they are; those that do are recorded as settled. */
export async function skipSettled(
  callbackId: string,
  callIds: readonly string[],
  stays: CallCheck,
  session: RunSession,
): Promise<readonly string[]> {
  const { client } = session.deps;
  const found = (await client.findCalls(callbackId, callIds).catch(nullIfGone)) ?? [];
  const findId = idFinder(callIds);
  const named = found.map((call) => ({ ...call, id: findId(call.id) ?? call.id }));
  const settled = new Set<string>();
  for (const call of named) if (await stays(call)) settled.add(call.id);
  return skip(callbackId, callIds, settled, session);
}

/**
 * Returns the calls that nobody has made FAILED since they were listed, where the service tells: an undo of this run must not mark the others,
 * which are recorded as settled. The run itself may have marked those of `mayBeMarked`.
 */
export async function skipFailed(
  callbackId: string,
  callIds: readonly string[],
  session: RunSession,
  mayBeMarked: ReadonlySet<string> = new Set(),
): Promise<readonly string[]> {
  const { client } = session.deps;
  if (!client.capabilities.has("exact-lists")) return callIds;
  const states = await findStates(callbackId, callIds, client);
  const failed = new Set(callIds.filter((id) => states.get(id)?.status === "FAILED" && !mayBeMarked.has(id)));
  return skip(callbackId, callIds, failed, session);
}

function skip(
  callbackId: string,
  callIds: readonly string[],
  settled: ReadonlySet<string>,
  session: RunSession,
): readonly string[] {
  const at = session.deps.clock.now();
  for (const call of callIds.filter((id) => settled.has(id)))
    session.record(callbackId, { step: "skipped", call, at, reason: "settled" }, "left");
  return callIds.filter((id) => !settled.has(id));
}

/**
 * Returns a function that tells whether a call stays SUCCESS when the run is undone: it was delivered, or another run of this data folder
 * has marked it since it was listed, or just before where lists may lag, and is to stay, too.
 */
export async function readStayCheck(
  undoes: UndoneRun,
  deps: RunDeps,
  onMarked: (by: RunOverview) => void = () => {},
): Promise<CallCheck> {
  const undone = await readRun(deps, undoes.runId).catch(nullIfGone);
  const run: RunDates = undone ?? undoes;
  const { listedAt = run.startedAt } = run;
  const findId = idFinder(undone?.calls.map(({ id }) => id) ?? []);
  const keyOf = (callbackId: string, id: string): string => `${callbackId} ${findId(id) ?? id}`;
  // 0.1.0 didn't note when it listed.
  const since = new Map(undone?.calls.map(({ callbackId, id, at }) => [keyOf(callbackId, id), undone.listedAt ?? at]));
  const markedAt = new Map(undone?.calls.map((call) => [keyOf(call.callbackId, call.id), call.serviceMarkedAt]));
  // The list may not yet have had what was marked before it, and wasn't made FAILED again.
  const lagMs = deps.client.capabilities.has("exact-lists") ? 0 : LISTS_LAG_MS;
  const listed = { ...run, listedAt: listedAt - lagMs };
  const findMarks = await readMarks(
    (other) => other.runId !== run.runId && other.kind !== "mark-failed" && mayBeLater(other, listed),
    deps,
    { keyOf },
  );
  const findUnmarks = lagMs === 0 ? () => [] : await readMarks(({ kind }) => kind === "mark-failed", deps, { keyOf });
  return async (call) => {
    const key = keyOf(call.callbackId, call.id);
    if (await isDelivered(call, { ...undoes, markedAt: markedAt.get(key) }, deps.client)) return true;
    const listedSince = since.get(key) ?? listedAt;
    const mark = latestMark(findMarks(key, listedSince - lagMs, run));
    if (mark === null) return false;
    const isBefore = lagMs > 0 && mark.at <= listedSince;
    if (isBefore && (mark.isMaybe || findUnmarks(key, mark.at, mark.run).length > 0)) return false;
    onMarked(mark.run);
    return true;
  };
}

interface MarkDates extends Pick<UndoneRun, "startedAt"> {
  readonly markedAt: number | undefined;
}

/**
 * The call was settled by a delivery, or has changed since its mark, as an attempt was reported that was accepted. If the service doesn't say
 * when it changed, an accepted attempt counts that may have ended after the run began to mark. If it doesn't say who settled it, any 200
 * counts: the call may have been listed long before, and the date may be of another time zone.
 */
async function isDelivered(call: ListedCall, { startedAt, markedAt }: MarkDates, client: Client): Promise<boolean> {
  if (isByDelivery(call.settledBy)) return true;
  if (!isAcceptedStatus(call.statusCode)) return false;
  if (call.settledBy === null) return true;
  const { changedAt } = call;
  return changedAt === undefined || markedAt === undefined ? mayBeAcceptedSince(call, startedAt, client) : changedAt > markedAt;
}

/** The service's clock is known to a minute, unless it says its time. */
const CLOCK_TOLERANCE_MS = MINUTE_MS;
/** Its dates may be of whole minutes. */
const DATE_TOLERANCE_MS = CLOCK_TOLERANCE_MS + MINUTE_MS;

/** The last attempt of the call was accepted. Its end decides if the service lists attempts: the call may have been made FAILED after it. */
async function mayBeAcceptedSince(call: ListedCall, since: number, client: Client): Promise<boolean> {
  const attemptedAt = call.attemptedAt ?? Number.POSITIVE_INFINITY;
  if (attemptedAt >= since || attemptedAt < since - DATE_TOLERANCE_MS) return attemptedAt >= since;
  const attempts = await client.listAttempts(call.callbackId, call.id).catch(nullIfGone);
  const accepted = attempts?.filter(({ statusCode }) => isAcceptedStatus(statusCode)) ?? [];
  return accepted.length === 0 || accepted.some((attempt) => attempt.attemptedAt + attempt.durationMs >= since);
}

/** If the service doesn't say who settled the call, an answer other than 200 says that it was no attempt. */
function mayBeDelivered({ settledBy, statusCode, statusMessage }: ListedCall): boolean {
  if (settledBy !== null) return isByDelivery(settledBy);
  return isAcceptedStatus(statusCode) || (statusCode === null && statusMessage === null);
}

/** A service that doesn't say who settled a call gives null. */
export function isByDelivery(settledBy: ListedCall["settledBy"]): boolean {
  return settledBy === "dispatcher" || settledBy === "replay";
}

/** When a command was typed, by this machine's clock and by the service's. */
export interface TypedAt {
  readonly here: number;
  readonly service: number;
}

/** Returns a function that tells whether a call has arrived since then. Not every service says when a call was settled, so the journals count, too. */
export async function readSinceTypedCheck({ here, service }: TypedAt, deps: RunDeps): Promise<CallCheck> {
  const findMarks = await readMarks(
    ({ kind, lastAt }) => kind !== "mark-success" && kind !== "mark-failed" && lastAt >= here,
    deps,
    { withArrived: true },
  );
  // A gateway may drop the header with the service's time.
  const changedSince = deps.client.serviceNow() === null ? service - CLOCK_TOLERANCE_MS : service;
  const startedAt = deps.clock.now();
  const present = { runId: newRunId(startedAt, deps.random), startedAt };
  return async (call) => {
    if (findMarks(callKey(call.callbackId, call.id), here, present).length > 0) return true;
    if (!mayBeDelivered(call)) return false;
    const { changedAt, attemptedAt } = call;
    if (changedAt !== undefined) return changedAt >= changedSince;
    return attemptedAt !== null && mayBeAcceptedSince(call, service, deps.client);
  };
}
