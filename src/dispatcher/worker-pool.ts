/** The endpoints that have something to do, each with its worker, kept in step with what others change in the store. */
import type { DispatchStore, EndpointRecord, Store } from "../store/store.js";
import { EndpointWorker, type WorkerDeps } from "./endpoint-worker.js";
import { earlier, nextSupplyAt } from "./supply.js";

export type PoolStore = Pick<DispatchStore, "listEndpoints"> & Pick<Store, "changeCounter">;

export class WorkerPool {
  readonly #store: PoolStore;
  readonly #workerDeps: WorkerDeps;
  readonly #workers = new Map<string, EndpointWorker>();
  /** Callbacks to be looked at again. */
  #woken = new Set<string>();
  #changeCounter: number | null = null;

  constructor(store: PoolStore, workerDeps: WorkerDeps) {
    this.#store = store;
    this.#workerDeps = workerDeps;
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

  get hasNews(): boolean {
    return this.#woken.size > 0;
  }

  /** Whether its settings are known as they are; what is read before they are might go to an address of yesterday. */
  isCurrent(worker: EndpointWorker): boolean {
    return !this.#woken.has(worker.track.callback.id);
  }

  accepted(callbackId: string): void {
    const worker = this.#workers.get(callbackId);
    if (worker) worker.hints.mayHavePending = true;
    else this.#woken.add(callbackId);
  }

  changed(callbackId: string): void {
    this.#workers.get(callbackId)?.discardReading();
    this.#woken.add(callbackId);
  }

  /** Takes note of what others changed: all of it at the start and when another process wrote, else what was told. */
  async heed(): Promise<void> {
    const counter = await this.#store.changeCounter();
    if (counter !== this.#changeCounter) {
      const records = await this.#store.listEndpoints();
      for (const id of this.#workers.keys()) this.#woken.add(id);
      for (const { callback } of records) this.#woken.add(callback.id);
      this.#changeCounter = counter;
    }
    if (this.#woken.size > 0) await this.#refreshWoken();
  }

  /** Lets go of the workers that have nothing to do (their state is on disk), and says when the others have. */
  retire(): number | null {
    let next: number | null = null;
    for (const [id, worker] of this.#workers) {
      const at = earlier(nextSupplyAt(worker), worker.track.outageClosesAt());
      if (at === null && worker.isIdle) this.#workers.delete(id);
      next = earlier(next, at);
    }
    return next;
  }

  async #refreshWoken(): Promise<void> {
    // What is told while the records are read is told of something newer than they are.
    const woken = this.#woken;
    this.#woken = new Set();
    try {
      const records = await this.#store.listEndpoints([...woken]);
      const byId = new Map(records.map((record) => [record.callback.id, record]));
      for (const id of woken) this.#refresh(id, byId.get(id));
    } catch (error) {
      for (const id of woken) this.#woken.add(id);
      throw error;
    }
  }

  #refresh(callbackId: string, record: EndpointRecord | undefined): void {
    const worker = this.#workers.get(callbackId);
    if (record === undefined) {
      worker?.discardReading();
      this.#workers.delete(callbackId);
    } else if (worker) worker.refresh(record.callback);
    else this.#workers.set(callbackId, new EndpointWorker(record, this.#workerDeps));
  }
}
