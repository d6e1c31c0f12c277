import type { Attempt } from "../domain/attempt.js";
import { CallSender, SLOW_READ_MS } from "./call-sender.js";
import { DeliveryBudget } from "./delivery-budget.js";
import { DEFAULT_LIMITS, type DispatcherDeps } from "./dispatcher-deps.js";
import { acceptAndLog } from "./endpoint/accept-read.js";
import type { EndpointRules, EndpointState } from "./endpoint/endpoint-state.js";
import { fetchWork } from "./endpoint/fetch-work.js";
import { beginRead } from "./endpoint/read-calls.js";
import { endCall, type OwnFault, settleTaken } from "./endpoint/settle-call.js";
import { fitRequest, isStillDue, STALE_AFTER_MS, type TakenCall, takeCall } from "./endpoint/take-call.js";
import { EndpointPool } from "./endpoint-pool.js";
import { type CallbackOwner, LEASE_STEPS, LeasedCallbacks, SOLE_OWNER } from "./leased-callbacks.js";
import { OutcomeCommitter } from "./outcomes/outcome-committer.js";
import { CommitTiming, OutcomeLog } from "./outcomes/outcome-log.js";
import { RunLoop } from "./run-loop.js";
import { SendSlots } from "./send-slots.js";

/** While this many endpoints wait for slots, the others' calls aren't read. */
const MAX_WAITING_TO_READ = 512;
/** Two batches of calls are divided among at most so many endpoints. */
const ENDPOINTS_PER_READ = 64;
const POLL_MS = 500;
/** An attempt takes 60 s at most, and connecting 5 s. */
export const LONGEST_STOP_MS = 65_000;

/** Owns everything that sends, and is the only one that calls it: what it calls returns values. Its step is `tick`. */
export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #rules: EndpointRules;
  readonly #callsPerRead: number;
  readonly #log: OutcomeLog;
  readonly #timing: CommitTiming;
  readonly #slots: SendSlots<EndpointState>;
  readonly #budget: DeliveryBudget<EndpointState>;
  readonly #pool: EndpointPool;
  readonly #committer: OutcomeCommitter;
  readonly #sender: CallSender;
  /** `leases` is null if one process serves the database. */
  readonly #leases: LeasedCallbacks | null;
  readonly #loop: RunLoop;
  readonly #leaseLoop: RunLoop;
  #isDrained = new AbortController();
  #isStopping = false;

  constructor(deps: DispatcherDeps) {
    const { clock, random, policy, store, logger, prepare, notices } = deps;
    const { gatherMs, groupSize, ...limits } = { ...DEFAULT_LIMITS, ...deps.limits };
    this.#deps = deps;
    this.#rules = { policy, maxInFlight: limits.inFlightPerEndpoint };
    this.#callsPerRead = limits.batch;
    this.#log = new OutcomeLog(policy, notices);
    this.#timing = new CommitTiming({ clock, log: this.#log, gatherMs, groupSize });
    this.#slots = new SendSlots(limits.inFlightInAll);
    this.#budget = new DeliveryBudget(limits.bodyBytes);
    this.#pool = new EndpointPool({ store, clock, random, rules: this.#rules, log: this.#log, budget: this.#budget });
    this.#committer = new OutcomeCommitter(deps, this.#log, this.#pool);
    this.#sender = new CallSender({ clock, store, prepare });
    this.#leases = store.nodes && new LeasedCallbacks({ ...deps, store: store.nodes });
    this.#loop = new RunLoop(() => this.tick(), {
      clock,
      pollMs: POLL_MS,
      onError: (error) => logger.error({ err: error }, "The store failed; dispatching pauses and tries again"),
    });
    this.#leaseLoop = new RunLoop(() => this.#renewLeases(), {
      ...LEASE_STEPS,
      clock,
      onError: (error) => logger.error({ err: error }, "The lease on the database can't be renewed; trying again"),
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

  /** Returns the seqs of calls whose outcomes aren't committed yet, or null if another dispatcher may own the callback. */
  begunCalls(callbackId: string): ReadonlySet<number> | null {
    return this.#pool.begunCalls(callbackId, this.#owner);
  }

  start(): void {
    if (this.#leases) this.#leaseLoop.start();
    this.#loop.start();
  }

  /** Is called when another process may have written something. Takes the next `tick` at once, as do the two below. */
  wake(): void {
    this.#loop.wake();
  }

  /** Is called as responses are about to be stored: on SQLite, outcomes that have gathered share the transaction. */
  accepting(): void {
    if (this.#leases === null) this.#timing.noteCommit();
  }

  accepted(callbackId: string): void {
    this.#pool.accepted(callbackId);
    this.#timing.noteResponses();
    this.#loop.wake();
  }

  changed(callbackId: string): void {
    this.#pool.changed(callbackId);
    this.#loop.wake();
  }

  /** Takes one step. Resolves with when the next thing is due (epoch ms), answers aside, or null if nothing is. */
  async tick(): Promise<number | null> {
    const { clock } = this.#deps;
    try {
      for (;;) {
        await this.#commitGathered();
        await this.#applyChanges();
        await this.#readCalls();
        this.#handOut();
        await clock.nextTurn();
        if (!this.#hasWork()) return this.#maySend() ? this.#pool.nextWorkAt : null;
      }
    } catch (error) {
      this.#committer.noteStoreError();
      throw error;
    }
  }

  #hasWork(): boolean {
    if (!this.#maySend()) return !this.#log.isEmpty;
    const checks = this.#pool.review(this.#deps.clock.now());
    return !this.#log.isEmpty || this.#pool.hasChanges || checks.length > 0 || this.#mayRead;
  }

  #maySend(): boolean {
    return !this.#isStopping && this.#isTrusted && this.#committer.mayRecord && !this.#timing.isFull;
  }

  /** Applies what the clock, the leases and others changed, and reviews the endpoints that may need something. */
  async #applyChanges(): Promise<void> {
    await this.#committer.clampToClock();
    this.#applyLeases();
    await this.#refreshCallbacks();
    await this.#pool.withdrawCancelled(this.#owner);
    const checks = this.#maySend() ? this.#pool.review(this.#deps.clock.now()) : [];
    if (checks.length > 0) await this.#committer.checkOutages(checks);
  }

  /** Reads the calls of endpoints that run low, many at once where each has few, until it is time to look for changes again. */
  async #readCalls(): Promise<void> {
    const { clock, store, random } = this.#deps;
    const endAt = clock.monotonicMs() + SLOW_READ_MS;
    while (this.#maySend() && this.#mayRead && clock.monotonicMs() < endAt) {
      const now = clock.now();
      const sharing = Math.min(ENDPOINTS_PER_READ, Math.max(this.#pool.waitingForRead, this.#slots.waiting));
      const endpoints = this.#pool.takeToRead(sharing, now);
      if (endpoints.length === 0) continue;
      const calls = Math.max(1, Math.min(this.#callsPerRead, Math.floor((2 * this.#callsPerRead) / sharing)));
      const share = { calls, bytes: this.#budget.prefetchRoom / endpoints.length };
      try {
        const began = clock.monotonicMs();
        const requests = endpoints.map((endpoint) => beginRead(endpoint, now, share, this.#rules));
        const batches = await fetchWork(requests, store.queue);
        if (clock.monotonicMs() - began > SLOW_READ_MS) await this.#pool.readAllChanges();
        for (const [index, endpoint] of endpoints.entries()) {
          const batch = batches[index];
          if (batch) acceptAndLog(endpoint, batch, { ...this.#rules, now, monotonicMs: clock.monotonicMs(), random }, this.#log);
          if (batch) this.#pool.logAndPlanReview(endpoint);
          this.#slots.enqueue(endpoint);
        }
      } catch (error) {
        for (const endpoint of endpoints) this.#pool.invalidate(endpoint);
        throw error;
      }
      this.#handOut();
      await clock.nextTurn();
    }
  }

  get #mayRead(): boolean {
    return this.#pool.waitingForRead > 0 && this.#slots.waiting < MAX_WAITING_TO_READ;
  }

  /** Hands out calls also to endpoints that had their share of the slots, as it may have grown. */
  #handOut(): void {
    this.#slots.enqueueLimited();
    this.#sendToFreeSlots();
  }

  /** Sends while slots are free and endpoints wait for them. */
  #sendToFreeSlots(): void {
    if (!this.#maySend()) return;
    for (;;) {
      for (const endpoint of this.#budget.takeOffered()) this.#slots.enqueue(endpoint);
      const endpoint = this.#slots.next();
      if (endpoint === undefined) return;
      this.#sendNext(endpoint);
    }
  }

  #sendNext(endpoint: EndpointState): void {
    const { clock } = this.#deps;
    const at = { now: clock.now(), monotonicMs: clock.monotonicMs(), ...this.#rules };
    const taken = takeCall(endpoint, this.#slots.share, this.#budget, at);
    if (taken === "limited") this.#slots.setAside(endpoint);
    else this.#pool.logAndPlanReview(endpoint);
    if (taken === "stale") this.#loop.wake();
    else if (typeof taken !== "string") {
      this.#slots.take(endpoint);
      this.#attempt(endpoint, taken).then(
        (attempt) => this.#settle(endpoint, taken, attempt),
        (fault: unknown) => this.#settle(endpoint, taken, { fault }),
      );
    }
  }

  /** Resolves to null if nothing was sent. Rejects if our side failed. */
  async #attempt(endpoint: EndpointState, taken: TakenCall): Promise<Attempt | null> {
    const { call, generation } = taken;
    const isWhole = call.leftOutBytes === undefined;
    // A whole call leaves in the turn in which it was taken, because the endpoint's limit may be lower later.
    const delivery = isWhole ? this.#deps.prepare(endpoint.callback, call) : await this.#sender.readAndPrepare(call, endpoint);
    const mayBegin = () => this.#mayBegin(endpoint);
    // The process may have been stopped, while the call was read, until its window had ended.
    const isDue = () => isWhole || isStillDue(endpoint, call, { now: this.#deps.clock.now() - STALE_AFTER_MS, ...this.#rules });
    if (delivery === null || !mayBegin() || !isDue()) return null;
    taken.sentTo = endpoint.callback;
    if (!fitRequest(endpoint, taken, delivery.bodyBytes, this.#budget)) return null;
    const isUnchanged = () => this.#pool.isUnchanged(endpoint, generation);
    return this.#sender.send(delivery, taken, { mayBegin, isUnchanged });
  }

  /** Updates the endpoint, its outage and the log, and frees the slot. The next step commits the log. */
  #settle(endpoint: EndpointState, taken: TakenCall, outcome: Attempt | OwnFault | null): void {
    endCall(endpoint, taken, this.#budget);
    const isSent = settleTaken(endpoint, taken, outcome, { deps: this.#deps, rules: this.#rules, log: this.#log });
    this.#pool.callEnded(endpoint, isSent);
    this.#slots.release(endpoint);
    this.#sendToFreeSlots();
    this.#timing.noteOutcome();
    if (this.#isStopping && this.inFlight === 0) this.#isDrained.abort();
    this.#loop.wake();
  }

  /** Commits the outcomes that have gathered, unless new responses come first. */
  async #commitGathered(): Promise<void> {
    if (await this.#timing.waitForOutcomes()) await this.#commit();
    this.#timing.noteRead();
    if (!this.#committer.mayRecord) await this.#committer.proveStore();
  }

  async #commit(): Promise<void> {
    for (let done = await this.#committer.commitNext(); done; done = await this.#committer.commitNext()) {
      for (const [id, fence] of done.lost) this.#leases?.forget(id, fence);
      if (done.hasOutages) this.#deps.wakeOutboxes();
    }
  }

  /**
   * Resolves when all in flight is committed, 65 s at most. Rejects with the store's error: calls without a stored outcome are sent again
   * after the next start.
   */
  async stop(): Promise<void> {
    const { clock } = this.#deps;
    const endAt = clock.monotonicMs() + LONGEST_STOP_MS;
    this.#isStopping = true;
    this.#leases?.stopTaking();
    this.#loop.wake();
    if (this.inFlight > 0) await clock.sleepUntil(clock.now() + LONGEST_STOP_MS, this.#isDrained.signal);
    await this.#loop.stop();
    try {
      await this.#commitBefore(endAt);
    } finally {
      await this.#leaseLoop.stop();
      await this.#leases?.endLease();
    }
  }

  /** Tries until this monotonic instant. */
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

  /** Takes over what the leases have changed, and gives back what was handed over. */
  #applyLeases(): void {
    const leases = this.#leases;
    if (leases === null) return;
    if (leases.hasChanges) {
      const { taken, lost, leaving, isReplaced } = leases.takeChanges((id) => this.#pool.has(id));
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

  async #renewLeases(): Promise<number | null> {
    if (this.#leases === null) return null;
    try {
      return await this.#leases.tick();
    } finally {
      if (this.#leases.hasChanges) this.#loop.wake();
    }
  }

  get #owner(): CallbackOwner {
    return this.#leases ?? SOLE_OWNER;
  }

  get #isTrusted(): boolean {
    return this.#leases?.isTrusted() ?? true;
  }

  /** Whether the endpoint's callback is this dispatcher's at this moment, and isn't paused. */
  #mayBegin({ callback, fence, isPaused }: EndpointState): boolean {
    return !isPaused && this.#isTrusted && this.#owner.fenceOf(callback.id) === fence;
  }

  async #refreshCallbacks(): Promise<void> {
    const { foreign, lost, hasDeleted } = await this.#pool.refresh(this.#owner);
    for (const [id, fence] of lost) this.#leases?.forget(id, fence);
    if (hasDeleted) this.#deps.onCallbackDeleted();
    if (foreign.length === 0) return;
    this.#leases?.requestCallbacks(foreign);
    this.#leaseLoop.wake();
  }
}
