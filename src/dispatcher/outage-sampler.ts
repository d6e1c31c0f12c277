/** How many calls wait, each minute while an outage is open. */
import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import type { Store } from "../store/open-store.js";
import { RunLoop } from "./run-loop.js";

export interface SamplerDeps {
  readonly activity: Store["activity"];
  readonly clock: Clock;
  readonly logger: Logger;
}

const MINUTE_MS = 60_000;
/** Callbacks per transaction. */
const CHUNK = 500;

export class OutageSampler {
  readonly #deps: SamplerDeps;
  readonly #loop: RunLoop;

  constructor(deps: SamplerDeps) {
    this.#deps = deps;
    this.#loop = new RunLoop(() => this.tick(), {
      clock: deps.clock,
      pollMs: MINUTE_MS,
      onError: (error) => deps.logger.error({ err: error }, "Waiting calls could not be counted for the outages; trying again"),
    });
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Resolves with the beginning of the next minute. */
  async tick(): Promise<number> {
    const { activity, clock } = this.#deps;
    const now = clock.now();
    let after = await activity.sampleWaiting(now, 0, CHUNK);
    while (after !== null) {
      await clock.nextTurn();
      after = await activity.sampleWaiting(now, after, CHUNK);
    }
    return (Math.floor(now / MINUTE_MS) + 1) * MINUTE_MS;
  }
}
