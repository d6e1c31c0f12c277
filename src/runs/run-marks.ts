import { beginRun } from "./begin-run.js";
import { workAndEnd } from "./end-run.js";
import type { RunListener } from "./journal/run-event.js";
import type { MarkPlan } from "./plan/mark-plan.js";
import type { RunDeps } from "./run-deps.js";
import type { RunControl } from "./run-options.js";
import { namedCallback } from "./run-replay.js";
import type { RunSummary } from "./run-summary.js";
import { CHUNK_SIZE } from "./send/apply-to-chunk.js";
import { markAll } from "./send/marker.js";

/** Marks the plan's calls, in chunks; a call that the service doesn't know is told and the others go on. Throws `unavailable` where the journal can't be begun. */
export async function runMarks(
  plan: MarkPlan,
  { signal }: RunControl,
  deps: RunDeps,
  onEvent: RunListener = () => {},
): Promise<RunSummary> {
  const held = await beginRun(
    {
      header: {
        runId: plan.runId,
        kind: plan.status === "SUCCESS" ? "mark-success" : "mark-failed",
        callbacks: plan.groups.map(({ callback }) => namedCallback(callback)),
        options: null,
      },
      planned: plan.groups.map(({ callback, callIds }) => ({ callbackId: callback.id, do: "mark", callIds })),
      concurrency: CHUNK_SIZE,
      signal,
    },
    deps,
    onEvent,
  );
  return workAndEnd(held, async () => {
    for (const { callback, callIds } of plan.groups) {
      if (held.session.stop.reason !== null) return;
      await markAll({ callbackId: callback.id, status: plan.status, from: "left" }, callIds, held.session);
    }
  });
}
