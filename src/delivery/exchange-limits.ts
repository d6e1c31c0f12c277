import type { Timers } from "../platform/clock.js";
import { DeliveryFailure } from "./delivery-failure.js";

export interface Deadlined {
  /** `deadlineAt` is an instant of `Timers.runningMs`. */
  readonly deadlineAt: number;
  expire(): void;
}

/** Expires items at their deadlines. These are all equally far ahead, so one timer is enough. */
export class DeadlineQueue<T extends Deadlined> {
  readonly #waiting = new Set<T>();
  readonly #timers: Timers;
  #isArmed = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Items must be added in the order of their deadlines. */
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
        // The timer may fire early, because delete() leaves it.
        if (!this.#isArmed) this.#arm(item);
        return;
      }
      this.#waiting.delete(item);
      item.expire();
    }
  }
}

export interface GuardedExchange {
  /** The bytes of its connection, earlier answers included; it is null without a connection. */
  readonly bytesRead: number | null;
  readonly where: string;
  abort(failure: DeliveryFailure): void;
}

const CHECK_INTERVAL_MS = 250;
const MAX_BYTES = 1024 * 1024;

/** Limits what nothing else limits: long chunk extensions between pieces of the body. */
export class ResponseSizeGuard<T extends GuardedExchange> {
  readonly #inFlight: () => Iterable<T>;
  readonly #timers: Timers;
  #initial = new Map<T, number>();
  #isArmed = false;

  constructor(inFlight: () => Iterable<T>, timers: Timers) {
    this.#inFlight = inFlight;
    this.#timers = timers;
  }

  startChecks(): void {
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
    if (seen.size > 0) this.startChecks();
  }
}
