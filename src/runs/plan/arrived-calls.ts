/**
 * Calls that another run of this folder has as accepted or seen, and hasn't marked: they are FAILED, and would arrive twice, unless a later
 * run of mark-failed has marked them (docs/runs.md).
 */
import { count } from "../../domain/count.js";
import { callKey, isMarkFailed, type MarkCheck, readMarks } from "../journal/marked-calls.js";
import { hasArrived } from "../journal/run-counts.js";
import type { RunHeader } from "../journal/run-step.js";
import { byService, readUnmarkedRuns } from "../journal/stored-runs.js";
import type { RunFolder } from "../run-deps.js";

export interface UnmarkedRun {
  readonly header: RunHeader;
  /** That have arrived. */
  readonly calls: number;
}

export class ArrivedCalls {
  readonly #runs = new Map<string, RunHeader>();
  readonly #leftOut = new Map<string, { readonly callbackId: string; readonly header: RunHeader }>();

  /** `sender`: the run that sends; if it marks nothing, it leaves none out. Throws `malformed` if a journal that may have such calls is damaged. */
  static async read(sender: { readonly runId: string; readonly mark: boolean }, deps: RunFolder): Promise<ArrivedCalls> {
    const arrived = new ArrivedCalls();
    if (!sender.mark) return arrived;
    // The service may have had another name then, and the endpoint of a copy's callback is the same one.
    const isWanted = (header: RunHeader): boolean => header.runId !== sender.runId && header.options?.mark === true;
    let isMarked: MarkCheck | null = null;
    for await (const state of readUnmarkedRuns(deps.runsDirectory, isWanted)) {
      isMarked ??= await readMarks(isMarkFailed, deps);
      for (const entry of state.entries()) {
        if (hasArrived(entry.state) && entry.needsMark && !isMarked(entry, byService(entry.at, state.header), state.header))
          arrived.#runs.set(callKey(entry.callbackId, entry.id), state.header);
      }
    }
    return arrived;
  }

  /** Returns the calls that aren't known to have arrived. */
  leaveOut<Call extends { readonly id: string }>(callbackId: string, calls: readonly Call[]): readonly Call[] {
    return calls.filter(({ id }) => {
      const key = callKey(callbackId, id);
      const header = this.#runs.get(key);
      if (header !== undefined) this.#leftOut.set(key, { callbackId, header });
      return header === undefined;
    });
  }

  /** The runs of the calls that were left out; default: of all callbacks. */
  unmarked(callbackId?: string): readonly UnmarkedRun[] {
    const runs = new Map<RunHeader, number>();
    for (const { callbackId: id, header } of this.#leftOut.values())
      if (callbackId === undefined || id === callbackId) runs.set(header, (runs.get(header) ?? 0) + 1);
    return Array.from(runs, ([header, calls]) => ({ header, calls }));
  }
}

/** "6 calls not sent: they have arrived, but run 20261124-233015-0427F3A hasn't marked them". */
export function describeUnmarked({ header, calls }: UnmarkedRun): string {
  const [have, them] = calls === 1 ? ["it has", "it"] : ["they have", "them"];
  return `${count(calls, "call")} not sent: ${have} arrived, but run ${header.runId} hasn't marked ${them}`;
}
