import type { Clock } from "../../../platform/clock.js";

/** `PastClock` is behind another clock until it is moved forward to it: hours pass in seconds. */
export class PastClock implements Clock {
  readonly #clock: Clock;
  #behindMs: number;
  #moved = new AbortController();

  constructor(clock: Clock, behindMs: number) {
    this.#clock = clock;
    this.#behindMs = behindMs;
  }

  now(): number {
    return this.#clock.now() - this.#behindMs;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  nextTurn(): Promise<void> {
    return this.#clock.nextTurn();
  }

  async sleepUntil(at: number, signal?: AbortSignal): Promise<void> {
    while (this.#behindMs > 0 && this.now() < at && !signal?.aborted) {
      const moved = this.#moved.signal;
      await this.#clock.sleepUntil(at + this.#behindMs, signal ? AbortSignal.any([signal, moved]) : moved);
      if (!moved.aborted) return;
    }
    await this.#clock.sleepUntil(at, signal);
  }

  /** Wakes what sleeps until then. */
  setBehind(ms: number): void {
    this.#behindMs = ms;
    this.#moved.abort();
    this.#moved = new AbortController();
  }
}
