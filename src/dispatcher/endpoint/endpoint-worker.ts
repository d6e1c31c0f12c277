/** Nothing here awaits. */
import { type Attempt, type AttemptCause, isAccepted } from "../../domain/attempt.js";
import type { Call } from "../../domain/call.js";
import type { Callback } from "../../domain/callback.js";
import { nextDueAt } from "../../domain/retry-policy.js";
import type { Logger } from "../../platform/logger.js";
import type { EndpointRecord } from "../../store/dispatch-store.js";
import type { Sender, SendSlots } from "../send-slots.js";
import { EndpointTracker, type TrackerDeps } from "./endpoint-tracker.js";
import type { WorkBatch } from "./fetch-work.js";
import { STALE_AFTER_MS, type TakenCall } from "./prefetched-calls.js";
import type { CallSender, SendingEndpoint, SentAttempt } from "./send-call.js";
import { WorkQueue, type WorkQueueDeps } from "./work-queue.js";

export interface WorkerDeps extends TrackerDeps, WorkQueueDeps {
  readonly logger: Logger;
  readonly slots: SendSlots;
  readonly sender: Pick<CallSender, "attempt">;
  /** False when stopping, or while outcomes can't be committed. */
  maySend(): boolean;
  /** At this moment. */
  owns(worker: EndpointWorker): boolean;
  onAttempt(callbackId: string, attempt: Attempt): void;
  /** It may need something now, or at another time than before. */
  onChange(worker: EndpointWorker): void;
  /** For a step of the dispatcher. */
  wake(): void;
}

/** From the instant of a change until it is stored, at most. */
const LONGEST_CHANGE_MS = 5 * 60_000;

export class EndpointWorker implements Sender, SendingEndpoint {
  readonly tracker: EndpointTracker;
  readonly queue: WorkQueue;
  readonly #deps: WorkerDeps;

  constructor(record: EndpointRecord, deps: WorkerDeps) {
    this.#deps = deps;
    this.tracker = new EndpointTracker(record, deps);
    this.queue = new WorkQueue(this, this.tracker, record, deps);
  }

  /** Nothing would be lost with it. */
  get isIdle(): boolean {
    return this.queue.isIdle && !this.tracker.hasUncommitted;
  }

  /** Nothing of it is in flight or uncommitted. */
  get isAtRest(): boolean {
    return !this.queue.isSending && !this.tracker.hasUncommitted;
  }

  refresh(callback: Callback): void {
    if (this.#mayHaveBeenOff(callback)) this.queue.mayHaveEarlierPending();
    this.queue.invalidate();
    this.tracker.useSettings(callback);
    this.#deps.onChange(this);
  }

  /** Retries may have been switched off, and perhaps on again: two changes of one millisecond look like one. */
  #mayHaveBeenOff({ retriesEnabled, repairedAt }: Callback): boolean {
    const before = this.tracker.callback;
    const isChanged = retriesEnabled !== before.retriesEnabled || repairedAt !== before.repairedAt;
    return isChanged || this.#deps.clock.now() < repairedAt + LONGEST_CHANGE_MS;
  }

  invalidate(): void {
    this.queue.invalidate();
    this.#deps.onChange(this);
  }

  /** New responses. */
  accepted(): void {
    this.queue.accepted();
    this.#deps.onChange(this);
  }

  committed(callSeq: number): void {
    this.queue.committed(callSeq);
    this.#deps.onChange(this);
  }

  groupCommitted(skippedHoldings: number): void {
    this.tracker.groupCommitted(skippedHoldings);
    this.#deps.onChange(this);
  }

  /** What follows from the time alone. */
  keepTime(now: number): void {
    this.tracker.clampToClock(now);
    this.tracker.closeOutageIfOver(now);
  }

  accept(batch: WorkBatch, now: number): void {
    this.queue.accept(batch, now);
    this.#deps.slots.enqueue(this);
    this.#deps.onChange(this);
  }

  sendOne(share: number): "sent" | "limited" | "nothing" {
    const taken = this.queue.take(share);
    if (taken === "limited") return taken;
    this.#deps.onChange(this);
    if (taken === "stale") this.#deps.wake();
    if (taken === undefined || taken === "stale") return "nothing";
    this.#send(taken);
    return "sent";
  }

  get callback(): Callback {
    return this.tracker.callback;
  }

  mayHold(taken: TakenCall, bodyBytes: number): boolean {
    return this.#deps.owns(this) && this.queue.built(taken, bodyBytes);
  }

  /** The callback may be another dispatcher's now, and while the process was stopped, others may have marked the call. */
  readonly mayStillSend = (stoppedMs: number): boolean => stoppedMs <= STALE_AFTER_MS && this.#deps.owns(this);

  #send(taken: TakenCall): void {
    const { call, from } = taken;
    const { state, recovery } = this.tracker.endpoint;
    const recoveryOfAttempt = state === "recovering" ? recovery : 0;
    this.#deps.sender.attempt(taken, from === "probe" ? "probe" : causeOf(call), this).then(
      (sent) => {
        this.queue.ended(taken);
        if (sent === null) this.queue.withdrawn(taken);
        else this.#settle(call, sent, recoveryOfAttempt);
        this.#sendNext();
      },
      (error: unknown) => {
        this.queue.ended(taken);
        this.#failedHere(call, error);
        this.#sendNext();
      },
    );
  }

  #sendNext(): void {
    const { slots, maySend, onChange, wake } = this.#deps;
    slots.release(this);
    if (maySend()) slots.pump();
    onChange(this);
    wake();
  }

  #settle(call: Call, sent: SentAttempt, recovery: number): void {
    const { attempt } = sent;
    const { policy, log, onAttempt } = this.#deps;
    const stateBefore = this.tracker.endpoint.state;
    const random = this.#deps.random.fraction();
    const { startedAt } = attempt;
    const isFailed = !isAccepted(attempt.result);
    if (isFailed) this.tracker.failed(call, sent);
    else this.tracker.succeeded(startedAt + attempt.durationMs, call.firstFailedAt !== null);
    const mayRetry = isFailed && this.tracker.callback.retriesEnabled;
    this.queue.inFlight.attempted(
      call.seq,
      mayRetry ? nextDueAt(call.firstFailedAt ?? startedAt, startedAt, policy, random) : null,
    );
    log.addAttempt(
      { callbackId: call.callbackId, callId: call.id, callSeq: call.seq, attempt, random, recovery },
      this.tracker.fence,
    );
    if (this.tracker.endpoint.state !== stateBefore) this.queue.stateChanged();
    onAttempt(call.callbackId, attempt);
  }

  /** Our own fault is no attempt (docs/dispatcher.md, A call, Rule 3). */
  #failedHere({ id, seq, callbackId }: Call, error: unknown): void {
    const waitMs = this.queue.inFlight.failedHere(seq, this.#deps.clock.now());
    const fields = { err: error, callbackId, callId: id, waitMs };
    this.#deps.logger.error(fields, "A call could not be sent; it will be tried again");
  }
}

function causeOf(call: Call): AttemptCause {
  if (call.due?.cause === "replay") return "replay";
  return call.sentAt === null ? "first" : "retry";
}
