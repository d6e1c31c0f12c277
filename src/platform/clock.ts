import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";

/** Time, handed in, so that a day of retries takes milliseconds in a test. */
export interface Clock {
  /** Wall time, epoch milliseconds. It may jump. */
  now(): number;
  /** Milliseconds since some fixed instant. It never jumps: durations and leases are measured by it. */
  monotonicMs(): number;
  /**
   * Resolves once `now()` has reached `at`, or once as much time has passed as was left until then (a clock that is set back keeps
   * nobody waiting), or at once when `signal` is aborted. Never rejects.
   */
  sleepUntil(at: number, signal?: AbortSignal): Promise<void>;
  /** One turn of the event loop: what is ready happens first. */
  nextTurn(): Promise<void>;
}

/** The longest time that one timer holds; a later instant is slept towards in steps, which also notices a clock that jumped. */
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
