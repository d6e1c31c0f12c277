import type { Clock } from "../platform/clock.js";

/** Resolves with when the next thing is due (epoch ms), or null if nothing is. */
export type Step = () => Promise<number | null>;

export interface LoopOptions {
  readonly clock: Clock;
  readonly pollMs: number;
  readonly onError: (error: unknown) => void;
  /** The pause between steps that fail doubles up to this. */
  readonly longestBackoffMs?: number;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;

/** Takes one step after the other, when they are due, and goes on after any error. */
export class RunLoop {
  /** Takes one step now, which a test does by itself. */
  readonly tick: Step;
  readonly #options: LoopOptions;
  #alarm = new AbortController();
  readonly #stopping = new AbortController();
  #ended: Promise<void> = Promise.resolve();

  constructor(step: Step, options: LoopOptions) {
    this.tick = step;
    this.#options = options;
  }

  start(): void {
    this.#ended = this.#run();
  }

  wake(): void {
    this.#alarm.abort("awake");
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.wake();
    await this.#ended;
  }

  async #run(): Promise<void> {
    let backoffMs = FIRST_BACKOFF_MS;
    const { clock, pollMs, longestBackoffMs = LONGEST_BACKOFF_MS } = this.#options;
    while (!this.#stopping.signal.aborted) {
      this.#alarm = new AbortController();
      const next = await this.#tryStep();
      if (next === "failed") {
        // Only a stop cuts this short.
        await clock.sleepUntil(clock.now() + backoffMs, this.#stopping.signal);
        backoffMs = Math.min(backoffMs * 2, longestBackoffMs);
      } else {
        backoffMs = FIRST_BACKOFF_MS;
        const latest = clock.now() + pollMs;
        await clock.sleepUntil(next === null ? latest : Math.min(next, latest), this.#alarm.signal);
      }
    }
  }

  async #tryStep(): Promise<number | null | "failed"> {
    try {
      return await this.tick();
    } catch (error) {
      this.#options.onError(error);
      return "failed";
    }
  }
}
