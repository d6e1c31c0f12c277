/** Sends one endpoint's calls: what waits in memory, how much may be in flight, and what came of each. Nothing here awaits. */
import { type Attempt, type AttemptCause, isAccepted } from "../domain/attempt.js";
import type { Call } from "../domain/call.js";
import { FAILURES_TO_DOWN } from "../domain/endpoint.js";
import { nextDueAt, type RetryPolicy, retryUntil } from "../domain/retry-policy.js";
import type { Random } from "../platform/random.js";
import type { EndpointRecord } from "../store/store.js";
import type { CallQueue } from "./call-queue.js";
import { CallsUnderWay } from "./calls-under-way.js";
import { EndpointTracker } from "./endpoint-tracker.js";
import { type AttemptDeps, makeAttempt } from "./make-attempt.js";
import type { OutcomeLog } from "./outcome-log.js";
import type { Sender, SendSlots } from "./send-slots.js";
import { StoreHints } from "./store-hints.js";
import { type NextCall, WaitingCalls } from "./waiting-calls.js";

export interface WorkerDeps extends AttemptDeps {
  readonly random: Random;
  readonly policy: RetryPolicy;
  readonly log: OutcomeLog;
  readonly slots: SendSlots;
  readonly maxInFlight: number;
  /** Calls that the store is asked for at once. */
  readonly batch: number;
  /** False while outcomes can't be committed or the service is stopping. */
  maySend(): boolean;
  onAttempt(callbackId: string, attempt: Attempt): void;
  /** There is something to commit or to read. */
  onChange(): void;
}

/** A batch read longer ago than this is read again before anything of it is sent: a mark may have come in between. */
const STALE_AFTER_MS = 1_000;
const LOW_WATER = 64;

export class EndpointWorker implements Sender {
  readonly track: EndpointTracker;
  readonly hints: StoreHints;
  readonly underWay: CallsUnderWay;
  readonly waiting = new WaitingCalls();
  readonly #deps: WorkerDeps;
  #isProbing = false;
  #tickInFlight = 0;
  #tickLeft = 0;
  #inFlight = 0;

  constructor(record: EndpointRecord, deps: WorkerDeps) {
    this.#deps = deps;
    this.track = new EndpointTracker(record, deps);
    this.hints = new StoreHints(record);
    this.underWay = new CallsUnderWay(this.hints);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** How many requests the endpoint's state allows in flight. */
  get limit(): number {
    const { state, limit } = this.track.endpoint;
    if (state === "down") return Math.min(FAILURES_TO_DOWN, this.#deps.maxInFlight);
    return state === "recovering" ? limit : this.#deps.maxInFlight;
  }

  /** How many more of them, a waiting probe counted. */
  get room(): number {
    return Math.max(0, this.limit - this.#inFlight - this.waiting.probe.length);
  }

  get hasFullLimit(): boolean {
    return this.limit >= this.#deps.maxInFlight;
  }

  /** With fewer calls than this left in a queue, more are read. */
  get lowWater(): number {
    return Math.min(LOW_WATER, Math.ceil(this.#deps.batch / 2));
  }

  /** Nothing is under way, waits in memory or was left unread. */
  get isIdle(): boolean {
    const { mayHavePending, isDirty } = this.hints;
    return this.underWay.size === 0 && this.waiting.isEmpty && !mayHavePending && !isDirty;
  }

  get isInRound(): boolean {
    return this.#tickInFlight > 0 || this.waiting.backlog.length > 0;
  }

  /** Calls that a tick was to send and hasn't, because their reading was discarded. */
  get owedToRound(): number {
    return this.waiting.backlog.length === 0 ? this.#tickLeft : 0;
  }

  get mayProbe(): boolean {
    return !this.#isProbing && this.#inFlight < FAILURES_TO_DOWN;
  }

  /** Settings or calls changed under us: nothing that was read before is used any more. */
  refresh(callback: EndpointRecord["callback"]): void {
    this.discardReading();
    this.track.useSettings(callback);
  }

  /** What was read is no longer to be relied on: the store is asked again for everything. */
  discardReading(): void {
    if (this.waiting.probe.length > 0) this.#isProbing = false;
    this.waiting.clear();
    this.hints.generation += 1;
    this.hints.suspectAll();
  }

  /** Of a reading, the calls that aren't under way, nor about to go as a probe. */
  withoutBusy(calls: readonly Call[]): Call[] {
    return calls.filter(({ seq }) => !this.underWay.has(seq) && !this.waiting.probe.has(seq));
  }

  hold(call: Call, at: number): void {
    this.underWay.add(call.seq, at);
    this.track.hold(call, at);
  }

  /** New responses that were just read may be sent. */
  offerFresh(calls: readonly Call[]): void {
    this.#offer(this.waiting.fresh, calls);
  }

  /** So may failed calls whose turn has come. */
  offerBacklog(calls: readonly Call[]): void {
    this.#offer(this.waiting.backlog, calls);
  }

  offerRound(calls: readonly Call[]): void {
    this.#tickLeft = calls.length;
    this.#offer(this.waiting.backlog, calls);
  }

  offerProbe(call: Call): void {
    this.#isProbing = true;
    this.#offer(this.waiting.probe, [call]);
  }

  sendOne(share: number): boolean {
    const { clock, maySend, onChange } = this.#deps;
    if (this.#inFlight >= Math.min(this.limit, share) || !maySend()) return false;
    if (this.waiting.isOlderThan(clock.monotonicMs() - STALE_AFTER_MS)) {
      this.discardReading();
      onChange();
      return false;
    }
    const next = this.waiting.take((call) => this.#mayGo(call));
    if (next) this.#send(next);
    return next !== undefined;
  }

  #offer(queue: CallQueue, calls: readonly Call[]): void {
    queue.fill(calls, this.#deps.clock.monotonicMs());
    this.#deps.slots.enqueue(this);
  }

  /** Inside its window; a drain takes along what was when the recovery began. */
  #mayGo(call: Call): boolean {
    if (call.due?.cause !== "retry" || call.firstFailedAt === null) return true;
    const at = this.track.endpoint.recoveringSince ?? this.#deps.clock.now();
    if (at <= retryUntil(call.firstFailedAt, this.#deps.policy)) return true;
    // Its window ended while it waited here; the next reading takes its retry away.
    this.hints.suspectDue(call.due.at);
    return false;
  }

  #send({ call, from }: NextCall): void {
    const { state, recovery } = this.track.endpoint;
    const cause = from === "probe" ? "probe" : causeOf(call);
    const isOfTick = state === "down" && from === "backlog";
    if (isOfTick) {
      this.#tickInFlight += 1;
      this.#tickLeft = Math.max(0, this.#tickLeft - 1);
    }
    this.#inFlight += 1;
    this.underWay.add(call.seq);
    makeAttempt(this.track.callback, call, cause, this.#deps).then((attempt) => {
      if (isOfTick) this.#tickInFlight -= 1;
      if (from === "probe") this.#isProbing = false;
      this.#settle(call, attempt, state === "recovering" ? recovery : 0);
    });
  }

  #settle(call: Call, attempt: Attempt, recovery: number): void {
    const { log, slots } = this.#deps;
    const stateBefore = this.track.endpoint.state;
    const random = this.#deps.random.fraction();
    this.#inFlight -= 1;
    if (isAccepted(attempt.result)) this.track.succeeded(attempt.startedAt + attempt.durationMs);
    else this.#failed(call, attempt, random);
    log.addAttempt({ callbackId: call.callbackId, callSeq: call.seq, attempt, random, recovery });
    if (this.track.endpoint.state !== stateBefore) {
      this.#tickLeft = 0;
      this.discardReading();
    }
    this.#deps.onAttempt(call.callbackId, attempt);
    slots.release(this);
    slots.pump();
    this.#deps.onChange();
  }

  #failed(call: Call, attempt: Attempt, random: number): void {
    const { policy } = this.#deps;
    this.track.failed(call, attempt);
    if (!this.track.callback.retriesEnabled) return;
    this.underWay.expectDue(call.seq, nextDueAt(call.firstFailedAt ?? attempt.startedAt, attempt.startedAt, policy, random));
  }
}

function causeOf(call: Call): AttemptCause {
  if (call.due?.cause === "replay") return "replay";
  return call.attemptCount === 0 ? "first" : "retry";
}
