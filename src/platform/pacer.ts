/** At most so many starts in any second: a sliding window, so that no second sees the end of one burst and the start of the next. */
import type { Clock } from "./clock.js";

export interface Pacer {
  /** Resolves when the next request may start, in the order of asking; at once when `signal` is aborted. */
  take(signal?: AbortSignal): Promise<void>;
}

/** A little over a second: the network may bring two requests closer together than they left. */
const WINDOW_MS = 1_050;

/** `rate` in requests a second (it may be below 1); null: no limit. */
export function createPacer(rate: number | null, clock: Clock): Pacer {
  if (rate === null || !Number.isFinite(rate)) return { take: () => Promise.resolve() };
  const starts = Math.max(1, Math.floor(rate));
  const windowMs = (WINDOW_MS * starts) / rate;
  // A ring of the last `starts` starts; the slot at `next` is the oldest.
  const lastStarts = new Array<number>(starts).fill(Number.NEGATIVE_INFINITY);
  let next = 0;
  let turn: Promise<void> = Promise.resolve();

  async function waitForRoom(signal: AbortSignal | undefined): Promise<void> {
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
      turn = turn.then(() => waitForRoom(signal));
      return turn;
    },
  };
}
