/** Deleted callbacks and what is past retention, in small chunks (docs/dispatcher.md, A call, rules 8 and 10). */
import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import type { DispatchStore } from "../store/store.js";
import { RunLoop } from "./run-loop.js";

export interface PurgerDeps {
  readonly store: Pick<DispatchStore, "purgeDeleted" | "purgeExpired">;
  readonly clock: Clock;
  readonly logger: Logger;
}

const CHUNK = 500;
const PAUSE_MS = 50;
const ROUND_MS = 60_000;
/** More than this ahead of the monotonic clock: set, or the machine was asleep. */
const AHEAD_MS = 1_000;
/** A wrong clock would remove calls for good: time to correct it after a start or a jump ahead. */
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

  /** One chunk. Resolves with when the next is due. */
  async tick(): Promise<number> {
    const { store, clock } = this.#deps;
    const now = clock.now();
    if ((await store.purgeDeleted(CHUNK)) >= CHUNK) return now + PAUSE_MS;
    if (this.#isInGrace(now)) return now + ROUND_MS;
    return now + ((await store.purgeExpired(now, CHUNK)) < CHUNK ? ROUND_MS : PAUSE_MS);
  }

  #isInGrace(now: number): boolean {
    const monotonic = this.#deps.clock.monotonicMs();
    const wallAhead = now - monotonic;
    if (wallAhead > this.#wallAhead + AHEAD_MS) this.#graceUntil = monotonic + GRACE_MS;
    this.#wallAhead = wallAhead;
    return monotonic < this.#graceUntil;
  }
}
