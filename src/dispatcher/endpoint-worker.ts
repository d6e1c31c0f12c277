/** Sends one endpoint's calls: what waits in memory, how much may be in flight, and what came of each. Nothing here awaits. */
import { type Attempt, type AttemptCause, type DeliveryResult, isAccepted } from "../domain/attempt.js";
import type { Call } from "../domain/call.js";
import { FAILURES_TO_DOWN } from "../domain/endpoint.js";
import { nextDueAt, type RetryPolicy, retryUntil } from "../domain/retry-policy.js";
import type { Clock } from "../platform/clock.js";
import type { Random } from "../platform/random.js";
import type { EndpointRecord } from "../store/store.js";
import { CallQueue } from "./call-queue.js";
import { CallsUnderWay } from "./calls-under-way.js";
import { EndpointTrack } from "./endpoint-track.js";
import type { OutcomeLog } from "./outcome-log.js";
import type { Sender, SendSlots } from "./send-slots.js";
import { StoreHints } from "./store-hints.js";

export interface WorkerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly policy: RetryPolicy;
  readonly log: OutcomeLog;
  readonly slots: SendSlots;
  readonly maxInFlight: number;
  /** Calls that the store is asked for at once. */
  readonly batch: number;
  /** Makes the request. */
  send(callback: EndpointTrack["callback"], call: Call): Promise<DeliveryResult>;
  /** False while outcomes can't be committed or the service is stopping. */
  maySend(): boolean;
  onAttempt(callbackId: string, attempt: Attempt): void;
  /** There is something to commit or to read. */
  onChange(): void;
}

/** A batch read longer ago than this is read again before anything of it is sent: a mark may have come in between. */
const STALE_AFTER_MS = 1_000;
/** The wall clock and the monotonic one may differ by as much over one request without either having been set. */
const CLOCKS_APART_MS = 1_000;
const LOW_WATER = 64;
/** While there is a backlog, one request in this many is for new responses. */
const FRESH_EVERY = 4;

export class EndpointWorker implements Sender {
  readonly track: EndpointTrack;
  readonly hints: StoreHints;
  readonly underWay: CallsUnderWay;
  /** New responses, and failed calls whose turn has come; read from the store, not sent yet. */
  readonly fresh = new CallQueue();
  readonly backlog = new CallQueue();
  readonly #deps: WorkerDeps;
  readonly #probe = new CallQueue();
  #isProbing = false;
  #tickInFlight = 0;
  #tickLeft = 0;
  #inFlight = 0;
  #sent = 0;

  constructor(record: EndpointRecord, deps: WorkerDeps) {
    this.#deps = deps;
    this.track = new EndpointTrack(record, deps);
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
    return Math.max(0, this.limit - this.#inFlight - this.#probe.length);
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
    return this.underWay.size === 0 && this.fresh.length === 0 && this.backlog.length === 0 && !mayHavePending && !isDirty;
  }

  get isTicking(): boolean {
    return this.#tickInFlight > 0 || this.backlog.length > 0;
  }

  /** Calls that a tick was to send and hasn't, because their reading was discarded. */
  get owedToTick(): number {
    return this.backlog.length === 0 ? this.#tickLeft : 0;
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
    this.hints.generation += 1;
    this.hints.suspectAll();
  }

  /** Of a reading, the calls that aren't under way, nor about to go as a probe. */
  withoutBusy(calls: readonly Call[]): Call[] {
    return calls.filter(({ seq }) => !this.underWay.has(seq) && !this.#probe.has(seq));
  }

  hold(call: Call, at: number): void {
    this.underWay.add(call.seq, at);
    this.track.hold(call, at);
  }

  /** Calls that were just read may be sent. */
  offer(queue: CallQueue, calls: readonly Call[]): void {
    queue.fill(calls, this.#deps.clock.monotonicMs());
    this.#deps.slots.enqueue(this);
  }

  offerTick(calls: readonly Call[]): void {
    this.#tickLeft = calls.length;
    this.offer(this.backlog, calls);
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
    const next = this.#next();
    if (next !== undefined) this.#send(next.call, next.cause, next.isOfTick);
    return next !== undefined;
  }

  #isStale(): boolean {
    const oldest = this.#deps.clock.monotonicMs() - STALE_AFTER_MS;
    return this.fresh.isOlderThan(oldest) || this.backlog.isOlderThan(oldest) || this.#probe.isOlderThan(oldest);
  }

  #next(): { readonly call: Call; readonly cause: AttemptCause; readonly isOfTick: boolean } | undefined {
    const probe = this.#probe.take();
    if (probe) return { call: probe, cause: "probe", isOfTick: false };
    const isFreshsTurn = this.fresh.length > 0 && this.#sent % FRESH_EVERY === FRESH_EVERY - 1;
    const waiting = isFreshsTurn ? undefined : this.#nextOfBacklog();
    const call = waiting ?? this.fresh.take();
    return call && { call, cause: causeOf(call), isOfTick: waiting !== undefined && this.track.endpoint.state === "down" };
  }

  #nextOfBacklog(): Call | undefined {
    for (let call = this.backlog.take(); call; call = this.backlog.take()) {
      if (this.#isInsideWindow(call)) return call;
      // Its window ended while it waited here; the next reading takes its retry away.
      this.hints.suspectDue(call.due?.at ?? 0);
    }
    return undefined;
  }

  /** A drain takes along what was inside its window when the recovery began. */
  #isInsideWindow(call: Call): boolean {
    if (call.due?.cause !== "retry" || call.firstFailedAt === null) return true;
    return (this.track.endpoint.recoveringSince ?? this.#deps.clock.now()) <= retryUntil(call.firstFailedAt, this.#deps.policy);
  }

  #send(call: Call, cause: AttemptCause, isOfTick: boolean): void {
    const { clock } = this.#deps;
    const { state, recovery } = this.track.endpoint;
    if (isOfTick) {
      this.#tickInFlight += 1;
      this.#tickLeft = Math.max(0, this.#tickLeft - 1);
    }
    this.#inFlight += 1;
    this.#sent += 1;
    this.underWay.add(call.seq);
    const startedAt = clock.now();
    const began = clock.monotonicMs();
    this.#deliver(call).then((result) => {
      if (isOfTick) this.#tickInFlight -= 1;
      if (cause === "probe") this.#isProbing = false;
      const durationMs = Math.round(clock.monotonicMs() - began);
      const number = call.attemptCount + 1;
      this.#settle(
        call,
        { number, startedAt: notAhead(startedAt, clock.now(), durationMs), durationMs, cause, result },
        state === "recovering" ? recovery : 0,
      );
    });
  }

  async #deliver(call: Call): Promise<DeliveryResult> {
    try {
      return await this.#deps.send(this.track.callback, call);
    } catch (error) {
      // A request that can't even be built costs its call an attempt, not the endpoint its worker.
      return { kind: "unreachable", reason: "protocol", detail: String(error) };
    }
  }

  #settle(call: Call, attempt: Attempt, recovery: number): void {
    const { log, random, slots } = this.#deps;
    const stateBefore = this.track.endpoint.state;
    const unit = random.unit();
    this.#inFlight -= 1;
    if (isAccepted(attempt.result)) this.track.succeeded(attempt.startedAt + attempt.durationMs);
    else this.#failed(call, attempt, unit);
    log.addAttempt({ callbackId: call.callbackId, callSeq: call.seq, attempt, unit, recovery });
    if (this.track.endpoint.state !== stateBefore) {
      this.#tickLeft = 0;
      this.discardReading();
    }
    this.#deps.onAttempt(call.callbackId, attempt);
    slots.release(this);
    slots.pump();
    this.#deps.onChange();
  }

  #failed(call: Call, attempt: Attempt, unit: number): void {
    const { policy } = this.#deps;
    this.track.failed(call, attempt);
    if (!this.track.callback.retriesEnabled) return;
    this.underWay.expectDue(call.seq, nextDueAt(call.firstFailedAt ?? attempt.startedAt, attempt.startedAt, policy, unit));
  }
}

/** When an attempt began; by a clock that was set back since, so that it doesn't end later than now. */
function notAhead(startedAt: number, endedAt: number, durationMs: number): number {
  return startedAt + durationMs <= endedAt + CLOCKS_APART_MS ? startedAt : endedAt - durationMs;
}

function causeOf(call: Call): AttemptCause {
  if (call.due?.cause === "replay") return "replay";
  return call.attemptCount === 0 ? "first" : "retry";
}
