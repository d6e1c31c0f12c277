import type { ListedCall, ListedCallback } from "../client/client.js";
import type { CallFilter } from "../domain/call-filter.js";
import { commandLine } from "../domain/command-line.js";
import { advise, WhcbError } from "../domain/errors.js";
import { alreadyUndone, checkService, ONLY_UNDONE, requireArrivedMarked, requireMarkedHere } from "./check-service.js";
import { FreshUnmarks, type UnlistedYet } from "./journal/fresh-unmarks.js";
import { callKey, canBeUndone, findRunsToMark, findUndo, LISTS_LAG_MS } from "./journal/other-runs.js";
import { newRunId } from "./journal/run-id.js";
import type { RunHeader, RunListener, UndoneRun } from "./journal/run-step.js";
import { discardRun, type RunOverview, readRun } from "./journal/stored-runs.js";
import { addCall, type MarkGroup, newGroup } from "./mark-group.js";
import { type NewRun, performRun, type RunSummary } from "./perform-run.js";
import {
  type CallScope,
  callbacksOf,
  findAllById,
  findById,
  listFilteredCalls,
  listNamedCalls,
  NO_UNUSABLE,
  type UnusableCalls,
} from "./plan/call-scope.js";
import { giveUpCallback } from "./relist-calls.js";
import type { RunDeps } from "./run-deps.js";
import type { RunControl } from "./run-session.js";
import { markAll } from "./send/marker.js";
import {
  type CallCheck,
  readArrivalCheck,
  readSinceTypedCheck,
  readStayCheck,
  skipFailed,
  skipSettled,
  type TypedAt,
} from "./settled-calls.js";

export interface MarkPlan extends FoundCalls, Marking {
  readonly runId: string;
  readonly calls: number;
  /** `toDiscard` is the run to undo, if it is unfinished: what it has left to mark must not be marked later. */
  readonly toDiscard: RunOverview | null;
  /** `markedBy` says which runs have marked so many calls of the run to undo since, which stay. They are among the `delivered`. */
  readonly markedBy: ReadonlyMap<RunOverview, number>;
  /** What is listed as FAILED may have been marked SUCCESS shortly before. */
  readonly mayLag: boolean;
}

interface Marking {
  readonly status: "SUCCESS" | "FAILED";
  /** `undoes` is null if this isn't an undo. */
  readonly undoes: UndoneRun | null;
  /** The calls were listed after this instant. */
  readonly listedAt: number;
}

interface FoundCalls extends UnusableCalls {
  readonly groups: readonly MarkGroup[];
  /** `missing` were named by id, and not found. */
  readonly missing: readonly string[];
  /** `already` counts calls that were named by id, had this status before, and are left as they are. */
  readonly already: number;
  /** `again` counts those of them that are marked all the same, as another service's list may be old. */
  readonly again: number;
  readonly unlistedYet: UnlistedYet | null;
  /** These unfinished runs may still take what has the status already from it. */
  readonly toMarkIn: readonly RunHeader[];
  /** These calls of the run to undo stay: they were settled by a delivery, or accepted or marked again since its mark. */
  readonly delivered: number;
  /** These calls wait for their first attempt, so they can't become FAILED. */
  readonly waiting: number;
}

const NONE_FOUND: FoundCalls = {
  ...NO_UNUSABLE,
  groups: [],
  missing: [],
  already: 0,
  again: 0,
  unlistedYet: null,
  toMarkIn: [],
  delivered: 0,
  waiting: 0,
};

/**
 * The plan has calls of the other status, but those that have arrived since `typedAt`. Throws `not-found`, and `usage` if two callbacks have a
 * call of the same id.
 */
export async function planMarks(
  scope: CallScope,
  status: "SUCCESS" | "FAILED",
  deps: RunDeps,
  onEvent: RunListener = () => {},
  typedAt: TypedAt | null = null,
): Promise<MarkPlan> {
  const listedAt = deps.clock.now();
  const callbacks = await callbacksOf(scope, deps.client);
  const isDelivered = typedAt === null ? async () => false : await readSinceTypedCheck(typedAt, deps);
  const unmarks = await FreshUnmarks.read(status === "SUCCESS" ? callbacks : [], deps);
  const found =
    "filter" in scope.calls
      ? await byFilter(callbacks, { ...scope.calls.filter, status: otherThan(status) }, deps, onEvent, { isDelivered, unmarks })
      : await byIds(callbacks, scope.calls.callIds, status, deps, {
          staysSuccess: isDelivered,
          mayHaveChanged: (call) => (status === "SUCCESS" ? unmarks.has(call.callbackId, call.id) : call.status !== "PENDING"),
        });
  return markPlan(found, { status, undoes: null, listedAt }, deps);
}

/** Returns those that weren't deleted. Throws as `readRun`. */
export async function callbacksToUndo(wanted: string, deps: RunDeps): Promise<readonly ListedCallback[]> {
  const { callbacks } = await readRun(deps, wanted);
  return findAllById(callbacks, deps.client);
}

/**
 * The calls that a run of mark-success has marked, or a reconcile by its list, become FAILED again, if they are still as it left them. Throws
 * `usage` for another kind, for a run that was undone, and for one that has yet to mark what arrived, `config` for another service, and as
 * `readRun`.
 */
export async function planUndo(wanted: string, deps: RunDeps): Promise<MarkPlan> {
  const run = await readRun(deps, wanted);
  if (run.kind !== "mark-success" && run.kind !== "reconcile") {
    const show = { command: commandLine({ command: "runs show", operands: [run.runId] }), when: "to see what it has marked" };
    throw new WhcbError("usage", `run ${run.runId} is a ${run.kind}: ${ONLY_UNDONE}`, advise`${show} lists its calls`);
  }
  await checkService(run, deps);
  requireMarkedHere(run, deps.client);
  // Another run may have marked the calls since. What an undo has left may be that of a run that was wrong, too.
  const undo = await findUndo(run.runId, deps);
  if (undo !== null) throw alreadyUndone(run, undo, deps);
  const isUnfinished = run.state === "unfinished" || run.state === "running";
  // A reconcile that only has calls to send, or to mark as accepted, goes on.
  const toDiscard = isUnfinished && (run.kind === "mark-success" || run.seenToMark > 0) ? run : null;
  if (toDiscard?.kind === "reconcile") requireArrivedMarked(toDiscard, deps);
  const marked = run.calls.filter(canBeUndone);
  const undone = [...marked, ...run.maybeMarked];
  const asMarked = new Set(marked.map(({ callbackId, id }) => callKey(callbackId, id)));
  // To mark a call that still waits would change it.
  const mayLag = run.lastAt >= deps.clock.now() - LISTS_LAG_MS;
  const undoes = { runId: run.runId, startedAt: run.serviceStartedAt ?? run.startedAt };
  const marking = { status: "FAILED", undoes, listedAt: deps.clock.now() } as const;
  const markedBy = new Map<RunOverview, number>();
  const staysSuccess = await readStayCheck(marking.undoes, deps, (other) => markedBy.set(other, (markedBy.get(other) ?? 0) + 1));
  let found = NONE_FOUND;
  for (const { id: callbackId } of run.callbacks) {
    // Another callback may have a call of the same id.
    const ids = undone.flatMap((call) => (call.callbackId === callbackId ? [call.id] : []));
    const callback = await findById(callbackId, deps.client);
    const callbacks = callback === null ? [] : [callback];
    const { groups, already, delivered, missing, waiting } = await byIds(callbacks, ids, "FAILED", deps, {
      staysSuccess,
      mayHaveChanged: ({ callbackId: ofCallback, id, status }) =>
        asMarked.has(callKey(ofCallback, id)) && (status !== "PENDING" || mayLag),
    });
    found = {
      ...found,
      groups: [...found.groups, ...groups],
      missing: [...found.missing, ...missing],
      already: found.already + already,
      delivered: found.delivered + delivered,
      waiting: found.waiting + waiting,
    };
  }
  return { ...markPlan(found, marking, deps), toDiscard, markedBy };
}

/**
 * This comes before the undo, as an undone run must not mark anything later. Throws `unavailable` while its process lives, or if it went on
 * since the plan.
 */
export async function discardUndone({ toDiscard }: MarkPlan, deps: RunDeps): Promise<void> {
  if (toDiscard === null) return;
  const { lastAt } = await readRun(deps, toDiscard.runId);
  if (lastAt !== toDiscard.lastAt) {
    throw new WhcbError("unavailable", `run ${toDiscard.runId} went on meanwhile, so nothing was undone`, {
      hint: "undo it again",
    });
  }
  await discardRun(deps, toDiscard.runId);
}

function markPlan(found: FoundCalls, marking: Marking, deps: RunDeps): MarkPlan {
  const groups = found.groups.filter(({ callIds }) => callIds.length > 0);
  return {
    ...found,
    ...marking,
    toDiscard: null,
    markedBy: new Map(),
    mayLag: !deps.client.capabilities.has("exact-lists"),
    runId: newRunId(deps.clock.now(), deps.random),
    groups,
    calls: groups.reduce((sum, { callIds }) => sum + callIds.length, 0),
  };
}

/** Records calls that the service doesn't know, and continues. Throws `unavailable` if the journal can't be created. */
export async function runMarks(
  plan: MarkPlan,
  control: RunControl,
  deps: RunDeps,
  onEvent: RunListener = () => {},
): Promise<RunSummary> {
  // Where a list may lag, what is FAILED already may be SUCCESS later.
  const left = plan.missing.length + plan.waiting + (plan.mayLag ? plan.already : 0);
  const run: NewRun = {
    purpose: {
      runId: plan.runId,
      kind: plan.status === "SUCCESS" ? "mark-success" : "mark-failed",
      options: null,
      listedAt: plan.listedAt,
      ...(plan.again > 0 && { marksAgain: true }),
      ...(plan.undoes !== null && { undoes: { ...plan.undoes, ...(left > 0 && { left }) } }),
    },
    callbacks: plan.groups.map(({ callback }) => callback),
    planned: plan.groups.map(({ callback, callIds, listedChanges }) => ({
      callbackId: callback.id,
      do: "mark",
      callIds,
      listedChanges,
    })),
    control,
  };
  return performRun(run, deps, onEvent, async (session) => {
    // The question may have been open for long.
    const hasArrived = plan.undoes === null ? null : await readArrivalCheck(session);
    for (const { callback, callIds, delivered, listedChanges } of plan.groups) {
      if (session.stop.reason !== null) return;
      const changed = plan.status === "FAILED" ? await skipFailed(callback.id, callIds, session) : callIds;
      const left = hasArrived === null ? changed : await skipSettled(callback.id, changed, hasArrived, session);
      // Calls that are delivered from now on stay SUCCESS.
      for (const wereDelivered of [false, true]) {
        const ids = left.filter((id) => delivered.has(id) === wereDelivered);
        const job = { callbackId: callback.id, status: plan.status, from: "left", listedChanges, wereDelivered } as const;
        await markAll(job, ids, session);
      }
      if (session.stopReasonOf(callback.id) === "gone") await giveUpCallback(callback.id, session);
    }
  });
}

async function byFilter(
  callbacks: readonly ListedCallback[],
  filter: CallFilter,
  deps: RunDeps,
  onEvent: RunListener,
  { isDelivered, unmarks }: { readonly isDelivered: CallCheck; readonly unmarks: FreshUnmarks },
): Promise<FoundCalls> {
  const groups = callbacks.map((callback) => newGroup(callback, filter.answer));
  let delivered = 0;
  const unusable = await listFilteredCalls({ client: deps.client, onEvent }, { groups, filter }, async (calls, group) => {
    unmarks.dropListed(group.callback.id, calls);
    for (const call of calls) {
      if (await isDelivered(call)) delivered++;
      else addCall(group, call, deps);
    }
  });
  return { ...NONE_FOUND, ...unusable, groups, delivered, unlistedYet: unmarks.unlistedYet() };
}

interface UndoChecks {
  readonly staysSuccess: CallCheck;
  /** A call that may have become of the other status before it was listed, where lists may lag. */
  readonly mayHaveChanged: (call: ListedCall) => boolean;
}

async function byIds(
  callbacks: readonly ListedCallback[],
  callIds: readonly string[],
  status: Marking["status"],
  deps: RunDeps,
  { staysSuccess, mayHaveChanged }: UndoChecks,
): Promise<FoundCalls> {
  const groups = callbacks.map((callback) => newGroup(callback));
  const already: ListedCall[] = [];
  let again = 0;
  let delivered = 0;
  let waiting = 0;
  const named = { groups, callIds, status: otherThan(status) };
  // Another service's list may be older than a mark, and to mark a call as it is changes nothing.
  const mayLag = !deps.client.capabilities.has("exact-lists");
  const missing = await listNamedCalls(deps, named, async (calls, group) => {
    for (const call of calls) {
      const mayBeOld = mayLag && mayHaveChanged(call);
      if (call.status === status && !mayBeOld) already.push(call);
      else if (call.status === "PENDING" && status === "FAILED" && !mayBeOld) waiting++;
      else if (await staysSuccess(call)) delivered++;
      else {
        addCall(group, call, deps);
        if (call.status === status) again++;
      }
    }
  });
  const toMarkIn = await findRunsToMark(already, status, deps);
  return { ...NONE_FOUND, groups, missing, already: already.length, again, toMarkIn, delivered, waiting };
}

function otherThan(status: "SUCCESS" | "FAILED"): "SUCCESS" | "FAILED" {
  return status === "SUCCESS" ? "FAILED" : "SUCCESS";
}
