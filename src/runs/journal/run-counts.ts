/** The reader and the writer of a journal share this reducer. */
import type { CallStep, PlannedAction, RunCounts, RunHeader } from "./run-step.js";

export type RunCallState =
  | "left"
  | "accepted"
  | "rejected"
  /** Sent, outcome unknown. */
  | "unknown"
  | "requested"
  | "skipped"
  /** The receiver has it (reconcile). */
  | "seen"
  | "not-found"
  | "marked";

export const NO_COUNTS: RunCounts = {
  planned: 0,
  accepted: 0,
  rejected: 0,
  seen: 0,
  requested: 0,
  skipped: { settled: 0, order: 0 },
  unknown: 0,
  left: 0,
  notFound: 0,
  marked: 0,
  toMark: 0,
};

export interface StepContext {
  readonly header: RunHeader;
  /** State of the calls before the step. */
  readonly from: RunCallState;
  readonly calls: number;
}

export function reduceCounts(counts: RunCounts, step: CallStep, { header, from, calls }: StepContext): RunCounts {
  switch (step.step) {
    case "planned": {
      const { planned, toMark } = counts;
      const needsMark = step.do === "mark" ? calls : 0;
      return add({ ...counts, planned: planned + calls, toMark: toMark + needsMark }, plannedState(step.do, header), calls);
    }
    case "sent":
    case "deferred":
      return move(counts, from, "left", calls);
    case "accepted":
      return move(marksAccepted(header) ? { ...counts, toMark: counts.toMark + calls } : counts, from, "accepted", calls);
    case "rejected":
    case "requested":
      return move(counts, from, step.step, calls);
    case "not-found": {
      const wasToMark = from === "accepted" || from === "seen" || header.options === null;
      return move(wasToMark ? { ...counts, toMark: counts.toMark - calls } : counts, from, "not-found", calls);
    }
    case "marked": {
      const marked = { ...counts, marked: counts.marked + calls, toMark: counts.toMark - calls };
      return from === "left" ? add(marked, "left", -calls) : marked;
    }
    case "skipped": {
      const skipped = { ...counts.skipped, [step.reason]: counts.skipped[step.reason] + calls };
      return add({ ...counts, skipped }, from, -calls);
    }
  }
}

/** For sends without an outcome when the process was killed. */
export function countUnknown(counts: RunCounts, calls: number): RunCounts {
  return move(counts, "left", "unknown", calls);
}

export function plannedState(action: PlannedAction, { kind }: Pick<RunHeader, "kind">): RunCallState {
  return action === "mark" && kind === "reconcile" ? "seen" : "left";
}

export function marksAccepted({ options }: Pick<RunHeader, "options">): boolean {
  return options?.mark === true;
}

export function isUnfinished({ left, toMark, unknown }: RunCounts): boolean {
  return left > 0 || toMark > 0 || unknown > 0;
}

export function sumCounts(all: Iterable<RunCounts>): RunCounts {
  let sum = NO_COUNTS;
  for (const counts of all) {
    sum = {
      planned: sum.planned + counts.planned,
      accepted: sum.accepted + counts.accepted,
      rejected: sum.rejected + counts.rejected,
      seen: sum.seen + counts.seen,
      requested: sum.requested + counts.requested,
      skipped: { settled: sum.skipped.settled + counts.skipped.settled, order: sum.skipped.order + counts.skipped.order },
      unknown: sum.unknown + counts.unknown,
      left: sum.left + counts.left,
      notFound: sum.notFound + counts.notFound,
      marked: sum.marked + counts.marked,
      toMark: sum.toMark + counts.toMark,
    };
  }
  return sum;
}

function move(counts: RunCounts, from: RunCallState, to: RunCallState, calls: number): RunCounts {
  return from === to ? counts : add(add(counts, from, -calls), to, calls);
}

/** Skipped calls count by reason. */
function add(counts: RunCounts, state: RunCallState, calls: number): RunCounts {
  if (state === "skipped" || state === "marked") return counts;
  const key = state === "not-found" ? "notFound" : state;
  return { ...counts, [key]: counts[key] + calls };
}
