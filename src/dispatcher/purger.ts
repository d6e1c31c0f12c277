import type { Clock } from "../platform/clock.js";
import type { Logger } from "../platform/logger.js";
import type { Store } from "../store/open-store.js";
import { RunLoop } from "./run-loop.js";

export interface PurgerDeps {
  readonly store: Store;
  /** Removes the files of e-mails that were written before this (epoch ms). */
  readonly removeMailFiles: (before: number) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const CALLS_PER_CHUNK = 500;
const PAUSE_MS = 50;
const ROUND_MS = 60_000;
/** If the wall clock gains this much on the monotonic one, it was set or the machine slept. */
const SET_AHEAD_MS = 1_000;
/** A wrong clock would remove calls for good, so there is time to correct it. */
const GRACE_MS = 3_600_000;

/** Removes deleted calls and old ones in small chunks (docs/dispatcher.md, A call, Rules 8 and 10). */
export function createPurger({ store, removeMailFiles, clock, logger }: PurgerDeps): RunLoop {
  let wallAheadMs = clock.now() - clock.monotonicMs();
  /** `graceEndsAt` is an instant of the monotonic clock. */
  let graceEndsAt = clock.monotonicMs() + GRACE_MS;

  function isInGrace(now: number): boolean {
    const monotonicMs = clock.monotonicMs();
    if (now - monotonicMs > wallAheadMs + SET_AHEAD_MS) graceEndsAt = monotonicMs + GRACE_MS;
    wallAheadMs = now - monotonicMs;
    return monotonicMs < graceEndsAt;
  }

  async function purgeChunk(): Promise<number> {
    const now = clock.now();
    if ((await store.retention.purgeDeleted(CALLS_PER_CHUNK)) >= CALLS_PER_CHUNK) return now + PAUSE_MS;
    if (isInGrace(now)) return now + ROUND_MS;
    if ((await store.retention.purgeExpired(now, CALLS_PER_CHUNK)) >= CALLS_PER_CHUNK) return now + PAUSE_MS;
    await removeMailFiles(now - (await store.settings.read()).retainMailMs);
    return now + ROUND_MS;
  }

  return new RunLoop(purgeChunk, {
    clock,
    pollMs: ROUND_MS,
    onError: (error) => logger.error({ err: error }, "Old calls could not be removed; trying again"),
  });
}
