/** A TLS handshake computes on this thread, with keys of the endpoint's choice: at worst a tenth of a second for what one step reads. */
import type { Timers } from "../platform/clock.js";

/** A usual step takes 1 or 2 ms. */
const TURN_MS = 50;

/** Bounds how long handshakes keep the event loop from everything else. Endpoints take turns, so one with many connections delays only itself. */
export class HandshakeTurns {
  readonly #timers: Timers;
  readonly #waiting = new Map<object, (() => void)[]>();
  #isPausing = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Some endpoint has answered and waits for this thread. */
  get isBusy(): boolean {
    return this.#waiting.size > 0;
  }

  /** Calls `step` at once, or when it is the endpoint's turn. */
  run(endpoint: object, step: () => void): void {
    const steps = this.#waiting.get(endpoint);
    if (steps === undefined) this.#waiting.set(endpoint, [step]);
    else steps.push(step);
    if (!this.#isPausing) this.#takeTurn();
  }

  #takeTurn(): void {
    const beganAt = this.#timers.runningMs();
    const tookMs = () => this.#timers.runningMs() - beganAt;
    this.#isPausing = true;
    // The map goes on to endpoints that are added again.
    for (const [endpoint, steps] of this.#waiting) {
      const step = steps.shift();
      this.#waiting.delete(endpoint);
      if (steps.length > 0) this.#waiting.set(endpoint, steps);
      step?.();
      if (tookMs() >= TURN_MS) break;
    }
    // The time by which a step was too long is left to everything else.
    this.#timers.after(Math.max(0, tookMs() - TURN_MS), () => {
      this.#isPausing = false;
      if (this.#waiting.size > 0) this.#takeTurn();
    });
  }
}
