/** The end of a session, and its summary. */
import { count } from "../domain/count.js";
import { WhcbError } from "../domain/errors.js";
import type { HeldRun } from "./begin-run.js";
import { isUnfinished } from "./journal/run-counts.js";
import type { RunCall } from "./journal/run-state.js";
import type { RunCounts, RunHeader, StopReason } from "./journal/run-step.js";
import type { Rejection, RunSession } from "./run-session.js";

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
  /** The first 100 unknown or not-found calls. */
  readonly troubled: readonly RunCall[];
  /** The 20 first different rejections, most frequent first. */
  readonly rejections: readonly Rejection[];
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
  const { header, stop, troubled, journal, deps, startedAtMs } = session;
  const counts = session.counts();
  const callbacks = header.callbacks.map(({ id }) => {
    return { callbackId: id, counts: session.counts(id), stopped: session.stopped(id) };
  });
  return {
    header,
    counts,
    callbacks,
    isResumable: isUnfinished(counts),
    error: journal.failure ?? stop.error ?? errorOf(stop.reason, header, counts, callbacks),
    troubled,
    rejections: session.rejections(),
    durationMs: Math.round(deps.clock.monotonicMs() - startedAtMs),
  };
}

function errorOf(
  reason: StopReason | null,
  { options, callbacks }: RunHeader,
  counts: RunCounts,
  summaries: readonly CallbackSummary[],
): WhcbError | null {
  if (reason === "interrupted") return new WhcbError("interrupted", "interrupted");
  const stopped = new Set(summaries.map((callback) => callback.stopped));
  const maxFailures = options?.maxFailures ?? 0;
  const gone = summaries.filter((callback) => callback.stopped === "gone").map(({ callbackId }) => callbackId);
  const troubles = [
    stopped.has("canary") && "the first call failed, so nothing else was sent",
    stopped.has("max-failures") && `${count(maxFailures, "failure")} in a row (--max-failures ${maxFailures})`,
    stopped.has("retry-after") && "the endpoint asked for a pause of more than 15 minutes",
    gone.length > 0 && `${gone.map((id) => callbacks.find((one) => one.id === id)?.name || id).join(", ")} no longer exists`,
    counts.rejected > 0 && `${counts.rejected} rejected`,
    counts.unknown > 0 && `${counts.unknown} sent with an unknown outcome`,
    counts.notFound > 0 && `${count(counts.notFound, "call")} not found`,
  ].filter((trouble) => trouble !== false);
  return troubles.length === 0 ? null : new WhcbError("items-failed", troubles.join("; "));
}
