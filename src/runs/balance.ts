/** The books of a reconcile: every FAILED call that was found, told apart by what became of it. */
import type { RunCounts } from "./journal/run-record.js";

export interface Balance {
  /** What was listed as FAILED before anything was marked or sent. */
  readonly failed: number;
  readonly seen: number;
  readonly accepted: number;
  /** Settled by somebody else while the run was under way. */
  readonly settledMeanwhile: number;
  /** Refused, sent with an unknown outcome, kept back for order, or not sent yet. */
  readonly stillFailing: number;
  /** What the parts leave of `failed`: 0, or a call was lost from sight. */
  readonly missing: number;
}

/** `failed` is the listing's figure and the rest the journal's, each counted by itself, so that the sum proves something. */
export function balanceOf(failed: number, counts: RunCounts): Balance {
  const { seen, accepted, skipped } = counts;
  const stillFailing = counts.refused + counts.unknown + counts.left + counts.unmarkable + counts.requested + skipped.order;
  const settledMeanwhile = skipped.settled;
  const missing = failed - seen - accepted - settledMeanwhile - stillFailing;
  return { failed, seen, accepted, settledMeanwhile, stillFailing, missing };
}
