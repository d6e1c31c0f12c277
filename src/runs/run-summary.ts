import type { WhcbError } from "../domain/errors.js";
import type { StopReason } from "./journal/run-event.js";
import type { RunCall, RunCounts, RunHeader } from "./journal/run-record.js";

/** What came of a run, or of this session of it. */
export interface RunSummary {
  readonly header: RunHeader;
  /** Over the whole run, earlier sessions too. */
  readonly counts: RunCounts;
  /** The same, for each callback of the header. */
  readonly callbacks: readonly CallbackSummary[];
  /** Something is left that `--resume` would do. */
  readonly isResumable: boolean;
  /**
   * What the exit code follows: null when all is done. items-failed: some calls were refused, are unknown or can't be marked,
   * or the canary failed; interrupted; quota-exceeded, network, … where the service ended it; unavailable where the journal's disk did.
   */
  readonly error: WhcbError | null;
  /** The first 20 refused, unknown or unmarkable calls. */
  readonly troubled: readonly RunCall[];
  readonly durationMs: number;
}

export interface CallbackSummary {
  readonly callbackId: string;
  readonly counts: RunCounts;
  readonly stopped: StopReason | null;
}
