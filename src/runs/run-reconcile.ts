import { marksAccepted } from "./journal/run-counts.js";
import type { RunListener } from "./journal/run-step.js";
import { type NewRun, performRun, type RunSummary } from "./perform-run.js";
import type { ReconcilePlan } from "./plan/plan-reconcile.js";
import { giveUpCallback } from "./relist-calls.js";
import type { RunDeps } from "./run-deps.js";
import { recordedOptions } from "./run-options.js";
import { sendPlan } from "./run-replay.js";
import type { RunOptions } from "./run-session.js";
import { markAll } from "./send/marker.js";
import { targetOf } from "./send/send-target.js";

/** Marks seen calls, then replays the rest. Throws as `runReplay`. */
export async function runReconcile(
  plan: ReconcilePlan,
  options: RunOptions,
  deps: RunDeps,
  onEvent: RunListener = () => {},
): Promise<RunSummary> {
  const { callback, replay, seen, listedChanges, listedAt, serviceListedAt } = plan;
  const unmarked = replay.unmarked.reduce((sum, { calls }) => sum + calls, replay.withoutResponse);
  try {
    if (replay.calls > 0) targetOf(callback, options, deps);
    const run: NewRun = {
      purpose: {
        runId: replay.runId,
        kind: "reconcile",
        options: recordedOptions(options, [callback], deps),
        listedAt,
        reconcile: { failed: plan.failed, ambiguous: plan.ambiguous.length, unmarked },
      },
      callbacks: [callback],
      planned: [
        { callbackId: callback.id, do: "mark", callIds: seen, listedChanges },
        ...replay.groups.map((group) => ({ callbackId: callback.id, do: "send" as const, callIds: replay.callIds(group) })),
      ],
      control: options,
    };
    return await performRun(run, deps, onEvent, async (session) => {
      const unlessFailedSince = () => serviceListedAt;
      const job = { callbackId: callback.id, status: "SUCCESS", from: "seen", unlessFailedSince } as const;
      await markAll(job, seen, session);
      if (session.stopReasonOf(callback.id) === "gone") return giveUpCallback(callback.id, session);
      await sendPlan(replay, options, session);
    });
  } finally {
    await replay.discard();
  }
}

/** `failed` is the sum of the others. */
export interface Balance {
  /** So many were FAILED before anything was marked or sent. */
  readonly failed: number;
  readonly seen: number;
  readonly accepted: number;
  /** So many of the accepted ones had been settled before they were marked. It is no part of the sum. */
  readonly twice: number;
  readonly rejected: number;
  readonly unknown: number;
  /** `notSent` counts calls that weren't sent yet, were held back for order, left to another run to mark, or requested from the service. */
  readonly notSent: number;
  /** `ambiguous` counts calls that were neither marked nor sent, also because they were reopened meanwhile. */
  readonly ambiguous: number;
  /** `settledMeanwhile` counts calls that were SUCCESS or gone when their turn came. */
  readonly settledMeanwhile: number;
  /** `missing` is `failed` minus the parts. If it isn't 0, a call was lost. */
  readonly missing: number;
}

/** Returns null for other runs. The listing and the journal are counted separately, so the sum proves something. */
export function balanceOf({ header, counts }: RunSummary): Balance | null {
  if (header.kind !== "reconcile") return null;
  // 0.1.0 planned every listed call.
  const { failed, unmarked = 0, ...planned } = header.reconcile ?? { failed: counts.planned, ambiguous: 0 };
  const { seen, accepted, twice, rejected, unknown, skipped } = counts;
  const ambiguous = planned.ambiguous + skipped.reopened;
  const notSent = counts.left + counts.requested + skipped.order + unmarked;
  const arrived = seen + (marksAccepted(header) ? accepted : 0);
  const notFoundForMark = arrived - counts.marked - counts.toMark;
  const settledMeanwhile = skipped.settled + counts.notFound - notFoundForMark;
  const missing = failed - (seen + accepted + rejected + unknown + notSent + ambiguous + settledMeanwhile);
  return { failed, seen, accepted, twice, rejected, unknown, notSent, ambiguous, settledMeanwhile, missing };
}
