/** What other runs of this data folder know to have arrived, and have not marked, is not sent again (docs/runs.md). */
import type { ListedCallback } from "../../client/client.js";
import { count } from "../../domain/count.js";
import { maskUrl } from "../../domain/mask.js";
import { toIsoDate } from "../../wire/dates.js";
import type { RunDeps } from "../run-deps.js";
import {
  callKey,
  canBeUndone,
  compareDatabase,
  type FindMarks,
  isMarkFailed,
  LISTS_LAG_MS,
  madeElsewhere,
  type OwnFolder,
  readComparedCheck,
  readMarks,
} from "./other-runs.js";
import { isRecorded } from "./recorded-url.js";
import { hasArrived, marksAccepted } from "./run-counts.js";
import type { RunCall } from "./run-state.js";
import type { RunHeader } from "./run-step.js";
import { readUnmarkedRuns } from "./stored-runs.js";

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
    let wasCompared: Awaited<ReturnType<typeof readComparedCheck>> | null = null;
    for await (const { state, found: reached } of readUnmarkedRuns(deps.runsDirectory, find, markedSince)) {
      const { header, isDiscarded } = state;
      const isOfOther = compareDatabase(header, deps.client) === "other";
      const undoable = [...state.entries()].filter(canBeUndone).length;
      const markedBy = [...state.entries()].reduce((last, { isMarked, at }) => (isMarked ? Math.max(last, at) : last), 0);
      const run = { header, isOfOther, undoable, markedBy, maybeMarked: state.maybeMarked };
      const runs = new Map<string, Unmarked>();
      findMarks ??= await readMarks(isMarkFailed, deps);
      findUnmarks ??= mayLag ? await readMarks(({ kind }) => kind === "mark-failed", deps) : () => [];
      if (header.kind === "reconcile" && sender.hasList !== true) wasCompared ??= await readComparedCheck(deps);
      for (const { callbackId, id, state: known, needsMark, isMarked, at } of state.entries()) {
        const key = callKey(callbackId, id);
        const isFresh = isMarked && at >= markedSince && !isOfOther;
        const as = isFresh ? "marked" : needsMark && !isDiscarded && hasArrived(known) ? known : null;
        const place = reached.get(callbackId);
        if (as === null || place === undefined) continue;
        if ((as === "marked" ? findUnmarks : findMarks)(key, at, header).length > 0) continue;
        if (as === "seen" && (sender.hasList === true || wasCompared?.(key, header) === true)) continue;
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

/** Returns the instant from which a replay goes by the list again. */
export function retryAt({ markedBy }: UnmarkedRun): number {
  return markedBy + LISTS_LAG_MS;
}
