/** The reader and the writer of a journal share this reducer. */
import type { CallStep, PlannedAction, RunCounts, RunHeader } from "./run-step.js";

/** A call that is `unknown` was sent, and one that is `seen` is known to the receiver (reconcile). */
export const RUN_CALL_STATES = [
  "left",
  "accepted",
  "rejected",
  "unknown",
  "requested",
  "skipped",
  "seen",
  "not-found",
  "marked",
] as const;
export type RunCallState = (typeof RUN_CALL_STATES)[number];

export const NO_COUNTS: RunCounts = {
  planned: 0,
  accepted: 0,
  rejected: 0,
  seen: 0,
  requested: 0,
  skipped: { settled: 0, order: 0, reopened: 0 },
  unknown: 0,
  left: 0,
  notFound: 0,
  marked: 0,
  twice: 0,
  resent: 0,
  toMark: 0,
};

export interface StepContext {
  readonly header: RunHeader;
  /** The calls had this state before the step. */
  readonly from: RunCallState;
  readonly calls: number;
}

export function reduceCounts(counts: RunCounts, step: CallStep, { header, from, calls }: StepContext): RunCounts {
  // Each step makes one copy, as a replay counts thousands a second.
  const next = { ...counts };
  if ("resent" in step) next.resent += calls;
  switch (step.step) {
    case "planned":
      next.planned += calls;
      if (step.do === "mark") next.toMark += calls;
      add(next, plannedState(step.do, header), calls);
      break;
    case "deferred":
      move(next, from, "left", calls);
      break;
    case "accepted":
      if (marksAccepted(header)) next.toMark += calls;
      move(next, from, "accepted", calls);
      break;
    case "rejected":
    case "requested":
      move(next, from, step.step, calls);
      break;
    case "not-found":
      if (hasArrived(from) || header.options === null) next.toMark -= calls;
      if (hasArrived(from)) next.notFound += calls;
      else move(next, from, "not-found", calls);
      break;
    case "mark-rejected":
      break;
    case "marked":
      next.marked += calls;
      if (step.twice) next.twice += calls;
      next.toMark -= calls;
      if (from === "left") next.left -= calls;
      break;
    case "skipped":
      if (hasArrived(from) || header.options === null) next.toMark -= calls;
      next.skipped = { ...counts.skipped, [step.reason]: counts.skipped[step.reason] + calls };
      add(next, from, -calls);
  }
  return next;
}

/** Counts a send that had no outcome when the process was killed. */
export function countUnknown(counts: RunCounts, from: RunCallState): RunCounts {
  const next = { ...counts };
  move(next, from, "unknown", 1);
  return next;
}

export function plannedState(action: PlannedAction, { kind }: RunHeader): RunCallState {
  return action === "mark" && kind === "reconcile" ? "seen" : "left";
}

/** Such a call stays accepted or seen, whatever becomes of its mark. */
export function hasArrived(state: RunCallState): state is "accepted" | "seen" {
  return state === "accepted" || state === "seen";
}

export function marksAccepted({ options }: RunHeader): boolean {
  return options?.mark === true;
}

/** The callback's own endpoint gets nothing. */
export function isSentElsewhere({ options }: RunHeader): boolean {
  return options !== null && options.to !== null;
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
      skipped: {
        settled: sum.skipped.settled + counts.skipped.settled,
        order: sum.skipped.order + counts.skipped.order,
        reopened: sum.skipped.reopened + counts.skipped.reopened,
      },
      unknown: sum.unknown + counts.unknown,
      left: sum.left + counts.left,
      notFound: sum.notFound + counts.notFound,
      marked: sum.marked + counts.marked,
      twice: sum.twice + counts.twice,
      resent: sum.resent + counts.resent,
      toMark: sum.toMark + counts.toMark,
    };
  }
  return sum;
}

type Counting = { -readonly [Name in keyof RunCounts]: RunCounts[Name] };

function move(counts: Counting, from: RunCallState, to: RunCallState, calls: number): void {
  add(counts, from, -calls);
  add(counts, to, calls);
}

/** Skipped calls count by reason. */
function add(counts: Counting, state: RunCallState, calls: number): void {
  if (state !== "skipped" && state !== "marked") counts[state === "not-found" ? "notFound" : state] += calls;
}
