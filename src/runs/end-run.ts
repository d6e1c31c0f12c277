/** The end of a session: the journal closed in order, the lock given back, and what is to be told. */
import { WhcbError } from "../domain/errors.js";
import type { HeldRun } from "./begin-run.js";
import { isUnfinished } from "./journal/run-counts.js";
import type { StopReason } from "./journal/run-event.js";
import type { RunCounts } from "./journal/run-record.js";
import type { RunSession } from "./run-session.js";
import type { RunSummary } from "./run-summary.js";

/** `work` is what the session is for; whatever it throws, the journal is closed and the lock given back. */
export async function workAndEnd({ session, lock }: HeldRun, work: () => Promise<void>): Promise<RunSummary> {
  const { journal, tally, deps, stop } = session;
  try {
    await work();
    if (journal.failure === null) {
      try {
        journal.append({ step: "ended", at: deps.clock.now(), reason: stop.reason ?? "done", counts: tally.total() });
      } catch (error) {
        stop.stop("journal", journal.failure);
        if (journal.failure === null) throw error;
      }
    }
  } finally {
    await journal.close();
    await lock.release();
  }
  return summaryOf(session);
}

function summaryOf(session: RunSession): RunSummary {
  const { header, tally, stopped, stop, troubled, journal, deps, startedAtMs } = session;
  const counts = tally.total();
  const callbacks = header.callbacks.map(({ id }) => {
    return { callbackId: id, counts: tally.counts(id), stopped: stopped.get(id) ?? null };
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
    counts.refused > 0 && `${counts.refused} refused`,
    counts.unknown > 0 && `${counts.unknown} sent with an unknown outcome`,
    counts.unmarkable > 0 && `${counts.unmarkable} that the service can't mark`,
  ].filter((trouble) => trouble !== false);
  return troubles.length === 0 ? null : new WhcbError("items-failed", troubles.join("; "));
}
