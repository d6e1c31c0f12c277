/** The time and the bytes that an exchange may take. */
import type { Timers } from "../platform/clock.js";
import { DeliveryFailure } from "./delivery-failure.js";

export interface Deadlined {
  /** An instant of `Timers.runningMs`. */
  readonly deadlineAt: number;
  expire(): void;
}

/** Deadlines are all equally far ahead: one timer is enough. */
export class DeadlineQueue<T extends Deadlined> {
  readonly #waiting = new Set<T>();
  readonly #timers: Timers;
  #isArmed = false;

  constructor(timers: Timers) {
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
    this.#timers.after(oldest.deadlineAt - this.#timers.runningMs(), () => this.#expireDue());
  }

  #expireDue(): void {
    this.#isArmed = false;
    const now = this.#timers.runningMs();
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

export interface GuardedExchange {
  /** On its connection, earlier answers included; null without one. */
  readonly bytesRead: number | null;
  readonly where: string;
  abort(failure: DeliveryFailure): void;
}

const CHECK_INTERVAL_MS = 250;
const MAX_BYTES = 1024 * 1024;

/** Limits what nothing else does: long chunk extensions between pieces of the body, and key updates of TLS. */
export class ResponseSizeGuard<T extends GuardedExchange> {
  readonly #inFlight: () => Iterable<T>;
  readonly #timers: Timers;
  #initial = new Map<T, number>();
  #isArmed = false;

  constructor(inFlight: () => Iterable<T>, timers: Timers) {
    this.#inFlight = inFlight;
    this.#timers = timers;
  }

  wake(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#timers.after(CHECK_INTERVAL_MS, () => this.#check());
  }

  #check(): void {
    this.#isArmed = false;
    const seen = new Map<T, number>();
    for (const item of this.#inFlight()) {
      const { bytesRead } = item;
      if (bytesRead === null) continue;
      const first = this.#initial.get(item) ?? bytesRead;
      if (bytesRead - first <= MAX_BYTES) seen.set(item, first);
      else item.abort(new DeliveryFailure("too-large", `${item.where} sent over 1 MiB without completing its answer`));
    }
    this.#initial = seen;
    if (seen.size > 0) this.wake();
  }
}
