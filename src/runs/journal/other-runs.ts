/** The other runs of this data folder may know that a call has arrived or was marked, or have a newer list of what was received (docs/runs.md). */
import type { Client } from "../../client/client.js";
import { idKey } from "../../domain/call.js";
import { count } from "../../domain/count.js";
import { MINUTE_MS } from "../../domain/duration.js";
import { WhcbError } from "../../domain/errors.js";
import type { RunFolder } from "../run-deps.js";
import { hasArrived, isSentElsewhere, isUnfinished } from "./run-counts.js";
import type { RunCall } from "./run-state.js";
import type { RunHeader } from "./run-step.js";
import {
  listRuns,
  listWantedRuns,
  type RunDates,
  type RunOverview,
  type RunRecord,
  readRun,
  toServiceClock,
  wasBegunAfter,
} from "./stored-runs.js";

/** So long after a run has marked calls as SUCCESS, another service's list may still have them as FAILED. */
export const LISTS_LAG_MS = 5 * MINUTE_MS;

/**
 * Tells whether the run was made with the client's database. A copy of it has the same callbacks and calls, and may be at the same address. It is
 * unknown if either service doesn't say which database it has, or no callback was read from this one.
 */
export function compareDatabase({ databaseId }: RunHeader, client: Pick<Client, "databaseId">): "same" | "other" | "unknown" {
  const current = client.databaseId();
  if (databaseId === undefined || current === null) return "unknown";
  return databaseId === current ? "same" : "other";
}

/** Returns a text about a run that was made with another database. */
export function madeElsewhere({ service }: RunHeader): string {
  return `made with another database, which was at ${service} then`;
}

/** Runs in the folder that were made with another database than the client's don't count. */
export interface OwnFolder extends RunFolder {
  readonly client: Pick<Client, "databaseId">;
}

/** Returns the marks of the call with this key since `instant`, a time of the run `other`, in the order of their runs. */
export type FindMarks = (key: string, instant: number, other: RunDates) => readonly Mark[];

interface MarkReading {
  readonly mustRead?: (header: RunHeader) => boolean;
  readonly keyOf?: typeof callKey;
  /** What a run knows to have arrived, and hasn't marked yet, counts as if it may have. */
  readonly withArrived?: boolean;
}

interface Mark {
  readonly at: number;
  readonly serviceAt: number;
  /** No line says that it was executed. */
  readonly isMaybe: boolean;
  readonly run: RunOverview;
}

/**
 * Reads the marks of the wanted runs of this data folder, and those that may have been executed. What the undo of a run takes back doesn't count
 * once that was asked for, nor do marks on another database. The service's name isn't compared, as it may be written in several ways. Journals that can't be read
 * are left out, or throw `malformed` if they may be of a run that `mustRead` names. Without `keyOf`, equal ids are the same call.
 */
export async function readMarks(
  isWanted: (run: RunOverview) => boolean,
  deps: OwnFolder,
  { mustRead, keyOf = callKey, withArrived = false }: MarkReading = {},
): Promise<FindMarks> {
  const marks = new Map<string, Mark[]>();
  const runs =
    mustRead === undefined
      ? await listOwnRuns(deps)
      : await listWantedRuns(deps, (header) => compareDatabase(header, deps.client) !== "other" && mustRead(header));
  const undone = new Set(runs.map(undoneBy));
  for (const overview of runs.toReversed()) {
    const { counts, state, kind } = overview;
    const mayHaveMarked = counts.marked > 0 || (state !== "finished" && (kind !== "replay" || counts.toMark > 0));
    const isUndone = undone.has(overview.runId);
    if (!mayHaveMarked || !isWanted(overview)) continue;
    const run = await readRun(deps, overview.runId);
    const marked = run.calls.filter((call) => call.isMarked && !(isUndone && canBeUndone(call)));
    const certain = marked.map((call) => ({ ...call, isMaybe: false }));
    const asked = isUndone ? [] : run.maybeMarked.map((call) => ({ ...call, at: run.lastAt }));
    const arrived = withArrived && state !== "discarded" ? run.toMark.filter((call) => hasArrived(call.state)) : [];
    const maybe = [...asked, ...arrived].map((call) => ({ ...call, isMaybe: true }));
    for (const { callbackId, id, at, serviceMarkedAt, isMaybe } of [...certain, ...maybe]) {
      const key = keyOf(callbackId, id);
      marks.set(key, [...(marks.get(key) ?? []), { at, serviceAt: serviceMarkedAt ?? toServiceClock(at, run), isMaybe, run }]);
    }
  }
  return (key, instant, other) => marks.get(key)?.filter((mark) => isLater(mark, instant, other)) ?? [];
}

/** Returns the last mark, if there is one that was certainly executed. Throws `unavailable` if only a running run may be making one. */
export function latestMark(marks: readonly Mark[]): Mark | null {
  const latest = marks.findLast(({ isMaybe }) => !isMaybe) ?? marks.at(-1) ?? null;
  if (latest?.isMaybe !== true || latest.run.state !== "running") return latest;
  throw new WhcbError("unavailable", `run ${latest.run.runId} is marking the same calls`, {
    hint: "Type the command again once it has ended.",
  });
}

function isLater({ at, run }: Mark, instant: number, other: RunDates): boolean {
  const isAfter = wasBegunAfter(run, other);
  // The clock was set back between the two.
  if (isAfter !== run.startedAt > other.startedAt) return isAfter;
  if (at > instant) return true;
  // The clock may have been set back while one of them was working.
  return instant <= other.startedAt ? isAfter : toServiceClock(at, run) > toServiceClock(instant, other);
}

/** Returns the run that was undone by this one, or null. An undo that had ended has undone it, also if it was discarded afterwards. */
export function undoneBy({ undoes, state, counts }: RunOverview): string | null {
  return undoes === undefined || (state === "discarded" && isUnfinished(counts)) ? null : undoes.runId;
}

/** Returns the undo after which the run can't be undone again, or null. Another one has ended without a mark, or left calls. */
export async function findUndo(runId: string, folder: RunFolder): Promise<RunOverview | null> {
  const undo = (await listRuns(folder)).find((other) => {
    const { planned, marked, notFound, skipped } = other.counts;
    const hasLeftNone = marked > 0 && notFound + skipped.settled === 0 && !other.undoes?.left;
    return undoneBy(other) === runId && planned > 0 && (isUnfinished(other.counts) || hasLeftNone);
  });
  return undo ?? null;
}

/** An undo leaves what the run had sent, and the endpoint has accepted. */
export function canBeUndone({ isMarked, state }: RunCall): boolean {
  return isMarked && state !== "accepted";
}

/** Returns a text such as "200 calls and perhaps 100 more". */
export function describeUndoable(marked: number, maybe: number): string {
  if (marked === 0) return `perhaps ${count(maybe, "call")}`;
  return `${count(marked, "call")}${maybe === 0 ? "" : ` and perhaps ${maybe} more`}`;
}

/** The calls of such a run may be sent again, whatever is known of them. After an undo they are what they were before. */
export function isMarkFailed({ kind, undoes }: RunHeader): boolean {
  return kind === "mark-failed" && undoes === undefined;
}

export function callKey(callbackId: string, id: string): string {
  return `${callbackId} ${idKey(id)}`;
}

/** Returns the unfinished runs that mark some of these calls, which have this status, otherwise if they are resumed. */
export async function findRunsToMark(
  calls: readonly { readonly callbackId: string; readonly id: string }[],
  status: "SUCCESS" | "FAILED",
  deps: OwnFolder,
): Promise<readonly RunHeader[]> {
  if (calls.length === 0) return [];
  const keys = new Set(calls.map(({ callbackId, id }) => callKey(callbackId, id)));
  const runs: RunHeader[] = [];
  const mayMark = ({ state, kind }: RunOverview): boolean =>
    state === "unfinished" && (kind === "mark-failed") === (status === "SUCCESS");
  for await (const run of readOwnRuns(mayMark, deps))
    if (run.toMark.some(({ callbackId, id }) => keys.has(callKey(callbackId, id)))) runs.push(run);
  return runs;
}

/** Returns the keys of the callback's calls that were accepted elsewhere (`--to`): the service doesn't list these attempts. */
export async function readAcceptedElsewhere(callbackId: string, deps: OwnFolder): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  const hasAccepted = (run: RunOverview): boolean =>
    isSentElsewhere(run) && run.counts.accepted > 0 && run.callbacks.some(({ id }) => id === callbackId);
  for await (const { calls } of readOwnRuns(hasAccepted, deps))
    for (const call of calls) if (call.state === "accepted") keys.add(callKey(call.callbackId, call.id));
  return keys;
}

/** Reads those of the wanted runs that weren't made with another database, the newest first. */
export async function* readOwnRuns(isWanted: (run: RunOverview) => boolean, deps: OwnFolder): AsyncGenerator<RunRecord> {
  for (const run of await listOwnRuns(deps)) if (isWanted(run)) yield await readRun(deps, run.runId);
}

async function listOwnRuns(deps: OwnFolder): Promise<readonly RunOverview[]> {
  return (await listRuns(deps)).filter((run) => compareDatabase(run, deps.client) !== "other");
}

/**
 * Returns a function that tells whether a later reconcile had the call to mark or to send by a newer list, which then counts instead of the earlier
 * one. The list of a run that was discarded or undone doesn't count.
 */
export async function readComparedCheck(deps: OwnFolder): Promise<(key: string, run: RunDates) => boolean> {
  const undone = new Set((await listOwnRuns(deps)).map(undoneBy));
  const counts = ({ kind, runId, state }: RunOverview): boolean =>
    kind === "reconcile" && state !== "discarded" && !undone.has(runId);
  const lists = new Map<string, RunHeader[]>();
  for await (const list of readOwnRuns(counts, deps))
    for (const { callbackId, id } of list.calls) {
      const key = callKey(callbackId, id);
      lists.set(key, [...(lists.get(key) ?? []), list]);
    }
  return (key, run) => lists.get(key)?.some((list) => wasBegunAfter(list, run)) === true;
}
