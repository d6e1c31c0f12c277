/** The other runs of this data folder may know that a call has arrived or was marked, or have a newer list of what was received (docs/runs.md). */
import type { Client, ListedCallback } from "../../client/client.js";
import { idKey } from "../../domain/call.js";
import { count } from "../../domain/count.js";
import { MINUTE_MS } from "../../domain/duration.js";
import { WhcbError } from "../../domain/errors.js";
import { maskUrl } from "../../domain/mask.js";
import { toIsoDate } from "../../wire/dates.js";
import type { RunDeps, RunFolder } from "../run-deps.js";
import { isRecorded } from "./recorded-url.js";
import { hasArrived, isSentElsewhere, isUnfinished, marksAccepted } from "./run-counts.js";
import type { RunCall } from "./run-state.js";
import type { RunHeader } from "./run-step.js";
import {
  listRuns,
  listWantedRuns,
  type RunDates,
  type RunOverview,
  type RunRecord,
  readRun,
  readUnmarkedRuns,
  toServiceClock,
  wasBegunAfter,
} from "./stored-runs.js";

interface Unmarked {
  readonly header: RunHeader;
  /** Accepted calls have arrived; of seen ones, a list said so. The run has just marked the others, and the service may list them as before. */
  readonly as: "accepted" | "seen" | "marked";
  /** It is " at " and the URL that accepted the calls, or "" if that is the callback's present one. */
  readonly place: string;
  /** The run has made its last mark at this instant. */
  readonly markedBy: number;
  /** The run was made with another database, whose callback had the same URL. */
  readonly isOfOther: boolean;
  /** The run has marked so many calls, which an undo of it takes back. */
  readonly undoable: number;
  /** Its last request may have marked these, too. */
  readonly maybeMarked: readonly RunCall[];
}

export interface UnmarkedRun extends Omit<Unmarked, "maybeMarked"> {
  readonly calls: number;
  /** So many of those that may be marked weren't left out as FAILED. */
  readonly maybeUndoable: number;
}

/** So long after a run has marked calls as SUCCESS, another service's list may still have them as FAILED. */
export const LISTS_LAG_MS = 5 * MINUTE_MS;

/**
 * Another run knows these calls as accepted or seen, and hasn't marked them. They are FAILED, and would arrive twice, unless a later run of
 * mark-failed has marked them, or a later reconcile has a newer list. So would those that a run has just marked, where lists may lag.
 */
export class ArrivedCalls {
  readonly #runs = new Map<string, Unmarked>();
  readonly #leftOut = new Map<string, { readonly callbackId: string; readonly run: Unmarked }>();

  /**
   * A `sender` that marks nothing leaves none out, and one that has a list itself leaves out none that is seen. Throws `malformed` if a
   * journal that may have such calls of these callbacks is damaged.
   */
  static async read(
    sender: { readonly runId: string; readonly mark: boolean; readonly hasList?: boolean },
    callbacks: readonly ListedCallback[],
    deps: RunDeps,
  ): Promise<ArrivedCalls> {
    const arrived = new ArrivedCalls();
    if (!sender.mark) return arrived;
    const mayLag = !deps.client.capabilities.has("exact-lists");
    const markedSince = mayLag ? deps.clock.now() - LISTS_LAG_MS : Number.POSITIVE_INFINITY;
    const find = async (header: RunHeader): Promise<ReadonlyMap<string, string> | null> => {
      const mayHaveSome = marksAccepted(header) || (mayLag && header.kind !== "mark-failed");
      if (header.runId === sender.runId || !mayHaveSome) return null;
      const reached = await reachedCallbacks(header, callbacks, deps);
      return reached.size > 0 ? reached : null;
    };
    let findMarks: FindMarks | null = null;
    let findUnmarks: FindMarks | null = null;
    let hasNewerList: Awaited<ReturnType<typeof readNewerListCheck>> | null = null;
    for await (const { state, found: reached } of readUnmarkedRuns(deps.runsDirectory, find, markedSince)) {
      const { header, isDiscarded } = state;
      const isOfOther = compareDatabase(header, deps.client) === "other";
      const undoable = [...state.entries()].filter(canBeUndone).length;
      const markedBy = [...state.entries()].reduce((last, { isMarked, at }) => (isMarked ? Math.max(last, at) : last), 0);
      const run = { header, isOfOther, undoable, markedBy, maybeMarked: state.maybeMarked };
      const runs = new Map<string, Unmarked>();
      findMarks ??= await readMarks(isMarkFailed, deps);
      findUnmarks ??= mayLag ? await readMarks(({ kind }) => kind === "mark-failed", deps) : () => [];
      hasNewerList ??= await readNewerListCheck(deps);
      for (const { callbackId, id, state: known, needsMark, isMarked, at } of state.entries()) {
        const key = callKey(callbackId, id);
        const isFresh = isMarked && at >= markedSince && !isOfOther;
        const as = isFresh ? "marked" : needsMark && !isDiscarded && hasArrived(known) ? known : null;
        const place = reached.get(callbackId);
        if (as === null || place === undefined) continue;
        if ((as === "marked" ? findUnmarks : findMarks)(key, at, header).length > 0) continue;
        if (as === "seen" && (sender.hasList === true || hasNewerList(callbackId, header))) continue;
        const unmarked = runs.get(`${as}${place}`) ?? { ...run, as, place };
        runs.set(`${as}${place}`, unmarked);
        if (as !== "marked" || !arrived.has(callbackId, id)) arrived.#runs.set(key, unmarked);
      }
    }
    return arrived;
  }

  has(callbackId: string, id: string): boolean {
    return this.#runs.has(callKey(callbackId, id));
  }

  /** Returns the calls that aren't known to have arrived. */
  leaveOut<Call extends { readonly id: string }>(callbackId: string, calls: readonly Call[]): readonly Call[] {
    return calls.filter(({ id }) => {
      const key = callKey(callbackId, id);
      const run = this.#runs.get(key);
      if (run !== undefined) this.#leftOut.set(key, { callbackId, run });
      return run === undefined;
    });
  }

  /** Returns the runs of the calls that were left out, by default of all callbacks. */
  unmarkedRuns(callbackId?: string): readonly UnmarkedRun[] {
    const runs = new Map<Unmarked, number>();
    for (const { callbackId: id, run } of this.#leftOut.values())
      if (callbackId === undefined || id === callbackId) runs.set(run, (runs.get(run) ?? 0) + 1);
    return Array.from(runs, ([run, calls]) => {
      const maybe = run.maybeMarked.filter((call) => !this.#leftOut.has(callKey(call.callbackId, call.id)));
      return { ...run, calls, maybeUndoable: maybe.length };
    });
  }
}

/**
 * Tells whether the run was made with the client's database. A copy of it has the same callbacks and calls, and may be at the same address. It is
 * unknown if either service doesn't say which database it has, or no callback was read from this one.
 */
export function compareDatabase({ databaseId }: RunHeader, client: Pick<Client, "databaseId">): "same" | "other" | "unknown" {
  const current = client.databaseId();
  if (databaseId === undefined || current === null) return "unknown";
  return databaseId === current ? "same" : "other";
}

/**
 * Returns, by id, the `place` of those of the run's callbacks whose endpoint may have what the run knows as accepted or seen. `callbacks` has
 * their present URLs. On another database a callback may have had the URL of a rehearsal, or the present one, as before a backup was restored.
 */
async function reachedCallbacks(
  header: RunHeader,
  callbacks: readonly ListedCallback[],
  deps: OwnFolder,
): Promise<ReadonlyMap<string, string>> {
  const isOfOther = compareDatabase(header, deps.client) === "other";
  const to = header.options?.to ?? null;
  const urls = new Map(callbacks.map(({ id, url }) => [id, url]));
  const reached = new Map<string, string>();
  for (const callback of header.callbacks) {
    const url = urls.get(callback.id);
    if (url === undefined) continue;
    const sentTo = to === null ? callback : { url: to, urlHash: header.toHash };
    const isPresent = await isRecorded(url, sentTo, deps);
    if (!isOfOther || isPresent) reached.set(callback.id, isPresent && to === null ? "" : ` at ${maskUrl(sentTo.url)}`);
  }
  return reached;
}

/** Returns a text such as "6 calls that arrived at https://example.com/before". `callbacks` has the present URLs of the run's callbacks. */
export async function describeArrived(
  run: RunHeader,
  arrived: readonly RunCall[],
  callbacks: readonly ListedCallback[],
  deps: OwnFolder,
): Promise<string> {
  const reached = await reachedCallbacks(run, callbacks, deps);
  const places = arrived.map(({ callbackId }) => reached.get(callbackId) ?? "");
  const callsAt = (place: string): string => count(places.filter((other) => other === place).length, "call");
  return Array.from(new Set(places), (place) => `${callsAt(place)} that arrived${place}`).join(" and ");
}

/** Returns a text such as "6 calls not sent: calls with their ids have arrived, but run 20261124-233015-0427F3A hasn't marked them". */
export function describeUnmarked({ header, as, isOfOther, place, markedBy, calls }: UnmarkedRun): string {
  const [were, them] = calls === 1 ? ["it was", "it"] : ["they were", "them"];
  if (as === "marked")
    return `${count(calls, "call")} not sent: run ${header.runId} had marked ${them} SUCCESS by ${toIsoDate(markedBy)}`;
  // In a database that was restored, a sender's id may be used again.
  const haveArrived = `${calls === 1 ? "a call with its id has" : "calls with their ids have"} arrived${place}`;
  const reason = as === "accepted" ? haveArrived : `your list said that ${were} received`;
  const run = `run ${header.runId}${isOfOther ? `, ${madeElsewhere(header)},` : ""}`;
  return `${count(calls, "call")} not sent: ${reason}, but ${run} hasn't marked ${them}`;
}

/** Returns a text about a run that was made with another database. */
export function madeElsewhere({ service }: RunHeader): string {
  return `made with another database, which was at ${service} then`;
}

/** Returns the instant from which a replay goes by the list again. */
export function retryAt({ markedBy }: UnmarkedRun): number {
  return markedBy + LISTS_LAG_MS;
}

/** Runs in the folder that were made with another database than the client's don't count. */
interface OwnFolder extends RunFolder {
  readonly client: Pick<Client, "databaseId">;
}

/** Returns the marks of the call with this key since `instant`, a time of the run `other`, in the order of their runs. */
type FindMarks = (key: string, instant: number, other: RunDates) => readonly Mark[];

interface MarkReading {
  readonly mustRead?: (header: RunHeader) => boolean;
  readonly keyOf?: typeof callKey;
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
  { mustRead, keyOf = callKey }: MarkReading = {},
): Promise<FindMarks> {
  const marks = new Map<string, Mark[]>();
  const runs =
    mustRead === undefined
      ? await listOwnRuns(deps)
      : await listWantedRuns(deps, (header) => compareDatabase(header, deps.client) !== "other" && mustRead(header));
  const undone = new Set(runs.map(undoneBy));
  for (const overview of runs.toReversed()) {
    const mayHaveMarked = overview.counts.marked > 0 || (overview.kind !== "replay" && overview.state !== "finished");
    const isUndone = undone.has(overview.runId);
    if (!mayHaveMarked || !isWanted(overview)) continue;
    const run = await readRun(deps, overview.runId);
    const marked = run.calls.filter((call) => call.isMarked && !(isUndone && canBeUndone(call)));
    const certain = marked.map((call) => ({ ...call, isMaybe: false }));
    const maybe = isUndone ? [] : run.maybeMarked.map((call) => ({ ...call, at: run.lastAt, isMaybe: true }));
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
    const { planned, marked, skipped } = other.counts;
    const hasLeftNone = marked > 0 && skipped.settled === 0 && !other.undoes?.left;
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

/** Returns the unfinished runs that mark some of these calls SUCCESS if they are resumed. */
export async function findRunsToMark(
  calls: readonly { readonly callbackId: string; readonly id: string }[],
  deps: OwnFolder,
): Promise<readonly RunHeader[]> {
  if (calls.length === 0) return [];
  const keys = new Set(calls.map(({ callbackId, id }) => callKey(callbackId, id)));
  const runs: RunHeader[] = [];
  const mayMark = ({ state, kind }: RunOverview): boolean => state === "unfinished" && kind !== "mark-failed";
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
async function* readOwnRuns(isWanted: (run: RunOverview) => boolean, deps: OwnFolder): AsyncGenerator<RunRecord> {
  for (const run of await listOwnRuns(deps)) if (isWanted(run)) yield await readRun(deps, run.runId);
}

async function listOwnRuns(deps: OwnFolder): Promise<readonly RunOverview[]> {
  return (await listRuns(deps)).filter((run) => compareDatabase(run, deps.client) !== "other");
}

/**
 * Returns a function that tells whether a later reconcile of the callback has a newer list of what the receiver has. A run that was discarded
 * or undone has none, nor has one of another database.
 */
export async function readNewerListCheck(deps: OwnFolder): Promise<(callbackId: string, run: RunHeader) => boolean> {
  const runs = await listOwnRuns(deps);
  const undone = new Set(runs.map(undoneBy));
  const lists = runs.filter(({ kind, runId, state }) => kind === "reconcile" && state !== "discarded" && !undone.has(runId));
  return (callbackId, run) =>
    lists.some((list) => wasBegunAfter(list, run) && list.callbacks.some(({ id }) => id === callbackId));
}
