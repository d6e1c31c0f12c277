import { count } from "../domain/count.js";
import { WhcbError } from "../domain/errors.js";
import type { HeldRun } from "./begin-run.js";
import { describeUnmarked, type UnmarkedRun } from "./journal/other-runs.js";
import { isUnfinished } from "./journal/run-counts.js";
import type { RunCall } from "./journal/run-state.js";
import type { RunCounts, RunHeader, ServiceCounts, StopReason } from "./journal/run-step.js";
import type { Rejection, RunSession } from "./run-session.js";

export interface RunSummary {
  readonly header: RunHeader;
  /** Of the whole run, not only this session. */
  readonly counts: RunCounts;
  readonly callbacks: readonly CallbackSummary[];
  readonly isResumable: boolean;
  /** null when all is done; decides the exit code. items-failed: calls rejected, unknown, not marked or not found, or a failed canary. not-found: none could be marked. */
  readonly error: WhcbError | null;
  /** The first 100 unknown, not-found or not marked calls. */
  readonly troubled: readonly RunCall[];
  /** The first 20 different ones, most frequent first. */
  readonly rejections: readonly Rejection[];
  /** Calls that a resumed run has left to them. */
  readonly unmarked: readonly UnmarkedRun[];
  /** `--via service`; null: not asked, or it doesn't say. */
  readonly service: ServiceCounts | null;
  readonly durationMs: number;
}

export interface CallbackSummary {
  readonly callbackId: string;
  readonly counts: RunCounts;
  readonly stopped: StopReason | null;
}

/** Always closes the journal and releases the lock. */
export async function workAndEnd({ session, lock }: HeldRun, work: () => Promise<void>): Promise<RunSummary> {
  const { journal, deps, stop } = session;
  const endPauses = deps.client.duringRun(stop.signal, (until) => session.pausing(null, until));
  try {
    await work();
    if (journal.failure === null) {
      try {
        journal.append({ step: "ended", at: deps.clock.now(), reason: stop.endReason, counts: session.counts() });
      } catch (error) {
        if (journal.failure === null) throw error;
        stop.stop("journal", journal.failure);
      }
    }
  } finally {
    endPauses();
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
    // The journal may lack what the counts have.
    isResumable: isUnfinished(counts) || journal.failure !== null,
    error: journal.failure ?? stop.error ?? errorOf(stop.reason, session, callbacks),
    troubled,
    rejections: session.rejections(),
    unmarked: session.unmarked,
    service: session.service,
    durationMs: Math.round(deps.clock.monotonicMs() - startedAtMs),
  };
}

function errorOf(reason: StopReason | null, session: RunSession, summaries: readonly CallbackSummary[]): WhcbError | null {
  const { options, callbacks } = session.header;
  const { service } = session;
  const counts = session.counts();
  if (reason === "interrupted") return new WhcbError("interrupted", "interrupted");
  const stopped = new Set(summaries.map((callback) => callback.stopped));
  const maxFailures = options?.maxFailures ?? 0;
  const namesOf = (reason: StopReason): string => {
    const ids = summaries.filter((callback) => callback.stopped === reason).map(({ callbackId }) => callbackId);
    return ids.map((id) => callbacks.find((one) => one.id === id)?.name || id).join(", ");
  };
  const troubles = [
    stopped.has("canary") && "the first call failed, so nothing else was sent",
    stopped.has("max-failures") && `${count(maxFailures, "failure")} in a row (--max-failures ${maxFailures})`,
    stopped.has("retry-after") && "the endpoint asked for a pause of more than 15 minutes",
    stopped.has("gone") && `${namesOf("gone")} no longer exists`,
    stopped.has("changed") && `${namesOf("changed")} was changed during the run, so the rest was neither sent nor marked`,
    counts.rejected > 0 && `${counts.rejected} rejected`,
    counts.unknown > 0 && `${counts.unknown} sent with an unknown outcome`,
    service?.left === 0 && service.failed > 0 && `${service.failed} failed again`,
    service?.left === 0 && service.cancelled > 0 && `${service.cancelled} cancelled`,
    ...session.unmarked.map(describeUnmarked),
    counts.toMark > 0 && `${count(counts.toMark, "call")} not marked`,
    counts.notFound > 0 && `${count(counts.notFound, "call")} not found`,
  ].filter((trouble) => trouble !== false);
  if (troubles.length === 0) return null;
  const isNothingMarked = options === null && counts.notFound === counts.planned;
  return new WhcbError(isNothingMarked ? "not-found" : "items-failed", troubles.join("; "));
}
