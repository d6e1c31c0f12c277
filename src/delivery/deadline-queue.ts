/**
 * One deadline for everything that is under way. All waits are of the same length, so they end in the order in which they
 * began, and a single timer, set for the oldest, serves any number of them.
 */
import type { Clock, Timers } from "../platform/clock.js";

export interface Deadlined {
  /** On the monotonic clock. */
  readonly deadlineAt: number;
  /** Its deadline has passed. It is in the queue no more. */
  expire(): void;
}

export class DeadlineQueue<T extends Deadlined> {
  readonly #waiting = new Set<T>();
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #timers: Timers;
  #isArmed = false;

  constructor(clock: Pick<Clock, "monotonicMs">, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  /** Deadlines must be added in their order. */
  add(item: T): void {
    this.#waiting.add(item);
    if (!this.#isArmed) this.#arm(item);
  }

  delete(item: T): void {
    this.#waiting.delete(item);
  }

  /** What is under way now. */
  items(): Iterable<T> {
    return this.#waiting;
  }

  #arm(oldest: T): void {
    this.#isArmed = true;
    this.#timers.after(Math.max(1, Math.ceil(oldest.deadlineAt - this.#clock.monotonicMs())), () => this.#expireDue());
  }

  #expireDue(): void {
    this.#isArmed = false;
    const now = this.#clock.monotonicMs();
    for (const item of this.#waiting) {
      if (item.deadlineAt > now) {
        // The timer isn't moved when an item leaves: it goes off at most once per length of a wait for nothing.
        if (!this.#isArmed) this.#arm(item);
        return;
      }
      this.#waiting.delete(item);
      item.expire();
    }
  }
}
