/** Which endpoints need something, now or later, so that no step looks at all of them. */
import type { EndpointWorker } from "./endpoint/endpoint-worker.js";
import { earlier } from "./endpoint/in-flight-calls.js";
import { TimeQueue } from "./time-queue.js";

export class Agenda {
  /** Something about them has changed. */
  readonly #changed = new Set<EndpointWorker>();
  /** In the order in which they ran low. */
  readonly #toRead = new Set<EndpointWorker>();
  readonly #later = new TimeQueue<EndpointWorker>();
  readonly #isCurrent: (worker: EndpointWorker) => boolean;

  /** `isCurrent`: false while it must be refreshed first, which adds it again. */
  constructor(isCurrent: (worker: EndpointWorker) => boolean) {
    this.#isCurrent = isCurrent;
  }

  add(worker: EndpointWorker): void {
    this.#changed.add(worker);
  }

  remove(worker: EndpointWorker): void {
    this.#changed.delete(worker);
    this.#toRead.delete(worker);
    this.#later.set(worker, null);
  }

  /** null: none needs anything. */
  get nextAt(): number | null {
    return this.#later.nextAt;
  }

  /** Endpoints that need their calls read. */
  get toRead(): number {
    return this.#toRead.size;
  }

  /**
   * Looks at what has changed and at what is due now. Returns the workers whose outage must be checked, which stay to be looked at, and
   * those that have nothing to do any more.
   */
  review(now: number): Review {
    for (const worker of this.#later.takeDue(now)) this.#changed.add(worker);
    const review: Review = { toCheck: [], idle: [] };
    for (const worker of this.#changed) {
      worker.keepTime(now);
      if (worker.tracker.outageToCheck !== null) review.toCheck.push(worker);
      else this.#changed.delete(worker);
      if (this.#isCurrent(worker)) this.#file(worker, now, review);
    }
    return review;
  }

  #file(worker: EndpointWorker, now: number, { idle }: Review): void {
    if (worker.queue.needsWork(now)) {
      this.#toRead.add(worker);
      this.#later.set(worker, worker.tracker.outageClosesAt());
      return;
    }
    this.#toRead.delete(worker);
    const at = earlier(worker.queue.nextWorkAt(), worker.tracker.outageClosesAt());
    this.#later.set(worker, at);
    if (at === null && worker.isIdle) idle.push(worker);
  }

  /** Up to `count` that still need it. */
  takeToRead(count: number, now: number): EndpointWorker[] {
    const taken: EndpointWorker[] = [];
    for (const worker of this.#toRead) {
      if (taken.length === count) break;
      this.#toRead.delete(worker);
      this.#changed.add(worker);
      if (this.#isCurrent(worker) && worker.queue.needsWork(now)) taken.push(worker);
    }
    return taken;
  }
}

export interface Review {
  readonly toCheck: EndpointWorker[];
  readonly idle: EndpointWorker[];
}
