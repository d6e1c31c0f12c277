/**
 * Each step is written to the journal, counted and passed to the listener (docs/runs.md). None holds a key, a secret of a URL or a call's
 * content.
 */
import { isObject } from "../../wire/json/json-value.js";
import type { ReplayOptions, SendingPace } from "../run-options.js";
import type { RecordedUrl } from "./recorded-url.js";

export type RunStep =
  | { readonly step: "run"; readonly version: 1; readonly header: RunHeader }
  /** At most `concurrency` of its `sent` calls are in flight. */
  | {
      readonly step: "session";
      readonly at: number;
      readonly who: string;
      readonly bootId: string;
      readonly concurrency: number;
      /** From here the run is sent in this way (`--resume` with flags). */
      readonly options?: Partial<SendingPace>;
    }
  /** Nothing is in flight: `sent` calls without an outcome weren't sent. */
  | { readonly step: "idle"; readonly at: number }
  /** The line is written ahead: the service is asked to mark these calls, which weren't sent. No earlier request for such marks is open. */
  | { readonly step: "marking"; readonly at: number; readonly calls: readonly string[] }
  /** The session ended in order, so nothing is in flight. */
  | { readonly step: "ended"; readonly at: number; readonly reason: StopReason | "done"; readonly counts: RunCounts }
  /** A user gave the run up. This is always the last line. */
  | { readonly step: "discarded"; readonly at: number }
  | CallStep;

/** A step is about one or more calls of one callback. Times are epoch ms. */
export type CallStep =
  | {
      readonly step: "planned";
      readonly callback: string;
      readonly call: string;
      readonly do: PlannedAction;
      /** A call to mark SUCCESS had last changed at this instant when it was listed, if the service says it. */
      readonly changedAt?: number;
    }
  /** The line is written ahead. Sends follow this order, and call n + `concurrency` is sent only after an outcome is written. */
  | { readonly step: "sent"; readonly call: string; readonly at: number }
  | {
      readonly step: "accepted";
      readonly call: string;
      readonly at: number;
      readonly ms: number;
      /** `serviceAt` is the instant by the service's clock, or shortly before it, if the service says its clock exactly. */
      readonly serviceAt?: number;
      /** The call was listed with this instant of its submission, if the service says it. */
      readonly submittedAt?: number;
      /** The request was sent again on a fresh connection, so the receiver may have it twice. */
      readonly resent?: true;
    }
  | {
      /** A call is deferred if the endpoint asked for a pause, and is sent again then. */
      readonly step: "rejected" | "deferred";
      readonly call: string;
      readonly at: number;
      readonly ms: number;
      /** `status` is null if there was no answer. */
      readonly status: number | null;
      readonly message: string;
      readonly resent?: true;
      /** A canary that failed without an answer about its body: a resumed run sends it again. */
      readonly canary?: true;
    }
  | { readonly step: "requested"; readonly calls: readonly string[]; readonly at: number }
  | {
      readonly step: "marked";
      readonly calls: readonly string[];
      readonly as: "SUCCESS" | "FAILED";
      readonly at: number;
      /** A service that guards marks has this as the instant at which the calls became SUCCESS. They became FAILED by then. */
      readonly serviceAt?: number;
      /** These accepted calls were SUCCESS before the mark, so the receiver may have them twice. */
      readonly twice?: true;
    }
  | {
      /** mark-rejected is about an accepted or seen call, which a resumed run marks again. */
      readonly step: "not-found" | "mark-rejected";
      readonly call: string;
      readonly at: number;
      readonly message: string;
    }
  | { readonly step: "skipped"; readonly call: string; readonly at: number; readonly reason: SkipReason };

/** `send` POSTs the call, `mark` only tells the service, and `ask` lets the service attempt it. */
export type PlannedAction = "send" | "mark" | "ask";

/**
 * A settled call is SUCCESS or gone. A call is skipped for its order if an earlier one of the same sender or message was rejected. One is
 * reopened if it became FAILED, or was sent again and isn't SUCCESS, since it was listed or accepted, or if another response has its id.
 */
export type SkipReason = "settled" | "order" | "reopened";

/**
 * The callback is gone if it was deleted, and changed if something else would be sent now, or elsewhere. A canary failed without an answer
 * about its body, and canaries were all rejected by such answers.
 */
export type StopReason =
  | "interrupted"
  | "canary"
  | "canaries"
  | "max-failures"
  | "retry-after"
  | "lock-lost"
  | "gone"
  | "changed"
  | "journal"
  | "service";

export type RunKind = "replay" | "mark-success" | "mark-failed" | "reconcile";

/** The plan decides what a run is for. */
export interface RunPurpose {
  readonly runId: string;
  readonly kind: RunKind;
  /** `options` is null for marks. `to` has no secrets. */
  readonly options: ReplayOptions | null;
  /** Only a reconcile has it; journals of 0.1.0 lack it. The `unmarked` calls aren't planned: they are another run's, or lack a response. */
  readonly reconcile?: { readonly failed: number; readonly ambiguous: number; readonly unmarked?: number };
  /** Only a run of marks has it, from before its calls were listed. Journals of 0.1.0 lack it. */
  readonly listedAt?: number;
  /** The service listed calls of a mark-failed as FAILED already, so they don't all become SUCCESS by taking it back. */
  readonly marksAgain?: boolean;
  /** Only an undo has it: the run of mark-success, or the reconcile, that it undoes. */
  readonly undoes?: UndoneRun;
}

export interface RunHeader extends RunPurpose {
  readonly profile: string;
  /** `service` is an origin or a file. */
  readonly service: string;
  /** Only `whcb serve` says it (docs/contract.md, X-Database-Id). */
  readonly databaseId?: string;
  readonly who: string;
  readonly startedAt: number;
  /** `serviceStartedAt` is the start by the service's clock. Journals of 0.1.0 lack it. */
  readonly serviceStartedAt?: number;
  readonly callbacks: readonly RecordedCallback[];
  /** Tells whether `options.to` is the same, as `urlHash` does for a callback. */
  readonly toHash?: string | undefined;
  /** The folder's latest id is kept if it is later than the run's own: the clock was set back since. */
  readonly begunAfter?: string;
  /** Runs that were begun after the same later id are numbered. */
  readonly begunAs?: number;
}

export interface UndoneRun {
  readonly runId: string;
  readonly startedAt: number;
  /** So many of its calls weren't found, or were listed without an outcome, so that it can be undone again. */
  readonly left?: number;
}

export interface RecordedCallback extends RecordedUrl {
  readonly id: string;
  readonly name: string;
}

export interface RunCounts {
  readonly planned: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly seen: number;
  readonly requested: number;
  readonly skipped: Readonly<Record<SkipReason, number>>;
  readonly unknown: number;
  readonly left: number;
  /** An accepted or seen one counts as such too. */
  readonly notFound: number;
  /** Marked calls count whatever their state is. */
  readonly marked: number;
  /** `twice` counts accepted calls that somebody else had settled before they were marked, for example the service by a retry. */
  readonly twice: number;
  /** `resent` counts requests that were sent again on a fresh connection. */
  readonly resent: number;
  /** `toMark` counts calls that are accepted, seen or to be marked, and not marked yet. */
  readonly toMark: number;
}

/** The service has done so much of a run (`--via service`). */
export interface ServiceCounts {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** `settled` counts calls that were marked or erased before their attempt ended. Those of a replay that was cancelled count as cancelled. */
  readonly settled: number;
  readonly cancelled: number;
  readonly left: number;
}

/** `counts` are those of the whole run, after the step. */
export type RunEvent =
  /** `total` is null if the service doesn't say. */
  | { readonly type: "listed"; readonly callbackId: string; readonly calls: number; readonly total: number | null }
  | { readonly type: "started"; readonly header: RunHeader; readonly counts: RunCounts }
  | { readonly type: "step"; readonly callbackId: string; readonly step: CallStep; readonly counts: RunCounts }
  /** The service sends the calls (`--via service`). */
  | { readonly type: "replaying"; readonly service: ServiceCounts }
  /** No new call is sent from here. */
  | { readonly type: "stopping"; readonly callbackId: string | null; readonly reason: StopReason };

export type RunListener = (event: RunEvent) => void;

export function stepText(step: RunStep): string {
  return `${JSON.stringify(step)}\n`;
}

/** Returns null for what isn't a journal line. Fields aren't checked, as the journal is our own. */
export function parseStep(text: string): RunStep | null {
  let value: unknown;
  try {
    value = inPresentTerms(JSON.parse(text));
  } catch {
    return null;
  }
  return isStep(value) ? value : null;
}

/** 0.1.0 wrote `refused` and `unmarkable`, and didn't count `twice`, `resent` and `skipped.reopened`. */
function inPresentTerms(value: unknown): unknown {
  if (!isObject(value)) return value;
  if (value.step === "refused") return { ...value, step: "rejected" };
  if (value.step === "unmarkable") return { ...value, step: "not-found" };
  if (value.step !== "ended" || !isObject(value.counts)) return value;
  const { refused, unmarkable, ...counts } = value.counts;
  const renamed = refused !== undefined && { rejected: refused, notFound: unmarkable };
  const skipped = isObject(counts.skipped) && { skipped: { reopened: 0, ...counts.skipped } };
  return { ...value, counts: { twice: 0, resent: 0, ...counts, ...renamed, ...skipped } };
}

const ONE_CALL = new Set<unknown>([
  "planned",
  "sent",
  "accepted",
  "rejected",
  "deferred",
  "not-found",
  "mark-rejected",
  "skipped",
]);

function isStep(value: unknown): value is RunStep {
  if (!isObject(value)) return false;
  if (ONE_CALL.has(value.step)) return typeof value.call === "string";
  switch (value.step) {
    case "run":
      return value.version === 1 && isHeader(value.header);
    case "session":
      return typeof value.concurrency === "number" && "bootId" in value;
    case "marking":
    case "requested":
    case "marked":
      return Array.isArray(value.calls);
    case "ended":
      return isObject(value.counts);
    case "idle":
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
