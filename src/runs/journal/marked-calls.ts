import { idKey } from "../../domain/call.js";
import type { RunFolder } from "../run-deps.js";
import type { RunCall } from "./run-state.js";
import type { RunHeader } from "./run-step.js";
import { listRuns, type RunOverview, readRun } from "./stored-runs.js";

/** Whether one of the runs has marked the call after `since`, by the service's clock. */
export type MarkCheck = (call: Pick<RunCall, "callbackId" | "id">, since: number) => boolean;

/** Reads the marks of the wanted runs of this data folder. The service's name isn't compared, as it may be written in several ways. */
export async function readMarks(isWanted: (run: RunOverview) => boolean, folder: RunFolder): Promise<MarkCheck> {
  const markedAt = new Map<string, number>();
  const lastMark = (key: string): number => markedAt.get(key) ?? Number.NEGATIVE_INFINITY;
  for (const run of await listRuns(folder)) {
    if (run.counts.marked === 0 || !isWanted(run)) continue;
    for (const { callbackId, id, isMarked, at } of (await readRun(folder, run.runId)).calls) {
      const key = callKey(callbackId, id);
      if (isMarked) markedAt.set(key, Math.max(lastMark(key), byService(at, run)));
    }
  }
  return ({ callbackId, id }, since) => lastMark(callKey(callbackId, id)) > since;
}

/** Its calls may be sent again, whatever is known of them; after an undo they are what they were before. */
export function isMarkFailed({ kind, undoes }: Pick<RunHeader, "kind" | "undoes">): boolean {
  return kind === "mark-failed" && undoes === undefined;
}

export function callKey(callbackId: string, id: string): string {
  return `${callbackId} ${idKey(id)}`;
}

/** An instant of a journal by the service's clock, which may differ from this machine's. */
export function byService(
  at: number,
  { startedAt, serviceStartedAt = startedAt }: Pick<RunHeader, "startedAt" | "serviceStartedAt">,
): number {
  return at - startedAt + serviceStartedAt;
}
