import { isWhcbError } from "../domain/errors.js";
import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import type { Store } from "../store/open-store.js";
import { RunLoop } from "./run-loop.js";

export interface ReplayCollectorDeps {
  readonly store: Pick<Store, "replays">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Is called after a commit that added calls to replays of the callback. */
  onAdded(callbackId: string): void;
}

/** A replay whose process ended is gone on with after this time by another one. */
const POLL_MS = 5_000;
/** Others use the database in between. */
const PAUSE_MS = 2;
/** The dispatcher reads again what it has prefetched. */
const LEAST_BETWEEN_REPORTS_MS = 200;

/** Adds the calls of confirmed replays, also of those that another process has begun. */
export function createReplayCollector({ store, clock, logger, onAdded }: ReplayCollectorDeps): RunLoop {
  let reportedAt = Number.NEGATIVE_INFINITY;

  async function collectChunk(): Promise<number> {
    const next = await store.replays.findCollecting();
    if (next === null) return clock.now() + POLL_MS;
    const { callbackId, replayId } = next;
    try {
      const { collecting } = await store.replays.collect(callbackId, replayId, clock.now());
      if (collecting === null || clock.monotonicMs() - reportedAt >= LEAST_BETWEEN_REPORTS_MS) {
        reportedAt = clock.monotonicMs();
        onAdded(callbackId);
      }
    } catch (error) {
      // The callback has just been deleted.
      if (!isWhcbError(error, "not-found")) throw error;
    }
    // Requests come first.
    await clock.nextTurn();
    return clock.now() + PAUSE_MS;
  }

  return new RunLoop(collectChunk, {
    clock,
    pollMs: POLL_MS,
    onError: (error) => logger.error({ err: error }, "The calls of a replay can't be collected; trying again"),
  });
}
