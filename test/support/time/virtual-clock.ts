/** Time that stands still until a test moves it. */
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../../../src/platform/clock.js";

interface Sleeper {
  readonly at: number;
  /** The same by the monotonic clock, which a jump doesn't move. */
  readonly monotonicAt: number;
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
    return this.#sleep(at, this.#monotonic + (at - this.#now), signal);
  }

  /** However the wall clock is set meanwhile. */
  sleepFor(ms: number): Promise<void> {
    return this.#sleep(Number.POSITIVE_INFINITY, this.#monotonic + ms);
  }

  /** The earliest instant that anything sleeps until, or null if nothing sleeps. */
  get nextWakeAt(): number | null {
    let next: number | null = null;
    for (const { at, monotonicAt } of this.#sleepers) {
      next = Math.min(next ?? at, at, this.#now + monotonicAt - this.#monotonic);
    }
    return next;
  }

  /** Moves time forward to `at` and wakes what sleeps until then. */
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

  #sleep(at: number, monotonicAt: number, signal?: AbortSignal): Promise<void> {
    if (at <= this.#now || monotonicAt <= this.#monotonic || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { at, monotonicAt, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  #wakeDue(): void {
    const due = [...this.#sleepers].filter(({ at, monotonicAt }) => at <= this.#now || monotonicAt <= this.#monotonic);
    for (const sleeper of due.sort((one, other) => one.monotonicAt - other.monotonicAt)) sleeper.wake();
  }
}
