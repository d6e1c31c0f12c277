/** The end of a session, and its summary. */
import { count } from "../domain/count.js";
import { WhcbError } from "../domain/errors.js";
import type { HeldRun } from "./begin-run.js";
import { isUnfinished } from "./journal/run-counts.js";
import type { RunCall } from "./journal/run-state.js";
import type { RunCounts, RunHeader, StopReason } from "./journal/run-step.js";
import type { RunSession } from "./run-session.js";

/** The result of a run, or of this session of it. */
export interface RunSummary {
  readonly header: RunHeader;
  /** Of the whole run, earlier sessions too. */
  readonly counts: RunCounts;
  /** The same, for each callback of the header. */
  readonly callbacks: readonly CallbackSummary[];
  /** Something is left that `--resume` would do. */
  readonly isResumable: boolean;
  /**
   * What the exit code follows: null when all is done. items-failed: some calls were rejected, are unknown or weren't found, or the
   * canary failed; interrupted; quota-exceeded, network, … where the service ended it; unavailable where the journal's disk did.
   */
  readonly error: WhcbError | null;
  /** The first 20 rejected, unknown or not-found calls. */
  readonly troubled: readonly RunCall[];
  readonly durationMs: number;
}

export interface CallbackSummary {
  readonly callbackId: string;
  readonly counts: RunCounts;
  readonly stopped: StopReason | null;
}

/** Does the session's work. Whatever it throws, the journal is closed and the lock released. */
export async function workAndEnd({ session, lock }: HeldRun, work: () => Promise<void>): Promise<RunSummary> {
  const { journal, deps, stop } = session;
  try {
    await work();
    if (journal.failure === null) {
      try {
        journal.append({ step: "ended", at: deps.clock.now(), reason: stop.reason ?? "done", counts: session.counts() });
      } catch (error) {
        if (journal.failure === null) throw error;
        stop.stop("journal", journal.failure);
      }
    }
  } finally {
    await journal.close();
    await lock.release();
  }
  return summarize(session);
}

function summarize(session: RunSession): RunSummary {
  const { header, stopped, stop, troubled, journal, deps, startedAtMs } = session;
  const counts = session.counts();
  const callbacks = header.callbacks.map(({ id }) => {
    return { callbackId: id, counts: session.counts(id), stopped: stopped.get(id) ?? null };
  });
  return {
    header,
    counts,
    callbacks,
    isResumable: isUnfinished(counts),
    error: journal.failure ?? stop.error ?? errorOf(stop.reason, counts, [...stopped.values()]),
    troubled,
    durationMs: Math.round(deps.clock.monotonicMs() - startedAtMs),
  };
}

function errorOf(reason: StopReason | null, counts: RunCounts, stopped: readonly StopReason[]): WhcbError | null {
  if (reason === "interrupted") return new WhcbError("interrupted", "interrupted");
  const troubles = [
    stopped.includes("canary") && "the first call failed, so nothing else was sent",
    stopped.includes("max-failures") && "too many failures in a row",
    stopped.includes("retry-after") && "the endpoint asked for a longer pause",
    counts.rejected > 0 && `${counts.rejected} rejected`,
    counts.unknown > 0 && `${counts.unknown} sent with an unknown outcome`,
    counts.notFound > 0 && `${count(counts.notFound, "call")} not found`,
  ].filter((trouble) => trouble !== false);
  return troubles.length === 0 ? null : new WhcbError("items-failed", troubles.join("; "));
}
