import type { Clock } from "../../platform/clock.js";
import type { OutcomeLog } from "./outcome-log.js";

/** While this many outcomes are uncommitted, nothing more is sent, because a crash may lose one group. */
const LARGEST_GROUP = 512;

export interface CommitTimingDeps {
  readonly clock: Clock;
  readonly log: OutcomeLog;
  /** Outcomes within this time share a commit; 0 means one turn of the event loop. */
  readonly gatherMs: number;
}

export class CommitTiming {
  readonly #deps: CommitTimingDeps;
  #pause = new AbortController();
  /** The monotonic instant at which what gathers is due; it is null while nothing gathers. */
  #dueAt: number | null = null;
  #hasNewResponses = false;

  constructor(deps: CommitTimingDeps) {
    this.#deps = deps;
  }

  get isFull(): boolean {
    return this.#deps.log.size >= LARGEST_GROUP;
  }

  noteOutcome(): void {
    if (this.isFull) this.#pause.abort();
  }

  noteResponses(): void {
    this.#hasNewResponses = true;
    this.#pause.abort();
  }

  /** Responses that come from now on are new. */
  noteRead(): void {
    this.#hasNewResponses = false;
  }

  /** Waits while outcomes gather. Resolves to false if new responses came first. */
  async waitForOutcomes(): Promise<boolean> {
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
