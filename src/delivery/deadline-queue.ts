/** Deadlines are all equally far ahead: one timer is enough. */
import type { Clock, Timers } from "../platform/clock.js";

export interface Deadlined {
  /** On the monotonic clock. */
  readonly deadlineAt: number;
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

  /** In order of deadline. */
  add(item: T): void {
    this.#waiting.add(item);
    if (!this.#isArmed) this.#arm(item);
  }

  delete(item: T): void {
    this.#waiting.delete(item);
  }

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
        // delete() leaves the timer, so it may fire early.
        if (!this.#isArmed) this.#arm(item);
        return;
      }
      this.#waiting.delete(item);
      item.expire();
    }
  }
}
