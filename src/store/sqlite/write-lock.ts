/** Waits for SQLite's write lock without blocking the process. */
import type { Clock } from "../../platform/clock.js";
import { sqliteCode } from "./sqlite-error.js";

const lastTurns = new Map<string, Promise<void>>();

/** After this process's earlier writers, which SQLite's own wait would block. The returned function ends the turn. */
export async function takeTurn(file: string): Promise<() => void> {
  const before = lastTurns.get(file);
  let end = (): void => {};
  const turn = new Promise<void>((resolve) => {
    end = resolve;
  });
  lastTurns.set(file, turn);
  await before;
  return () => {
    if (lastTurns.get(file) === turn) lastTurns.delete(file);
    end();
  };
}

/** After this long without a busy error, a new wait begins. */
const FORGET_AFTER_MS = 1_000;
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

/** Counts from the first busy error, not per transaction: queued ones fail as soon as the first. */
export class LockRetry {
  readonly #clock: Clock;
  readonly #waitMs: number;
  #busySince = 0;
  #busyAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, waitMs: number) {
    this.#clock = clock;
    this.#waitMs = waitMs;
  }

  /** Rejects with the busy error after the wait. */
  async run(work: () => Promise<unknown>): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        await work();
        this.#busyAt = Number.NEGATIVE_INFINITY;
        return;
      } catch (error) {
        if (!isLocked(error) || this.#isOver()) throw error;
      }
      await this.#clock.sleepUntil(this.#clock.now() + pauseMs);
    }
  }

  #isOver(): boolean {
    const now = this.#clock.monotonicMs();
    if (now - this.#busyAt > FORGET_AFTER_MS) this.#busySince = now;
    this.#busyAt = now;
    return now - this.#busySince >= this.#waitMs;
  }
}

function isLocked(error: unknown): boolean {
  const code = sqliteCode(error instanceof Error && error.cause !== undefined ? error.cause : error);
  return code === "BUSY" || code === "LOCKED";
}
