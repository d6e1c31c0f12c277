import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";

/** Time, injected, so that a day of retries takes milliseconds in a test. */
export interface Clock {
  /** Wall time, epoch milliseconds. It may jump. */
  now(): number;
  /** Milliseconds since some fixed instant. It never jumps: use it for durations and leases. */
  monotonicMs(): number;
  /**
   * Resolves when `now()` reaches `at`, or when as much time has passed as was left until then (so a clock set back delays
   * nobody), or immediately when `signal` is aborted. Never rejects.
   */
  sleepUntil(at: number, signal?: AbortSignal): Promise<void>;
  /** One turn of the event loop: what is ready happens first. */
  nextTurn(): Promise<void>;
}

/** A longer sleep is split into steps of this length, so that it notices a clock that jumped. */
const LONGEST_SLEEP_MS = 60_000;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  nextTurn: () => turn(),
  async sleepUntil(at, signal) {
    const end = performance.now() + (at - Date.now());
    const left = () => Math.min(at - Date.now(), end - performance.now());
    for (let ms = left(); ms > 0 && !signal?.aborted; ms = left()) {
      await delay(Math.min(ms, LONGEST_SLEEP_MS), undefined, signal ? { signal } : {}).catch(() => undefined);
    }
  },
};

/** Callbacks instead of promises: cheap for time limits, most of which are cancelled before they are reached. */
export interface Timers {
  /** Calls `handler` once, after `delayMs`. The returned function cancels it. A timer doesn't keep the process alive. */
  after(delayMs: number, handler: () => void): () => void;
}

export const systemTimers: Timers = {
  after(delayMs, handler) {
    const timer = setTimeout(handler, delayMs).unref();
    return () => clearTimeout(timer);
  },
};
