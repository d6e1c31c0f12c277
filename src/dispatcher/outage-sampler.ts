import { MINUTE_MS } from "../domain/duration.js";
import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import type { Store } from "../store/open-store.js";
import { RunLoop } from "./run-loop.js";

export interface SamplerDeps {
  readonly activity: Store["activity"];
  readonly clock: Clock;
  readonly logger: Logger;
}

const CALLBACKS_PER_TRANSACTION = 500;

/** Records each minute how many calls wait while an outage is open. */
export function createOutageSampler({ activity, clock, logger }: SamplerDeps): RunLoop {
  const sample = async () => {
    const now = clock.now();
    let after = await activity.sampleWaiting(now, 0, CALLBACKS_PER_TRANSACTION);
    while (after !== null) {
      await clock.nextTurn();
      after = await activity.sampleWaiting(now, after, CALLBACKS_PER_TRANSACTION);
    }
    return (Math.floor(now / MINUTE_MS) + 1) * MINUTE_MS;
  };
  return new RunLoop(sample, {
    clock,
    pollMs: MINUTE_MS,
    onError: (error) => logger.error({ err: error }, "Waiting calls could not be counted for the outages; trying again"),
  });
}
