import type { SendingPace } from "../run-options.js";
import { isSameBoot } from "./journal.js";
import {
  countUnknown,
  hasArrived,
  marksAccepted,
  NO_COUNTS,
  plannedState,
  type RunCallState,
  reduceCounts,
  sumCounts,
} from "./run-counts.js";
import type { CallStep, PlannedAction, RunCounts, RunHeader, RunStep } from "./run-step.js";

export interface RunCall {
  readonly id: string;
  readonly callbackId: string;
  readonly state: RunCallState;
  readonly isMarked: boolean;
  readonly statusCode: number | null;
  /** `message` is the answer's status message, the error, or why the call was skipped. */
  readonly message: string | null;
  /** The call was marked at this instant, or its state became known then. */
  readonly at: number;
  /** The mark has this instant of the service's clock, if the journal says it. */
  readonly serviceMarkedAt?: number | undefined;
}

export interface RunEntry extends RunCall {
  readonly do: PlannedAction;
  readonly listedChangedAt: number | undefined;
  readonly needsMark: boolean;
  /** A rejected canary says nothing about its call, so it is sent again. */
  readonly isRejectedCanary: boolean;
  /** The service may have been asked to attempt the call, and its answer was lost. */
  readonly isMaybeAsked: boolean;
  /** It is null unless the call was accepted. */
  readonly acceptance: Pick<Extract<CallStep, { step: "accepted" }>, "at" | "ms" | "serviceAt" | "submittedAt"> | null;
}

type Entry = { -readonly [Key in keyof RunEntry]: RunEntry[Key] };

interface Send {
  readonly entry: Entry;
  hasOutcome: boolean;
}

export class RunState {
  #header: RunHeader;
  #lastAt: number;
  #isDiscarded = false;
  readonly #entries = new Map<string, Entry>();
  readonly #counts = new Map<string, RunCounts>();
  /** `openSession` is null before the first session, and after one that ended in order. */
  #openSession: { readonly bootId: string; readonly concurrency: number } | null = null;
  /** The session's last request for marks that aren't of sent calls had these. */
  #marking: readonly Entry[] = [];
  readonly #maybeMarked = new Set<Entry>();
  #maybeMarkedBy = 0;
  #hasLateRequest = false;
  #sends: Send[] = [];
  readonly #lastSend = new Map<string, Send>();

  constructor(header: RunHeader) {
    this.#header = header;
    this.#lastAt = header.startedAt;
  }

  /** Its options are those of the latest session. */
  get header(): RunHeader {
    return this.#header;
  }

  get isDiscarded(): boolean {
    return this.#isDiscarded;
  }

  /** A process was killed, or the service failed, so the request that was sent then may be executed later than those after it. */
  get hasLateRequest(): boolean {
    return this.#hasLateRequest;
  }

  /**
   * The last request of a session for marks that aren't of sent calls may have marked these: a process was killed, or the service failed, and no
   * answer has said since what became of them.
   */
  get maybeMarked(): readonly RunCall[] {
    return [...new Set([...this.#maybeMarked, ...this.#marking])].filter(({ needsMark }) => needsMark);
  }

  /** Discarding it is no work of the run. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** The last request that may have marked `maybeMarked` was sent, or given up, at this instant. */
  get maybeMarkedBy(): number {
    return this.#maybeMarkedBy;
  }

  apply(step: RunStep): void {
    this.#apply(step);
    if ("at" in step && step.step !== "discarded") this.#lastAt = step.at;
  }

  #apply(step: RunStep): void {
    switch (step.step) {
      case "run":
        return;
      case "session":
        this.closeSession(step.bootId);
        this.#openSession = step;
        this.#header = withPace(this.#header, step.options);
        return;
      case "idle":
        for (const { entry } of this.#sends) entry.isMaybeAsked = false;
        this.#forgetSends();
        return;
      case "marking":
        this.#marking = step.calls.flatMap((call) => this.#entries.get(call) ?? []);
        return;
      case "ended":
        if (step.reason === "service") this.#noteOpenRequest(step.at);
        this.#endSession();
        return;
      case "discarded":
        this.#isDiscarded = true;
        return;
      case "planned":
        this.#plan(step);
        return;
      default:
        for (const call of "calls" in step ? step.calls : [step.call]) this.#applyToCall(call, step);
    }
  }

  /** Only the first sends, outcomes + `concurrency` of them, can have left. After a reboot (another `bootId`), any may have. */
  closeSession(bootId: string): void {
    if (this.#openSession === null) return;
    this.#noteOpenRequest(this.#lastAt);
    const outcomes = this.#sends.filter(({ hasOutcome }) => hasOutcome).length;
    const isSame = isSameBoot(this.#openSession.bootId, bootId);
    const mayHaveLeft = isSame ? outcomes + this.#openSession.concurrency : this.#sends.length;
    for (const { entry, hasOutcome } of this.#sends.slice(0, mayHaveLeft)) {
      if (hasOutcome || !isOpen(entry, true)) continue;
      this.#counts.set(entry.callbackId, countUnknown(this.counts(entry.callbackId), entry.state));
      Object.assign(entry, { state: "unknown", statusCode: null, message: null, isRejectedCanary: false });
    }
    this.#endSession();
  }

  #noteOpenRequest(at: number): void {
    this.#hasLateRequest = true;
    const open = this.#marking.filter(({ needsMark }) => needsMark);
    if (open.length > 0) this.#maybeMarkedBy = at;
    for (const entry of open) this.#maybeMarked.add(entry);
  }

  counts(callbackId?: string): RunCounts {
    return callbackId === undefined ? sumCounts(this.#counts.values()) : (this.#counts.get(callbackId) ?? NO_COUNTS);
  }

  entries(): Iterable<RunEntry> {
    return this.#entries.values();
  }

  calls(): RunCall[] {
    return Array.from(this.#entries.values(), ({ id, callbackId, state, isMarked, statusCode, message, at, serviceMarkedAt }) => {
      return { id, callbackId, state, isMarked, statusCode, message, at, serviceMarkedAt };
    });
  }

  #plan(step: Extract<CallStep, { step: "planned" }>): void {
    if (this.#entries.has(step.call)) return;
    const entry: Entry = {
      id: step.call,
      callbackId: step.callback,
      state: plannedState(step.do, this.header),
      isMarked: false,
      statusCode: null,
      message: null,
      at: this.header.startedAt,
      do: step.do,
      listedChangedAt: step.changedAt,
      needsMark: step.do === "mark",
      isRejectedCanary: false,
      isMaybeAsked: false,
      acceptance: null,
    };
    this.#entries.set(step.call, entry);
    this.#count(entry, step);
  }

  #applyToCall(call: string, step: Exclude<CallStep, { step: "planned" }>): void {
    const entry = this.#entries.get(call);
    if (entry === undefined || (step.step === "marked" && entry.isMarked)) return;
    this.#count(entry, step);
    if (step.step === "sent") {
      // The line is written ahead, so the state stays what it was: an unknown call may not be sent again after all.
      entry.isMaybeAsked = entry.do === "ask";
      const send = { entry, hasOutcome: false };
      this.#sends.push(send);
      this.#lastSend.set(call, send);
      return;
    }
    entry.isMaybeAsked = false;
    if (step.step === "marked") {
      entry.at = step.at;
      if (entry.state === "left") entry.state = "marked";
      entry.isMarked = true;
      entry.serviceMarkedAt = step.serviceAt;
      entry.message = null;
      entry.needsMark = false;
      return;
    }
    if (step.step === "mark-rejected" || (step.step === "not-found" && hasArrived(entry.state))) {
      entry.needsMark &&= step.step === "mark-rejected";
      entry.message = step.message;
      return;
    }
    entry.at = step.at;
    entry.state = step.step === "deferred" ? "left" : step.step;
    entry.needsMark = step.step === "accepted" && marksAccepted(this.header);
    entry.acceptance = step.step === "accepted" ? step : null;
    entry.isRejectedCanary = step.step === "rejected" && step.canary === true;
    entry.message = "message" in step ? step.message : step.step === "skipped" ? step.reason : null;
    if (step.step === "not-found") return;
    entry.statusCode = step.step === "accepted" ? 200 : "status" in step ? step.status : null;
    const send = this.#lastSend.get(call);
    if (send !== undefined) send.hasOutcome = true;
  }

  #count({ callbackId, state }: Entry, step: CallStep): void {
    const context = { header: this.header, from: state, calls: 1 };
    this.#counts.set(callbackId, reduceCounts(this.counts(callbackId), step, context));
  }

  #forgetSends(): void {
    this.#sends = [];
    this.#lastSend.clear();
  }

  #endSession(): void {
    this.#forgetSends();
    this.#marking = [];
    this.#openSession = null;
  }
}

export function withPace(header: RunHeader, pace: Partial<SendingPace> = {}): RunHeader {
  return header.options === null ? header : { ...header, options: { ...header.options, ...pace } };
}

export function isOpen({ do: action, state, isRejectedCanary }: RunEntry, resendUnknown: boolean): boolean {
  if (action === "mark") return false;
  return state === "left" || (state === "unknown" && resendUnknown) || isRejectedCanary;
}
