import type { Attempt } from "../../domain/attempt.js";
import type { Call } from "../../domain/call.js";
import type { OpenOutage } from "../../domain/outage.js";
import { latestScheduledRetry } from "../../domain/retry-policy.js";
import { composeOutageMail } from "../../notifier/outage-mail.js";
import type { CommittedOutcomes, OutcomeGroup } from "../../store/outcomes/commit-outcomes.js";
import type { DispatcherDeps } from "../dispatcher-deps.js";
import { commitCall, settleCall, skipHoldings, type TakenCall, withdrawCall } from "../endpoint/call-steps.js";
import { applyOutageCheck, type EndpointRules, type EndpointState } from "../endpoint/endpoint-state.js";
import type { WorkBatch } from "../endpoint/fetch-work.js";
import { acceptRead } from "../endpoint/read-calls.js";
import type { EndpointPool, OutageCheck } from "../endpoint-pool.js";
import type { OutcomeLog } from "./outcome-log.js";

/** If the wall clock loses this much on the monotonic one, it was set back. */
const SET_BACK_MS = 1_000;

/** A call couldn't be sent through our own fault. */
export interface Fault {
  readonly fault: unknown;
}

export interface Committed {
  /** Callbacks that another dispatcher has taken, with the fences under which they were its own. */
  readonly lost: ReadonlyMap<string, number>;
  /** Whether outages have opened or ended. */
  readonly hasOutages: boolean;
}

/** Applies what becomes of calls to their endpoints, gathers it in the log, and commits it. */
export class Outcomes {
  readonly #deps: DispatcherDeps;
  readonly #rules: EndpointRules;
  readonly #log: OutcomeLog;
  readonly #pool: EndpointPool;
  #storeState: "unproved" | "works" | "failed" = "unproved";
  /** How far the wall clock was ahead of the monotonic one at most, since it was last set back; Infinity at first. */
  #mostAheadMs = Number.POSITIVE_INFINITY;

  constructor(deps: DispatcherDeps, rules: EndpointRules, log: OutcomeLog, pool: EndpointPool) {
    this.#deps = deps;
    this.#rules = rules;
    this.#log = log;
    this.#pool = pool;
  }

  /** Applies what was read for an endpoint. */
  acceptBatch(endpoint: EndpointState, batch: WorkBatch, now: number): void {
    const { clock, random } = this.#deps;
    const held = acceptRead(endpoint, batch, { ...this.#rules, now, monotonicMs: clock.monotonicMs(), random });
    const downSince = endpoint.health.endpoint.downSince ?? now;
    for (const { callbackId, id: callId, seq: callSeq } of held) {
      this.#log.addHolding({ callbackId, callId, callSeq, at: now, downSince, random: random.fraction() }, endpoint.fence);
    }
    this.#pool.logStep(endpoint);
  }

  /** Applies the outcome of a call, which is null if nothing was sent. */
  settleTaken(endpoint: EndpointState, taken: TakenCall, outcome: Attempt | Fault | null): void {
    if (outcome === null) withdrawCall(endpoint, taken);
    else if ("fault" in outcome) this.#waitAfterFault(endpoint, taken.call, outcome.fault);
    else this.#recordAttempt(endpoint, taken, outcome);
    this.#pool.logStep(endpoint);
  }

  #recordAttempt(endpoint: EndpointState, taken: TakenCall, attempt: Attempt): void {
    const { call, recovery } = taken;
    const { random, onAttempt } = this.#deps;
    const { callbackId, id: callId, seq: callSeq } = call;
    const jitter = random.fraction();
    const { policy, maxInFlight } = this.#rules;
    const opened = settleCall(endpoint, call, attempt, { policy, maxInFlight, random, jitter });
    this.#log.addAttempt({ callbackId, callId, callSeq, attempt, random: jitter, recovery }, endpoint.fence);
    if (opened) this.#queueMail(endpoint, opened, taken, attempt);
    onAttempt(callbackId, attempt);
  }

  #queueMail({ callback, fence }: EndpointState, outage: OpenOutage, { call, sentTo }: TakenCall, { result }: Attempt): void {
    const { id: outageId, startedAt } = outage;
    const failed = { ...callback, url: sentTo.url, auth: sentTo.auth };
    const mail = composeOutageMail({ callback: failed, startedAt, result, call, policy: this.#rules.policy });
    this.#log.queueMail({ outageId, callbackId: callback.id, to: callback.email, ...mail, createdAt: startedAt }, fence);
  }

  /** Our own fault is no attempt (docs/dispatcher.md, A call, Rule 3). */
  #waitAfterFault({ inFlight }: EndpointState, { id: callId, seq, callbackId }: Call, error: unknown): void {
    const { clock, logger } = this.#deps;
    const waitMs = inFlight.waitAfterFault(seq, clock.now());
    logger.error({ err: error, callbackId, callId, waitMs }, "A call could not be sent; it will be tried again");
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
      await store.outcomes.clampTimes({ now, latestDueAt: latestScheduledRetry(now, policy) });
      this.#pool.changedAll();
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
    const committed = await this.#deps.store.outcomes.commit(group);
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
      this.#pool.logStep(endpoint);
    }
    for (const { callbackId, callSeq } of [...group.holdings, ...group.attempts]) {
      const endpoint = this.#endpointOf(group, callbackId);
      if (endpoint === undefined) continue;
      commitCall(endpoint, callSeq);
      this.#pool.logStep(endpoint);
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
      this.#pool.logStep(endpoint);
    }
  }
}
