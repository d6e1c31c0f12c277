/** A sliding window allows at most `rate` starts in any second. */
import type { Clock } from "./clock.js";

export interface Pacer {
  /** It is null without a limit. */
  readonly perSecond: number | null;
  /** Resolves in the order of the calls, and at once when `signal` is aborted. */
  take(signal?: AbortSignal): Promise<void>;
}

/** `WINDOW_MS` is longer than a second, as the network may bring requests closer together. */
const WINDOW_MS = 1_050;

/** `rate` is per second and may be below 1; null means no limit. */
export function createPacer(rate: number | null, clock: Clock): Pacer {
  if (rate === null || !Number.isFinite(rate)) return { perSecond: null, take: () => Promise.resolve() };
  const starts = Math.max(1, Math.floor(rate));
  const windowMs = (WINDOW_MS * starts) / rate;
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
    perSecond: rate,
    take(signal) {
      turn = turn.then(() => waitForSlot(signal));
      return turn;
    },
  };
}
