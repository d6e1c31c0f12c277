import type { ListedCall, ListedCallback } from "../client/client.js";
import type { ReplayAttempt } from "../client/run-requests.js";
import { REQUEST_TIME_LIMIT_MS } from "../client/transport.js";
import { isWhcbError, WhcbError } from "../domain/errors.js";
import { toIsoDate } from "../wire/dates.js";
import { checkResumable } from "./check-service.js";
import { Journal, readBootId } from "./journal/journal.js";
import {
  callKey,
  compareDatabase,
  findUndo,
  isMarkFailed,
  LISTS_LAG_MS,
  latestMark,
  readComparedCheck,
  readMarks,
} from "./journal/other-runs.js";
import { hasArrived } from "./journal/run-counts.js";
import { journalPath } from "./journal/run-id.js";
import { isOpen, type RunEntry, type RunState, withPace } from "./journal/run-state.js";
import type { RunHeader, RunListener } from "./journal/run-step.js";
import { findRunId, mayBeLater, type RunOverview, readRunState, toServiceClock } from "./journal/stored-runs.js";
import { beginSession, openJournal, ownLock, type RunSummary, workAndEnd } from "./perform-run.js";
import { findById } from "./plan/call-scope.js";
import { giveUpCallback, relistAndSend } from "./relist-calls.js";
import type { RunDeps } from "./run-deps.js";
import type { BodyOptions, ReplayOptions, SendingPace } from "./run-options.js";
import { sendPlan } from "./run-replay.js";
import { type RunControl, RunSession } from "./run-session.js";
import { recordLostRequests } from "./send/ask-service.js";
import { AttemptRecorder, takesReportsWithMarks } from "./send/attempt-recorder.js";
import { type MarkJob, markAll } from "./send/marker.js";
import { findSuccessful, readArrivalCheck, skipFailed, skipSettled } from "./settled-calls.js";

/** What isn't given is as it was when the run began. */
export interface ResumeOptions extends RunControl, BodyOptions {
  readonly authParameter?: string;
  /** `to` is the run's --to with its secrets, which the journal doesn't have. */
  readonly to?: ReplayOptions["to"] | undefined;
  /** Unknown calls are sent again, so the receiver may see them twice. */
  readonly resendUnknown: boolean;
  readonly pace?: Partial<SendingPace>;
}

/** `wanted` is an id or a part of one. Throws `not-found`, `unavailable` while its process lives, `config` for another service or no key. */
export async function resumeRun(
  wanted: string,
  options: ResumeOptions,
  deps: RunDeps,
  onEvent: RunListener = () => {},
): Promise<RunSummary> {
  const { session, state, lock } = await reopenRun(wanted, options, deps, onEvent);
  const summary = await workAndEnd(session, lock, async () => {
    await markWhatIsDue(state, session);
    const { options: replayOptions } = session.header;
    if (replayOptions !== null && session.stop.reason === null) {
      if (replayOptions.viaService) await recordLostRequests(state, session);
      const contentType = options.contentType ?? replayOptions.contentType;
      await sendTheRest(state, { ...replayOptions, ...options, contentType, to: options.to ?? replayOptions.to }, session);
    }
  });
  const isOfOther = compareDatabase(summary.header, deps.client) === "other";
  return { ...summary, undo: await findUndo(summary.header.runId, deps), isOfOther };
}

/** Throws `not-found`, `unavailable` while its process lives, `config` for a run of another service. */
async function reopenRun(wanted: string, options: ResumeOptions, deps: RunDeps, onEvent: RunListener) {
  const runId = await findRunId(deps.runsDirectory, wanted);
  const lock = await ownLock(deps, runId, options);
  let journal: Journal | null = null;
  try {
    const { state, end } = await readRunState(deps.runsDirectory, runId);
    await checkResumable(state.header, deps);
    if (state.isDiscarded) throw new WhcbError("usage", `run ${runId} was discarded`);
    state.closeSession(await readBootId(deps.clock));
    const file = openJournal(journalPath(deps.runsDirectory, runId), deps, end.length);
    journal = new Journal(file, end.lacksLineEnd ? "\n" : "");
    const header = withPace(state.header, options.pace);
    await beginSession(journal, header, deps, options.pace);
    const counts = new Map(header.callbacks.map(({ id }) => [id, state.counts(id)]));
    const session = new RunSession({ header, journal, counts }, options, deps, onEvent);
    session.resume(
      state.calls().filter((call) => ["unknown", "rejected", "not-found"].includes(call.state)),
      [...state.entries()].filter((entry) => isOpen(entry, options.resendUnknown) && entry.state !== "left"),
    );
    return { session, lock, state };
  } catch (error) {
    await journal?.close();
    await lock.release();
    throw error;
  }
}

async function markWhatIsDue(state: RunState, session: RunSession): Promise<void> {
  const { header } = session;
  const { callbacks, undoes } = header;
  const status = statusOf(header);
  const mayBeMarked = new Set(state.maybeMarked.map(({ id }) => id));
  const mayBeMarkedUntil = marksListedBy(state, session.deps);
  const job = { status, mayBeMarked, mayBeMarkedUntil, wereDelivered: undoes === undefined };
  const isSettled = async ({ id, status }: ListedCall): Promise<boolean> => status === "SUCCESS" && !mayBeMarked.has(id);
  const stays = status === "FAILED" ? await readArrivalCheck(session) : isSettled;
  const findSuperseding = state.counts().toMark > 0 ? await readSupersededCheck(state, session) : (): Superseding => "no";
  const readStarts =
    status === "SUCCESS" && state.counts().toMark > 0 ? await readDecisionStarts(session) : async () => new Map();
  for (const { id: callbackId } of callbacks) {
    const unmarked = [...state.entries()].filter((entry) => entry.callbackId === callbackId && entry.needsMark);
    const superseding = new Map(unmarked.map((entry): [RunEntry, Superseding] => [entry, findSuperseding(entry)]));
    const maybe = unmarked.filter((entry) => mayBeMarked.has(entry.id) && superseding.get(entry) === "unless-own");
    const maybeIds = maybe.map(({ id }) => id);
    const own = status === "FAILED" ? new Set() : await findSuccessful(callbackId, maybeIds, session.deps.client);
    // A later list doesn't say that they are to be FAILED, so a guard of the service's doesn't keep a late request from marking them.
    const isUnlisted = maybe.some(({ id, state: from }) => from === "seen" && !own.has(id));
    if (isUnlisted && session.deps.clock.now() < mayBeMarkedUntil) throw marksUnlisted(header, mayBeMarkedUntil);
    const isDue = (entry: RunEntry): boolean => own.has(entry.id) || superseding.get(entry) === "no";
    for (const { id: call, state: from } of unmarked.filter((entry) => !isDue(entry)))
      session.record(callbackId, { step: "skipped", call, at: session.deps.clock.now(), reason: "settled" }, from);
    const due = unmarked.filter(isDue);
    if (due.length > 0 && (await findById(callbackId, session.deps.client)) === null) {
      session.stopOf(callbackId).stop("gone");
      await giveUpCallback(callbackId, session);
      continue;
    }
    const starts = await readStarts(due);
    const since = { unlessFailedSince: (id: string) => starts.get(id) ?? null };
    await markAccepted(callbackId, due, since, session);
    const listedChanges = new Map(due.flatMap(({ id, listedChangedAt: at }) => (at === undefined ? [] : [[id, at] as const])));
    for (const from of ["seen", "left"] as const) {
      if (session.stop.reason !== null) return;
      // Journals of 0.1.0 don't have them. What a list had may have been marked and undone since.
      const guard = from === "left" && listedChanges.size > 0 ? { listedChanges } : since;
      const ids = due.filter((entry) => entry.state === from).map(({ id }) => id);
      const open = from === "left" && status === "FAILED" ? await skipFailed(callbackId, ids, session, mayBeMarked) : ids;
      const left = from === "left" ? await skipSettled(callbackId, open, stays, session) : open;
      await markAll({ ...job, ...guard, callbackId, from }, left, session);
    }
    if (session.stop.reason !== null) return;
    if (session.stopReasonOf(callbackId) === "gone") await giveUpCallback(callbackId, session);
  }
}

/** Returns the instant by which the last request of an earlier session is executed, or never will be, and the service lists what it has marked. */
function marksListedBy({ maybeMarkedBy }: RunState, { client }: RunDeps): number {
  return maybeMarkedBy + REQUEST_TIME_LIMIT_MS + (client.capabilities.has("exact-lists") ? 0 : LISTS_LAG_MS);
}

function marksUnlisted({ runId }: RunHeader, until: number): WhcbError {
  return new WhcbError("unavailable", `run ${runId} may have marked calls that the service doesn't list as SUCCESS yet`, {
    hint: `Type the command again after ${toIsoDate(until)}.`,
  });
}

/** Attempts that can't go with the marks are reported before: they say when the endpoint has accepted a call. A repeated report adds none. */
async function markAccepted(
  callbackId: string,
  due: readonly RunEntry[],
  since: Pick<MarkJob, "unlessFailedSince">,
  session: RunSession,
): Promise<void> {
  const replays = new Map<string, ReplayAttempt>();
  for (const { id: callId, acceptance } of due) {
    if (acceptance === null) continue;
    const { at, ms: durationMs, submittedAt } = acceptance;
    replays.set(callId, { callId, startedAt: at - durationMs, durationMs, result: ACCEPTED, submittedAt });
  }
  if (replays.size === 0) return;
  const goWithMarks = takesReportsWithMarks(session.deps.client);
  if (!goWithMarks) {
    const recorder = new AttemptRecorder(callbackId, async () => null, session);
    for (const attempt of replays.values()) recorder.report(attempt);
    await recorder.finishOrPause();
  }
  const mayBeMarked = new Set(replays.keys());
  const job = { callbackId, status: "SUCCESS", from: "accepted", mayBeMarked, ...since } as const;
  await markAll(job, replays.keys(), session, goWithMarks ? replays : undefined);
}

type FindStarts = (entries: readonly RunEntry[]) => Promise<ReadonlyMap<string, number>>;

/**
 * Returns a function for the instants of the service's clock, by id, after which a user's change of a call is a later decision, or another call has
 * its id: since it arrived, or was listed. Undoes in this data folder decide nothing: after them the calls are what they were before. Calls of
 * which it isn't known when they arrived are missing.
 */
async function readDecisionStarts({ header, deps }: RunSession): Promise<FindStarts> {
  const { startedAt, listedAt = startedAt } = header;
  const findUndoes = await readMarks((run) => run.undoes !== undefined && mayBeLater(run, header), deps);
  const listedChanges = new Map<string, ReadonlyMap<string, number>>();
  const findListedChange = async (key: string, { undoes }: RunHeader): Promise<number> => {
    if (undoes === undefined) return Number.POSITIVE_INFINITY;
    const changes = listedChanges.get(undoes.runId) ?? (await readListedChanges(undoes.runId, deps));
    listedChanges.set(undoes.runId, changes);
    return changes.get(key) ?? Number.POSITIVE_INFINITY;
  };
  const arrivalOf = ({ acceptance }: RunEntry): number | undefined =>
    acceptance === null ? toServiceClock(listedAt, header) : acceptance.serviceAt;
  return async (entries) => {
    const firstOfSecond = firstsOfSeconds(entries.flatMap((entry) => arrivalOf(entry) ?? []));
    const latestNow = deps.client.latestServiceNow();
    const starts = new Map<string, number>();
    for (const entry of entries) {
      const arrival = arrivalOf(entry);
      if (arrival === undefined) continue;
      const key = callKey(entry.callbackId, entry.id);
      let since = firstOfSecond(arrival);
      for (const { run, serviceAt, isMaybe } of hasArrived(entry.state) ? findUndoes(key, entry.at, header) : []) {
        // What was accepted has arrived. What a list said may have been changed, or be another call, before the mark that was undone.
        if (entry.acceptance === null && (isMaybe || (await findListedChange(key, run)) > since)) continue;
        // A request without an answer may have been executed until now.
        since = Math.max(since, (isMaybe ? latestNow : null) ?? serviceAt);
      }
      starts.set(entry.id, since);
    }
    return starts;
  };
}

/** Returns a function for the first of these instants in the second of one. A request of marks has one instant, so few are to differ. */
function firstsOfSeconds(instants: readonly number[]): (instant: number) => number {
  const secondOf = (instant: number): number => Math.floor(instant / 1_000);
  const firsts = new Map(instants.toSorted((one, other) => other - one).map((instant) => [secondOf(instant), instant]));
  return (instant) => firsts.get(secondOf(instant)) ?? instant;
}

/** Returns when each call of a run of marks had last changed as it was listed, as far as that is known. */
async function readListedChanges(runId: string, { runsDirectory }: RunDeps): Promise<ReadonlyMap<string, number>> {
  const changes = new Map<string, number>();
  try {
    const { state } = await readRunState(runsDirectory, await findRunId(runsDirectory, runId));
    for (const { callbackId, id, listedChangedAt } of state.entries())
      if (listedChangedAt !== undefined) changes.set(callKey(callbackId, id), listedChangedAt);
  } catch (error) {
    if (!isWhcbError(error)) throw error;
  }
  return changes;
}

const ACCEPTED = { kind: "answered", statusCode: 200, statusMessage: "", body: "" } as const;

function statusOf({ kind }: RunHeader): "SUCCESS" | "FAILED" {
  return kind === "mark-failed" ? "FAILED" : "SUCCESS";
}

/** A call that is superseded "unless-own", and is SUCCESS all the same, is this run's if the run's last request may have marked it. */
type Superseding = "yes" | "unless-own" | "no";

/**
 * Returns a function that tells whether another run of this data folder, which wasn't undone, has marked the call, or may have, since this run of
 * marks listed it. If this run sends, only a mark of FAILED since the call arrived counts, or a newer list that was compared with it.
 * Throws `malformed` if the journal of such a run can't be read.
 */
async function readSupersededCheck(
  { maybeMarkedBy }: RunState,
  { header, deps }: RunSession,
): Promise<(entry: RunEntry) => Superseding> {
  const { runId, options, undoes, startedAt, listedAt = startedAt } = header;
  const onlyMarks = options === null;
  const mayLag = !deps.client.capabilities.has("exact-lists");
  const counts = (run: RunHeader): boolean => (onlyMarks ? run.runId !== runId : isMarkFailed(run));
  const isWanted = (run: RunOverview): boolean => run.runId !== undoes?.runId && mayBeLater(run, header);
  const withArrived = statusOf(header) === "FAILED";
  const findMarks = await readMarks(isWanted, deps, { mustRead: counts, withArrived });
  const isReconcile = (run: RunHeader): boolean => run.kind === "reconcile";
  const wasCompared = isReconcile(header) ? await readComparedCheck(deps) : () => false;
  const isOtherList = (run: RunOverview): boolean => isReconcile(run) && run.runId !== runId && isWanted(run);
  const findListMarks = isReconcile(header) ? await readMarks(isOtherList, deps) : () => [];
  return (entry) => {
    const key = callKey(entry.callbackId, entry.id);
    if (entry.state === "seen" && wasCompared(key, header))
      return findListMarks(key, listedAt, header).length === 0 ? "unless-own" : "yes";
    const mark = latestMark(findMarks(key, onlyMarks ? listedAt : entry.at, header));
    if (mark === null) return "no";
    const as = statusOf(mark.run);
    // Whichever request was executed, the call is to become the same.
    if (mark.isMaybe && as === statusOf(header)) return "no";
    // What is listed as SUCCESS may have been so before that mark.
    const isLast = as === "SUCCESS" || (mayLag && mark.at > maybeMarkedBy);
    return isLast && !mark.isMaybe ? "yes" : "unless-own";
  };
}

async function sendTheRest(state: RunState, options: ReplayOptions & ResumeOptions, session: RunSession): Promise<void> {
  const open = new Set(Array.from(state.entries()).flatMap((entry) => (isOpen(entry, true) ? [entry.callbackId] : [])));
  const callbacks: ListedCallback[] = [];
  for (const { id } of session.header.callbacks) {
    if (session.stopReasonOf(id) === "gone" || !open.has(id)) continue;
    const callback = await findById(id, session.deps.client);
    if (callback === null) await giveUpCallback(id, session);
    else callbacks.push(callback);
  }
  await relistAndSend(callbacks, state, options, session, (plan) => sendPlan(plan, options, session));
}
