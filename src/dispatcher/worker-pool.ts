import type { EndpointRecord } from "../store/dispatch-store.js";
import type { Store } from "../store/store.js";
import { Agenda } from "./agenda.js";
import { EndpointWorker, type WorkerDeps } from "./endpoint/endpoint-worker.js";
import type { Fences } from "./leased-callbacks.js";

/** The event loop turns in between. */
const CHUNK = 200;

/** What a refresh has found. */
export interface Refreshed {
  /** Changed callbacks that aren't this dispatcher's. */
  readonly foreign: readonly string[];
  /** Callbacks that another dispatcher has taken, with the fences under which they were its own. */
  readonly lost: ReadonlyMap<string, number>;
  readonly hasDeleted: boolean;
}

export class WorkerPool {
  readonly #store: Store;
  readonly #workerDeps: WorkerDeps;
  readonly #agenda = new Agenda((worker) => this.#isCurrent(worker));
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

  constructor(store: Store, workerDeps: Omit<WorkerDeps, "onChange">) {
    this.#store = store;
    this.#workerDeps = { ...workerDeps, onChange: (worker) => this.#changedInside(worker) };
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

  /** Seqs of calls whose outcomes aren't committed yet; null: another dispatcher may own the callback. */
  begunCalls(callbackId: string, fences: Fences): ReadonlySet<number> | null {
    if (fences.fenceOf(callbackId) === null) return null;
    return this.#workers.get(callbackId)?.queue.inFlight.begun() ?? new Set();
  }

  /** For replays that another node cancelled: only the owner knows what is in flight. */
  async withdrawCancelled(fences: Fences): Promise<void> {
    const { clock, policy, random } = this.#workerDeps;
    for (const id of [...this.#cancelled]) {
      const begunCalls = () => this.begunCalls(id, fences);
      const cancel = { replayId: null, now: clock.now(), policy, random: random.fraction(), begunCalls };
      if (await this.#store.cancelReplayChunk(id, cancel)) this.#cancelled.delete(id);
    }
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

  /** Whether something of it may be due, in flight or uncommitted. */
  has(callbackId: string): boolean {
    return this.#workers.has(callbackId) || this.#changed.has(callbackId);
  }

  /** Sends nothing more of it. False: it may be released at once; true: `takeFinished` returns it once it may. */
  handOver(callbackId: string): boolean {
    const worker = this.#workers.get(callbackId);
    if (worker === undefined) return false;
    worker.queue.close();
    this.#agenda.remove(worker);
    this.#leaving.add(worker);
    return true;
  }

  /** Callbacks handed over of which nothing is in flight or uncommitted any more. */
  takeFinished(): readonly string[] {
    const finished = [...this.#leaving].filter((worker) => worker.isAtRest);
    for (const worker of finished) this.#drop(worker);
    return finished.map(({ tracker }) => tracker.callback.id);
  }

  databaseReplaced(): void {
    this.#position = null;
    this.#changeCounter = null;
    for (const worker of this.#workers.values()) worker.queue.mayHaveEarlierPending();
    this.changedAll();
  }

  /** Another dispatcher has taken it, unless it is its own by now, under `fence`. What is in flight ends without a worker. */
  forget(callbackId: string, fence: number | null = null): void {
    const worker = this.#workers.get(callbackId);
    if (worker && worker.tracker.fence !== fence) this.#drop(worker);
  }

  /** One chunk at a time (`hasChanges`: more): at the start every callback with work, then what anyone changed. */
  async refresh(fences: Fences): Promise<Refreshed> {
    if (this.#position === null) await this.#readAll();
    else await this.#readChanges(this.#position);
    return this.#changed.size > 0 ? this.#refreshChunk(fences) : NOTHING_REFRESHED;
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

  async checkOutages(workers: readonly EndpointWorker[]): Promise<void> {
    const checks = workers.flatMap(({ tracker }) => {
      const outage = tracker.outageToCheck;
      return outage === null ? [] : [{ tracker, outage }];
    });
    if (checks.length === 0) return;
    const reads = checks.map(({ tracker, outage }) => ({ callbackId: tracker.callback.id, since: outage.startedAt }));
    const progress = await this.#store.readOutageProgress(reads);
    const now = this.#workerDeps.clock.now();
    for (const [index, { tracker, outage }] of checks.entries()) {
      const found = progress[index];
      if (found) tracker.outageChecked(outage, found, now);
    }
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

  async #refreshChunk(fences: Fences): Promise<Refreshed> {
    const chunk: string[] = [];
    for (const id of this.#changed) {
      if (chunk.length === CHUNK) break;
      chunk.push(id);
      // Reports during the read are newer.
      this.#changed.delete(id);
    }
    const isOwn = (id: string) => fences.fenceOf(id) !== null;
    const own = chunk.filter(isOwn);
    const foreign = chunk.filter((id) => !isOwn(id));
    try {
      const records = own.length === 0 ? [] : await this.#store.listEndpoints(own);
      const byId = new Map(records.map((record) => [record.callback.id, record]));
      for (const id of own) if (!byId.has(id)) this.#removeDeleted(id);
      const lost = new Map<string, number>();
      for (const record of records) {
        const { id } = record.callback;
        const fence = fences.fenceOf(id);
        if (fence === null || fence > record.fence) {
          // It was taken, and perhaps lost before, while the record was read.
          this.#changed.add(id);
        } else if (fence === record.fence) this.#refresh(record);
        else {
          this.forget(id);
          lost.set(id, fence);
        }
      }
      return { foreign, lost, hasDeleted: records.length < own.length };
    } catch (error) {
      for (const id of chunk) this.#changed.add(id);
      throw error;
    }
  }

  #removeDeleted(callbackId: string): void {
    this.#cancelled.delete(callbackId);
    this.forget(callbackId);
  }

  #refresh(record: EndpointRecord): void {
    const { callback, hasCancelledReplay } = record;
    if (hasCancelledReplay) this.#cancelled.add(callback.id);
    const worker = this.#workers.get(callback.id);
    if (worker) worker.refresh(callback);
    else this.#add(new EndpointWorker(record, this.#workerDeps));
  }
}

const NOTHING_REFRESHED: Refreshed = { foreign: [], lost: new Map(), hasDeleted: false };
