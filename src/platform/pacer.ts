/** At most `rate` starts in any second: a sliding window, so that two bursts can't meet in the middle of a second. */
import type { Clock } from "./clock.js";

export interface Pacer {
  /** Resolves when the next request may start, first come first served; immediately when `signal` is aborted. */
  take(signal?: AbortSignal): Promise<void>;
}

/** A little over a second: the network may bring two requests closer together than they were sent. */
const WINDOW_MS = 1_050;

/** `rate`: requests a second, which may be below 1; null for no limit. */
export function createPacer(rate: number | null, clock: Clock): Pacer {
  if (rate === null || !Number.isFinite(rate)) return { take: () => Promise.resolve() };
  const starts = Math.max(1, Math.floor(rate));
  const windowMs = (WINDOW_MS * starts) / rate;
  // A ring buffer; the slot at `next` holds the oldest start.
  const lastStarts = new Array<number>(starts).fill(Number.NEGATIVE_INFINITY);
  let next = 0;
  let turn: Promise<void> = Promise.resolve();

  async function waitForSlot(signal: AbortSignal | undefined): Promise<void> {
    const freeAt = (lastStarts[next] ?? Number.NEGATIVE_INFINITY) + windowMs;
    for (let left = freeAt - clock.monotonicMs(); left > 0 && !signal?.aborted; left = freeAt - clock.monotonicMs()) {
      await clock.sleepUntil(clock.now() + Math.ceil(left), signal);
    }
    if (signal?.aborted) return;
    lastStarts[next] = clock.monotonicMs();
    next = (next + 1) % starts;
  }

  return {
    take(signal) {
      turn = turn.then(() => waitForSlot(signal));
      return turn;
    },
  };
}
