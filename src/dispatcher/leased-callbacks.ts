import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import { type Random, timeOrderedId } from "../platform/random.js";
import { type LeaseStore, leaseEndsInMs, TRUST_MS } from "../store/nodes/leases.js";
import { SeenRenewals } from "../store/nodes/seen-renewals.js";

export interface LeaseChanges {
  /** The state of these must be read. */
  readonly taken: readonly string[];
  /** Others may have taken them. Some may be its own again, with another fence. */
  readonly lost: readonly string[];
  /** The dispatcher sends nothing more of them, and releases each once nothing of it is in flight or uncommitted. */
  readonly leaving: readonly string[];
  /** The database may lack what it had committed: positions and numbers of calls may be used again. */
  readonly isReplaced: boolean;
}

export interface CallbackOwner {
  /** Returns null if the callback isn't this owner's. */
  fenceOf(callbackId: string): number | null;
}

/** On SQLite, a lock on the file keeps others out. */
export const SOLE_OWNER: CallbackOwner = { fenceOf: () => 0 };

export interface LeasedCallbacksDeps {
  readonly store: LeaseStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onLeaseLost?: (() => void) | undefined;
}

const RENEW_MS = 5_000;
/** A renewal counts as late if it comes this long after its time. */
const LATE_MS = 1_000;
/** With more late renewals in a row, a dispatcher is merely slow, and ends the leases of dead ones too. */
const MAX_LATE_RENEWALS = 3;
/** A step that fails is tried again before others end the lease. */
export const LEASE_STEPS = { pollMs: RENEW_MS, longestBackoffMs: 1_000 };
/** A callback is kept this long, as it may soon have work again. */
const KEEP_IDLE_MS = 30_000;
const CALLBACKS_PER_STEP = 500;
/** This long passes at least between two steps that take callbacks. */
const TAKE_PAUSE_MS = 20;
/** Callbacks that are locked are tried again after this. */
const LOCKED_RETRY_MS = 100;
/** This long passes at least until a renewal that ends another's lease. */
const MIN_RENEW_MS = 100;

/**
 * Holds what a dispatcher owns on a database that it shares with others (docs/dispatcher.md, Ownership). Its steps and its changes
 * are separate: a dispatcher takes over what has changed when it suits.
 */
export class LeasedCallbacks implements CallbackOwner {
  readonly #deps: LeasedCallbacksDeps;
  /** `id` is null while the dispatcher has no lease. */
  #id: string | null = null;
  #timeline: string | null = null;
  // The following instants are those of the monotonic clock.
  /** When the last renewal began; it is null before the first one under this id. */
  #renewedAt: number | null = null;
  #renewAt = Number.NEGATIVE_INFINITY;
  /** The number of late renewals in a row, none of which had failed. */
  #lateRenewals = 0;
  readonly #others = new SeenRenewals<string>();
  readonly #fences = new Map<string, number>();
  readonly #idleSince = new Map<string, number>();
  readonly #leaving = new Set<string>();
  /** `released` were given back here, but not yet in the store. */
  readonly #released = new Set<string>();
  readonly #wanted = new Set<string>();
  /** Whether it takes whatever is free. */
  #wantsAny = false;
  #lastTakeAt = Number.NEGATIVE_INFINITY;
  #isTaking = true;
  readonly #taken = new Set<string>();
  readonly #lost = new Set<string>();
  /** How many callbacks it may own, if a renewal has read that since the last changes were taken. */
  #share: number | null = null;
  #isReplaced = false;

  constructor(deps: LeasedCallbacksDeps) {
    this.#deps = deps;
  }

  /** Whether nobody else can have taken what it owns. True at one moment, so asked before each send. */
  isTrusted(): boolean {
    return this.#renewedAt !== null && this.#deps.clock.monotonicMs() < this.#renewedAt + TRUST_MS;
  }

  fenceOf(callbackId: string): number | null {
    return this.#fences.get(callbackId) ?? null;
  }

  get hasChanges(): boolean {
    return this.#taken.size > 0 || this.#lost.size > 0 || this.#share !== null || this.#isReplaced;
  }

  /** Returns the changes since the last time. Something of a callback `isInUse` may be due, in flight or uncommitted. */
  takeChanges(isInUse: (callbackId: string) => boolean): LeaseChanges {
    const leaving = this.#share === null ? [] : this.#chooseLeaving(isInUse, this.#share);
    for (const id of leaving) this.#leaving.add(id);
    const changes = { taken: [...this.#taken], lost: [...this.#lost], leaving, isReplaced: this.#isReplaced };
    this.#taken.clear();
    this.#lost.clear();
    this.#share = null;
    this.#isReplaced = false;
    return changes;
  }

  /** Is called when there may be work for callbacks that aren't this dispatcher's. The next step takes those that are nobody's. */
  requestCallbacks(callbackIds: Iterable<string>): void {
    for (const id of callbackIds) this.#wanted.add(id);
  }

  /** Is called once nothing of the callback is in flight or uncommitted. The next step gives it back. */
  release(callbackId: string): void {
    if (!this.#fences.has(callbackId)) return;
    this.#delete(callbackId);
    this.#released.add(callbackId);
  }

  /** Forgets a callback that another dispatcher has taken; does nothing if it has another fence than this by now. */
  forget(callbackId: string, fence: number): void {
    if (this.#fences.get(callbackId) === fence) this.#delete(callbackId);
  }

  /** From now on, everything is handed over. */
  stopTaking(): void {
    this.#isTaking = false;
    this.#share = 0;
  }

  /** Gives back everything that is left. */
  async endLease(): Promise<void> {
    const { store, logger } = this.#deps;
    const id = this.#id;
    this.#forgetAll();
    try {
      if (id !== null) await store.endLease(id);
    } catch (error) {
      logger.warn({ err: error }, "The lease on the database couldn't be ended; it expires by itself");
    }
  }

  /** Takes one step. Resolves with when the lease is to be renewed, or something can be taken. */
  async tick(): Promise<number> {
    const { clock } = this.#deps;
    if (clock.monotonicMs() >= this.#renewAt) {
      try {
        await this.#renew();
      } catch (error) {
        this.#lateRenewals = 0;
        throw error;
      }
    }
    await this.#storeReleases();
    const waitMs = await this.#takeCallbacks();
    return clock.now() + Math.max(0, Math.min(waitMs, this.#renewAt - clock.monotonicMs()));
  }

  async #renew(): Promise<void> {
    const { clock, store, random, logger, onLeaseLost } = this.#deps;
    if (this.#id === null) {
      const id = timeOrderedId(clock.now(), random);
      await store.startLease(id);
      this.#id = id;
    }
    const began = clock.monotonicMs();
    if (!(await store.renewLease(this.#id))) {
      logger.warn({ callbacks: this.#fences.size }, "The lease on the database had ended; starting again with a new one");
      onLeaseLost?.();
      this.#forgetAll();
      return;
    }
    const nextEndAt = await this.#endUnrenewed(this.#id);
    const state = await store.readShare(this.#id);
    this.#renewedAt = began;
    this.#renewAt = Math.min(began + RENEW_MS, Math.max(began + MIN_RENEW_MS, nextEndAt));
    this.#wantsAny = true;
    const timeline = (await store.readTimeline()) ?? this.#timeline;
    const isReplaced = this.#timeline !== null && timeline !== this.#timeline;
    if (isReplaced || state.owned !== this.#fences.size + this.#released.size) await this.#reconcile(this.#id);
    if (isReplaced) {
      logger.warn({}, "The database was replaced by a standby or a backup; reading everything again");
      this.#isReplaced = true;
    }
    this.#timeline = timeline;
    this.#share = this.#isTaking ? state.share : 0;
  }

  /**
   * Ends others' leases once their owners can't send any more, whatever the database's clock says. Returns the monotonic instant at
   * which the next one may end.
   */
  async #endUnrenewed(id: string): Promise<number> {
    const { clock, store } = this.#deps;
    const others = await store.readOthers(id);
    const now = clock.monotonicMs();
    const renewals = new Map(Array.from(others, ([other, { renewal }]) => [other, renewal]));
    const unrenewed = this.#others.look(renewals, now, this.#isLate(now));
    let nextEndAt = Number.POSITIVE_INFINITY;
    for (const [other, lease] of others) {
      const endsInMs = leaseEndsInMs(lease, unrenewed.get(other) ?? 0);
      if (endsInMs <= 0) await store.endUnrenewed(other, lease.renewal);
      else nextEndAt = Math.min(nextEndAt, now + endsInMs);
    }
    return nextEndAt;
  }

  /** After a late renewal, the database may have been away for all, and the others must have time to renew. */
  #isLate(now: number): boolean {
    const lateMs = this.#renewedAt === null ? LATE_MS : now - this.#renewedAt - RENEW_MS;
    this.#lateRenewals = lateMs < LATE_MS ? 0 : this.#lateRenewals + 1;
    return this.#lateRenewals > 0 && this.#lateRenewals <= MAX_LATE_RENEWALS;
  }

  /** Reads again what it owns, because an answer was lost or another dispatcher has taken something. */
  async #reconcile(id: string): Promise<void> {
    const owned = await this.#deps.store.listOwned(id);
    for (const [callbackId, fence] of [...this.#fences]) if (owned.get(callbackId) !== fence) this.#recordLoss(callbackId);
    this.#recordTaken([...owned].filter(([callbackId]) => !this.#released.has(callbackId)));
  }

  #recordTaken(taken: Iterable<readonly [string, number]>): void {
    for (const [id, fence] of taken) {
      if (this.#fences.get(id) === fence) continue;
      this.#fences.set(id, fence);
      this.#taken.add(id);
    }
  }

  #delete(callbackId: string): void {
    for (const tracked of [this.#fences, this.#idleSince, this.#leaving, this.#taken]) tracked.delete(callbackId);
  }

  #recordLoss(callbackId: string): void {
    this.#delete(callbackId);
    this.#lost.add(callbackId);
  }

  /** Chooses callbacks that have been idle for long, and those beyond the share; idle ones go first. */
  #chooseLeaving(isInUse: (callbackId: string) => boolean, share: number): readonly string[] {
    const renewedAt = this.#renewedAt ?? 0;
    const kept = [...this.#fences.keys()].filter((id) => !this.#leaving.has(id));
    const busy = kept.filter(isInUse);
    const idle = kept.filter((id) => !isInUse(id));
    for (const id of busy) this.#idleSince.delete(id);
    for (const id of idle) if (!this.#idleSince.has(id)) this.#idleSince.set(id, renewedAt);
    const isLongIdle = (id: string) => renewedAt - (this.#idleSince.get(id) ?? renewedAt) >= KEEP_IDLE_MS;
    const longIdle = idle.filter(isLongIdle);
    const inOrder = [...longIdle, ...idle.filter((id) => !isLongIdle(id)), ...busy];
    return inOrder.slice(0, Math.max(longIdle.length, kept.length - share));
  }

  async #storeReleases(): Promise<void> {
    if (this.#id === null || this.#released.size === 0) return;
    const ids = [...this.#released];
    await this.#deps.store.releaseCallbacks(this.#id, ids);
    for (const id of ids) this.#released.delete(id);
  }

  /** Returns how long to wait for what it couldn't take now. */
  async #takeCallbacks(): Promise<number> {
    const { clock, store } = this.#deps;
    if (!this.#wantsAny && this.#wanted.size === 0) return RENEW_MS;
    // Reports that arrive meanwhile share this query.
    const pauseMs = this.#lastTakeAt + TAKE_PAUSE_MS - clock.monotonicMs();
    if (pauseMs > 0) await clock.sleepUntil(clock.now() + pauseMs);
    if (this.#id === null || !this.#isTaking || !this.isTrusted()) return RENEW_MS;
    const wanted = this.#wantsAny ? undefined : [...this.#wanted];
    this.#wanted.clear();
    this.#wantsAny = true;
    const { fences, hasMore } = await store.takeCallbacks(this.#id, CALLBACKS_PER_STEP, wanted);
    this.#lastTakeAt = clock.monotonicMs();
    this.#wantsAny = hasMore;
    this.#recordTaken(fences);
    if (!hasMore) return RENEW_MS;
    return fences.size > 0 ? 0 : LOCKED_RETRY_MS;
  }

  #forgetAll(): void {
    this.#id = null;
    this.#renewedAt = null;
    this.#renewAt = Number.NEGATIVE_INFINITY;
    for (const id of [...this.#fences.keys()]) this.#recordLoss(id);
    this.#released.clear();
    this.#wanted.clear();
  }
}
