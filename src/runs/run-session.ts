import { setMaxListeners } from "node:events";
import { type OngoingWait, SILENT_WAIT, type Wait } from "../client/wait.js";
import { isWhcbError, type WhcbError } from "../domain/errors.js";
import type { UnmarkedRun } from "./journal/arrived-calls.js";
import type { Journal } from "./journal/journal.js";
import { NO_COUNTS, type RunCallState, reduceCounts, sumCounts } from "./journal/run-counts.js";
import type { RunCall } from "./journal/run-state.js";
import type { CallStep, RunCounts, RunHeader, RunListener, ServiceCounts, StopReason } from "./journal/run-step.js";
import type { RunDeps } from "./run-deps.js";
import type { HeldLocks } from "./run-locks.js";
import type { ReplayOptions } from "./run-options.js";

/** The journal has all of them. */
const MAX_TROUBLED = 100;
const MAX_REJECTIONS = 20;
/** So long after Ctrl-C, once nothing is in flight, what isn't marked yet is left for a resumed run. */
export const LONGEST_MARKING_MS = 10_000;

/** These calls have the same answer. */
export interface Rejection {
  readonly statusCode: number | null;
  readonly message: string;
  readonly calls: number;
  readonly first: RunCall;
  readonly last: RunCall;
}

/** None of this is written to the journal. */
export interface RunControl {
  /** The first Ctrl-C aborts it. Then no new call is sent, those in flight finish, and marks are flushed. */
  readonly signal?: AbortSignal;
  /** `keys` are the keys, by callback id, that the service doesn't return. */
  readonly keys?: ReadonlyMap<string, string>;
  /** `signingSecrets` are those of signed callbacks, by callback id, which no service returns. */
  readonly signingSecrets?: ReadonlyMap<string, string>;
  /** A question was asked since the calls were listed. */
  readonly wasAsked?: boolean;
  /** With `--via service`, the run lasts until the service has made its attempts. */
  readonly followsService?: boolean;
  /** A resumed run sends unknown calls again, which the receiver may see twice. */
  readonly resendUnknown?: boolean;
  /** Nothing is sent once a lock is lost. Without locks, the caller excludes other runs. */
  readonly locks?: HeldLocks;
}

interface OpenedRun {
  readonly header: RunHeader;
  readonly journal: Journal;
  /** `counts` has by callback what is planned, or what earlier sessions left. */
  readonly counts: ReadonlyMap<string, RunCounts>;
}

export type RunOptions = ReplayOptions & RunControl;

export class RunSession {
  readonly header: RunHeader;
  readonly journal: Journal;
  readonly deps: RunDeps;
  readonly locks: HeldLocks | undefined;
  /** `stop` stops the whole run. Each callback has its own signal (`stopOf`). */
  readonly stop: StopSignal;
  readonly #troubled = new Map<string, RunCall>();
  readonly #rejections = new Map<string, Rejection>();
  readonly startedAtMs: number;
  readonly #stops = new Map<string, StopSignal>();
  readonly #counts: Map<string, RunCounts>;
  #total: RunCounts;
  readonly report: RunListener;
  readonly #resending = new Map<string, RunCallState>();
  readonly #unmarked = new Map<string, readonly UnmarkedRun[]>();
  #service: ServiceCounts | null = null;
  #isSending = false;
  #isGivingUp = false;
  readonly #giveUp = new AbortController();
  readonly #ended = new AbortController();

  constructor({ header, journal, counts }: OpenedRun, { signal, locks }: RunControl, deps: RunDeps, onEvent: RunListener) {
    this.header = header;
    this.journal = journal;
    this.deps = deps;
    this.locks = locks;
    this.startedAtMs = deps.clock.monotonicMs();
    this.#counts = new Map(counts);
    this.#total = sumCounts(counts.values());
    locks?.reportProgress(this.#total);
    this.report = onEvent;
    this.stop = new StopSignal((reason) => onEvent({ type: "stopping", callbackId: null, reason }));
    // Each callback listens; Node warns of more than ten.
    setMaxListeners(0, this.stop.signal);
    const interrupt = (): void => {
      this.stop.stop("interrupted");
      void this.#giveUpInTime();
    };
    if (signal?.aborted) interrupt();
    signal?.addEventListener("abort", interrupt, { once: true });
    onEvent({ type: "started", header, counts: this.#total });
  }

  /** Takes over what earlier sessions left: calls in trouble, and calls that aren't left but are sent again, as unknown ones and rejected canaries. */
  resume(troubled: readonly RunCall[], resent: readonly RunCall[]): void {
    for (const call of troubled) this.#addTroubled(call);
    for (const { id, state } of resent) this.#resending.set(id, state);
  }

  counts(callbackId?: string): RunCounts {
    return callbackId === undefined ? this.#total : (this.#counts.get(callbackId) ?? NO_COUNTS);
  }

  /** Follows the run's signal. */
  stopOf(callbackId: string): StopSignal {
    const existing = this.#stops.get(callbackId);
    if (existing !== undefined) return existing;
    const stop = new StopSignal((reason) => {
      if (this.stop.reason === null) this.report({ type: "stopping", callbackId, reason });
    });
    this.#stops.set(callbackId, stop);
    const follow = (): void => stop.stop(this.stop.reason ?? "interrupted", this.stop.error);
    if (this.stop.reason !== null) follow();
    this.stop.signal.addEventListener("abort", follow, { once: true });
    return stop;
  }

  /** `serviceCounts` is null if the service wasn't asked, or doesn't say. */
  get serviceCounts(): ServiceCounts | null {
    return this.#service;
  }

  reportServiceCounts(service: ServiceCounts): void {
    this.#service = service;
    this.locks?.reportProgress({ ...this.#total, left: this.#total.left + service.left });
    this.report({ type: "replaying", service });
  }

  /** What these have to mark isn't sent. */
  leaveToOthers(callbackId: string, unmarked: readonly UnmarkedRun[]): void {
    this.#unmarked.set(callbackId, unmarked);
  }

  get unmarked(): readonly UnmarkedRun[] {
    return [...this.#unmarked.values()].flat();
  }

  beginWait(wait: Wait): OngoingWait {
    return (this.deps.beginWait ?? SILENT_WAIT)(wait);
  }

  /** Is aborted when requests to the service have had their time after Ctrl-C. */
  get givenUp(): AbortSignal {
    return this.#giveUp.signal;
  }

  /** Calls in flight have their own time limit: they are waited for, and marked. */
  beginSending(): void {
    this.#isSending = true;
  }

  end(): void {
    this.#ended.abort();
  }

  async #giveUpInTime(): Promise<void> {
    if (this.stop.reason !== "interrupted" || this.#isSending || this.#isGivingUp) return;
    this.#isGivingUp = true;
    const { clock } = this.deps;
    await clock.sleepUntil(clock.now() + LONGEST_MARKING_MS, this.#ended.signal);
    if (!this.#ended.signal.aborted) this.#giveUp.abort();
  }

  continueCallback(callbackId: string): void {
    this.#stops.delete(callbackId);
  }

  stopReasonOf(callbackId: string): StopReason | null {
    return this.#stops.get(callbackId)?.reason ?? null;
  }

  /** These calls are unknown, not found, or not marked. */
  get troubled(): readonly RunCall[] {
    return [...this.#troubled.values()];
  }

  /** The most frequent one is first. */
  rejections(): readonly Rejection[] {
    return [...this.#rejections.values()].sort((one, other) => other.calls - one.calls);
  }

  /**
   * `from` is the state before the step. By default the call was left, or is being sent again. A journal that can't be written stops the
   * run.
   */
  record(callbackId: string, step: CallStep, from?: RunCallState): void {
    this.journal.collect(step);
    if (!isOutcome(step)) this.writeOutcomes();
    const callIds = "calls" in step ? step.calls : [step.call];
    if (from !== undefined) this.#count(callbackId, step, from, callIds.length);
    for (const id of callIds) {
      this.#troubled.delete(id);
      const resent = this.#resending.get(id);
      if (from === undefined) this.#count(callbackId, step, resent ?? "left", 1);
      if (resent === undefined) continue;
      this.#resending.delete(id);
      if (resent === "rejected") this.#forgetRejection(id);
    }
    const call = troubledCall(callbackId, step, from ?? "left");
    if (call !== null) this.#addTroubled(call);
    this.report({ type: "step", callbackId, step, counts: this.#total });
  }

  /** Outcomes of one turn are written together: before the next send, or at its end. */
  writeOutcomes(): void {
    try {
      this.journal.write();
    } catch (error) {
      if (this.journal.failure === null) throw error;
      this.stop.stop("journal", this.journal.failure);
    }
  }

  /** Resolves once the `sent` lines are on disk. Rejects with `unavailable`. */
  async writeAhead(callIds: readonly string[]): Promise<void> {
    const at = this.deps.clock.now();
    for (const call of callIds) this.journal.collect({ step: "sent", call, at });
    await this.journal.flush();
  }

  /** Takes back what was written ahead: nothing is in flight, and nothing of it will be sent. */
  recordIdle(): void {
    this.journal.collect({ step: "idle", at: this.deps.clock.now() });
    this.writeOutcomes();
    this.#isSending = false;
    void this.#giveUpInTime();
  }

  #addTroubled(call: RunCall): void {
    if (call.state !== "rejected") {
      if (this.#troubled.size < MAX_TROUBLED) this.#troubled.set(call.id, call);
      return;
    }
    const { statusCode, message } = call;
    const key = JSON.stringify([statusCode, message]);
    const same = this.#rejections.get(key);
    if (same !== undefined) this.#rejections.set(key, { ...same, calls: same.calls + 1, last: call });
    else if (this.#rejections.size < MAX_REJECTIONS) {
      this.#rejections.set(key, { statusCode, message: message ?? "", calls: 1, first: call, last: call });
    }
  }

  /** A canary that is sent again isn't rejected any more. */
  #forgetRejection(callId: string): void {
    for (const [key, rejection] of this.#rejections) {
      if (rejection.first.id !== callId && rejection.last.id !== callId) continue;
      if (rejection.calls === 1) this.#rejections.delete(key);
      else this.#rejections.set(key, { ...rejection, calls: rejection.calls - 1 });
    }
  }

  #count(callbackId: string, step: CallStep, from: RunCallState, calls: number): void {
    const context = { header: this.header, from, calls };
    this.#counts.set(callbackId, reduceCounts(this.counts(callbackId), step, context));
    this.#total = reduceCounts(this.#total, step, context);
    this.locks?.reportProgress(this.#total);
  }
}

/** The first reason counts. */
export class StopSignal {
  #reason: StopReason | null = null;
  #error: WhcbError | null = null;
  #hasServiceFailed = false;
  readonly #controller = new AbortController();
  readonly #onStop: (reason: StopReason) => void;

  constructor(onStop: (reason: StopReason) => void) {
    this.#onStop = onStop;
  }

  get reason(): StopReason | null {
    return this.#reason;
  }

  get error(): WhcbError | null {
    return this.#error;
  }

  /** The journal has this one: after Ctrl-C, too, the service may fail to answer a request that it has executed. */
  get endReason(): StopReason | "done" {
    return this.#hasServiceFailed ? "service" : (this.#reason ?? "done");
  }

  /** `signal` ends waits, not requests. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stop(reason: StopReason, error: WhcbError | null = null): void {
    this.#hasServiceFailed ||= reason === "service";
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#error = error;
    this.#onStop(reason);
    this.#controller.abort();
  }
}

/** Rethrows anything else, which is a bug. */
export function asWhcbError(error: unknown): WhcbError {
  if (isWhcbError(error)) return error;
  throw error;
}

function isOutcome({ step }: CallStep): boolean {
  return step === "accepted" || step === "rejected" || step === "deferred";
}

function troubledCall(callbackId: string, step: CallStep, from: RunCallState): RunCall | null {
  if (step.step !== "rejected" && step.step !== "not-found" && step.step !== "mark-rejected") return null;
  const statusCode = step.step === "rejected" ? step.status : null;
  const state = step.step === "mark-rejected" ? from : step.step;
  return { id: step.call, callbackId, state, isMarked: false, statusCode, message: step.message, at: step.at };
}
