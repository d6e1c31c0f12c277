/** Settles the FAILED calls of a callback: what its receiver already has is marked, the rest is replayed. */
import { beginRun } from "./begin-run.js";
import { type RunSummary, workAndEnd } from "./end-run.js";
import type { RunCounts, RunListener } from "./journal/run-step.js";
import type { ReconcilePlan } from "./plan/plan-reconcile.js";
import { giveUpCallback } from "./relist-calls.js";
import type { RunControl, RunDeps } from "./run-deps.js";
import type { ReplayOptions } from "./run-options.js";
import { recordedCallback, recordedOptions, replayPlan, targetOf } from "./run-replay.js";
import { markAll } from "./send/marker.js";

/** Marks what was seen, then replays the rest: afterwards the balance holds. Throws as `runReplay`. */
export async function runReconcile(
  plan: ReconcilePlan,
  options: ReplayOptions & RunControl,
  deps: RunDeps,
  onEvent: RunListener = () => {},
): Promise<RunSummary> {
  const { callback, replay, seen } = plan;
  try {
    if (replay.calls > 0) targetOf(callback, options);
    const held = await beginRun(
      {
        header: {
          runId: replay.runId,
          kind: "reconcile",
          callbacks: [recordedCallback(callback)],
          options: recordedOptions(options),
        },
        planned: [
          { callbackId: callback.id, do: "mark", callIds: seen },
          ...replay.groups.map((group) => ({ callbackId: callback.id, do: "send" as const, callIds: replay.callIds(group) })),
        ],
        signal: options.signal,
        locks: options.locks,
      },
      deps,
      onEvent,
    );
    return await workAndEnd(held, async () => {
      await markAll({ callbackId: callback.id, status: "SUCCESS", from: "seen" }, seen, held.session);
      if (held.session.stopped(callback.id) === "gone") return giveUpCallback(callback.id, held.session);
      await replayPlan(replay, options, held.session);
    });
  } finally {
    await replay.discard();
  }
}

/** Every FAILED call that was found, by what became of it. */
export interface Balance {
  /** Listed as FAILED before anything was marked or sent. */
  readonly failed: number;
  readonly seen: number;
  readonly accepted: number;
  /** Settled by someone else during the run. */
  readonly settledMeanwhile: number;
  /** Rejected, not found, sent with an unknown outcome, held back for order, or not sent yet. */
  readonly stillFailing: number;
  /** `failed` minus the parts: 0, or a call was lost. */
  readonly missing: number;
}

/** `failed` comes from the listing and the rest from the journal, each counted separately, so that the sum proves something. */
export function balanceOf(failed: number, counts: RunCounts): Balance {
  const { seen, accepted, skipped } = counts;
  const stillFailing = counts.rejected + counts.unknown + counts.left + counts.notFound + counts.requested + skipped.order;
  const settledMeanwhile = skipped.settled;
  const missing = failed - seen - accepted - settledMeanwhile - stillFailing;
  return { failed, seen, accepted, settledMeanwhile, stillFailing, missing };
}
