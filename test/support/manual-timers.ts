/** Timers that go off when a test moves their time. */
import type { Timers } from "../../src/platform/timers.js";

export class ManualTimers implements Timers {
  #now = 0;
  readonly #set = new Set<{ readonly at: number; readonly handler: () => void }>();

  after(delayMs: number, handler: () => void): () => void {
    const timer = { at: this.#now + delayMs, handler };
    this.#set.add(timer);
    return () => void this.#set.delete(timer);
  }

  monotonicMs(): number {
    return this.#now;
  }

  /** Timers that are set. */
  get count(): number {
    return this.#set.size;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#set].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at);
      if (next === undefined) break;
      this.#set.delete(next);
      this.#now = next.at;
      next.handler();
    }
    this.#now = end;
  }
}
