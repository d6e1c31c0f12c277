/** The loop of every worker here: do what is due, sleep until the next thing is, go on after any error. */
import type { Clock } from "../platform/clock.js";

/** Does everything that is due. Resolves with when the next thing is (epoch ms); null: nothing is. */
export type Step = () => Promise<number | null>;

export interface LoopOptions {
  readonly clock: Clock;
  /** The loop looks again at least this often. */
  readonly pollMs: number;
  readonly onError: (error: unknown) => void;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;

export class RunLoop {
  readonly #step: Step;
  readonly #options: LoopOptions;
  #alarm = new AbortController();
  readonly #stopping = new AbortController();
  #ended: Promise<void> = Promise.resolve();

  constructor(step: Step, options: LoopOptions) {
    this.#step = step;
    this.#options = options;
  }

  start(): void {
    this.#ended = this.#run();
  }

  /** Look again now. */
  wake(): void {
    this.#alarm.abort("awake");
  }

  /** Resolves when the current step has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.wake();
    await this.#ended;
  }

  async #run(): Promise<void> {
    let backoffMs = FIRST_BACKOFF_MS;
    const { clock, pollMs } = this.#options;
    while (!this.#stopping.signal.aborted) {
      this.#alarm = new AbortController();
      const next = await this.#tryStep();
      if (next === "failed") {
        // Whatever wakes the loop meanwhile, only a stop cuts this short.
        await clock.sleepUntil(clock.now() + backoffMs, this.#stopping.signal);
        backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
      } else {
        backoffMs = FIRST_BACKOFF_MS;
        const latest = clock.now() + pollMs;
        await clock.sleepUntil(next === null ? latest : Math.min(next, latest), this.#alarm.signal);
      }
    }
  }

  async #tryStep(): Promise<number | null | "failed"> {
    try {
      return await this.#step();
    } catch (error) {
      this.#options.onError(error);
      return "failed";
    }
  }
}
