/** A pause of this process is nobody else's failure (docs/dispatcher.md, Limits). */
import { type Clock, systemClock, type Timers } from "./clock.js";

/** This time goes on while the process doesn't run. */
export type RealTime = Pick<Clock, "monotonicMs" | "nextTurn"> & Pick<Timers, "after">;

/** The clock is looked at this often. A stop counts at most this much too short, so that a process that keeps stopping still times out. */
const TICK_MS = 50;
/** If the clock wasn't looked at for longer, the process had stopped. */
const LONGEST_TURN_MS = 250;

/** While any timer is armed, one more looks at the clock for all of them. */
export class RunningTimers implements Timers {
  readonly #time: RealTime;
  #armed = 0;
  #isTicking = false;
  #readAtMs = 0;
  #stoppedMs = 0;

  constructor(time: RealTime) {
    this.#time = time;
  }

  after(delayMs: number, handler: () => void): () => void {
    this.#armed += 1;
    if (!this.#isTicking) this.#tick();
    const dueAt = this.runningMs() + delayMs;
    let isArmed = true;
    let cancelTimer: () => void;
    const cancel = () => {
      if (isArmed) this.#armed -= 1;
      isArmed = false;
      cancelTimer();
    };
    const arm = () => {
      const onTime = async () => {
        // Timers come before sockets in a turn: what has arrived is read first.
        await this.#time.nextTurn();
        if (!isArmed) return;
        if (this.runningMs() < dueAt) return arm();
        cancel();
        handler();
      };
      cancelTimer = this.#time.after(Math.max(1, Math.ceil(dueAt - this.runningMs())), onTime);
    };
    arm();
    return cancel;
  }

  runningMs(): number {
    return this.#readClock() - this.#stoppedMs;
  }

  stoppedMs(): number {
    this.#readClock();
    return this.#stoppedMs;
  }

  #tick(): void {
    this.#readAtMs = this.#readClock();
    this.#isTicking = this.#armed > 0;
    if (this.#isTicking) this.#time.after(TICK_MS, () => this.#tick());
  }

  #readClock(): number {
    const now = this.#time.monotonicMs();
    const elapsedMs = now - this.#readAtMs;
    if (this.#isTicking && elapsedMs > LONGEST_TURN_MS) {
      this.#stoppedMs += elapsedMs - TICK_MS;
      this.#readAtMs = now;
    }
    return now;
  }
}

export const systemTimers: Timers = new RunningTimers({
  ...systemClock,
  after(delayMs, handler) {
    const timer = setTimeout(handler, delayMs).unref();
    return () => clearTimeout(timer);
  },
});
