/** Removes what is deleted or past retention, in small chunks. */
import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import type { DispatchStore } from "../store/store.js";
import { RunLoop } from "./run-loop.js";

export interface PurgerDeps {
  readonly store: Pick<DispatchStore, "purge">;
  readonly clock: Clock;
  readonly logger: Logger;
}

const CHUNK = 500;
const PAUSE_MS = 50;
const ROUND_MS = 60_000;

export class Purger {
  readonly #deps: PurgerDeps;
  readonly #loop: RunLoop;

  constructor(deps: PurgerDeps) {
    this.#deps = deps;
    this.#loop = new RunLoop(() => this.tick(), {
      clock: deps.clock,
      pollMs: ROUND_MS,
      onError: (error) => deps.logger.error({ err: error }, "Old calls could not be removed; trying again"),
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** A callback was deleted. */
  wake(): void {
    this.#loop.wake();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Removes one chunk. Resolves with when the next one is due. */
  async tick(): Promise<number> {
    const { store, clock } = this.#deps;
    const now = clock.now();
    const removed = await store.purge({ now, limit: CHUNK });
    return now + (removed < CHUNK ? ROUND_MS : PAUSE_MS);
  }
}
