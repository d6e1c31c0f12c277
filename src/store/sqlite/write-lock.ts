/**
 * Waiting for SQLite's write lock without blocking the process, as SQLite's own wait would: first for the other connections of
 * this process, then for other processes.
 */
import type { Clock } from "../../platform/clock.js";
import { sqliteCode } from "./sqlite-error.js";

const lastTurns = new Map<string, Promise<void>>();

/**
 * Resolves when the earlier writers of this process to the same file have finished; the returned function ends the turn. If SQLite
 * waited instead, the transaction it waits for could never continue.
 */
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

/**
 * Retries while another process holds the lock. The wait counts from the first busy error, not from the beginning of each
 * transaction: if many of them queue, the last one fails as soon as the first.
 */
export class LockRetry {
  readonly #clock: Clock;
  readonly #waitMs: number;
  #busySince = 0;
  #busyAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, waitMs: number) {
    this.#clock = clock;
    this.#waitMs = waitMs;
  }

  /** Rejects with the busy error once the wait is over. */
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
