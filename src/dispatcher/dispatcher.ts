import { DEFAULT_MAX_IN_FLIGHT } from "../domain/endpoint.js";
import { latestScheduledRetry, type RetryPolicy } from "../domain/retry-policy.js";
import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import type { Random } from "../platform/random.js";
import type { CommittedOutcomes, DispatchStore, OutcomeGroup, Store } from "../store/store.js";
import { DeliveryBudget } from "./delivery-budget.js";
import type { EndpointWorker, WorkerDeps } from "./endpoint/endpoint-worker.js";
import { fetchWork } from "./endpoint/fetch-work.js";
import { CallSender, type CallSenderDeps } from "./endpoint/send-call.js";
import { OutcomeLog } from "./outcome-log.js";
import { RunLoop } from "./run-loop.js";
import { type Sender, SendSlots } from "./send-slots.js";
import { type PoolStore, WorkerPool } from "./worker-pool.js";

export interface DispatcherDeps extends Pick<CallSenderDeps, "prepare">, Pick<WorkerDeps, "onAttempt"> {
  readonly store: DispatchStore & PoolStore & Pick<Store, "checkWritable" | "findCall">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly policy: RetryPolicy;
  readonly limits?: Partial<DispatchLimits>;
  /** A commit queued e-mails. */
  onMailQueued(): void;
  /** By this process or another. */
  onCallbackDeleted(): void;
}

export interface DispatchLimits {
  readonly inFlightPerEndpoint: number;
  readonly inFlightInAll: number;
  readonly batch: number;
  /** Prefetched and in flight. One may always go. */
  readonly bodyBytes: number;
  /** Outcomes within it share a commit; 0: one turn of the event loop. */
  readonly gatherMs: number;
}

const DEFAULT_LIMITS: DispatchLimits = {
  inFlightPerEndpoint: DEFAULT_MAX_IN_FLIGHT,
  inFlightInAll: 512,
  batch: 512,
  bodyBytes: 64 * 1024 * 1024,
  gatherMs: 4,
};
/** With this many uncommitted nothing more is sent: a crash may lose one group. */
const LARGEST_GROUP = 512;
/** At a start with 10 000 endpoints, the API must answer in between. */
const FETCHES_A_TURN = 16;
const POLL_MS = 500;
/** 60 s an attempt, 5 s to connect. */
export const LONGEST_STOP_MS = 65_000;
/** A wall clock further behind the monotonic one was set back. */
const SET_BACK_MS = 1_000;

export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #gatherMs: number;
  readonly #log: OutcomeLog;
  readonly #slots: SendSlots;
  readonly #budget: DeliveryBudget<Sender>;
  readonly #pool: WorkerPool;
  readonly #loop: RunLoop;
  #groupIsFull = new AbortController();
  #isDrained = new AbortController();
  #isStopping = false;
  /** Nothing is sent before a write has worked. */
  #storeState: "unproved" | "works" | "failed" = "unproved";
  /** Against the monotonic clock; Infinity at first. */
  #wallAhead = Number.POSITIVE_INFINITY;

  constructor(deps: DispatcherDeps) {
    const { clock, random, policy, store, logger, prepare, onAttempt } = deps;
    const { inFlightInAll, inFlightPerEndpoint, batch, bodyBytes, gatherMs } = { ...DEFAULT_LIMITS, ...deps.limits };
    this.#deps = deps;
    this.#gatherMs = gatherMs;
    this.#log = new OutcomeLog(policy);
    this.#slots = new SendSlots(inFlightInAll);
    this.#budget = new DeliveryBudget(bodyBytes, (sender) => this.#slots.enqueue(sender));
    this.#pool = new WorkerPool(
      store,
      {
        clock,
        random,
        logger,
        policy,
        onAttempt,
        sender: new CallSender({ clock, store, prepare }),
        log: this.#log,
        slots: this.#slots,
        budget: this.#budget,
        maxInFlight: inFlightPerEndpoint,
        batch,
        maySend: () => this.#maySend(),
        onChange: () => this.#changedInside(),
      },
      () => deps.onCallbackDeleted(),
    );
    this.#loop = new RunLoop(() => this.tick(), {
      clock,
      pollMs: POLL_MS,
      onError: (error) => deps.logger.error({ err: error }, "The store failed; dispatching pauses and tries again"),
    });
  }

  get inFlight(): number {
    return this.#slots.inUse;
  }

  get heldBytes(): number {
    return this.#budget.heldBytes;
  }

  get endpoints(): number {
    return this.#pool.size;
  }

  /** Seqs; their outcomes aren't committed yet. */
  begunCalls(callbackId: string): ReadonlySet<number> {
    return this.#pool.get(callbackId)?.queue.inFlight.begun() ?? new Set();
  }

  start(): void {
    this.#loop.start();
  }

  accepted(callbackId: string): void {
    this.#pool.accepted(callbackId);
    this.#loop.wake();
  }

  changed(callbackId: string): void {
    this.#pool.changed(callbackId);
    this.#loop.wake();
  }

  /**
   * Resolves when all in flight is committed, 65 s at most. Rejects with the store's error: calls without a stored outcome are sent again
   * after the next start.
   */
  async stop(): Promise<void> {
    const { clock } = this.#deps;
    const end = clock.monotonicMs() + LONGEST_STOP_MS;
    this.#isStopping = true;
    if (this.inFlight > 0) await clock.sleepUntil(clock.now() + LONGEST_STOP_MS, this.#isDrained.signal);
    await this.#loop.stop();
    await this.#commitBefore(end);
  }

  /** Until this monotonic instant. */
  async #commitBefore(end: number): Promise<void> {
    const { clock, logger } = this.#deps;
    for (;;) {
      try {
        return await this.#commit();
      } catch (error) {
        logger.error(
          { err: error, outcomes: this.#log.size },
          "The store fails at the stop; the last outcomes aren't on disk yet",
        );
        if (clock.monotonicMs() >= end) throw error;
        await clock.sleepUntil(clock.now() + POLL_MS);
      }
    }
  }

  /** Resolves with when the next thing is due (epoch ms), answers aside; null: nothing. */
  async tick(): Promise<number | null> {
    try {
      for (;;) {
        await this.#gather();
        await this.#commit();
        await this.#proveStore();
        await this.#clampToClock();
        await this.#pool.refresh();
        await this.#fetchAll();
        this.#slots.pump();
        await this.#deps.clock.nextTurn();
        if (this.#log.isEmpty && !this.#hasWork()) return this.#maySend() ? this.#pool.retire() : null;
      }
    } catch (error) {
      this.#storeState = "failed";
      throw error;
    }
  }

  async #gather(): Promise<void> {
    const { clock } = this.#deps;
    if (this.#gatherMs === 0 || this.#log.size === 0 || this.#log.size >= LARGEST_GROUP) return;
    this.#groupIsFull = new AbortController();
    await clock.sleepUntil(clock.now() + this.#gatherMs, this.#groupIsFull.signal);
  }

  async #commit(): Promise<void> {
    for (let group = this.#log.next(); group; group = this.#log.next()) {
      const committed = await this.#deps.store.commitOutcomes(group);
      this.#storeWorks();
      this.#log.committed();
      this.#release(group, committed);
    }
  }

  /** Only a trial write shows whether outcomes could be recorded. */
  async #proveStore(): Promise<void> {
    if (this.#storeState === "works") return;
    await this.#deps.store.checkWritable();
    this.#storeWorks();
  }

  #storeWorks(): void {
    if (this.#storeState === "failed") this.#deps.logger.warn({}, "The store can be written again; dispatching continues");
    this.#storeState = "works";
  }

  #release(group: OutcomeGroup, { skippedHoldings, droppedOutages }: CommittedOutcomes): void {
    for (const { callbackId, outage } of group.endpoints) {
      const isDropped = outage !== null && droppedOutages.has(outage.id);
      this.#pool.get(callbackId)?.tracker.groupCommitted(skippedHoldings.get(callbackId) ?? 0, isDropped);
    }
    for (const { callbackId, callSeq } of group.holdings) this.#pool.get(callbackId)?.queue.committed(callSeq);
    for (const { callbackId, callSeq } of group.attempts) this.#pool.get(callbackId)?.queue.committed(callSeq);
    if (group.mails.length > 0) this.#deps.onMailQueued();
  }

  async #fetchAll(): Promise<void> {
    let fetches = 0;
    for (const worker of this.#pool.all()) {
      const now = this.#deps.clock.now();
      worker.tracker.clampToClock(now);
      worker.tracker.closeOutageIfOver(now);
      this.#slots.enqueue(worker);
      if (this.#maySend()) await this.#checkOutage(worker);
      if (!this.#maySend() || !this.#pool.isCurrent(worker) || !worker.queue.needsWork(now)) continue;
      await this.#fetch(worker, now);
      fetches += 1;
      if (fetches % FETCHES_A_TURN === 0) await this.#deps.clock.nextTurn();
    }
  }

  async #checkOutage({ tracker }: EndpointWorker): Promise<void> {
    const outage = tracker.outageToCheck;
    if (outage === null) return;
    const [progress] = await this.#deps.store.readOutageProgress([
      { callbackId: tracker.callback.id, since: outage.startedAt },
    ]);
    if (progress) tracker.outageChecked(outage, progress, this.#deps.clock.now());
  }

  async #fetch(worker: EndpointWorker, now: number): Promise<void> {
    try {
      const [batch] = await fetchWork([worker.queue.requestWork(now)], this.#deps.store);
      if (batch) worker.accept(batch, now);
    } catch (error) {
      worker.queue.invalidate();
      throw error;
    }
  }

  /** At the start and after the clock was set back: nothing stored may be in the future. */
  async #clampToClock(): Promise<void> {
    const { clock, policy, store } = this.#deps;
    const now = clock.now();
    const wallAhead = now - clock.monotonicMs();
    if (wallAhead < this.#wallAhead - SET_BACK_MS) {
      await store.clampTimes({ now, latestDueAt: latestScheduledRetry(now, policy) });
      this.#pool.changedAll();
    }
    this.#wallAhead = wallAhead;
  }

  #hasWork(): boolean {
    if (!this.#maySend()) return false;
    if (this.#pool.hasChanges) return true;
    const now = this.#deps.clock.now();
    for (const worker of this.#pool.all()) {
      if (worker.queue.needsWork(now) || worker.tracker.outageToCheck !== null) return true;
    }
    return false;
  }

  #maySend(): boolean {
    return !this.#isStopping && this.#storeState === "works" && this.#log.size < LARGEST_GROUP;
  }

  #changedInside(): void {
    if (this.#log.size >= LARGEST_GROUP) this.#groupIsFull.abort();
    if (this.#isStopping && this.inFlight === 0) this.#isDrained.abort();
    this.#loop.wake();
  }
}
