/** For what the parser doesn't limit: an endless status line or chunk extension. */
import type { Timers } from "../platform/clock.js";
import { DeliveryFailure } from "./delivery-failure.js";

export interface GuardedExchange {
  /** On its connection, earlier answers included; null without one. */
  readonly bytesRead: number | null;
  readonly where: string;
  abort(failure: DeliveryFailure): void;
}

const CHECK_INTERVAL_MS = 1_000;
const MAX_BYTES = 1024 * 1024;

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
