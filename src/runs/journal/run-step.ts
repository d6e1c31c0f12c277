/**
 * The steps of a run. Each is recorded as a line of the journal before the next step is taken, then counted (run-counts.ts) and
 * passed to the run's listener. The lines are described in docs/runs.md; none holds a callback's key or a call's content.
 */
import type { ReplayOptions } from "../run-options.js";

export type RunStep =
  | { readonly step: "run"; readonly version: 1; readonly header: RunHeader }
  /** A process works on the run from here. At most `concurrency` of the calls said to be sent are in flight at once. */
  | {
      readonly step: "session";
      readonly at: number;
      readonly who: string;
      readonly bootId: string;
      readonly concurrency: number;
    }
  /** The session ended in order: nothing of it is in flight. */
  | { readonly step: "ended"; readonly at: number; readonly reason: StopReason | "done"; readonly counts: RunCounts }
  /** A user doesn't want it to be finished: the last line. */
  | { readonly step: "discarded"; readonly at: number }
  | CallStep;

/** A step of one call or of several of one callback. Times are epoch ms. */
export type CallStep =
  | { readonly step: "planned"; readonly callback: string; readonly call: string; readonly do: PlannedAction }
  /** Written ahead: sends begin in the order of these lines, and the line `concurrency` places on only after an outcome is written. */
  | { readonly step: "sent"; readonly call: string; readonly at: number }
  | { readonly step: "accepted"; readonly call: string; readonly at: number; readonly ms: number }
  | {
      /** deferred: the endpoint asked for a pause, and the call will be sent again. */
      readonly step: "rejected" | "deferred";
      readonly call: string;
      readonly at: number;
      readonly ms: number;
      /** null: no answer came. */
      readonly status: number | null;
      readonly message: string;
      /** Of a rejected call that was sent alone first: a resumed run sends it again. */
      readonly canary?: true;
    }
  | { readonly step: "requested"; readonly calls: readonly string[]; readonly at: number }
  | { readonly step: "marked"; readonly calls: readonly string[]; readonly as: "SUCCESS" | "FAILED"; readonly at: number }
  | { readonly step: "not-found"; readonly call: string; readonly at: number; readonly message: string }
  | { readonly step: "skipped"; readonly call: string; readonly at: number; readonly reason: SkipReason };

/** send: POST it. mark: only tell the service. ask: let the service attempt it. */
export type PlannedAction = "send" | "mark" | "ask";

/** settled: SUCCESS or gone by now; order: an earlier call of the same sender or message was rejected. */
export type SkipReason = "settled" | "order";

/** Why a run, or its part for one callback, ended before its calls did. gone: the callback was deleted. */
export type StopReason = "interrupted" | "canary" | "max-failures" | "retry-after" | "lock-lost" | "gone" | "journal" | "service";

export type RunKind = "replay" | "mark-success" | "mark-failed" | "reconcile";

export interface RunHeader {
  readonly runId: string;
  readonly kind: RunKind;
  readonly profile: string;
  /** The client's name: an origin or a file. */
  readonly service: string;
  readonly who: string;
  readonly startedAt: number;
  readonly callbacks: readonly { readonly id: string; readonly name: string; readonly url: string }[];
  /** null for marks. */
  readonly options: ReplayOptions | null;
  /** Of a reconcile, for its balance. Journals of 0.1.0 don't have it. */
  readonly reconcile?: { readonly failed: number; readonly ambiguous: number };
}

/** Calls of a run by their state (run-counts.ts). */
export interface RunCounts {
  readonly planned: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly seen: number;
  readonly requested: number;
  readonly skipped: Readonly<Record<SkipReason, number>>;
  readonly unknown: number;
  readonly left: number;
  readonly notFound: number;
  /** Calls whose mark the service took, whatever their state. */
  readonly marked: number;
  /** Accepted, seen or to be marked, and not marked yet. */
  readonly toMark: number;
}

/** What a use case reports while it works. `counts` are those of the whole run, after the step. */
export type RunEvent =
  /** Calls of a callback listed so far; `total` is null where the service doesn't say. */
  | { readonly type: "listed"; readonly callbackId: string; readonly calls: number; readonly total: number | null }
  | { readonly type: "started"; readonly runId: string; readonly counts: RunCounts }
  | { readonly type: "step"; readonly callbackId: string; readonly step: CallStep; readonly counts: RunCounts }
  /** No new sends from here on. */
  | { readonly type: "stopping"; readonly callbackId: string | null; readonly reason: StopReason };

export type RunListener = (event: RunEvent) => void;

export function stepText(step: RunStep): string {
  return `${JSON.stringify(step)}\n`;
}

/** null where it is no line of a journal. The journal is our own: its fields are as they were written. */
export function parseStep(text: string): RunStep | null {
  let value: unknown;
  try {
    value = inPresentTerms(JSON.parse(text));
  } catch {
    return null;
  }
  return isStep(value) ? value : null;
}

/** Version 0.1.0 wrote `refused` and `unmarkable`. */
function inPresentTerms(value: unknown): unknown {
  if (!isObject(value)) return value;
  if (value.step === "refused") return { ...value, step: "rejected" };
  if (value.step === "unmarkable") return { ...value, step: "not-found" };
  if (value.step !== "ended" || !isObject(value.counts) || !("refused" in value.counts)) return value;
  const { refused, unmarkable, ...counts } = value.counts;
  return { ...value, counts: { ...counts, rejected: refused, notFound: unmarkable } };
}

const ONE_CALL = new Set<unknown>(["planned", "sent", "accepted", "rejected", "deferred", "not-found", "skipped"]);

function isStep(value: unknown): value is RunStep {
  if (!isObject(value)) return false;
  if (ONE_CALL.has(value.step)) return typeof value.call === "string";
  switch (value.step) {
    case "run":
      return value.version === 1 && isHeader(value.header);
    case "session":
      return typeof value.concurrency === "number" && "bootId" in value;
    case "requested":
    case "marked":
      return Array.isArray(value.calls);
    case "ended":
      return isObject(value.counts);
    case "discarded":
      return typeof value.at === "number";
    default:
      return false;
  }
}

function isHeader(value: unknown): boolean {
  return (
    isObject(value) && typeof value.runId === "string" && Array.isArray(value.callbacks) && typeof value.profile === "string"
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
