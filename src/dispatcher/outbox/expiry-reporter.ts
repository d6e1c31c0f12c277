import type { Clock } from "../../platform/clock.js";
import type { Logger } from "../../platform/logger.js";
import { type Random, timeOrderedId } from "../../platform/random.js";
import type { Store } from "../../store/open-store.js";
import { RunLoop } from "../run-loop.js";

export interface ExpiryReporterDeps {
  readonly expiries: Store["expiries"];
  readonly destinations: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onQueued: () => void;
}

const LOOK_MS = 60_000;

/** Queues notices of calls that aren't retried any more. Without destinations it only notes that they need none later. */
export function createExpiryReporter({ expiries, destinations, clock, random, logger, onQueued }: ExpiryReporterDeps): RunLoop {
  const report = async () => {
    const now = clock.now();
    const callbacks = await expiries.queueNotices({ destinations, newId: () => timeOrderedId(now, random), now });
    if (callbacks > 0) onQueued();
    return now + LOOK_MS;
  };
  return new RunLoop(report, {
    clock,
    pollMs: LOOK_MS,
    onError: (error) => logger.error({ err: error }, "Calls that aren't retried any more could not be reported; trying again"),
  });
}
