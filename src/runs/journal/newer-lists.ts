import type { RunFolder } from "../run-deps.js";
import type { RunHeader } from "./run-step.js";
import { byService, listRuns } from "./stored-runs.js";

/** Whether a later reconcile of the callback, by the service's clock, has a newer list of what the receiver has. One that was discarded has none. */
export async function readNewerLists(folder: RunFolder): Promise<(callbackId: string, run: RunHeader) => boolean> {
  const latestAt = new Map<string, number>();
  for (const run of await listRuns(folder)) {
    if (run.kind !== "reconcile" || run.state === "discarded") continue;
    for (const { id } of run.callbacks) latestAt.set(id, Math.max(latestAt.get(id) ?? 0, begunAt(run)));
  }
  return (callbackId, run) => (latestAt.get(callbackId) ?? 0) > begunAt(run);
}

function begunAt(run: RunHeader): number {
  return byService(run.startedAt, run);
}
