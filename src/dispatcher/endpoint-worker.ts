/** Sends one endpoint's calls: what waits in memory, how much may be in flight, and what came of each. Nothing here awaits. */
import { type Attempt, type AttemptCause, type DeliveryResult, isAccepted } from "../domain/attempt.js";
import type { Call } from "../domain/call.js";
import { FAILURES_TO_DOWN } from "../domain/endpoint.js";
import { nextDueAt, type RetryPolicy, retryUntil } from "../domain/retry-policy.js";
import type { Clock } from "../platform/clock.js";
import type { Random } from "../platform/random.js";
import type { EndpointRecord } from "../store/store.js";
import { CallQueue } from "./call-queue.js";
import { EndpointTrack } from "./endpoint-track.js";
import type { OutcomeLog } from "./outcome-log.js";
import type { Sender, SendSlots } from "./send-slots.js";

export interface WorkerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly policy: RetryPolicy;
  readonly log: OutcomeLog;
  readonly slots: SendSlots;
  readonly maxInFlight: number;
  /** Makes the request; never rejects. */
  send(callback: EndpointTrack["callback"], call: Call): Promise<DeliveryResult>;
  /** False while outcomes can't be committed or the service is stopping. */
  maySend(): boolean;
  onAttempt(callbackId: string, attempt: Attempt): void;
  /** There is something to commit or to read. */
  onChange(): void;
}

/** A batch read longer ago than this is read again before anything of it is sent: a mark may have come in between. */
const STALE_AFTER_MS = 1_000;
/** While an endpoint recovers, one request in this many is for new responses. */
const FRESH_EVERY = 4;

export class EndpointWorker implements Sender {
  readonly track: EndpointTrack;
  /** New responses, and failed calls whose turn has come; read from the store, not sent yet. */
  readonly fresh = new CallQueue();
  readonly backlog = new CallQueue();
  /** What the store may hold beyond what was read: cleared only by a reading that found none. */
  mayHavePending: boolean;
  mayHaveDue: boolean;
  mayHaveHeld: boolean;
  /** When the first failed call's own turn comes, or earlier; null: none waits. */
  dueAt: number | null;
  /** A reading is wanted whatever the hints say. */
  isDirty = true;
  /** Grows when a reading that is under way has become useless. */
  generation = 0;
  readonly #deps: WorkerDeps;
  /** Calls (by seq) in flight, or with an outcome not committed yet, and when that outcome makes them due again. */
  readonly #busy = new Map<number, number | null>();
  readonly #probe = new CallQueue();
  #isProbing = false;
  #ticking = 0;
  #inFlight = 0;
  #sent = 0;

  constructor(record: EndpointRecord, deps: WorkerDeps) {
    this.#deps = deps;
    this.track = new EndpointTrack(record, deps);
    this.dueAt = record.nextDueAt;
    this.mayHavePending = record.pendingCalls > 0;
    this.mayHaveDue = record.nextDueAt !== null;
    this.mayHaveHeld = this.mayHaveDue;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** How many requests may be in flight now, besides what the others leave free. */
  get limit(): number {
    const { state, limit } = this.track.endpoint;
    if (state === "down") return FAILURES_TO_DOWN;
    return state === "recovering" ? limit : this.#deps.maxInFlight;
  }

  /** How many more requests the endpoint's state allows, a waiting probe counted. */
  get room(): number {
    return Math.max(0, this.limit - this.#inFlight - this.#probe.length);
  }

  get busyCount(): number {
    return this.#busy.size;
  }

  /** Nothing is under way, waits in memory or was left unread. */
  get isIdle(): boolean {
    return this.#busy.size === 0 && this.fresh.length === 0 && this.backlog.length === 0 && !this.mayHavePending && !this.isDirty;
  }

  get isTicking(): boolean {
    return this.#ticking > 0 || this.backlog.length > 0;
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
    this.fresh.clear();
    this.backlog.clear();
    if (this.#probe.length > 0) this.#isProbing = false;
    this.#probe.clear();
    this.mayHavePending = true;
    this.mayHaveDue = true;
    this.mayHaveHeld = true;
    this.dueAt = 0;
    this.generation += 1;
    this.isDirty = true;
  }

  /** Of a reading, the calls that aren't under way. */
  withoutBusy(calls: readonly Call[]): Call[] {
    return calls.filter((call) => !this.#busy.has(call.seq));
  }

  hold(call: Call, at: number): void {
    this.#busy.set(call.seq, at);
    this.track.hold(call, at);
  }

  /** The outcome of this call is on disk: from here on a reading of the store has it right. */
  outcomeCommitted(callSeq: number): void {
    const dueAt = this.#busy.get(callSeq) ?? null;
    this.#busy.delete(callSeq);
    if (dueAt === null) return;
    this.mayHaveDue = true;
    this.mayHaveHeld = true;
    this.dueAt = Math.min(this.dueAt ?? dueAt, dueAt);
  }

  /** Calls that were just read may be sent. */
  offer(queue: CallQueue, calls: readonly Call[]): void {
    queue.fill(calls, this.#deps.clock.monotonicMs());
    this.#deps.slots.enqueue(this);
  }

  offerProbe(call: Call): void {
    this.offer(this.#probe, [call]);
    this.#isProbing = true;
  }

  sendOne(freeSlots: number): boolean {
    if (this.#inFlight >= Math.min(this.limit, freeSlots) || !this.#deps.maySend()) return false;
    if (this.#isStale()) {
      this.discardReading();
      this.#deps.onChange();
      return false;
    }
    const probe = this.#probe.take();
    const call = probe ?? this.#nextCall();
    if (call === undefined) return false;
    this.#send(call, probe ? "probe" : causeOf(call));
    return true;
  }

  #isStale(): boolean {
    const oldest = this.#deps.clock.monotonicMs() - STALE_AFTER_MS;
    return this.fresh.isOlderThan(oldest) || this.backlog.isOlderThan(oldest) || this.#probe.isOlderThan(oldest);
  }

  #nextCall(): Call | undefined {
    const wantsFresh = this.fresh.length > 0 && (this.backlog.length === 0 || this.#sent % FRESH_EVERY === FRESH_EVERY - 1);
    if (wantsFresh) return this.fresh.take();
    for (let call = this.backlog.take(); call; call = this.backlog.take()) {
      if (this.#isInsideWindow(call)) return call;
    }
    return this.fresh.take();
  }

  /** A drain takes along what was inside its window when the recovery began. */
  #isInsideWindow(call: Call): boolean {
    if (call.due?.cause !== "retry" || call.firstFailedAt === null) return true;
    return (this.track.endpoint.recoveringSince ?? this.#deps.clock.now()) <= retryUntil(call.firstFailedAt, this.#deps.policy);
  }

  #send(call: Call, cause: AttemptCause): void {
    const { clock } = this.#deps;
    const { state, recovery } = this.track.endpoint;
    const isTick = state === "down" && (cause === "retry" || cause === "replay");
    if (isTick) this.#ticking += 1;
    this.#inFlight += 1;
    this.#sent += 1;
    this.#busy.set(call.seq, null);
    const startedAt = clock.now();
    const began = clock.monotonicMs();
    const sending = this.#deps.send(this.track.callback, call).catch(
      // A request that can't even be built costs its call an attempt, not the endpoint its worker.
      (error: unknown): DeliveryResult => ({ kind: "unreachable", reason: "protocol", detail: String(error) }),
    );
    sending.then((result) => {
      if (isTick) this.#ticking -= 1;
      if (cause === "probe") this.#isProbing = false;
      const durationMs = Math.round(clock.monotonicMs() - began);
      const attempt = { number: call.attemptCount + 1, startedAt, durationMs, cause, result };
      this.#settle(call, attempt, state === "recovering" ? recovery : 0);
    });
  }

  #settle(call: Call, attempt: Attempt, recovery: number): void {
    const { log, random, slots } = this.#deps;
    const stateBefore = this.track.endpoint.state;
    const unit = random.unit();
    this.#inFlight -= 1;
    if (isAccepted(attempt.result)) this.track.succeeded(attempt.startedAt + attempt.durationMs);
    else this.#failed(call, attempt, unit);
    log.addAttempt({ callbackId: call.callbackId, callSeq: call.seq, attempt, unit, recovery });
    if (this.track.endpoint.state !== stateBefore) this.discardReading();
    this.#deps.onAttempt(call.callbackId, attempt);
    slots.release(this);
    slots.pump();
    this.#deps.onChange();
  }

  #failed(call: Call, attempt: Attempt, unit: number): void {
    this.track.failed(call, attempt);
    if (!this.track.callback.retriesEnabled) return;
    this.#busy.set(call.seq, nextDueAt(call.firstFailedAt ?? attempt.startedAt, attempt.startedAt, this.#deps.policy, unit));
  }
}

function causeOf(call: Call): AttemptCause {
  if (call.due?.cause === "replay") return "replay";
  return call.attemptCount === 0 ? "first" : "retry";
}
