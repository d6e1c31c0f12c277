/** A TLS handshake computes on this thread, with keys of the endpoint's choice: at worst a tenth of a second for what one step reads. */
import type { Timers } from "../platform/clock.js";

/** A usual step takes 1 or 2 ms. */
const TURN_MS = 50;
const COSTLY_MS = 20;
/** A slow step of a usual endpoint is forgotten within a few steps; a costly one's cheap steps, such as a byte each, don't hide the others. */
const AGING = 0.9;
const MAX_KNOWN = 10_000;

/**
 * Bounds how long handshakes keep the event loop from everything else. Endpoints take turns, so one with many connections delays only itself,
 * those whose steps are known to take long come last, and of those that aren't known yet one comes after each usual one.
 */
export class HandshakeTurns {
  readonly #timers: Timers;
  readonly #waiting = new Map<string, (() => void)[]>();
  /** The time of an endpoint's longest step in ms; earlier ones count for less and less. */
  readonly #costs = new Map<string, number>();
  #isPausing = false;
  /** Whether nothing was known of the endpoint whose step was the last. */
  #wasUnknown = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Calls `step` at once, or when it is the turn of the endpoint with this address. */
  run(endpoint: string, step: () => void): void {
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
      this.#noteCost(next, tookMs);
      now += tookMs;
    }
    // The time by which a step was too long is left to everything else.
    this.#timers.after(Math.max(0, now - beganAt - TURN_MS), () => {
      this.#isPausing = false;
      if (this.#waiting.size > 0) this.#takeTurn();
    });
  }

  /** What hasn't been met for the longest time is forgotten. */
  #noteCost(endpoint: string, tookMs: number): void {
    const cost = Math.max(tookMs, (this.#costs.get(endpoint) ?? 0) * AGING);
    this.#costs.delete(endpoint);
    this.#costs.set(endpoint, cost);
    const [oldest = ""] = this.#costs.keys();
    if (this.#costs.size > MAX_KNOWN) this.#costs.delete(oldest);
  }

  #next(): string | undefined {
    const endpoints = [...this.#waiting.keys()];
    const isUsual = (endpoint: string): boolean => (this.#costs.get(endpoint) ?? COSTLY_MS) < COSTLY_MS;
    const usual = this.#wasUnknown ? endpoints.find(isUsual) : undefined;
    return usual ?? endpoints.find((endpoint) => isUsual(endpoint) || !this.#costs.has(endpoint)) ?? endpoints[0];
  }

  /** The endpoint's next step comes after those of the others. */
  #takeStep(endpoint: string): (() => void) | undefined {
    const steps = this.#waiting.get(endpoint) ?? [];
    const step = steps.shift();
    this.#waiting.delete(endpoint);
    if (steps.length > 0) this.#waiting.set(endpoint, steps);
    return step;
  }
}
