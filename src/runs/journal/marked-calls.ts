import { idKey } from "../../domain/call.js";
import { MAX_IDS_PER_REQUEST } from "../../wire/bulk-ids.js";
import type { RunFolder } from "../run-deps.js";
import type { RunCall } from "./run-state.js";
import type { RunHeader } from "./run-step.js";
import { byService, listRuns, listWantedRuns, type RunOverview, type RunRecord, readRun, wasBegunAfter } from "./stored-runs.js";

/** Whether one of the runs has marked the call after `since`, by the service's clock, or was begun after the run `of`. */
export type MarkCheck = (call: Pick<RunCall, "callbackId" | "id">, since: number, of: Pick<RunHeader, "runId">) => boolean;

interface Mark {
  readonly at: number;
  readonly run: RunHeader;
}

/**
 * Reads the marks of the wanted runs of this data folder, and those that may have been executed. The service's name isn't compared, as it may
 * be written in several ways. Journals that can't be read are left out, or throw `malformed` if they may be of a run that `mustRead` names.
 */
export async function readMarks(
  isWanted: (run: RunOverview) => boolean,
  folder: RunFolder,
  mustRead?: (header: RunHeader) => boolean,
): Promise<MarkCheck> {
  const marks = new Map<string, Mark[]>();
  const runs = await (mustRead === undefined ? listRuns(folder) : listWantedRuns(folder, mustRead));
  for (const overview of runs) {
    const mayHaveMarked = overview.counts.marked > 0 || (overview.options === null && overview.state !== "finished");
    if (!mayHaveMarked || !isWanted(overview)) continue;
    const run = await readRun(folder, overview.runId);
    const marked = run.calls.filter(({ isMarked }) => isMarked);
    const maybe = run.options === null ? maybeMarked(run).map((call) => ({ ...call, at: run.lastAt })) : [];
    for (const { callbackId, id, at } of [...marked, ...maybe]) {
      const key = callKey(callbackId, id);
      marks.set(key, [...(marks.get(key) ?? []), { at: byService(at, run), run: overview }]);
    }
  }
  return ({ callbackId, id }, since, of) =>
    marks.get(callKey(callbackId, id))?.some(({ at, run }) => at > since || wasBegunAfter(run, of)) === true;
}

/** The calls of the last request of a run of marks, which may have been executed. */
export function maybeMarked({ isLastRequestOpen, calls }: Pick<RunRecord, "isLastRequestOpen" | "calls">): readonly RunCall[] {
  return isLastRequestOpen ? calls.filter(({ state }) => state === "left").slice(0, MAX_IDS_PER_REQUEST) : [];
}

/** Its calls may be sent again, whatever is known of them; after an undo they are what they were before. */
export function isMarkFailed({ kind, undoes }: Pick<RunHeader, "kind" | "undoes">): boolean {
  return kind === "mark-failed" && undoes === undefined;
}

export function callKey(callbackId: string, id: string): string {
  return `${callbackId} ${idKey(id)}`;
}
