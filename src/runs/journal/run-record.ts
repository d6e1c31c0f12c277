/** A run as its journal tells it. */

import type { ReplayOptions } from "../run-options.js";
import type { SkipReason } from "./run-event.js";

export type RunKind = "replay" | "mark-success" | "mark-failed" | "reconcile";

/** running: its process lives. unfinished: something is left to send, to mark, or to find out. */
export type RunState = "running" | "unfinished" | "finished";

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
}

export interface RunOverview extends RunHeader {
  readonly state: RunState;
  /** Of the last line. */
  readonly lastAt: number;
  readonly counts: RunCounts;
}

export interface RunRecord extends RunOverview {
  readonly calls: readonly RunCall[];
}

export interface RunCall {
  readonly id: string;
  readonly callbackId: string;
  readonly state: RunCallState;
  /** Whether the service took the mark. */
  readonly isMarked: boolean;
  readonly statusCode: number | null;
  /** The answer's status message, what went wrong, or why it was skipped. */
  readonly message: string | null;
  /** Of its last step. */
  readonly at: number;
}

/**
 * left: never sent (or not marked yet, in a run of marks). marked: in a run of marks. unknown: sent, and no outcome written down. seen: the
 * receiver has it already, so it is marked and not sent. requested: the service was asked to attempt it. unmarkable: the service knows no such call.
 */
export type RunCallState =
  | "left"
  | "marked"
  | "unknown"
  | "accepted"
  | "refused"
  | "seen"
  | "requested"
  | "skipped"
  | "unmarkable";

export interface RunCounts {
  readonly planned: number;
  readonly accepted: number;
  readonly refused: number;
  readonly seen: number;
  readonly requested: number;
  readonly skipped: Readonly<Record<SkipReason, number>>;
  readonly unknown: number;
  readonly left: number;
  readonly unmarkable: number;
  /** Whatever their state: what the service took the mark of. */
  readonly marked: number;
  /** Accepted, seen or to be marked, and not marked yet. */
  readonly toMark: number;
}
