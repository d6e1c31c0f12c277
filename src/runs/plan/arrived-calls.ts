/**
 * Calls that another run of this folder has as accepted or seen, and hasn't marked: they are FAILED, and would arrive twice, unless a later
 * run of mark-failed has marked them, or a later reconcile has a newer list (docs/runs.md).
 */
import { count } from "../../domain/count.js";
import { callKey, isMarkFailed, type MarkCheck, readMarks } from "../journal/marked-calls.js";
import { readNewerLists } from "../journal/newer-lists.js";
import { hasArrived } from "../journal/run-counts.js";
import type { RunHeader } from "../journal/run-step.js";
import { byService, readUnmarkedRuns } from "../journal/stored-runs.js";
import type { RunFolder } from "../run-deps.js";

export interface UnmarkedRun {
  readonly header: RunHeader;
  /** accepted: they have arrived. seen: a list said so. */
  readonly as: "accepted" | "seen";
  readonly calls: number;
}

type Unmarked = Omit<UnmarkedRun, "calls">;

export class ArrivedCalls {
  readonly #runs = new Map<string, Unmarked>();
  readonly #leftOut = new Map<string, { readonly callbackId: string; readonly run: Unmarked }>();

  /**
   * `sender`: the run that sends; if it marks nothing, it leaves none out, and none that is seen if it has a list itself. Throws `malformed` if a
   * journal that may have such calls is damaged.
   */
  static async read(
    sender: { readonly runId: string; readonly mark: boolean; readonly hasList?: boolean },
    deps: RunFolder,
  ): Promise<ArrivedCalls> {
    const arrived = new ArrivedCalls();
    if (!sender.mark) return arrived;
    // The service may have had another name then, and the endpoint of a copy's callback is the same one.
    const isWanted = (header: RunHeader): boolean => header.runId !== sender.runId && header.options?.mark === true;
    let isMarked: MarkCheck | null = null;
    let hasNewerList: Awaited<ReturnType<typeof readNewerLists>> | null = null;
    for await (const state of readUnmarkedRuns(deps.runsDirectory, isWanted)) {
      const { header } = state;
      const runs = { accepted: { header, as: "accepted" }, seen: { header, as: "seen" } } as const;
      isMarked ??= await readMarks(isMarkFailed, deps);
      hasNewerList ??= await readNewerLists(deps);
      for (const { callbackId, id, state: as, needsMark, at } of state.entries()) {
        if (!hasArrived(as) || !needsMark || isMarked({ callbackId, id }, byService(at, header), header)) continue;
        if (as === "seen" && (sender.hasList === true || hasNewerList(callbackId, header))) continue;
        arrived.#runs.set(callKey(callbackId, id), runs[as]);
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

  /** The runs of the calls that were left out; default: of all callbacks. */
  unmarked(callbackId?: string): readonly UnmarkedRun[] {
    const runs = new Map<Unmarked, number>();
    for (const { callbackId: id, run } of this.#leftOut.values())
      if (callbackId === undefined || id === callbackId) runs.set(run, (runs.get(run) ?? 0) + 1);
    return Array.from(runs, ([run, calls]) => ({ ...run, calls }));
  }
}

/** "6 calls not sent: they have arrived, but run 20261124-233015-0427F3A hasn't marked them". */
export function describeUnmarked({ header, as, calls }: UnmarkedRun): string {
  const [have, were, them] = calls === 1 ? ["it has", "it was", "it"] : ["they have", "they were", "them"];
  const reason = as === "accepted" ? `${have} arrived` : `your list said that ${were} received`;
  return `${count(calls, "call")} not sent: ${reason}, but run ${header.runId} hasn't marked ${them}`;
}
