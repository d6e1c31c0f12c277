import type { DispatchStore, EndpointRecord } from "../store/dispatch-store.js";
import type { Store } from "../store/store.js";
import { Agenda } from "./agenda.js";
import { EndpointWorker, type WorkerDeps } from "./endpoint/endpoint-worker.js";
import { LeasedCallbacks, type LeaseHolder } from "./leased-callbacks.js";
import { type Ownership, soleOwner } from "./ownership.js";

export type PoolStore = Pick<DispatchStore, "listEndpoints" | "listActiveCallbacks"> &
  Pick<Store, "changeCounter" | "readLatestChange" | "readChanges" | "nodes">;

/** The event loop turns in between. */
const CHUNK = 200;

export class WorkerPool implements LeaseHolder {
  readonly ownership: Ownership;
  readonly #store: PoolStore;
  readonly #workerDeps: WorkerDeps;
  readonly #agenda = new Agenda((worker) => this.#isCurrent(worker));
  readonly #onDeleted: () => void;
  readonly #workers = new Map<string, EndpointWorker>();
  readonly #changed = new Set<string>();
  /** They only wait for what is in flight. */
  readonly #leaving = new Set<EndpointWorker>();
  /** Of them, replays were cancelled. */
  readonly #cancelled = new Set<string>();
  #changeCounter: string | null = null;
  /** In the change log; null: not started. */
  #position: string | null = null;
  #hasMore = false;

  constructor(store: PoolStore, workerDeps: Omit<WorkerDeps, "onChange" | "owns">, onDeleted: () => void) {
    const { clock, random, logger } = workerDeps;
    const leases = store.nodes;
    this.ownership = leases === null ? soleOwner : new LeasedCallbacks({ leases, clock, random, logger, holder: this });
    this.#store = store;
    this.#workerDeps = {
      ...workerDeps,
      onChange: (worker) => this.#changedInside(worker),
      owns: ({ tracker }) => this.ownership.isTrusted() && this.ownership.fenceOf(tracker.callback.id) === tracker.fence,
    };
    this.#onDeleted = onDeleted;
  }

  get(callbackId: string): EndpointWorker | undefined {
    return this.#workers.get(callbackId);
  }

  get size(): number {
    return this.#workers.size;
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0 || this.#hasMore || this.#cancelled.size > 0;
  }

  /** Own callbacks, of whose cancelled replays calls may wait. */
  get cancelled(): readonly string[] {
    return [...this.#cancelled];
  }

  withdrawn(callbackId: string): void {
    this.#cancelled.delete(callbackId);
  }

  accepted(callbackId: string): void {
    const worker = this.#workers.get(callbackId);
    if (worker) worker.accepted();
    else this.#changed.add(callbackId);
  }

  changed(callbackId: string): void {
    this.#workers.get(callbackId)?.invalidate();
    this.#changed.add(callbackId);
  }

  changedAll(): void {
    for (const id of this.#workers.keys()) this.changed(id);
  }

  // For the ownership.

  taken(callbackIds: Iterable<string>): void {
    for (const id of callbackIds) this.changed(id);
    this.#workerDeps.wake();
  }

  isIdle(callbackId: string): boolean {
    return !this.#workers.has(callbackId) && !this.#changed.has(callbackId);
  }

  leave(callbackId: string): void {
    this.#workerDeps.wake();
    const worker = this.#workers.get(callbackId);
    if (worker === undefined) {
      this.ownership.release(callbackId);
      return;
    }
    worker.queue.close();
    this.#agenda.remove(worker);
    this.#leaving.add(worker);
  }

  databaseReplaced(): void {
    this.#position = null;
    this.#changeCounter = null;
    for (const worker of this.#workers.values()) worker.queue.mayHaveEarlierPending();
    this.changedAll();
    this.#workerDeps.wake();
  }

  lostAll(): void {
    for (const worker of this.#workers.values()) this.#drop(worker);
  }

  /** Of those that leave: what has nothing in flight any more. */
  releaseLeft(): void {
    for (const worker of this.#leaving) {
      if (!worker.isAtRest) continue;
      this.#drop(worker);
      this.ownership.release(worker.tracker.callback.id);
    }
  }

  /** Another dispatcher has taken it. What is in flight ends without a worker. */
  lose(callbackId: string): void {
    const worker = this.#workers.get(callbackId);
    if (worker) this.#drop(worker);
    this.ownership.lose(callbackId);
  }

  /** One chunk at a time (`hasChanges`: more): at the start every callback with work, then what anyone changed. */
  async refresh(): Promise<void> {
    if (this.#position === null) await this.#readAll();
    else await this.#readChanges(this.#position);
    if (this.#changed.size > 0) await this.#refreshChunk();
  }

  /** After a slow read: what it read of them is out of date. */
  async noticeChanges(): Promise<void> {
    do {
      if (this.#position !== null) await this.#readChanges(this.#position);
    } while (this.#hasMore);
  }

  async #readAll(): Promise<void> {
    const position = await this.#store.readLatestChange();
    for (const id of await this.#store.listActiveCallbacks()) this.#changed.add(id);
    this.#position = position;
  }

  async #readChanges(after: string): Promise<void> {
    // Before: what is written in between is read next time.
    const counter = await this.#store.changeCounter();
    if (counter === this.#changeCounter) return;
    const { callbackIds, position } = await this.#store.readChanges(after, CHUNK);
    for (const id of callbackIds) this.changed(id);
    this.#position = position;
    this.#hasMore = callbackIds.length >= CHUNK;
    if (!this.#hasMore) this.#changeCounter = counter;
  }

  /** When the next worker has work; null: none will have any. */
  get nextWorkAt(): number | null {
    return this.#agenda.nextAt;
  }

  /** Workers that need their calls read. */
  get toRead(): number {
    return this.#agenda.toRead;
  }

  /** Looks at what has changed or is due. Drops idle workers, whose state is stored. Returns those whose outage must be checked. */
  review(now: number): readonly EndpointWorker[] {
    const { toCheck, idle } = this.#agenda.review(now);
    for (const worker of idle) this.#drop(worker);
    return toCheck;
  }

  /** Up to `count` workers that need their calls read. */
  takeToRead(count: number, now: number): readonly EndpointWorker[] {
    return this.#agenda.takeToRead(count, now);
  }

  /** With older settings a call might go to an old address. */
  #isCurrent(worker: EndpointWorker): boolean {
    return !this.#changed.has(worker.tracker.callback.id);
  }

  /** Not one that was dropped, or leaves. */
  #changedInside(worker: EndpointWorker): void {
    if (this.#workers.get(worker.tracker.callback.id) === worker && !this.#leaving.has(worker)) this.#agenda.add(worker);
  }

  #add(worker: EndpointWorker): void {
    this.#workers.set(worker.tracker.callback.id, worker);
    this.#agenda.add(worker);
  }

  #drop(worker: EndpointWorker): void {
    worker.queue.close();
    this.#agenda.remove(worker);
    this.#leaving.delete(worker);
    this.#cancelled.delete(worker.tracker.callback.id);
    this.#workers.delete(worker.tracker.callback.id);
  }

  async #refreshChunk(): Promise<void> {
    const chunk: string[] = [];
    for (const id of this.#changed) {
      if (chunk.length === CHUNK) break;
      chunk.push(id);
      // Reports during the read are newer.
      this.#changed.delete(id);
    }
    const isOwn = (id: string) => this.ownership.fenceOf(id) !== null;
    const own = chunk.filter(isOwn);
    if (own.length < chunk.length) this.ownership.want(chunk.filter((id) => !isOwn(id)));
    if (own.length === 0) return;
    try {
      const records = await this.#store.listEndpoints(own);
      const byId = new Map(records.map((record) => [record.callback.id, record]));
      for (const id of own) this.#refresh(id, byId.get(id));
    } catch (error) {
      for (const id of own) this.#changed.add(id);
      throw error;
    }
  }

  #refresh(callbackId: string, record: EndpointRecord | undefined): void {
    const worker = this.#workers.get(callbackId);
    if (record === undefined) {
      this.#cancelled.delete(callbackId);
      if (worker) this.#drop(worker);
      this.#onDeleted();
    } else if (record.fence !== this.ownership.fenceOf(callbackId)) this.#otherFence(callbackId, record.fence);
    else {
      if (record.hasCancelledReplay) this.#cancelled.add(callbackId);
      if (worker) worker.refresh(record.callback);
      else this.#add(new EndpointWorker(record, this.#workerDeps));
    }
  }
  /** Larger: another dispatcher has taken it. Smaller: it was taken, and perhaps lost before, while the record was read. */
  #otherFence(callbackId: string, fence: number): void {
    const own = this.ownership.fenceOf(callbackId);
    if (own === null || own > fence) return void this.#changed.add(callbackId);
    this.lose(callbackId);
  }
}
