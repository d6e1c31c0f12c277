/** The other runs of this data folder may know that a call has arrived or was marked, or have a newer list of what was received (docs/runs.md). */
import type { Client } from "../../client/client.js";
import { idKey } from "../../domain/call.js";
import { count } from "../../domain/count.js";
import { WhcbError } from "../../domain/errors.js";
import type { RunDeps, RunFolder } from "../run-deps.js";
import { placeOf } from "../run-options.js";
import { hasArrived } from "./run-counts.js";
import type { RunHeader } from "./run-step.js";
import {
  listRuns,
  listWantedRuns,
  type RunDates,
  type RunOverview,
  readRun,
  readUnmarkedRuns,
  toServiceClock,
  wasBegunAfter,
} from "./stored-runs.js";

interface Unmarked {
  readonly header: RunHeader;
  /** Accepted calls have arrived; of seen ones, a list said so. */
  readonly as: "accepted" | "seen";
}

export interface UnmarkedRun extends Unmarked {
  readonly calls: number;
}

/**
 * Another run knows these calls as accepted or seen, and hasn't marked them. They are FAILED, and would arrive twice, unless a later run of
 * mark-failed has marked them, or a later reconcile has a newer list.
 */
export class ArrivedCalls {
  readonly #runs = new Map<string, Unmarked>();
  readonly #leftOut = new Map<string, { readonly callbackId: string; readonly run: Unmarked }>();

  /**
   * A `sender` that marks nothing leaves none out, and one that has a list itself leaves out none that is seen. Throws `malformed` if a
   * journal that may have such calls is damaged.
   */
  static async read(
    sender: { readonly runId: string; readonly mark: boolean; readonly hasList?: boolean },
    deps: RunDeps,
  ): Promise<ArrivedCalls> {
    const arrived = new ArrivedCalls();
    if (!sender.mark) return arrived;
    // The service may have had another name then, and the endpoint of a copy's callback is the same one.
    const isRehearsal = (header: RunHeader): boolean =>
      (header.options?.to ?? null) !== null && isOtherDatabase(header, deps.client);
    const isWanted = (header: RunHeader): boolean =>
      header.runId !== sender.runId && header.options?.mark === true && !isRehearsal(header);
    let findMarker: FindMarker | null = null;
    let hasNewerList: Awaited<ReturnType<typeof readNewerListCheck>> | null = null;
    for await (const state of readUnmarkedRuns(deps.runsDirectory, isWanted)) {
      const { header } = state;
      const runs = { accepted: { header, as: "accepted" }, seen: { header, as: "seen" } } as const;
      findMarker ??= await readMarks(isMarkFailed, deps);
      hasNewerList ??= await readNewerListCheck(deps);
      for (const { callbackId, id, state: as, needsMark, at } of state.entries()) {
        const key = callKey(callbackId, id);
        if (!hasArrived(as) || !needsMark || findMarker(key, at, header) !== null) continue;
        if (as === "seen" && (sender.hasList === true || hasNewerList(callbackId, header))) continue;
        arrived.#runs.set(key, runs[as]);
      }
    }
    return arrived;
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
    return Array.from(runs, ([run, calls]) => ({ ...run, calls }));
  }
}

/** A copy has the callbacks too. Returns false if either service doesn't say which database it has, or no callback was read from this one. */
export function isOtherDatabase({ databaseId }: RunHeader, client: Client): boolean {
  const current = client.databaseId();
  return databaseId !== undefined && current !== null && databaseId !== current;
}

/** Returns a text such as "6 calls not sent: they have arrived, but run 20261124-233015-0427F3A hasn't marked them". */
export function describeUnmarked({ header, as, calls }: UnmarkedRun): string {
  const [have, were, them] = calls === 1 ? ["it has", "it was", "it"] : ["they have", "they were", "them"];
  const reason = as === "accepted" ? `${have} arrived${placeOf(header.options)}` : `your list said that ${were} received`;
  return `${count(calls, "call")} not sent: ${reason}, but run ${header.runId} hasn't marked ${them}`;
}

/** Returns a mark of the call with this key since `instant`, a time of the run `other`; or null if there is none. */
export type FindMarker = (key: string, instant: number, other: RunDates) => Mark | null;

interface MarkReading {
  readonly mustRead?: (header: RunHeader) => boolean;
  readonly keyOf?: typeof callKey;
  /** The returned function throws `unavailable` for a call that a running run may be marking: how that ends isn't known yet. */
  readonly mustHaveEnded?: boolean;
}

interface Mark {
  readonly at: number;
  /** No line says that it was executed. */
  readonly isMaybe: boolean;
  readonly run: RunOverview;
}

/**
 * Reads the marks of the wanted runs of this data folder, and those that may have been executed. Those of a run whose undo was asked for don't
 * count. The service's name isn't compared, as it may
 * be written in several ways. Journals that can't be read are left out, or throw `malformed` if they may be of a run that `mustRead` names.
 * Without `keyOf`, equal ids are the same call.
 */
export async function readMarks(
  isWanted: (run: RunOverview) => boolean,
  folder: RunFolder,
  { mustRead, keyOf = callKey, mustHaveEnded = false }: MarkReading = {},
): Promise<FindMarker> {
  const marks = new Map<string, Mark[]>();
  const runs = await (mustRead === undefined ? listRuns(folder) : listWantedRuns(folder, mustRead));
  const undone = new Set(runs.map(undoneBy));
  for (const overview of runs) {
    const mayHaveMarked = overview.counts.marked > 0 || (overview.options === null && overview.state !== "finished");
    if (!mayHaveMarked || undone.has(overview.runId) || !isWanted(overview)) continue;
    const run = await readRun(folder, overview.runId);
    const marked = run.calls.filter(({ isMarked }) => isMarked).map((call) => ({ ...call, isMaybe: false }));
    const maybe = run.maybeMarked.map((call) => ({ ...call, at: run.lastAt, isMaybe: true }));
    for (const { callbackId, id, at, isMaybe } of [...marked, ...maybe]) {
      const key = keyOf(callbackId, id);
      marks.set(key, [...(marks.get(key) ?? []), { at, isMaybe, run }]);
    }
  }
  return (key, instant, other) => {
    const later = marks.get(key)?.filter((mark) => isLater(mark, instant, other)) ?? [];
    const found = later.find(({ isMaybe }) => !isMaybe) ?? later[0] ?? null;
    if (!mustHaveEnded || found?.isMaybe !== true || found.run.state !== "running") return found;
    throw new WhcbError("unavailable", `run ${found.run.runId} is marking the same calls`, {
      hint: "Type the command again once it has ended.",
    });
  };
}

function isLater({ at, run }: Mark, instant: number, other: RunDates): boolean {
  const isAfter = wasBegunAfter(run, other);
  // The clock was set back between the two.
  if (isAfter !== run.startedAt > other.startedAt) return isAfter;
  if (at > instant) return true;
  // The clock may have been set back while one of them was working.
  return instant <= other.startedAt ? isAfter : toServiceClock(at, run) > toServiceClock(instant, other);
}

/** Returns the run that was undone by this one, or null. */
export function undoneBy({ undoes, state }: RunOverview): string | null {
  return undoes === undefined || state === "discarded" ? null : undoes.runId;
}

/** The calls of such a run may be sent again, whatever is known of them. After an undo they are what they were before. */
export function isMarkFailed({ kind, undoes }: RunHeader): boolean {
  return kind === "mark-failed" && undoes === undefined;
}

export function callKey(callbackId: string, id: string): string {
  return `${callbackId} ${idKey(id)}`;
}

/** Returns a function that tells whether a later reconcile of the callback has a newer list of what the receiver has. A discarded run has none. */
export async function readNewerListCheck(folder: RunFolder): Promise<(callbackId: string, run: RunHeader) => boolean> {
  const lists = (await listRuns(folder)).filter(({ kind, state }) => kind === "reconcile" && state !== "discarded");
  return (callbackId, run) =>
    lists.some((list) => wasBegunAfter(list, run) && list.callbacks.some(({ id }) => id === callbackId));
}
