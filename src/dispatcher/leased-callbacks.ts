/** What a dispatcher owns on a database that it shares with others (docs/dispatcher.md, Ownership). */
import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import { type Random, timeOrderedId } from "../platform/random.js";
import { LEASE_MS, type LeaseStore } from "../store/nodes/node-store.js";
import { SeenRenewals } from "../store/nodes/seen-renewals.js";
import type { Ownership } from "./ownership.js";
import { RunLoop } from "./run-loop.js";

export interface LeaseHolder {
  /** Their state is to be read. */
  taken(callbackIds: Iterable<string>): void;
  /** The database may lack what it had committed: positions and numbers of calls may be used again. */
  databaseReplaced(): void;
  /** Everything: it must be forgotten at once. */
  lostAll(): void;
  /** As `Ownership.lose`, which it calls, and forgets it. */
  lose(callbackId: string): void;
  /** Nothing to do, and nothing in flight or uncommitted. */
  isIdle(callbackId: string): boolean;
  /** Sends nothing more, and releases it once nothing is in flight or uncommitted. */
  leave(callbackId: string): void;
}

export interface LeasedCallbacksDeps {
  readonly leases: LeaseStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly holder: LeaseHolder;
}

const RENEW_MS = 5_000;
/** A renewal that comes this much too late is late. */
const LATE_MS = 1_000;
/** In a row, of a dispatcher that is merely slow: it takes the callbacks of dead ones too. */
const MOST_LATE = 3;
/** A renewal that fails is tried again after this time, before others end the lease. */
const LONGEST_BACKOFF_MS = 1_000;
/** Less than the lease, as a send may begin 3 s after it was checked. */
const TRUST_MS = LEASE_MS - 3_000;
/** An idle callback may soon have work again. */
const IDLE_MS = 30_000;
/** Callbacks per step. */
const CHUNK = 500;
/** Between two steps that take callbacks, at least. */
const PAUSE_MS = 20;
/** For callbacks that are locked. */
const LOCKED_MS = 100;
/** To a renewal that ends another's lease, at least. */
const UNRENEWED_MS = 100;

export class LeasedCallbacks implements Ownership {
  readonly #deps: LeasedCallbacksDeps;
  readonly #loop: RunLoop;
  /** null: it has no lease. */
  #id: string | null = null;
  #timeline: string | null = null;
  // These by the monotonic clock.
  /** When the last renewal began; null: none yet under this id. */
  #renewedAt: number | null = null;
  #renewAt = Number.NEGATIVE_INFINITY;
  /** Of late renewals in a row, none of which had failed. */
  #late = 0;
  readonly #others = new SeenRenewals<string>();
  readonly #fences = new Map<string, number>();
  readonly #idleSince = new Map<string, number>();
  readonly #leaving = new Set<string>();
  /** Given back here, not yet in the store. */
  readonly #released = new Set<string>();
  readonly #wanted = new Set<string>();
  /** Whatever is free is wanted. */
  #wantsAny = false;
  #isRetired = false;

  constructor(deps: LeasedCallbacksDeps) {
    this.#deps = deps;
    const { clock, logger } = deps;
    this.#loop = new RunLoop(() => this.tick(), {
      clock,
      pollMs: RENEW_MS,
      longestBackoffMs: LONGEST_BACKOFF_MS,
      onError: (error) => logger.error({ err: error }, "The lease on the database can't be renewed; trying again"),
    });
  }

  isTrusted(): boolean {
    return this.#renewedAt !== null && this.#deps.clock.monotonicMs() < this.#renewedAt + TRUST_MS;
  }

  fenceOf(callbackId: string): number | null {
    return this.#fences.get(callbackId) ?? null;
  }

  want(callbackIds: Iterable<string>): void {
    for (const id of callbackIds) this.#wanted.add(id);
    this.#loop.wake();
  }

  release(callbackId: string): void {
    if (!this.#fences.has(callbackId)) return;
    this.lose(callbackId);
    this.#released.add(callbackId);
    this.#loop.wake();
  }

  lose(callbackId: string): void {
    this.#fences.delete(callbackId);
    this.#idleSince.delete(callbackId);
    this.#leaving.delete(callbackId);
  }

  start(): void {
    this.#loop.start();
  }

  retire(): void {
    this.#isRetired = true;
    for (const id of [...this.#fences.keys()]) this.#giveBack(id);
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    const { leases, logger } = this.#deps;
    const id = this.#id;
    this.#loseAll();
    if (id === null) return;
    try {
      await leases.endLease(id);
    } catch (error) {
      logger.warn({ err: error }, "The lease on the database couldn't be ended; it expires by itself");
    }
  }

  /** Resolves with when it is to be renewed, or something can be taken. */
  async tick(): Promise<number> {
    const { clock } = this.#deps;
    if (clock.monotonicMs() >= this.#renewAt) {
      try {
        await this.#renew();
      } catch (error) {
        this.#late = 0;
        throw error;
      }
    }
    await this.#storeReleases();
    const waitMs = await this.#take();
    return clock.now() + Math.max(0, Math.min(waitMs, this.#renewAt - clock.monotonicMs()));
  }

  async #renew(): Promise<void> {
    const { clock, leases, random, logger } = this.#deps;
    if (this.#id === null) {
      const id = timeOrderedId(clock.now(), random);
      await leases.startLease(id);
      this.#id = id;
    }
    const began = clock.monotonicMs();
    if (!(await leases.renewLease(this.#id))) {
      logger.warn({ callbacks: this.#fences.size }, "The lease on the database had ended; starting again with a new one");
      this.#loseAll();
      return;
    }
    const nextEndAt = await this.#endUnrenewed(this.#id);
    const state = await leases.readShare(this.#id);
    this.#renewedAt = began;
    this.#renewAt = Math.min(began + RENEW_MS, Math.max(began + UNRENEWED_MS, nextEndAt));
    this.#wantsAny = true;
    const timeline = (await leases.readTimeline()) ?? this.#timeline;
    const isReplaced = this.#timeline !== null && timeline !== this.#timeline;
    if (isReplaced || state.owned !== this.#fences.size + this.#released.size) await this.#reconcile(this.#id);
    if (isReplaced) {
      logger.warn({}, "The database was replaced by a standby or a backup; reading everything again");
      this.#deps.holder.databaseReplaced();
    }
    this.#timeline = timeline;
    this.#releaseIdle(began);
    this.#giveBackSurplus(state.share);
  }

  /**
   * Others' leases, once their owners can't send any more, whatever the database's clock says. Returns the monotonic instant at which the
   * next one may end.
   */
  async #endUnrenewed(id: string): Promise<number> {
    const { clock, leases } = this.#deps;
    const others = await leases.readOthers(id);
    const now = clock.monotonicMs();
    const renewals = new Map(Array.from(others, ([other, { renewal }]) => [other, renewal]));
    const unrenewed = this.#others.look(renewals, now, this.#isLate(now));
    let nextEndAt = Number.POSITIVE_INFINITY;
    for (const [other, { renewal, leftMs }] of others) {
      const unrenewedMs = unrenewed.get(other) ?? 0;
      const endsInMs = Math.min(LEASE_MS - unrenewedMs, Math.max(leftMs, TRUST_MS - unrenewedMs));
      if (endsInMs <= 0) await leases.endUnrenewed(other, renewal);
      else nextEndAt = Math.min(nextEndAt, now + endsInMs);
    }
    return nextEndAt;
  }

  /** If so, the database may have been away for all, and they must have time to renew. */
  #isLate(now: number): boolean {
    const lateMs = this.#renewedAt === null ? LATE_MS : now - this.#renewedAt - RENEW_MS;
    this.#late = lateMs < LATE_MS ? 0 : this.#late + 1;
    return this.#late > 0 && this.#late <= MOST_LATE;
  }

  /** An answer was lost, or another dispatcher has taken something. */
  async #reconcile(id: string): Promise<void> {
    const owned = await this.#deps.leases.listOwned(id);
    for (const [callbackId, fence] of [...this.#fences]) if (owned.get(callbackId) !== fence) this.#deps.holder.lose(callbackId);
    this.#add([...owned].filter(([callbackId]) => !this.#released.has(callbackId)));
  }

  #add(taken: Iterable<readonly [string, number]>): void {
    const added = [...taken].filter(([id, fence]) => this.#fences.get(id) !== fence);
    for (const [id, fence] of added) this.#fences.set(id, fence);
    if (added.length > 0) this.#deps.holder.taken(added.map(([id]) => id));
  }

  #releaseIdle(now: number): void {
    for (const id of [...this.#fences.keys()]) {
      if (!this.#deps.holder.isIdle(id)) this.#idleSince.delete(id);
      else if (!this.#idleSince.has(id)) this.#idleSince.set(id, now);
      else if (now - (this.#idleSince.get(id) ?? now) >= IDLE_MS) this.release(id);
    }
  }

  /** Idle ones first. */
  #giveBackSurplus(share: number): void {
    const kept = [...this.#fences.keys()].filter((id) => !this.#leaving.has(id));
    const byUse = [...kept.filter((id) => this.#deps.holder.isIdle(id)), ...kept.filter((id) => !this.#deps.holder.isIdle(id))];
    for (const id of byUse.slice(0, Math.max(0, kept.length - share))) this.#giveBack(id);
  }

  #giveBack(callbackId: string): void {
    if (this.#deps.holder.isIdle(callbackId)) this.release(callbackId);
    else {
      this.#leaving.add(callbackId);
      this.#deps.holder.leave(callbackId);
    }
  }

  async #storeReleases(): Promise<void> {
    if (this.#id === null || this.#released.size === 0) return;
    const ids = [...this.#released];
    await this.#deps.leases.releaseCallbacks(this.#id, ids);
    for (const id of ids) this.#released.delete(id);
  }

  /** Returns how long to wait for what it couldn't take now. */
  async #take(): Promise<number> {
    const wanted = this.#wantsAny ? undefined : [...this.#wanted];
    if (this.#id === null || this.#isRetired || !this.isTrusted() || wanted?.length === 0) return RENEW_MS;
    this.#wanted.clear();
    this.#wantsAny = true;
    const { fences, hasMore } = await this.#deps.leases.takeCallbacks(this.#id, CHUNK, wanted);
    this.#wantsAny = hasMore;
    this.#add(fences);
    // Reports that arrive meanwhile share the next query.
    await this.#deps.clock.sleepUntil(this.#deps.clock.now() + PAUSE_MS);
    if (!hasMore) return RENEW_MS;
    return fences.size > 0 ? 0 : LOCKED_MS;
  }

  #loseAll(): void {
    this.#id = null;
    this.#renewedAt = null;
    this.#renewAt = Number.NEGATIVE_INFINITY;
    for (const tracked of [this.#fences, this.#idleSince, this.#leaving, this.#released, this.#wanted]) tracked.clear();
    this.#deps.holder.lostAll();
  }
}
