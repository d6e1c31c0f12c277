/** Waiting for another process's transaction without blocking this one, which SQLite's own waiting would. */
import { systemClock } from "../../platform/clock.js";
import { sqliteCode } from "./sqlite-error.js";

/** After a while without a refusal the wait counts from anew. */
const FORGET_AFTER_MS = 1_000;
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

/**
 * The wait is counted from the first refusal and not from the beginning of each transaction: where many of them stand in line, the
 * last one is told as soon as the first that the database stays locked.
 */
export class LockPatience {
  readonly #waitMs: number;
  #busySince = 0;
  #busyAt = Number.NEGATIVE_INFINITY;

  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /** Does `work` again while it is refused because of a lock. Rejects with the refusal when that took too long. */
  async through(work: () => Promise<unknown>): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        await work();
        this.#busyAt = Number.NEGATIVE_INFINITY;
        return;
      } catch (error) {
        if (!isLocked(error) || this.#isOver()) throw error;
      }
      await systemClock.sleepUntil(systemClock.now() + pauseMs);
    }
  }

  #isOver(): boolean {
    const now = systemClock.monotonicMs();
    if (now - this.#busyAt > FORGET_AFTER_MS) this.#busySince = now;
    this.#busyAt = now;
    return now - this.#busySince >= this.#waitMs;
  }
}

function isLocked(error: unknown): boolean {
  const code = sqliteCode(error instanceof Error && error.cause !== undefined ? error.cause : error);
  return code === "BUSY" || code === "LOCKED";
}
