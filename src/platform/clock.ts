import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";

export interface MonotonicClock {
  /** Returns ms since a fixed instant, without jumps. Durations and leases are measured by it. */
  monotonicMs(): number;
}

/** `Clock` is injected, so a day of retries takes milliseconds in a test. */
export interface Clock extends MonotonicClock {
  /** Returns epoch ms, which may jump. */
  now(): number;
  /** Sleeps until `now()` reaches `at`, as much time has passed as was left (a clock may be set back), or `signal` is aborted. Never rejects. */
  sleepUntil(at: number, signal?: AbortSignal): Promise<void>;
  nextTurn(): Promise<void>;
}

/** A longer sleep is split, to notice a clock that jumped. */
const LONGEST_SLEEP_MS = 60_000;

export const systemClock: Clock = {
  now: () => Date.now(),
  // A short command would load the modules of `performance` only for this.
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  nextTurn: () => turn(),
  async sleepUntil(at, signal) {
    const end = systemClock.monotonicMs() + (at - Date.now());
    const left = () => Math.min(at - Date.now(), end - systemClock.monotonicMs());
    for (let ms = left(); ms > 0 && !signal?.aborted; ms = left()) {
      await delay(Math.min(ms, LONGEST_SLEEP_MS), undefined, signal ? { signal } : {}).catch(() => undefined);
    }
  },
};

/** Time limits count while this process runs. Setting one is cheap, as most are cancelled. */
export interface Timers {
  /** Returns the cancel function. Doesn't keep the process alive. */
  after(delayMs: number, handler: () => void): () => void;
  /** Returns the time for which the process has run, since a fixed instant. */
  runningMs(): number;
  /** Returns how long the process hasn't run: it was stopped, or a turn took long. That is noticed while a timer is armed. */
  stoppedMs(): number;
}
