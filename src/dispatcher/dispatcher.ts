import { latestScheduledRetry } from "../domain/retry-policy.js";
import type { CommittedOutcomes, OutcomeGroup } from "../store/dispatch-store.js";
import { CommitTiming } from "./commit-timing.js";
import { DeliveryBudget } from "./delivery-budget.js";
import { DEFAULT_LIMITS, type DispatcherDeps } from "./dispatcher-deps.js";
import type { EndpointWorker } from "./endpoint/endpoint-worker.js";
import { fetchWork } from "./endpoint/fetch-work.js";
import { CallSender, SLOW_READ_MS } from "./endpoint/send-call.js";
import { type Fences, LeasedCallbacks, LONGEST_BACKOFF_MS, RENEW_MS, SOLE_OWNER } from "./leased-callbacks.js";
import { OutcomeLog } from "./outcome-log.js";
import { RunLoop } from "./run-loop.js";
import { type Sender, SendSlots } from "./send-slots.js";
import { WorkerPool } from "./worker-pool.js";

/** With so many endpoints waiting for slots, the others' calls are read later. */
const ENOUGH_WAITING = 512;
/** At most: two batches of calls are divided among them. */
const ENDPOINTS_PER_READ = 64;
const POLL_MS = 500;
/** Between two looks for what others changed during a slow read: while all are slow and responses come all the time, none would be of use. */
const RECHECK_MS = 10_000;
/** 60 s an attempt, 5 s to connect. */
export const LONGEST_STOP_MS = 65_000;
/** A wall clock further behind the monotonic one was set back. */
const SET_BACK_MS = 1_000;

export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #batch: number;
  readonly #log: OutcomeLog;
  readonly #timing: CommitTiming;
  readonly #slots: SendSlots;
  readonly #budget: DeliveryBudget<Sender>;
  readonly #pool: WorkerPool;
  /** null: one process serves the database. */
  readonly #leases: LeasedCallbacks | null;
  readonly #loop: RunLoop;
  readonly #leaseLoop: RunLoop;
  #isDrained = new AbortController();
  #isStopping = false;
  #recheckedAt = Number.NEGATIVE_INFINITY;
  /** Nothing is sent before a write has worked. */
  #storeState: "unproved" | "works" | "failed" = "unproved";
  /** Against the monotonic clock, at most since it was last set back; Infinity at first. */
  #wallAhead = Number.POSITIVE_INFINITY;

  constructor(deps: DispatcherDeps) {
    const { clock, random, policy, store, logger, prepare, onAttempt } = deps;
    const { inFlightInAll, inFlightPerEndpoint, batch, bodyBytes, gatherMs } = { ...DEFAULT_LIMITS, ...deps.limits };
    this.#deps = deps;
    this.#batch = batch;
    this.#log = new OutcomeLog(policy, deps.notices);
    this.#timing = new CommitTiming({ clock, log: this.#log, gatherMs });
    this.#slots = new SendSlots(inFlightInAll);
    this.#budget = new DeliveryBudget(bodyBytes, (sender) => this.#slots.enqueue(sender));
    this.#pool = new WorkerPool(store, {
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
      maySend: () => this.#maySend(),
      owns: ({ tracker }) => this.#isTrusted && this.#fences.fenceOf(tracker.callback.id) === tracker.fence,
      wake: () => this.#changedInside(),
    });
    this.#leases = store.nodes && new LeasedCallbacks({ store: store.nodes, clock, random, logger });
    this.#leaseLoop = new RunLoop(() => this.#renewLeases(), {
      clock,
      pollMs: RENEW_MS,
      longestBackoffMs: LONGEST_BACKOFF_MS,
      onError: (error) => logger.error({ err: error }, "The lease on the database can't be renewed; trying again"),
    });
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

  /** Seqs of calls whose outcomes aren't committed yet; null: another dispatcher may own the callback. */
  begunCalls(callbackId: string): ReadonlySet<number> | null {
    return this.#pool.begunCalls(callbackId, this.#fences);
  }

  start(): void {
    if (this.#leases) this.#leaseLoop.start();
    this.#loop.start();
  }

  /** Another process may have written something. */
  wake(): void {
    this.#loop.wake();
  }

  accepted(callbackId: string): void {
    this.#pool.accepted(callbackId);
    this.#timing.responsesCame();
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
    this.#leases?.stopTaking();
    this.#loop.wake();
    if (this.inFlight > 0) await clock.sleepUntil(clock.now() + LONGEST_STOP_MS, this.#isDrained.signal);
    await this.#loop.stop();
    try {
      await this.#commitBefore(end);
    } finally {
      await this.#leaseLoop.stop();
      await this.#leases?.end();
    }
  }

  async #renewLeases(): Promise<number | null> {
    if (this.#leases === null) return null;
    try {
      return await this.#leases.tick();
    } finally {
      if (this.#leases.hasChanges) this.#loop.wake();
    }
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
        if (await this.#timing.gathered()) await this.#commit();
        this.#timing.readsResponses();
        await this.#proveStore();
        await this.#clampToClock();
        this.#applyLeases();
        await this.#refresh();
        await this.#pool.withdrawCancelled(this.#fences);
        if (this.#maySend()) await this.#pool.checkOutages(this.#pool.review(this.#deps.clock.now()));
        await this.#fetch();
        this.#pump();
        await this.#deps.clock.nextTurn();
        if (!this.#hasWork()) return this.#maySend() ? this.#pool.nextWorkAt : null;
      }
    } catch (error) {
      this.#storeState = "failed";
      throw error;
    }
  }

  async #commit(): Promise<void> {
    for (let group = this.#log.next(); group; group = this.#log.next()) {
      const committed = await this.#deps.store.commitOutcomes(group);
      this.#storeWorks();
      this.#log.committed();
      this.#committed(group, committed);
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

  #committed(group: OutcomeGroup, { skippedHoldings: skipped, ...committed }: CommittedOutcomes): void {
    if (committed.staleCallbacks.size > 0) this.#forgetStale(group, committed);
    for (const { callbackId: id } of group.endpoints) this.#workerOf(group, id)?.groupCommitted(skipped.get(id) ?? 0);
    for (const { callbackId: id, callSeq } of [...group.holdings, ...group.attempts])
      this.#workerOf(group, id)?.committed(callSeq);
    if (group.mails.length + group.closedOutages.length > 0) this.#deps.onOutageChanged();
  }

  /** Takes over what the leases have changed, and gives back what was handed over. */
  #applyLeases(): void {
    const leases = this.#leases;
    if (leases === null) return;
    if (leases.hasChanges) {
      const { taken, lost, leaving, isReplaced } = leases.takeChanges(this.#pool);
      for (const id of lost) this.#pool.forget(id, leases.fenceOf(id));
      for (const id of taken) this.#pool.changed(id);
      for (const id of leaving) if (!this.#pool.handOver(id)) this.#release(id);
      if (isReplaced) this.#pool.databaseReplaced();
    }
    for (const id of this.#pool.takeFinished()) this.#release(id);
  }

  #release(callbackId: string): void {
    this.#leases?.release(callbackId);
    this.#leaseLoop.wake();
  }

  async #refresh(): Promise<void> {
    const { foreign, lost, hasDeleted } = await this.#pool.refresh(this.#fences);
    for (const [id, fence] of lost) this.#leases?.forget(id, fence);
    if (hasDeleted) this.#deps.onCallbackDeleted();
    if (foreign.length === 0) return;
    this.#leases?.want(foreign);
    this.#leaseLoop.wake();
  }

  get #fences(): Fences {
    return this.#leases ?? SOLE_OWNER;
  }

  get #isTrusted(): boolean {
    return this.#leases?.isTrusted() ?? true;
  }

  /** One with another fence knows nothing of this group. */
  #workerOf({ fences }: OutcomeGroup, callbackId: string): EndpointWorker | undefined {
    const worker = this.#pool.get(callbackId);
    return worker?.tracker.fence === fences.get(callbackId) ? worker : undefined;
  }

  #forgetStale(group: OutcomeGroup, { staleCallbacks, lostAttempts: calls }: Omit<CommittedOutcomes, "skippedHoldings">): void {
    for (const id of staleCallbacks) {
      const worker = this.#workerOf(group, id);
      if (worker === undefined) continue;
      this.#pool.forget(id);
      this.#leases?.forget(id, worker.tracker.fence);
    }
    if (calls === 0) return;
    this.#deps.logger.warn({ calls }, "Calls were sent, but not recorded: another dispatcher has taken their callbacks");
  }

  /** Reads the calls of endpoints that run low, many at once where each has few; the event loop turns in between. */
  async #fetch(): Promise<void> {
    const { clock, store } = this.#deps;
    while (this.#maySend() && this.#mayRead) {
      const now = clock.now();
      const sharing = Math.min(ENDPOINTS_PER_READ, Math.max(this.#pool.toRead, this.#slots.waiting));
      const workers = this.#pool.takeToRead(sharing, now);
      if (workers.length === 0) continue;
      const calls = Math.max(1, Math.min(this.#batch, Math.floor((2 * this.#batch) / sharing)));
      const share = { calls, bytes: this.#budget.prefetchRoom / workers.length };
      try {
        const began = clock.monotonicMs();
        const batches = await fetchWork(
          workers.map(({ queue }) => queue.requestWork(now, share)),
          store,
        );
        if (clock.monotonicMs() - began > SLOW_READ_MS) await this.#recheck();
        for (const [index, worker] of workers.entries()) {
          const batch = batches[index];
          if (batch) worker.accept(batch, now);
        }
      } catch (error) {
        for (const worker of workers) worker.invalidate();
        throw error;
      }
      this.#pump();
      await clock.nextTurn();
    }
  }

  async #recheck(): Promise<void> {
    const now = this.#deps.clock.monotonicMs();
    if (now - this.#recheckedAt < RECHECK_MS) return;
    this.#recheckedAt = now;
    await this.#pool.noticeChanges();
  }

  get #mayRead(): boolean {
    return this.#pool.toRead > 0 && this.#slots.waiting < ENOUGH_WAITING;
  }

  #pump(): void {
    if (!this.#maySend()) return;
    this.#slots.enqueueLimited();
    this.#slots.pump();
  }

  /** At the start and after the clock was set back: nothing stored may be in the future. */
  async #clampToClock(): Promise<void> {
    const { clock, policy, store } = this.#deps;
    const now = clock.now();
    const wallAhead = now - clock.monotonicMs();
    if (wallAhead < this.#wallAhead - SET_BACK_MS) {
      await store.clampTimes({ now, latestDueAt: latestScheduledRetry(now, policy) });
      this.#pool.changedAll();
      this.#wallAhead = wallAhead;
    }
    // Small steps back add up.
    this.#wallAhead = Math.max(this.#wallAhead, wallAhead);
  }

  #hasWork(): boolean {
    if (!this.#maySend()) return !this.#log.isEmpty;
    const toCheck = this.#pool.review(this.#deps.clock.now());
    return !this.#log.isEmpty || this.#pool.hasChanges || toCheck.length > 0 || this.#mayRead;
  }

  #maySend(): boolean {
    return !this.#isStopping && this.#isTrusted && this.#storeState === "works" && !this.#timing.isFull;
  }

  #changedInside(): void {
    this.#timing.outcomeAdded();
    if (this.#isStopping && this.inFlight === 0) this.#isDrained.abort();
    this.#loop.wake();
  }
}
