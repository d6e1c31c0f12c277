import { latestScheduledRetry } from "../../domain/retry-policy.js";
import type { CommittedOutcomes, OutcomeGroup } from "../../store/outcomes/commit-outcomes.js";
import type { DispatcherDeps } from "../dispatcher-deps.js";
import { applyOutageCheck, type EndpointState } from "../endpoint/endpoint-state.js";
import { commitCall, skipHoldings } from "../endpoint/settle-call.js";
import type { EndpointPool, OutageCheck } from "../endpoint-pool.js";
import type { OutcomeLog } from "./outcome-log.js";

/** If the wall clock loses this much on the monotonic one, it was set back. */
const SET_BACK_MS = 1_000;

export interface Committed {
  /** Callbacks that another dispatcher has taken, with the fences under which they were its own. */
  readonly lost: ReadonlyMap<string, number>;
  /** Whether outages have opened or ended. */
  readonly hasOutages: boolean;
}

/** Commits what has gathered in the log. Knows whether the store can be written, and what of it must follow the clock. */
export class OutcomeCommitter {
  readonly #deps: DispatcherDeps;
  readonly #log: OutcomeLog;
  readonly #pool: EndpointPool;
  #storeState: "unproved" | "works" | "failed" = "unproved";
  /** How far the wall clock was ahead of the monotonic one at most, since it was last set back; Infinity at first. */
  #mostAheadMs = Number.POSITIVE_INFINITY;

  constructor(deps: DispatcherDeps, log: OutcomeLog, pool: EndpointPool) {
    this.#deps = deps;
    this.#log = log;
    this.#pool = pool;
  }

  /** Whether outcomes could be recorded. Nothing is sent before a write has worked, nor after an error of the store. */
  get mayRecord(): boolean {
    return this.#storeState === "works";
  }

  noteStoreError(): void {
    this.#storeState = "failed";
  }

  /** Makes a trial write, which alone shows whether outcomes could be recorded. Rejects with the store's error. */
  async proveStore(): Promise<void> {
    await this.#deps.store.checkWritable();
    this.#noteWrite();
  }

  /** At the start and after the clock was set back, stored times in the future are moved to now. */
  async clampToClock(): Promise<void> {
    const { clock, policy, store } = this.#deps;
    const now = clock.now();
    const aheadMs = now - clock.monotonicMs();
    if (aheadMs < this.#mostAheadMs - SET_BACK_MS) {
      const clockBefore = Math.floor(clock.monotonicMs() + this.#mostAheadMs);
      const setBack = Number.isFinite(clockBefore) ? { clockBefore, policy } : null;
      const bounds = { now, latestDueAt: latestScheduledRetry(now, policy), setBack };
      let retriedAgain = await store.outcomes.clampTimes(bounds);
      for (; retriedAgain === null; retriedAgain = await store.outcomes.clampTimes(bounds)) await clock.nextTurn();
      this.#pool.changedAll();
      for (const id of retriedAgain) this.#pool.changed(id);
      this.#mostAheadMs = aheadMs;
    }
    // Small steps back add up, so the largest difference is kept.
    this.#mostAheadMs = Math.max(this.#mostAheadMs, aheadMs);
  }

  #noteWrite(): void {
    if (this.#storeState === "failed") this.#deps.logger.warn({}, "The store can be written again; dispatching continues");
    this.#storeState = "works";
  }

  /** Commits the next group. Resolves to null if none has gathered. */
  async commitNext(): Promise<Committed | null> {
    const group = this.#log.nextGroup();
    if (group === null) return null;
    const { store, clock, onCommit } = this.#deps;
    const beganAt = clock.monotonicMs();
    const committed = await store.outcomes.commit(group);
    onCommit?.((clock.monotonicMs() - beganAt) / 1_000);
    this.#noteWrite();
    this.#log.dropCommitted();
    const lost = this.#dropStale(group, committed);
    this.#applyCommit(group, committed);
    return { lost, hasOutages: group.mails.length + group.closedOutages.length > 0 };
  }

  #dropStale(group: OutcomeGroup, { staleCallbacks, lostAttempts: calls }: CommittedOutcomes): ReadonlyMap<string, number> {
    const lost = new Map<string, number>();
    for (const id of staleCallbacks) {
      const endpoint = this.#endpointOf(group, id);
      if (endpoint === undefined) continue;
      lost.set(id, endpoint.fence);
      this.#pool.forget(id);
    }
    const { logger } = this.#deps;
    if (calls > 0) logger.warn({ calls }, "Calls were sent, but not recorded: another dispatcher has taken their callbacks");
    return lost;
  }

  #applyCommit(group: OutcomeGroup, { skippedHoldings }: CommittedOutcomes): void {
    for (const { callbackId } of group.endpoints) {
      const endpoint = this.#endpointOf(group, callbackId);
      if (endpoint === undefined) continue;
      skipHoldings(endpoint, skippedHoldings.get(callbackId) ?? 0);
      this.#pool.logAndPlanReview(endpoint);
    }
    for (const { callbackId, callSeq } of [...group.holdings, ...group.attempts]) {
      const endpoint = this.#endpointOf(group, callbackId);
      if (endpoint === undefined) continue;
      commitCall(endpoint, callSeq);
      this.#pool.logAndPlanReview(endpoint);
    }
  }

  /** An endpoint with another fence knows nothing of this group. */
  #endpointOf({ fences }: OutcomeGroup, callbackId: string): EndpointState | undefined {
    const endpoint = this.#pool.get(callbackId);
    return endpoint?.fence === fences.get(callbackId) ? endpoint : undefined;
  }

  /** Closes those of these outages of which no call is FAILED any more. */
  async checkOutages(checks: readonly OutageCheck[]): Promise<void> {
    const { store, clock } = this.#deps;
    const reads = checks.map(({ endpoint, outage }) => ({ callbackId: endpoint.callback.id, since: outage.startedAt }));
    const progress = await store.outages.readProgress(reads);
    const now = clock.now();
    for (const [index, { endpoint, outage }] of checks.entries()) {
      const found = progress[index];
      if (found === undefined || this.#pool.outageToCheck(endpoint) !== outage) continue;
      applyOutageCheck(endpoint, found, now);
      this.#pool.logAndPlanReview(endpoint);
    }
  }
}
