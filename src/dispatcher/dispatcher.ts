/** Delivers what waits: commits what came back, reads what is due, hands it to the endpoints' workers. */
import { DEFAULT_MAX_IN_FLIGHT } from "../domain/endpoint.js";
import type { RetryPolicy } from "../domain/retry-policy.js";
import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import type { Random } from "../platform/random.js";
import type { DispatchStore, EndpointRecord, OutcomeGroup, Store } from "../store/store.js";
import { EndpointWorker, type WorkerDeps } from "./endpoint-worker.js";
import { OutcomeLog } from "./outcome-log.js";
import { RunLoop } from "./run-loop.js";
import { SendSlots } from "./send-slots.js";
import { earlier, needsSupply, nextSupplyAt, supply } from "./supply.js";

export interface DispatcherDeps extends Pick<WorkerDeps, "send" | "onAttempt"> {
  readonly store: DispatchStore & Pick<Store, "changeCounter">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly policy: RetryPolicy;
  readonly limits?: Partial<DispatchLimits>;
  /** A commit owed mails. */
  onMailOwed(): void;
}

export interface DispatchLimits {
  readonly inFlightPerEndpoint: number;
  readonly inFlightInAll: number;
  /** Calls read at once. */
  readonly batch: number;
  /** How long outcomes gather before they are committed together; 0: one turn of the event loop. */
  readonly gatherMs: number;
}

const DEFAULT_LIMITS: DispatchLimits = {
  inFlightPerEndpoint: DEFAULT_MAX_IN_FLIGHT,
  inFlightInAll: 512,
  batch: 512,
  gatherMs: 4,
};
/** With as many outcomes waiting for their commit nothing more is sent: a crash may lose the record of one group. */
const LARGEST_GROUP = 512;
const POLL_MS = 500;
const DRAIN_MS = 65_000;

export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #limits: DispatchLimits;
  readonly #log: OutcomeLog;
  readonly #slots: SendSlots;
  readonly #workers = new Map<string, EndpointWorker>();
  readonly #woken = new Set<string>();
  readonly #loop: RunLoop;
  #changeCounter: number | null = null;
  #groupIsFull = new AbortController();
  #isDrained = new AbortController();
  #isStopping = false;
  #storeFails = false;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
    this.#limits = { ...DEFAULT_LIMITS, ...deps.limits };
    this.#log = new OutcomeLog(deps.policy);
    this.#slots = new SendSlots(this.#limits.inFlightInAll);
    this.#loop = new RunLoop(() => this.tick(), {
      clock: deps.clock,
      pollMs: POLL_MS,
      onError: (error) => deps.logger.error({ err: error }, "The store failed; dispatching pauses and tries again"),
    });
  }

  get inFlight(): number {
    return this.#slots.inUse;
  }

  start(): void {
    this.#loop.start();
  }

  /** New responses were accepted for this callback. */
  accepted(callbackId: string): void {
    const worker = this.#workers.get(callbackId);
    if (worker) worker.mayHavePending = true;
    else this.#woken.add(callbackId);
    this.#loop.wake();
  }

  /** Its settings or its calls were changed otherwise: nothing that was read before is sent any more. */
  changed(callbackId: string): void {
    this.#workers.get(callbackId)?.discardReading();
    this.#woken.add(callbackId);
    this.#loop.wake();
  }

  /** Nothing new is sent; resolves when what was in flight (65 s at most) has ended and is committed. */
  async stop(): Promise<void> {
    const { clock } = this.#deps;
    this.#isStopping = true;
    if (this.inFlight > 0) await clock.sleepUntil(clock.now() + DRAIN_MS, this.#isDrained.signal);
    await this.#loop.stop();
    await this.#commit();
  }

  /**
   * Does all that is due now. Resolves with when the next thing is due by the clock (epoch ms), null where nothing is;
   * answers still to come aren't in that.
   */
  async tick(): Promise<number | null> {
    try {
      for (;;) {
        await this.#gather();
        await this.#commit();
        await this.#heed();
        const now = this.#deps.clock.now();
        for (const worker of this.#workers.values()) {
          worker.track.closeOutageIfOver(now);
          this.#slots.enqueue(worker);
          if (this.#maySend() && needsSupply(worker, now)) await this.#supply(worker, now);
        }
        this.#slots.pump();
        await this.#deps.clock.nextTurn();
        if (this.#log.isEmpty && !this.#hasWork()) return this.#retire();
      }
    } catch (error) {
      this.#storeFails = true;
      throw error;
    }
  }

  /** Lets outcomes gather for a moment, so that they share a commit. */
  async #gather(): Promise<void> {
    const { clock } = this.#deps;
    if (this.#limits.gatherMs === 0 || this.#log.size === 0 || this.#log.size >= LARGEST_GROUP) return;
    this.#groupIsFull = new AbortController();
    await clock.sleepUntil(clock.now() + this.#limits.gatherMs, this.#groupIsFull.signal);
  }

  async #commit(): Promise<void> {
    for (let group = this.#log.next(); group; group = this.#log.next()) {
      await this.#deps.store.commitOutcomes(group);
      this.#log.committed();
      this.#storeFails = false;
      this.#release(group);
    }
    this.#storeFails = false;
  }

  #release(group: OutcomeGroup): void {
    for (const { callbackId, callSeq } of group.holdings) this.#workers.get(callbackId)?.outcomeCommitted(callSeq);
    for (const { callbackId, callSeq } of group.attempts) this.#workers.get(callbackId)?.outcomeCommitted(callSeq);
    if (group.mails.length > 0) this.#deps.onMailOwed();
  }

  /** Takes note of what others changed: all of it at the start and when another process wrote, else what was told. */
  async #heed(): Promise<void> {
    const { store } = this.#deps;
    const counter = await store.changeCounter();
    if (counter !== this.#changeCounter) {
      const records = await store.listEndpoints();
      this.#changeCounter = counter;
      for (const id of this.#workers.keys()) this.#woken.add(id);
      for (const record of records) this.#woken.add(record.callback.id);
    }
    if (this.#woken.size === 0) return;
    const ids = [...this.#woken];
    this.#woken.clear();
    const records = new Map((await store.listEndpoints(ids)).map((record) => [record.callback.id, record]));
    for (const id of ids) this.#refresh(id, records.get(id));
  }

  #refresh(callbackId: string, record: EndpointRecord | undefined): void {
    const worker = this.#workers.get(callbackId);
    if (worker && record) worker.refresh(record.callback);
    else if (worker) this.#workers.delete(callbackId);
    else if (record) this.#workers.set(callbackId, new EndpointWorker(record, this.#workerDeps()));
  }

  #supply(worker: EndpointWorker, now: number): Promise<void> {
    const { store, policy } = this.#deps;
    return supply(worker, now, { store, policy, batch: this.#limits.batch });
  }

  #hasWork(): boolean {
    const now = this.#deps.clock.now();
    if (!this.#maySend()) return false;
    if (this.#woken.size > 0) return true;
    for (const worker of this.#workers.values()) if (needsSupply(worker, now)) return true;
    return false;
  }

  /** Lets go of the workers that have nothing to do (their state is on disk), and says when the others have. */
  #retire(): number | null {
    if (!this.#maySend()) return null;
    let next: number | null = null;
    for (const [id, worker] of this.#workers) {
      const at = earlier(nextSupplyAt(worker), worker.track.outageClosesAt());
      if (at === null && worker.isIdle) this.#workers.delete(id);
      next = earlier(next, at);
    }
    return next;
  }

  #maySend(): boolean {
    return !this.#isStopping && !this.#storeFails && this.#log.size < LARGEST_GROUP;
  }

  #workerDeps(): WorkerDeps {
    const { clock, random, policy, send, onAttempt } = this.#deps;
    return {
      clock,
      random,
      policy,
      send,
      onAttempt,
      log: this.#log,
      slots: this.#slots,
      maxInFlight: this.#limits.inFlightPerEndpoint,
      maySend: () => this.#maySend(),
      onChange: () => this.#changedInside(),
    };
  }

  #changedInside(): void {
    if (this.#log.size >= LARGEST_GROUP) this.#groupIsFull.abort("awake");
    if (this.#isStopping && this.inFlight === 0) this.#isDrained.abort("awake");
    this.#loop.wake();
  }
}
