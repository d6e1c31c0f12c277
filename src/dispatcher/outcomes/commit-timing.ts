/** When the outcomes that have gathered are committed: together, but neither too late nor in the way of new responses. */
import type { Clock } from "../../platform/clock.js";
import type { OutcomeLog } from "./outcome-log.js";

/** With this many uncommitted nothing more is sent: a crash may lose one group. */
const LARGEST_GROUP = 512;

export interface CommitTimingDeps {
  readonly clock: Clock;
  readonly log: OutcomeLog;
  /** Outcomes within it share a commit; 0: one turn of the event loop. */
  readonly gatherMs: number;
}

export class CommitTiming {
  readonly #deps: CommitTimingDeps;
  #pause = new AbortController();
  /** When what gathers is due, monotonic; null: nothing gathers. */
  #dueAt: number | null = null;
  #hasNewResponses = false;

  constructor(deps: CommitTimingDeps) {
    this.#deps = deps;
  }

  get isFull(): boolean {
    return this.#deps.log.size >= LARGEST_GROUP;
  }

  outcomeAdded(): void {
    if (this.isFull) this.#pause.abort();
  }

  responsesCame(): void {
    this.#hasNewResponses = true;
    this.#pause.abort();
  }

  /** From now on, others are new. */
  readsResponses(): void {
    this.#hasNewResponses = false;
  }

  /** Waits while outcomes gather. False: new responses came first. */
  async gathered(): Promise<boolean> {
    const { clock, log, gatherMs } = this.#deps;
    this.#dueAt ??= clock.monotonicMs() + gatherMs;
    const leftMs = this.#dueAt - clock.monotonicMs();
    if (log.size > 0 && !this.isFull && leftMs > 0) {
      if (!this.#hasNewResponses) {
        this.#pause = new AbortController();
        await clock.sleepUntil(clock.now() + leftMs, this.#pause.signal);
      }
      if (this.#hasNewResponses && !this.isFull && clock.monotonicMs() < this.#dueAt) return false;
    }
    this.#dueAt = null;
    return true;
  }
}
