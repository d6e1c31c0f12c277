/** A TLS handshake computes on this thread, with keys of the endpoint's choice: at worst a tenth of a second for what one step reads. */
import type { Timers } from "../platform/clock.js";

/** A usual step takes 1 or 2 ms. */
const TURN_MS = 50;
const COSTLY_MS = 20;
/** A slow step of a usual endpoint is forgotten within a few steps; a costly one's cheap steps, such as a byte each, don't hide the others. */
const AGING = 0.9;

/**
 * Bounds how long handshakes keep the event loop from everything else. Endpoints take turns, so one with many connections delays only itself,
 * those whose steps are known to take long come last, and of those that aren't known yet one comes after each usual one.
 */
export class HandshakeTurns {
  readonly #timers: Timers;
  readonly #waiting = new Map<object, (() => void)[]>();
  /** The time of an endpoint's longest step in ms; earlier ones count for less and less. */
  readonly #costs = new WeakMap<object, number>();
  #isPausing = false;
  /** Whether nothing was known of the endpoint whose step was the last. */
  #wasUnknown = false;

  constructor(timers: Timers) {
    this.#timers = timers;
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
    this.#isPausing = true;
    let now = beganAt;
    for (let next = this.#next(); next !== undefined && now < beganAt + TURN_MS; next = this.#next()) {
      this.#wasUnknown = !this.#costs.has(next);
      this.#takeStep(next)?.();
      const tookMs = this.#timers.runningMs() - now;
      this.#costs.set(next, Math.max(tookMs, (this.#costs.get(next) ?? 0) * AGING));
      now += tookMs;
    }
    // The time by which a step was too long is left to everything else.
    this.#timers.after(Math.max(0, now - beganAt - TURN_MS), () => {
      this.#isPausing = false;
      if (this.#waiting.size > 0) this.#takeTurn();
    });
  }

  #next(): object | undefined {
    const endpoints = [...this.#waiting.keys()];
    const isUsual = (endpoint: object): boolean => (this.#costs.get(endpoint) ?? COSTLY_MS) < COSTLY_MS;
    const usual = this.#wasUnknown ? endpoints.find(isUsual) : undefined;
    return usual ?? endpoints.find((endpoint) => isUsual(endpoint) || !this.#costs.has(endpoint)) ?? endpoints[0];
  }

  /** The endpoint's next step comes after those of the others. */
  #takeStep(endpoint: object): (() => void) | undefined {
    const steps = this.#waiting.get(endpoint) ?? [];
    const step = steps.shift();
    this.#waiting.delete(endpoint);
    if (steps.length > 0) this.#waiting.set(endpoint, steps);
    return step;
  }
}
