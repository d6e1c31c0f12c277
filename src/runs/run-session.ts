/** One process's work on a run: its journal and its counts change together, and its listener hears of it. */
import { type DeliveryResult, resultMessage } from "../domain/attempt.js";
import type { Journal } from "./journal/journal.js";
import type { JournalLine } from "./journal/journal-line.js";
import type { RunListener, SkipReason, StopReason } from "./journal/run-event.js";
import type { RunCall, RunHeader } from "./journal/run-record.js";
import type { RunTally } from "./journal/run-tally.js";
import type { RunDeps } from "./run-deps.js";
import type { MarkJob } from "./send/mark-job.js";
import { StopSignal } from "./send/stop-signal.js";

/** Troubled calls that are told at the end; all of them are in the journal. */
const MAX_TROUBLED = 20;

export interface SessionParts {
  readonly header: RunHeader;
  readonly journal: Journal;
  readonly tally: RunTally;
  readonly deps: RunDeps;
  readonly onEvent: RunListener;
  readonly signal?: AbortSignal | undefined;
  /** From earlier sessions. */
  readonly troubled?: readonly RunCall[];
}

export interface Outcome {
  readonly callbackId: string;
  readonly callId: string;
  readonly durationMs: number;
}

export class RunSession {
  readonly header: RunHeader;
  readonly journal: Journal;
  readonly tally: RunTally;
  readonly deps: RunDeps;
  readonly onEvent: RunListener;
  /** Of the whole run; each callback has one more of its own (`stopOfCallback`). */
  readonly stop: StopSignal;
  readonly stopped = new Map<string, StopReason>();
  readonly troubled: RunCall[];
  readonly startedAtMs: number;

  constructor({ header, journal, tally, deps, onEvent, signal, troubled = [] }: SessionParts) {
    this.header = header;
    this.journal = journal;
    this.tally = tally;
    this.deps = deps;
    this.onEvent = onEvent;
    this.troubled = troubled.slice(0, MAX_TROUBLED);
    this.startedAtMs = deps.clock.monotonicMs();
    this.stop = new StopSignal((reason) => onEvent({ type: "stopping", callbackId: null, reason }));
    if (signal?.aborted) this.stop.stop("interrupted");
    signal?.addEventListener("abort", () => this.stop.stop("interrupted"), { once: true });
  }

  /** A switch that the run's own throws as well. */
  stopOfCallback(callbackId: string): StopSignal {
    const stop = new StopSignal((reason) => {
      this.stopped.set(callbackId, reason);
      if (this.stop.reason === null) this.onEvent({ type: "stopping", callbackId, reason });
    });
    const follow = (): void => stop.stop(this.stop.reason ?? "interrupted", this.stop.error);
    if (this.stop.reason !== null) follow();
    this.stop.signal.addEventListener("abort", follow, { once: true });
    return stop;
  }

  accepted({ callbackId, callId, durationMs }: Outcome): void {
    this.journal.gather({ step: "accepted", call: callId, at: this.#now(), ms: durationMs });
    this.tally.accepted(callbackId, this.header.options?.mark === true);
    this.onEvent({ type: "accepted", callbackId, callId, durationMs });
  }

  /** Writes down the outcomes of this turn: before the next send, and at the end of the turn. */
  writeOutcomes(): void {
    this.#guard(() => this.journal.write());
  }

  /** `secret`: what must not be told again, whatever the endpoint answered. */
  refused({ callbackId, callId, durationMs }: Outcome, result: DeliveryResult, secret: string): void {
    const at = this.#now();
    const statusCode = statusOf(result);
    const message = withoutSecret(resultMessage(result), secret);
    this.journal.gather({ step: "refused", call: callId, at, ms: durationMs, status: statusCode, message });
    this.tally.refused(callbackId);
    this.#trouble({ id: callId, callbackId, state: "refused", isMarked: false, statusCode, message, at });
    this.onEvent({ type: "refused", callbackId, callId, durationMs, result });
  }

  deferred({ callbackId, callId, durationMs }: Outcome, result: DeliveryResult, until: number): void {
    const message = resultMessage(result);
    this.journal.gather({ step: "deferred", call: callId, at: this.#now(), ms: durationMs, status: statusOf(result), message });
    this.onEvent({ type: "paused", callbackId, until });
  }

  requested(callbackId: string, callIds: readonly string[]): void {
    this.#write({ step: "requested", calls: callIds, at: this.#now() });
    this.tally.requested(callbackId, callIds.length);
    this.onEvent({ type: "requested", callbackId, callIds });
  }

  skipped(callbackId: string, callId: string, reason: SkipReason, from: "left" | "unknown" = "left"): void {
    this.#write({ step: "skipped", call: callId, at: this.#now(), reason });
    this.tally.skipped(callbackId, reason, from);
    this.onEvent({ type: "skipped", callbackId, callId, reason });
  }

  marked({ callbackId, status, from }: MarkJob, callIds: readonly string[]): void {
    this.#write({ step: "marked", calls: callIds, as: status, at: this.#now() });
    this.tally.marked(callbackId, callIds.length, from);
    this.onEvent({ type: "marked", callbackId, callIds, status });
  }

  unmarkable({ callbackId, from }: MarkJob, callId: string, reason: string): void {
    const at = this.#now();
    this.#write({ step: "unmarkable", call: callId, at, message: reason });
    this.tally.unmarkable(callbackId, from);
    this.#trouble({ id: callId, callbackId, state: "unmarkable", isMarked: false, statusCode: null, message: reason, at });
    this.onEvent({ type: "unmarkable", callbackId, callId, reason });
  }

  #write(line: JournalLine): void {
    this.#guard(() => this.journal.append(line));
  }

  /** A journal that can't be written stops the run. */
  #guard(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (this.journal.failure === null) throw error;
      this.stop.stop("journal", this.journal.failure);
    }
  }

  #trouble(call: RunCall): void {
    if (this.troubled.length < MAX_TROUBLED) this.troubled.push(call);
  }

  #now(): number {
    return this.deps.clock.now();
  }
}

function statusOf(result: DeliveryResult): number | null {
  return result.kind === "answered" ? result.statusCode : null;
}

function withoutSecret(text: string, secret: string): string {
  return secret === "" ? text : text.replaceAll(secret, "••••");
}
