import type { Clock } from "./clock.js";

const SYNC_MS = 5_000;

/** The machines that share a database go by its clock: their own may be minutes apart, or be set while they run. */
export class SharedClock implements Clock {
  readonly #local: Clock;
  readonly #readTime: () => Promise<number>;
  /** How far the shared clock is ahead of the local monotonic one. It is null until it is read. */
  #ahead: number | null = null;

  constructor(local: Clock, readTime: () => Promise<number>) {
    this.#local = local;
    this.#readTime = readTime;
  }

  /** Moves `now` no further than the time that the answer took allows for; the first answer puts it at most that far behind, not ahead. */
  async sync(): Promise<void> {
    const askedAtMs = this.#local.monotonicMs();
    const time = await this.#readTime();
    const [least, most] = [time - this.#local.monotonicMs(), time - askedAtMs];
    this.#ahead = Math.min(Math.max(this.#ahead ?? least, least), most);
  }

  /** Syncs every few seconds until the signal is aborted. */
  async follow(signal: AbortSignal, onError: (error: unknown) => void): Promise<void> {
    while (!signal.aborted) {
      await this.#local.sleepUntil(this.#local.now() + SYNC_MS, signal);
      if (!signal.aborted) await this.sync().catch(onError);
    }
  }

  /** Returns the local time until the first `sync`. */
  now(): number {
    return this.#ahead === null ? this.#local.now() : Math.floor(this.#local.monotonicMs() + this.#ahead);
  }

  monotonicMs(): number {
    return this.#local.monotonicMs();
  }

  nextTurn(): Promise<void> {
    return this.#local.nextTurn();
  }

  sleepUntil(at: number, signal?: AbortSignal): Promise<void> {
    return this.#local.sleepUntil(this.#local.now() + (at - this.now()), signal);
  }
}
