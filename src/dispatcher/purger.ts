/** In small chunks (docs/dispatcher.md, A call, rules 8 and 10). */
import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import type { Store } from "../store/open-store.js";
import { RunLoop } from "./run-loop.js";

export interface PurgerDeps {
  readonly store: Store;
  /** Mail files written before this, epoch ms. */
  readonly removeMailFiles: (before: number) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const CHUNK = 500;
const PAUSE_MS = 50;
const ROUND_MS = 60_000;
/** A wall clock further ahead of the monotonic one was set, or the machine slept. */
const AHEAD_MS = 1_000;
/** A wrong clock would remove calls for good: time to correct it. */
const GRACE_MS = 3_600_000;

export class Purger {
  readonly #deps: PurgerDeps;
  readonly #loop: RunLoop;
  /** Wall clock less monotonic clock. */
  #wallAhead: number;
  /** By the monotonic clock. */
  #graceUntil: number;

  constructor(deps: PurgerDeps) {
    const { clock, logger } = deps;
    this.#deps = deps;
    this.#wallAhead = clock.now() - clock.monotonicMs();
    this.#graceUntil = clock.monotonicMs() + GRACE_MS;
    this.#loop = new RunLoop(() => this.tick(), {
      clock,
      pollMs: ROUND_MS,
      onError: (error) => logger.error({ err: error }, "Old calls could not be removed; trying again"),
    });
  }

  start(): void {
    this.#loop.start();
  }

  wake(): void {
    this.#loop.wake();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Resolves with when the next chunk is due. */
  async tick(): Promise<number> {
    const { store, clock, removeMailFiles } = this.#deps;
    const now = clock.now();
    if ((await store.retention.purgeDeleted(CHUNK)) >= CHUNK) return now + PAUSE_MS;
    if (this.#isInGrace(now)) return now + ROUND_MS;
    if ((await store.retention.purgeExpired(now, CHUNK)) >= CHUNK) return now + PAUSE_MS;
    await removeMailFiles(now - (await store.settings.read()).retainMailMs);
    return now + ROUND_MS;
  }

  #isInGrace(now: number): boolean {
    const monotonic = this.#deps.clock.monotonicMs();
    const wallAhead = now - monotonic;
    if (wallAhead > this.#wallAhead + AHEAD_MS) this.#graceUntil = monotonic + GRACE_MS;
    this.#wallAhead = wallAhead;
    return monotonic < this.#graceUntil;
  }
}
