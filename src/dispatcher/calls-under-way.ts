import type { StoreHints } from "./store-hints.js";

interface UnderWay {
  /** When its outcome makes it due again; null: not at all, or no outcome yet. */
  dueAt: number | null;
  readonly generation: number;
}

/**
 * Calls in flight, or with an outcome that isn't on disk yet. What the store says of them is old: a reading leaves them
 * out, and nothing is sent twice.
 */
export class CallsUnderWay {
  readonly #hints: StoreHints;
  /** By seq. */
  readonly #calls = new Map<number, UnderWay>();

  constructor(hints: StoreHints) {
    this.#hints = hints;
  }

  get size(): number {
    return this.#calls.size;
  }

  has(callSeq: number): boolean {
    return this.#calls.has(callSeq);
  }

  add(callSeq: number, dueAt: number | null = null): void {
    this.#calls.set(callSeq, { dueAt, generation: this.#hints.generation });
  }

  /** Its attempt failed: once that is on disk it will be due at `dueAt`. */
  expectDue(callSeq: number, dueAt: number): void {
    const call = this.#calls.get(callSeq);
    if (call) call.dueAt = dueAt;
  }

  /**
   * The outcome is on disk: from here on a reading has it right. Where someone changed the call or the settings meanwhile
   * it may have become anything (due for a replay, PENDING again), not only what was expected.
   */
  committed(callSeq: number): void {
    const call = this.#calls.get(callSeq);
    if (!call) return;
    this.#calls.delete(callSeq);
    if (call.generation !== this.#hints.generation) this.#hints.suspectAll();
    else if (call.dueAt !== null) this.#hints.suspectDue(call.dueAt);
  }
}
