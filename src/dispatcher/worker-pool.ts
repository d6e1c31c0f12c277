import type { DispatchStore, EndpointRecord, Store } from "../store/store.js";
import { EndpointWorker, type WorkerDeps } from "./endpoint/endpoint-worker.js";
import { earlier } from "./endpoint/in-flight-calls.js";

export type PoolStore = Pick<DispatchStore, "listEndpoints" | "listActiveCallbacks"> &
  Pick<Store, "changeCounter" | "readLatestChange" | "readChanges">;

/** The event loop turns in between. */
const CHUNK = 200;

export class WorkerPool {
  readonly #store: PoolStore;
  readonly #workerDeps: WorkerDeps;
  readonly #onDeleted: () => void;
  readonly #workers = new Map<string, EndpointWorker>();
  readonly #changed = new Set<string>();
  #changeCounter: number | null = null;
  /** In the change log; null: not started. */
  #position: number | null = null;
  #hasMore = false;

  constructor(store: PoolStore, workerDeps: WorkerDeps, onDeleted: () => void) {
    this.#store = store;
    this.#workerDeps = workerDeps;
    this.#onDeleted = onDeleted;
  }

  get(callbackId: string): EndpointWorker | undefined {
    return this.#workers.get(callbackId);
  }

  all(): Iterable<EndpointWorker> {
    return this.#workers.values();
  }

  get size(): number {
    return this.#workers.size;
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0 || this.#hasMore;
  }

  /** With older settings a call might go to an old address. */
  isCurrent(worker: EndpointWorker): boolean {
    return !this.#changed.has(worker.tracker.callback.id);
  }

  accepted(callbackId: string): void {
    const worker = this.#workers.get(callbackId);
    if (worker) worker.queue.accepted();
    else this.#changed.add(callbackId);
  }

  changed(callbackId: string): void {
    this.#workers.get(callbackId)?.queue.invalidate();
    this.#changed.add(callbackId);
  }

  changedAll(): void {
    for (const id of this.#workers.keys()) this.changed(id);
  }

  /** One chunk at a time (`hasChanges`: more): at the start every callback with work, then what anyone changed. */
  async refresh(): Promise<void> {
    if (this.#position === null) await this.#readAll();
    else await this.#readChanges(this.#position);
    if (this.#changed.size > 0) await this.#refreshChunk();
  }

  async #readAll(): Promise<void> {
    const position = await this.#store.readLatestChange();
    for (const id of await this.#store.listActiveCallbacks()) this.#changed.add(id);
    this.#position = position;
  }

  async #readChanges(after: number): Promise<void> {
    // Before: what is written in between is read next time.
    const counter = await this.#store.changeCounter();
    if (counter === this.#changeCounter) return;
    const { callbackIds, position } = await this.#store.readChanges(after, CHUNK);
    for (const id of callbackIds) this.changed(id);
    this.#position = position;
    this.#hasMore = callbackIds.length === CHUNK;
    if (!this.#hasMore) this.#changeCounter = counter;
  }

  /** Drops idle workers, whose state is stored. Returns when the others have work. */
  retire(): number | null {
    let next: number | null = null;
    for (const [id, worker] of this.#workers) {
      const at = earlier(worker.queue.nextWorkAt(), worker.tracker.outageClosesAt());
      if (at === null && worker.queue.isIdle) {
        worker.queue.close();
        this.#workers.delete(id);
      }
      next = earlier(next, at);
    }
    return next;
  }

  async #refreshChunk(): Promise<void> {
    const chunk = [...this.#changed].slice(0, CHUNK);
    // Reports during the read are newer.
    for (const id of chunk) this.#changed.delete(id);
    try {
      const records = await this.#store.listEndpoints(chunk);
      const byId = new Map(records.map((record) => [record.callback.id, record]));
      for (const id of chunk) this.#refresh(id, byId.get(id));
    } catch (error) {
      for (const id of chunk) this.#changed.add(id);
      throw error;
    }
  }

  #refresh(callbackId: string, record: EndpointRecord | undefined): void {
    const worker = this.#workers.get(callbackId);
    if (record === undefined) {
      worker?.queue.close();
      this.#workers.delete(callbackId);
      this.#onDeleted();
    } else if (worker) worker.refresh(record.callback);
    else this.#workers.set(callbackId, new EndpointWorker(record, this.#workerDeps));
  }
}
