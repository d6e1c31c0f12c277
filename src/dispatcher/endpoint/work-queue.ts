import { attemptedLongAgo, type Call, isInWindow, mayBeginAt } from "../../domain/call.js";
import { FAILURES_TO_DOWN, inFlightLimit } from "../../domain/endpoint.js";
import { latestScheduledRetry, type RetryPolicy } from "../../domain/retry-policy.js";
import type { Clock } from "../../platform/clock.js";
import type { EndpointRecord } from "../../store/dispatch-store.js";
import { CALL_BYTES, type DeliveryBudget } from "../delivery-budget.js";
import type { Sender } from "../send-slots.js";
import type { EndpointTracker } from "./endpoint-tracker.js";
import { type FailedCalls, StoreHints, type WorkBatch, type WorkRequest } from "./fetch-work.js";
import { earlier, InFlightCalls } from "./in-flight-calls.js";
import { PrefetchedCalls, type QueueName, STALE_AFTER_MS, type TakenCall } from "./prefetched-calls.js";

export interface WorkQueueDeps {
  readonly clock: Clock;
  readonly policy: RetryPolicy;
  readonly maxInFlight: number;
  readonly budget: DeliveryBudget<Sender>;
}

/** What an endpoint may read ahead, at most. */
export interface ReadShare {
  readonly calls: number;
  readonly bytes: number;
}

const LOW_WATER = 64;
/** Even while the memory for prefetched calls is full. */
const MIN_BATCH = 2;

export class WorkQueue {
  readonly #tracker: EndpointTracker;
  readonly #deps: WorkQueueDeps;
  readonly #prefetched: PrefetchedCalls;
  readonly inFlight: InFlightCalls;
  /** Grows when what was read, or is being read, is outdated. */
  #generation = 0;
  readonly #hints: StoreHints;
  /** No call before this seq is PENDING: new ones get larger seqs, under the lock of their callback, and only switching retries off releases held ones. */
  #pendingFrom = 0;
  #requests = 0;
  #lastBatch = LOW_WATER * 2;
  #isProbing = false;
  #roundInFlight = 0;
  #roundLeft = 0;

  readonly #mayGo = (call: Call): boolean => {
    const { recoveringSince } = this.#tracker.endpoint;
    if (isInWindow(call, recoveringSince ?? this.#deps.clock.now(), this.#deps.policy)) return true;
    // Its window ended here; the next read cancels its retry.
    this.#hints.expectDue(call.due?.at ?? 0);
    return false;
  };

  constructor(
    owner: Sender,
    tracker: EndpointTracker,
    record: Pick<EndpointRecord, "pendingCalls" | "nextDueAt">,
    deps: WorkQueueDeps,
  ) {
    this.#prefetched = new PrefetchedCalls(owner, deps.budget);
    this.#tracker = tracker;
    this.#deps = deps;
    this.inFlight = new InFlightCalls(deps.policy.intervalMs);
    this.#hints = new StoreHints(record);
  }

  get isIdle(): boolean {
    return this.inFlight.size === 0 && this.#prefetched.isEmpty && !this.#hints.mayHavePending && !this.#hints.isDirty;
  }

  get isSending(): boolean {
    return this.#requests > 0;
  }

  accepted(): void {
    this.#hints.mayHavePending = true;
  }

  /** Held calls may be PENDING again, or seqs were given again. */
  mayHaveEarlierPending(): void {
    this.#pendingFrom = 0;
  }

  invalidate(): void {
    if (this.#prefetched.probe.length > 0) this.#isProbing = false;
    this.#prefetched.clear();
    this.#generation += 1;
    this.#hints.suspectAll();
  }

  close(): void {
    this.invalidate();
    this.#prefetched.stopWaiting();
  }

  /** If others changed the call or settings meanwhile, it may be anything (due for a replay, PENDING again). */
  committed(callSeq: number): void {
    const call = this.inFlight.remove(callSeq);
    if (!call) return;
    if (call.generation !== this.#generation) this.#hints.suspectAll();
    else if (call.dueAt !== null) this.#hints.expectDue(call.dueAt);
  }

  /** Its round goes on without it, with the next call. */
  withdrawn({ call, isOfRound }: TakenCall): void {
    this.inFlight.remove(call.seq);
    if (isOfRound && this.#tracker.endpoint.state === "down") this.#roundLeft += 1;
    this.#hints.suspectAll();
  }

  needsWork(now: number): boolean {
    if (this.inFlight.endWaits(now)) this.#hints.suspectAll();
    if (this.#hints.isDirty) return true;
    if (this.#wantsPending(now) && this.#prefetched.fresh.length < this.#lowWater) return true;
    if (this.#prefetched.backlog.length >= this.#lowWater) return false;
    if (this.#tracker.endpoint.state === "recovering") return this.#hints.mayHaveFailed || this.#isDrained;
    return isDue(this.#nextFetchAt(), now);
  }

  /** null: nothing will be due. */
  nextWorkAt(): number | null {
    return earlier(this.#nextFetchAt(), this.inFlight.retryAt);
  }

  requestWork(now: number, { calls, bytes }: ReadShare): WorkRequest {
    const { callback, endpoint } = this.#tracker;
    const mayProbe = endpoint.state === "down" && isDue(this.#nextProbeAt(), now);
    const wantsHeld = mayProbe && this.#hints.mayHaveHeld;
    const failed = this.#failedToRequest(now);
    const expiresAt = failed?.kind === "backlog" ? (endpoint.recoveringSince ?? 0) : now;
    const batch = Math.min(calls, Math.max(MIN_BATCH, Math.floor(bytes / (2 * CALL_BYTES))));
    this.#lastBatch = batch;
    const request = {
      callbackId: callback.id,
      fence: this.#tracker.fence,
      generation: this.#generation,
      busy: this.inFlight.size + this.#prefetched.probe.length,
      batch,
      // A stored byte may take two in memory; new and failed calls may share a batch.
      maxBytes: Math.floor(bytes / (2 * batch * (failed && this.#hints.mayHavePending ? 2 : 1))),
      attemptedBefore: attemptedLongAgo(now, this.#deps.policy, callback.repairedAt),
      expireBefore: failed || wantsHeld ? expiresAt - this.#deps.policy.windowMs : null,
      wantsPending: this.#wantsPending(now),
      pendingFrom: this.#pendingFrom,
      mayProbe,
      wantsHeld,
      failed,
    };
    this.#hints.isDirty = false;
    if (request.wantsPending) this.#hints.mayHavePending = false;
    return request;
  }

  /** Ignored if settings, calls or state changed meanwhile. */
  accept(batch: WorkBatch, now: number): void {
    if (batch.request.generation !== this.#generation) return;
    if (batch.hasMorePending) this.#hints.mayHavePending = true;
    this.#pendingFrom = batch.pending[0]?.seq ?? this.#pendingFrom;
    if (this.#tracker.isProbed) this.#holdAndProbe(batch, now);
    else if (batch.request.wantsPending) this.#offer("fresh", this.#withoutBusy(batch.pending));
    const { failed } = batch.request;
    if (failed?.kind === "round") this.#acceptRound(batch, now);
    else if (failed) this.#acceptFailed(batch, failed, now);
  }

  /** If fewer than `share` are in flight ("limited": no fewer). "stale": read everything again. */
  take(share: number): TakenCall | "stale" | "limited" | undefined {
    if (this.#requests >= Math.min(this.#limit, share)) {
      this.#prefetched.stopWaiting();
      return this.#requests < this.#limit ? "limited" : undefined;
    }
    if (this.#prefetched.isOlderThan(this.#deps.clock.monotonicMs() - STALE_AFTER_MS)) {
      this.invalidate();
      return "stale";
    }
    // During a re-read the endpoint keeps its place.
    const taken = this.#prefetched.take(this.#mayGo, this.#hints.isDirty);
    if (taken === undefined) return undefined;
    taken.isOfRound = taken.from === "backlog" && this.#tracker.endpoint.state === "down";
    this.#began(taken);
    return taken;
  }

  /** False: no room. */
  built(next: TakenCall, bodyBytes: number): boolean {
    return this.#prefetched.built(next, bodyBytes);
  }

  ended(next: TakenCall): void {
    this.#prefetched.release(next);
    this.#requests -= 1;
    if (next.isOfRound) this.#roundInFlight -= 1;
    if (next.from === "probe") this.#isProbing = false;
  }

  stateChanged(): void {
    this.#roundLeft = 0;
    this.invalidate();
  }

  get #limit(): number {
    return inFlightLimit(this.#tracker.endpoint, this.#deps.maxInFlight);
  }

  /** Below this, more are read. */
  get #lowWater(): number {
    return Math.min(LOW_WATER, Math.ceil(this.#lastBatch / 2));
  }

  /** Nothing that was read waits to be tried; at full pace new responses don't count. */
  get #isDrained(): boolean {
    const { fresh, backlog } = this.#prefetched;
    return backlog.length === 0 && (fresh.length === 0 || this.#limit >= this.#deps.maxInFlight);
  }

  #nextFetchAt(): number | null {
    if (this.#prefetched.backlog.length >= this.#lowWater) return null;
    switch (this.#tracker.endpoint.state) {
      case "up":
        return this.#hints.dueAt;
      case "recovering":
        return null;
      case "down":
        return earlier(this.#nextRoundAt(), this.#hints.mayHaveHeld || this.#hints.mayHavePending ? this.#nextProbeAt() : null);
    }
  }

  #nextRoundAt(): number | null {
    if (!this.#hints.mayHaveFailed) return null;
    if (this.#unsentOfRound > 0) return 0;
    const isInRound = this.#roundInFlight > 0 || this.#prefetched.backlog.length > 0;
    return isInRound ? null : this.#tracker.endpoint.roundAt;
  }

  /** Unsent because what was read was invalidated. */
  get #unsentOfRound(): number {
    return this.#prefetched.backlog.length === 0 ? this.#roundLeft : 0;
  }

  #nextProbeAt(): number | null {
    const mayProbe = !this.#isProbing && this.#requests < FAILURES_TO_DOWN;
    return mayProbe && this.#tracker.callback.retriesEnabled ? this.#tracker.probeAt : null;
  }

  /** Down, with retries on: new responses wait for a probe. Without an open outage none is held: only a failed attempt opens one. */
  #awaitsProbe(now: number): boolean {
    return this.#isProbing || isDue(this.#tracker.probeAt, now) || !this.#tracker.hasOutageAt(now);
  }

  #wantsPending(now: number): boolean {
    if (!this.#hints.mayHavePending || !this.#tracker.isProbed) return this.#hints.mayHavePending;
    return !this.#awaitsProbe(now) || isDue(this.#nextProbeAt(), now);
  }

  #failedToRequest(now: number): FailedCalls | null {
    switch (this.#tracker.endpoint.state) {
      case "up":
        return isDue(this.#hints.dueAt, now) ? { kind: "due", at: now } : null;
      case "recovering":
        return { kind: "backlog", recovery: this.#tracker.endpoint.recovery };
      case "down":
        return isDue(this.#nextRoundAt(), now) ? { kind: "round" } : null;
    }
  }

  /**
   * Down, with retries on: the oldest response without an attempt goes as a probe if one may go; new ones wait for its outcome. They are
   * held only if the last probe failed and the next may not go yet. Without an open outage, the failure of a held one would open none: a
   * new one goes first.
   */
  #holdAndProbe({ request, held, pending }: WorkBatch, now: number): void {
    const waiting = this.#withoutBusy(pending);
    if (request.mayProbe && isDue(this.#nextProbeAt(), now)) {
      const [free] = held ? this.#withoutBusy([held]) : [];
      if (request.wantsHeld) this.#hints.mayHaveHeld = free !== undefined;
      const [first] = waiting;
      const isHeldOlder = free !== undefined && (first === undefined || (this.#tracker.hasOutageAt(now) && free.seq < first.seq));
      const probe = isHeldOlder ? free : waiting.shift();
      if (probe) {
        this.#isProbing = true;
        this.#offer("probe", [probe]);
      }
    }
    if (this.#awaitsProbe(now)) {
      this.#hints.mayHavePending ||= waiting.length > 0;
      return;
    }
    for (const call of waiting) {
      this.inFlight.add(call.seq, { dueAt: now, generation: this.#generation });
      this.#tracker.hold(call, now);
    }
  }

  #acceptRound(batch: WorkBatch, now: number): void {
    const calls = this.#withoutBusy(batch.failed);
    const room = Math.max(0, this.#limit - this.#requests - this.#prefetched.probe.length);
    this.#hints.mayHaveFailed = batch.hasMoreFailed || batch.hasMoreUpcoming || this.#withoutBusy(batch.upcoming).length > 0;
    let next = calls.slice(0, room);
    if (this.#unsentOfRound > 0) {
      const began = this.#tracker.endpoint.roundBeganAt ?? 0;
      const untried = calls.filter(({ sentAt }) => sentAt === null || sentAt < began);
      next = untried.slice(0, Math.min(this.#unsentOfRound, room));
    } else this.#tracker.beginRound(now);
    this.#roundLeft = next.length;
    this.#offer("backlog", next);
  }

  #acceptFailed(batch: WorkBatch, failed: FailedCalls, now: number): void {
    this.#offer("backlog", this.#withoutBusy(batch.failed));
    const upcoming = this.#withoutBusy(batch.upcoming);
    const isSomeLeft = batch.hasMoreFailed || (batch.hasMoreUpcoming && upcoming.length === 0);
    if (failed.kind === "due") {
      const { repairedAt } = this.#tracker.callback;
      this.#hints.dueAt = isSomeLeft ? now : null;
      for (const call of isSomeLeft ? [] : upcoming) {
        const at = Math.max(call.due?.at ?? 0, mayBeginAt(call, this.#deps.policy, repairedAt));
        if (at > now) this.#hints.dueAt = earlier(this.#hints.dueAt, Math.min(at, latestScheduledRetry(now, this.#deps.policy)));
      }
      this.#hints.mayHaveFailed = this.#hints.dueAt !== null;
      return;
    }
    this.#hints.mayHaveFailed = batch.hasMoreFailed;
    if (batch.hasMoreFailed || !this.#isDrained) return;
    this.#tracker.drained(now);
    // Read once: scheduled retries didn't count until now.
    this.#hints.mayHaveFailed = upcoming.length > 0 || isSomeLeft;
    this.#hints.dueAt = this.#hints.mayHaveFailed ? 0 : null;
  }

  #withoutBusy(calls: readonly Call[]): Call[] {
    return calls.filter(({ seq }) => !this.inFlight.has(seq) && !this.#prefetched.probe.has(seq));
  }

  #offer(queue: QueueName, calls: readonly Call[]): void {
    this.#prefetched.fill(queue, calls, this.#deps.clock.monotonicMs());
  }

  #began({ call, isOfRound }: TakenCall): void {
    if (isOfRound) {
      this.#roundInFlight += 1;
      this.#roundLeft = Math.max(0, this.#roundLeft - 1);
    }
    this.#requests += 1;
    this.inFlight.add(call.seq, { dueAt: null, generation: this.#generation });
  }
}

function isDue(at: number | null, now: number): boolean {
  return at !== null && at <= now;
}
