/** Counting what came of a run's calls. */
import type { RunCall, RunCounts } from "./run-record.js";

export const NO_COUNTS: RunCounts = {
  planned: 0,
  accepted: 0,
  refused: 0,
  seen: 0,
  requested: 0,
  skipped: { settled: 0, order: 0 },
  unknown: 0,
  left: 0,
  unmarkable: 0,
  marked: 0,
  toMark: 0,
};

/** Whether `--resume` would find something to do. */
export function isUnfinished({ left, toMark, unknown }: RunCounts): boolean {
  return left > 0 || toMark > 0 || unknown > 0;
}

export function countCalls(calls: Iterable<CountedCall>): RunCounts {
  const counts = { ...NO_COUNTS, skipped: { ...NO_COUNTS.skipped } };
  for (const call of calls) {
    counts.planned++;
    if (call.state === "skipped") counts.skipped[call.message === "order" ? "order" : "settled"]++;
    else if (call.state !== "marked") counts[call.state]++;
    if (call.isMarked) counts.marked++;
    else if (call.needsMark) counts.toMark++;
  }
  return counts;
}

export interface CountedCall extends Pick<RunCall, "state" | "message" | "isMarked"> {
  /** It is to be marked, and wasn't yet. */
  readonly needsMark: boolean;
}

export function sumCounts(all: readonly RunCounts[]): RunCounts {
  return all.reduce(
    (sum, counts) => ({
      planned: sum.planned + counts.planned,
      accepted: sum.accepted + counts.accepted,
      refused: sum.refused + counts.refused,
      seen: sum.seen + counts.seen,
      requested: sum.requested + counts.requested,
      skipped: { settled: sum.skipped.settled + counts.skipped.settled, order: sum.skipped.order + counts.skipped.order },
      unknown: sum.unknown + counts.unknown,
      left: sum.left + counts.left,
      unmarkable: sum.unmarkable + counts.unmarkable,
      marked: sum.marked + counts.marked,
      toMark: sum.toMark + counts.toMark,
    }),
    NO_COUNTS,
  );
}
