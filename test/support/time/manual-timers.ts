/** Timers that fire when a test advances the time. */
import type { Timers } from "../../../src/platform/clock.js";

export class ManualTimers implements Timers {
  #now = 0;
  readonly #pending = new Set<{ readonly at: number; readonly handler: () => void }>();

  after(delayMs: number, handler: () => void): () => void {
    const timer = { at: this.#now + delayMs, handler };
    this.#pending.add(timer);
    return () => void this.#pending.delete(timer);
  }

  monotonicMs(): number {
    return this.#now;
  }

  runningMs(): number {
    return this.#now;
  }

  stoppedMs(): number {
    return 0;
  }

  /** Timers that are pending. */
  get count(): number {
    return this.#pending.size;
  }

  /** The time goes on while something computes: no timer fires. */
  pass(ms: number): void {
    this.#now += ms;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#pending].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at);
      if (next === undefined) break;
      this.#pending.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.handler();
    }
    this.#now = Math.max(this.#now, end);
  }
}
