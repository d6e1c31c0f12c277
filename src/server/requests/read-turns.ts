import type { Clock, Timers } from "../../platform/clock.js";

const SHORT_MS = 10;

/**
 * Long bodies are read one at a time: their owners (`ownerOf`) take turns, and after each reading everything else has as much time, in which the
 * server takes one new connection in each turn of the event loop. What takes no longer than `shortMs` needs no pause.
 */
export class ReadTurns {
  readonly #clock: Pick<Clock, "nextTurn">;
  readonly #timers: Timers;
  readonly #shortMs: number;
  /** The owner whose turn is next comes first. */
  readonly #waiting = new Map<string, (() => Promise<void>)[]>();
  #isReading = false;

  constructor(
    { clock, timers }: { readonly clock: Pick<Clock, "nextTurn">; readonly timers: Timers },
    { shortMs = SHORT_MS } = {},
  ) {
    this.#clock = clock;
    this.#timers = timers;
    this.#shortMs = shortMs;
  }

  run<Result>(owner: string, read: () => Result | Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const step = async () => {
        try {
          resolve(await read());
        } catch (error) {
          reject(error);
        }
      };
      const steps = this.#waiting.get(owner);
      if (steps === undefined) this.#waiting.set(owner, [step]);
      else steps.push(step);
      if (!this.#isReading) void this.#readAll();
    });
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    for (const [owner, steps] of this.#waiting) {
      const step = steps.shift();
      this.#waiting.delete(owner);
      if (steps.length > 0) this.#waiting.set(owner, steps);
      await this.#clock.nextTurn();
      const beganAt = this.#timers.runningMs();
      await step?.();
      const tookMs = this.#timers.runningMs() - beganAt;
      if (tookMs > this.#shortMs) await new Promise<void>((resolve) => this.#timers.after(tookMs, resolve));
    }
    this.#isReading = false;
  }
}
