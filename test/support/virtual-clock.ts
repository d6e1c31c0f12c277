/** Time that stands still until a test moves it. */
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../../src/platform/clock.js";

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

export class VirtualClock implements Clock {
  #now: number;
  #monotonic = 0;
  readonly #sleepers = new Set<Sleeper>();

  constructor(now = Date.UTC(2030, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonicMs(): number {
    return this.#monotonic;
  }

  nextTurn(): Promise<void> {
    return turn();
  }

  sleepUntil(at: number, signal?: AbortSignal): Promise<void> {
    if (at <= this.#now || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { at, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  /** The earliest instant that somebody sleeps until; null: nobody sleeps. */
  get nextWakeAt(): number | null {
    return this.#sleepers.size === 0 ? null : Math.min(...[...this.#sleepers].map(({ at }) => at));
  }

  /** Moves time forward to `at` and wakes whoever sleeps until then. */
  set(at: number): void {
    this.#monotonic += Math.max(0, at - this.#now);
    this.#now = Math.max(at, this.#now);
    this.#wakeDue();
  }

  advance(ms: number): void {
    this.set(this.#now + ms);
  }

  /** The wall clock is set, forwards or backwards; the monotonic one doesn't notice. */
  jump(ms: number): void {
    this.#now += ms;
    this.#wakeDue();
  }

  #wakeDue(): void {
    for (const sleeper of [...this.#sleepers].sort((one, other) => one.at - other.at)) {
      if (sleeper.at <= this.#now) sleeper.wake();
    }
  }
}
