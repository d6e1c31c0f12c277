import type { Call } from "../domain/call.js";

/** Calls read from the store and not sent yet, first in, first out. */
export class CallQueue {
  #calls: readonly Call[] = [];
  #next = 0;

  get length(): number {
    return this.#calls.length - this.#next;
  }

  /** Replaces what is left: a newer reading is the truer one. */
  fill(calls: readonly Call[]): void {
    this.#calls = calls;
    this.#next = 0;
  }

  take(): Call | undefined {
    return this.#calls[this.#next++];
  }

  clear(): void {
    this.fill([]);
  }
}
