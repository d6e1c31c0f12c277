import type { OpenOutage } from "../domain/outage.js";
import type { Clock } from "../platform/clock.js";
import type { Random } from "../platform/random.js";
import type { Store } from "../store/open-store.js";
import type { EndpointRecord } from "../store/outcomes/endpoints.js";
import { Agenda } from "./agenda.js";
import { ChangedCallbacks } from "./changed-callbacks.js";
import type { DeliveryBudget } from "./delivery-budget.js";
import {
  applyClock,
  type EndpointRules,
  type EndpointState,
  earlier,
  expectEarlierPending,
  expectPending,
  invalidate,
  isIdle,
  newEndpointState,
  prefetchedBytes,
  refreshEndpoint,
} from "./endpoint/endpoint-state.js";
import { closesAt } from "./endpoint/health.js";
import { needsRead, nextReadAt } from "./endpoint/read-calls.js";
import { STALE_AFTER_MS } from "./endpoint/take-call.js";
import type { CallbackOwner } from "./leased-callbacks.js";
import type { OutcomeLog } from "./outcomes/outcome-log.js";

export interface PoolDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly rules: EndpointRules;
  readonly log: OutcomeLog;
  readonly budget: DeliveryBudget<EndpointState>;
}

export interface Refreshed {
  /** Changed callbacks that aren't this dispatcher's. */
  readonly foreign: readonly string[];
  /** Callbacks that another dispatcher has taken, with the fences under which they were its own. */
  readonly lost: ReadonlyMap<string, number>;
  readonly hasDeleted: boolean;
}

export interface OutageCheck {
  readonly endpoint: EndpointState;
  readonly outage: OpenOutage;
}

/** Changes are looked for after slow reads this often at most, or responses that come all the time would outdate every read. */
const NOTICE_PAUSE_MS = 10_000;
const NOTHING_REFRESHED: Refreshed = { foreign: [], lost: new Map(), hasDeleted: false };

/** The endpoints that may need something, now or later. */
export class EndpointPool {
  readonly #deps: PoolDeps;
  readonly #agenda = new Agenda<EndpointState>();
  readonly #endpoints = new Map<string, EndpointState>();
  readonly #changes: ChangedCallbacks;
  /** These endpoints only wait for what is in flight. */
  readonly #leaving = new Set<EndpointState>();
  /** Callbacks with replays that were cancelled. */
  readonly #cancelled = new Set<string>();
  #noticedAt = Number.NEGATIVE_INFINITY;
  /** Others' changes before this monotonic instant are known. */
  #changesReadAt = Number.NEGATIVE_INFINITY;

  constructor(deps: PoolDeps) {
    this.#deps = deps;
    this.#changes = new ChangedCallbacks(deps.store);
  }

  get(callbackId: string): EndpointState | undefined {
    return this.#endpoints.get(callbackId);
  }

  get size(): number {
    return this.#endpoints.size;
  }

  /** Whether something of a callback may be due, in flight or uncommitted. */
  has(callbackId: string): boolean {
    return this.#endpoints.has(callbackId) || this.#changes.has(callbackId);
  }

  get hasChanges(): boolean {
    return !this.#changes.isEmpty || this.#cancelled.size > 0;
  }

  /** Returns the seqs of calls whose outcomes aren't committed yet, or null if another dispatcher may own the callback. */
  begunCalls(callbackId: string, owner: CallbackOwner): ReadonlySet<number> | null {
    if (owner.fenceOf(callbackId) === null) return null;
    return this.#endpoints.get(callbackId)?.inFlight.listBegun() ?? new Set();
  }

  /** Withdraws a chunk of the calls of replays that were cancelled, by any node: only the owner knows what is in flight. */
  async withdrawCancelled(owner: CallbackOwner): Promise<void> {
    const { store, clock, random, rules } = this.#deps;
    for (const id of this.#cancelled) {
      const begunCalls = () => this.begunCalls(id, owner);
      const cancel = { replayId: null, now: clock.now(), policy: rules.policy, random: random.fraction(), begunCalls };
      if (!(await store.replays.cancelChunk(id, cancel))) continue;
      this.#cancelled.delete(id);
      const endpoint = this.#endpoints.get(id);
      if (endpoint) this.logAndPlanReview(endpoint);
    }
  }

  /** Is called after each step on an endpoint. Logs its new health, counts what it prefetched, and has the next `review` look at it. */
  logAndPlanReview(endpoint: EndpointState): void {
    this.#logChanges(endpoint);
    const isServed = this.#endpoints.get(endpoint.callback.id) === endpoint && !this.#leaving.has(endpoint);
    if (isServed) this.#agenda.add(endpoint);
  }

  /** Is called as a call ends. One that wasn't sent would be sent later, though its replay may have been cancelled. */
  callEnded(endpoint: EndpointState, isSent: boolean): void {
    if (!isSent && endpoint.hasCancelledReplay) this.changed(endpoint.callback.id);
    this.logAndPlanReview(endpoint);
  }

  accepted(callbackId: string): void {
    const endpoint = this.#endpoints.get(callbackId);
    if (endpoint === undefined) {
      this.#changes.add(callbackId);
      return;
    }
    expectPending(endpoint);
    this.logAndPlanReview(endpoint);
  }

  changed(callbackId: string): void {
    const endpoint = this.#endpoints.get(callbackId);
    if (endpoint) this.invalidate(endpoint);
    this.#changes.add(callbackId);
  }

  changedAll(): void {
    for (const id of this.#endpoints.keys()) this.changed(id);
  }

  invalidate(endpoint: EndpointState): void {
    invalidate(endpoint);
    this.logAndPlanReview(endpoint);
  }

  databaseReplaced(): void {
    this.#changes.forgetPosition();
    for (const endpoint of this.#endpoints.values()) expectEarlierPending(endpoint);
    this.changedAll();
  }

  /** Stops sending calls of the callback. Returns false if it may be released now; else `takeFinished` returns it later. */
  handOver(callbackId: string): boolean {
    const endpoint = this.#endpoints.get(callbackId);
    if (endpoint === undefined) return false;
    this.#leaving.add(endpoint);
    this.#close(endpoint);
    return true;
  }

  /** Takes the callbacks that were handed over and have nothing in flight or uncommitted any more. */
  takeFinished(): readonly string[] {
    const finished = [...this.#leaving].filter(
      ({ requestsInFlight, callback }) => requestsInFlight === 0 && !this.#hasUncommitted(callback.id),
    );
    for (const endpoint of finished) this.#drop(endpoint);
    return finished.map(({ callback }) => callback.id);
  }

  /** Forgets a callback unless its fence is this one: another dispatcher has it. What is in flight ends without a state. */
  forget(callbackId: string, fence: number | null = null): void {
    const endpoint = this.#endpoints.get(callbackId);
    if (endpoint && endpoint.fence !== fence) this.#drop(endpoint);
  }

  /** Reads what has changed, and one chunk of the callbacks (`hasChanges`: there are more). */
  async refresh(owner: CallbackOwner): Promise<Refreshed> {
    await this.#readChanges();
    const chunk = this.#changes.takeChunk();
    return chunk.length > 0 ? this.#refreshCallbacks(chunk, owner) : NOTHING_REFRESHED;
  }

  /** Is called after a slow read, because what it read of changed callbacks is out of date. */
  async readAllChanges(): Promise<void> {
    const now = this.#deps.clock.monotonicMs();
    if (now - this.#noticedAt < NOTICE_PAUSE_MS) return;
    this.#noticedAt = now;
    do await this.#readChanges();
    while (this.#changes.hasMore);
  }

  async #readChanges(): Promise<void> {
    const began = this.#deps.clock.monotonicMs();
    for (const id of await this.#changes.read()) this.changed(id);
    if (!this.#changes.hasMore) this.#changesReadAt = began;
  }

  /** Whether nobody has changed the endpoint's callback or marked a call of it since this generation, but for the last second. */
  isUnchanged(endpoint: EndpointState, generation: number): boolean {
    return endpoint.generation === generation && this.#deps.clock.monotonicMs() - this.#changesReadAt <= STALE_AFTER_MS;
  }

  /** When the next endpoint has work, or null if none will have any. */
  get nextWorkAt(): number | null {
    return this.#agenda.nextDueAt;
  }

  get waitingForRead(): number {
    return this.#agenda.waitingForRead;
  }

  /** Looks at what has changed or is due. Drops idle endpoints, whose state is stored. Returns the outages that must be checked. */
  review(now: number): readonly OutageCheck[] {
    const checks: OutageCheck[] = [];
    for (const endpoint of this.#agenda.takeChanged(now)) {
      applyClock(endpoint, now, this.#deps.rules);
      this.#logChanges(endpoint);
      const outage = this.outageToCheck(endpoint);
      if (outage !== null) {
        checks.push({ endpoint, outage });
        this.#agenda.add(endpoint);
      }
      if (this.#isCurrent(endpoint)) this.#schedule(endpoint, now);
    }
    return checks;
  }

  /** Returns null if there is nothing to check, or an outcome is uncommitted. */
  outageToCheck({ mayBeOver, health, callback }: EndpointState): OpenOutage | null {
    return mayBeOver && !this.#hasUncommitted(callback.id) ? health.outage : null;
  }

  #schedule(endpoint: EndpointState, now: number): void {
    const { rules } = this.#deps;
    const overAt = endpoint.isPaused ? null : closesAt(endpoint.health, rules.policy);
    if (needsRead(endpoint, now, rules)) {
      this.#agenda.schedule(endpoint, true, overAt);
      return;
    }
    const at = earlier(nextReadAt(endpoint, now), overAt);
    this.#agenda.schedule(endpoint, false, at);
    // Responses to one that was dropped would have its state read each time.
    const isKept = endpoint.isPaused || !isIdle(endpoint);
    if (at === null && !isKept && !this.#hasUncommitted(endpoint.callback.id)) this.#drop(endpoint);
  }

  takeToRead(count: number, now: number): readonly EndpointState[] {
    const taken: EndpointState[] = [];
    while (taken.length < count) {
      const endpoint = this.#agenda.takeToRead();
      if (endpoint === undefined) break;
      if (this.#isCurrent(endpoint) && needsRead(endpoint, now, this.#deps.rules)) taken.push(endpoint);
    }
    return taken;
  }

  /**
   * Otherwise a call might go to an old address, or though its replay was cancelled. A refresh, or the end of the withdrawal, adds the
   * endpoint to the agenda again.
   */
  #isCurrent({ callback: { id } }: EndpointState): boolean {
    return !this.#changes.has(id) && !this.#cancelled.has(id);
  }

  #hasUncommitted(callbackId: string): boolean {
    return this.#deps.log.hasUncommitted(callbackId);
  }

  #logChanges(endpoint: EndpointState): void {
    const { log, budget } = this.#deps;
    budget.setPrefetched(endpoint, prefetchedBytes(endpoint));
    const { callback, fence, health, loggedHealth, closedOutages } = endpoint;
    if (health === loggedHealth && closedOutages.length === 0) return;
    for (const closed of closedOutages.splice(0)) log.closeOutage({ ...closed, callbackId: callback.id }, fence);
    log.changeEndpoint({ callbackId: callback.id, ...health }, fence);
    endpoint.loggedHealth = health;
  }

  #close(endpoint: EndpointState): void {
    const { budget } = this.#deps;
    invalidate(endpoint);
    this.#logChanges(endpoint);
    budget.stopWaiting(endpoint);
    this.#agenda.remove(endpoint);
  }

  #drop(endpoint: EndpointState): void {
    const { id } = endpoint.callback;
    this.#close(endpoint);
    this.#leaving.delete(endpoint);
    this.#cancelled.delete(id);
    this.#endpoints.delete(id);
  }

  async #refreshCallbacks(chunk: readonly string[], owner: CallbackOwner): Promise<Refreshed> {
    const isOwn = (id: string) => owner.fenceOf(id) !== null;
    const own = chunk.filter(isOwn);
    const foreign = chunk.filter((id) => !isOwn(id));
    try {
      const records = own.length === 0 ? [] : await this.#deps.store.endpoints.list(own);
      const byId = new Map(records.map((record) => [record.callback.id, record]));
      for (const id of own.filter((ownId) => !byId.has(ownId))) {
        this.#cancelled.delete(id);
        this.forget(id);
      }
      const lost = new Map<string, number>();
      for (const record of records) {
        const { id } = record.callback;
        const fence = owner.fenceOf(id);
        if (fence === null || fence > record.fence) {
          // It was taken, and perhaps lost before, while the record was read.
          this.#changes.add(id);
        } else if (fence === record.fence) this.#refreshEndpoint(record);
        else {
          this.forget(id);
          lost.set(id, fence);
        }
      }
      return { foreign, lost, hasDeleted: records.length < own.length };
    } catch (error) {
      for (const id of chunk) this.#changes.add(id);
      throw error;
    }
  }

  #refreshEndpoint(record: EndpointRecord): void {
    const { clock, rules } = this.#deps;
    const { callback, hasCancelledReplay = false } = record;
    if (hasCancelledReplay) this.#cancelled.add(callback.id);
    const known = this.#endpoints.get(callback.id);
    if (known) refreshEndpoint(known, callback, clock.now(), rules);
    const endpoint = known ?? newEndpointState(record, clock.now(), rules);
    endpoint.hasCancelledReplay = hasCancelledReplay;
    this.#endpoints.set(callback.id, endpoint);
    this.logAndPlanReview(endpoint);
  }
}
