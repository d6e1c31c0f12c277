import type { Call } from "../domain/call.js";

/** Calls read from the store and not sent yet, first in, first out. */
export class CallQueue {
  #calls: readonly Call[] = [];
  #next = 0;
  #readAt = 0;

  get length(): number {
    return this.#calls.length - this.#next;
  }

  /** Replaces what is left: a newer reading is the truer one. `readAt` is on the monotonic clock. */
  fill(calls: readonly Call[], readAt: number): void {
    this.#calls = calls;
    this.#next = 0;
    this.#readAt = readAt;
  }

  take(): Call | undefined {
    const call = this.#calls[this.#next];
    if (call) this.#next += 1;
    return call;
  }

  has(callSeq: number): boolean {
    return this.length > 0 && this.#calls.some(({ seq }, index) => index >= this.#next && seq === callSeq);
  }

  clear(): void {
    this.fill([], 0);
  }

  /** Whether it holds calls that were read before this instant. */
  isOlderThan(instant: number): boolean {
    return this.length > 0 && this.#readAt < instant;
  }
}
