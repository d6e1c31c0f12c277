import { rename, rm } from "node:fs/promises";
import type { ListedCallback } from "../client/client.js";
import { count } from "../domain/count.js";
import { errorMessage, WhcbError } from "../domain/errors.js";
import { maskUrl, shownUrl } from "../domain/mask.js";
import { createOwnFolder, flushFolder } from "../platform/files/durable-folders.js";
import { MAX_IDS_PER_REQUEST } from "../wire/bulk-ids.js";
import { describeUnmarked, type UnmarkedRun } from "./journal/arrived-calls.js";
import { Journal, openJournalFile, readBootId } from "./journal/journal.js";
import { lockRun } from "./journal/process-lock.js";
import { urlRecorder } from "./journal/recorded-url.js";
import { isUnfinished, NO_COUNTS, plannedState, reduceCounts } from "./journal/run-counts.js";
import { journalPath } from "./journal/run-id.js";
import type { RunCall } from "./journal/run-state.js";
import type {
  PlannedAction,
  RunCounts,
  RunHeader,
  RunListener,
  RunPurpose,
  ServiceCounts,
  StopReason,
} from "./journal/run-step.js";
import { findPlace, type RunOverview } from "./journal/stored-runs.js";
import { type FileLock, NO_LOCK, type RunDeps, runnerOf } from "./run-deps.js";
import type { SendingPace } from "./run-options.js";
import { asWhcbError, type Rejection, type RunControl, RunSession } from "./run-session.js";

export interface NewRun {
  readonly purpose: RunPurpose;
  readonly callbacks: readonly ListedCallback[];
  /** The calls are in sending order. */
  readonly planned: readonly PlannedCalls[];
  readonly control: RunControl;
}

export interface PlannedCalls {
  readonly callbackId: string;
  readonly do: PlannedAction;
  readonly callIds: Iterable<string> | AsyncIterable<string>;
  /** When each call had last changed as it was listed, by id. */
  readonly listedChanges?: ReadonlyMap<string, number>;
}

export interface RunSummary {
  readonly header: RunHeader;
  /** `counts` is of the whole run, not only this session. */
  readonly counts: RunCounts;
  readonly callbacks: readonly CallbackSummary[];
  readonly isResumable: boolean;
  /**
   * `error` decides the exit code, and is null when all is done. items-failed means calls that were rejected, unknown, not marked or not found,
   * or a failed canary; not-found that none could be marked.
   */
  readonly error: WhcbError | null;
  /** `troubled` has the first 100 unknown, not-found or not marked calls. */
  readonly troubled: readonly RunCall[];
  /** `rejections` has the first 20 different ones, most frequent first. */
  readonly rejections: readonly Rejection[];
  /** The run has left calls to these. */
  readonly unmarked: readonly UnmarkedRun[];
  /** `service` is null without `--via service`, and if the service doesn't say. */
  readonly service: ServiceCounts | null;
  readonly durationMs: number;
  /** This run has taken back marks before the run was resumed, which can't be undone again. */
  readonly undo?: RunOverview | null;
  /** The run was resumed on another database than it began on, where its marks can't be undone. */
  readonly isOfOther?: boolean;
}

export interface CallbackSummary {
  readonly callbackId: string;
  readonly counts: RunCounts;
  readonly stopped: StopReason | null;
}

const LINES_AT_ONCE = 1_000;

/** Writes the plan to a journal, then works, and sums up what was done. Throws `unavailable` if the journal can't be written: nothing was done then. */
export async function performRun(
  run: NewRun,
  deps: RunDeps,
  onEvent: RunListener,
  work: (session: RunSession) => Promise<void>,
): Promise<RunSummary> {
  await createOwnFolder(deps.runsDirectory);
  const startedAt = deps.clock.now();
  const databaseId = deps.client.databaseId();
  const header: RunHeader = {
    ...run.purpose,
    ...(await recordUrls(run, deps)),
    profile: deps.profile,
    service: deps.client.name,
    ...(databaseId !== null && { databaseId }),
    who: runnerOf(deps),
    startedAt,
    serviceStartedAt: deps.client.toServiceClock(startedAt),
    ...(await findPlace(deps.runsDirectory, run.purpose.runId)),
  };
  const lock = await ownLock(deps, header.runId, run.control);
  const path = journalPath(deps.runsDirectory, header.runId);
  const draft = `${path}.new`;
  let journal: Journal | null = null;
  let session: RunSession;
  try {
    journal = new Journal(openJournal(draft, deps, "new"));
    journal.append({ step: "run", version: 1, header });
    const counts = await writePlan(journal, run.planned, header);
    await beginSession(journal, header, deps);
    await rename(draft, path);
    await flushFolder(deps.runsDirectory);
    session = new RunSession({ header, journal, counts }, run.control, deps, onEvent);
  } catch (error) {
    await journal?.close();
    await rm(draft, { force: true });
    await lock.release();
    throw error instanceof WhcbError && error === journal?.failure ? notBegun(error) : error;
  }
  return workAndEnd(session, lock, () => work(session));
}

function notBegun({ code, message, cause }: WhcbError): WhcbError {
  return new WhcbError(code, message, { cause, hint: "No run has begun. Free some space, then type the command again." });
}

async function recordUrls({ purpose: { options }, callbacks }: NewRun, deps: RunDeps) {
  const recordUrl = urlRecorder(deps);
  const recorded = [];
  for (const callback of callbacks) {
    const { id, name, url } = callback;
    recorded.push({ id, name, ...(await recordUrl(url, shownUrl(callback))) });
  }
  if (options === null || options.to === null) return { callbacks: recorded, options };
  const { url: to, urlHash } = await recordUrl(options.to, maskUrl(options.to));
  return { callbacks: recorded, options: { ...options, to }, toHash: urlHash };
}

/** The locks of the callbacks, if there are any, include the run's. */
export async function ownLock(deps: RunDeps, runId: string, { locks }: RunControl): Promise<FileLock> {
  return locks === undefined ? lockRun(deps, runId) : NO_LOCK;
}

/** The line is on disk when it resolves. */
export async function beginSession(
  journal: Journal,
  { options }: RunHeader,
  deps: RunDeps,
  pace: Partial<SendingPace> = {},
): Promise<void> {
  const bootId = await readBootId(deps.clock);
  const concurrency = options === null || options.viaService ? MAX_IDS_PER_REQUEST : options.concurrency;
  const changed = Object.keys(pace).length > 0 && { options: pace };
  journal.append({ step: "session", at: deps.clock.now(), who: runnerOf(deps), bootId, concurrency, ...changed });
  await journal.flush();
}

/** Returns counts by callback. */
async function writePlan(
  journal: Journal,
  planned: readonly PlannedCalls[],
  header: RunHeader,
): Promise<ReadonlyMap<string, RunCounts>> {
  const counts = new Map<string, RunCounts>();
  const requireOneCallback = createIdCheck(header);
  let lines = 0;
  for (const { callbackId, do: action, callIds, listedChanges } of planned) {
    const context = { header, from: plannedState(action, header), calls: 1 };
    for await (const call of callIds) {
      requireOneCallback(call, callbackId);
      const changedAt = listedChanges?.get(call);
      const changed = changedAt !== undefined && { changedAt };
      const step = { step: "planned", callback: callbackId, call, do: action, ...changed } as const;
      journal.collect(step);
      counts.set(callbackId, reduceCounts(counts.get(callbackId) ?? NO_COUNTS, step, context));
      if (++lines % LINES_AT_ONCE === 0) journal.write();
    }
  }
  journal.write();
  return counts;
}

/** Steps name a call by its id alone, so two callbacks with the same one can't be in a run. Throws `usage`. */
function createIdCheck({ callbacks }: RunHeader): (call: string, callbackId: string) => void {
  if (callbacks.length < 2) return () => {};
  const callbackOf = new Map<string, string>();
  return (call, callbackId) => {
    const other = callbackOf.get(call);
    if (other === undefined) callbackOf.set(call, callbackId);
    else if (other !== callbackId) {
      const [one, two] = [other, callbackId].map((id) => callbacks.find((callback) => callback.id === id)?.name || id);
      throw new WhcbError("usage", `both ${one} and ${two} have a call ${call}`, {
        hint: "name one callback at a time: a run tells calls apart by their ids",
      });
    }
  };
}

export function openJournal(path: string, { openJournalFile: open = openJournalFile }: RunDeps, at: "new" | number) {
  try {
    return open(path, at);
  } catch (cause) {
    throw new WhcbError("unavailable", `the run's journal can't be opened: ${errorMessage(cause)}`, { cause });
  }
}

/** Always closes the journal and releases the lock. What the service doesn't do stops the run. */
export async function workAndEnd(session: RunSession, lock: FileLock, work: () => Promise<void>): Promise<RunSummary> {
  const { journal, deps, stop } = session;
  const endRequests = deps.client.followRun({ stop: stop.signal, giveUp: session.givenUp });
  try {
    await work().catch((error: unknown) => stop.stop("service", asWhcbError(error)));
    if (journal.failure === null) {
      try {
        journal.append({ step: "ended", at: deps.clock.now(), reason: stop.endReason, counts: session.counts() });
      } catch (error) {
        if (journal.failure === null) throw error;
        stop.stop("journal", journal.failure);
      }
    }
  } finally {
    endRequests();
    session.end();
    await journal.close();
    await lock.release();
  }
  return summarize(session);
}

function summarize(session: RunSession): RunSummary {
  const { header, stop, troubled, journal, deps, startedAtMs } = session;
  const counts = session.counts();
  const callbacks = header.callbacks.map(({ id }) => {
    return { callbackId: id, counts: session.counts(id), stopped: session.stopReasonOf(id) };
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
    service: session.serviceCounts,
    durationMs: Math.round(deps.clock.monotonicMs() - startedAtMs),
  };
}

function errorOf(reason: StopReason | null, session: RunSession, summaries: readonly CallbackSummary[]): WhcbError | null {
  const { options, callbacks } = session.header;
  const { serviceCounts: service } = session;
  const counts = session.counts();
  const { reopened } = counts.skipped;
  if (reason === "interrupted") return new WhcbError("interrupted", "interrupted");
  const stopped = new Set(summaries.map((callback) => callback.stopped));
  const maxFailures = options?.maxFailures ?? 0;
  const namesOf = (reason: StopReason): string => {
    const ids = summaries.filter((callback) => callback.stopped === reason).map(({ callbackId }) => callbackId);
    return ids.map((id) => callbacks.find((one) => one.id === id)?.name || id).join(", ");
  };
  const troubles = [
    counts.left > 0 && stopped.has("canary") && "the first call failed, so nothing else was sent",
    counts.left > 0 &&
      stopped.has("canaries") &&
      "each of the first calls was rejected, maybe for its body, so nothing else was sent",
    stopped.has("max-failures") && `${count(maxFailures, "failure")} in a row (--max-failures ${maxFailures})`,
    stopped.has("retry-after") && "the endpoint asked for a pause of more than 15 minutes",
    stopped.has("gone") && `${namesOf("gone")} no longer exists`,
    stopped.has("changed") && `${namesOf("changed")} was changed during the run, so the rest was neither sent nor marked`,
    counts.rejected > 0 && `${counts.rejected} rejected`,
    counts.unknown > 0 && `${counts.unknown} sent with an unknown outcome`,
    service?.left === 0 && service.failed > 0 && `${service.failed} failed again`,
    service?.left === 0 && service.cancelled > 0 && `${service.cancelled} cancelled`,
    ...session.unmarked.map(describeUnmarked),
    reopened > 0 &&
      `${count(reopened, "call")} left as ${reopened === 1 ? "it is, as it became FAILED or was" : "they are, as they became FAILED or were"} sent again since`,
    counts.toMark > 0 && `${count(counts.toMark, "call")} not marked`,
    counts.notFound > 0 && `${count(counts.notFound, "call")} not found`,
  ].filter((trouble) => trouble !== false);
  if (troubles.length === 0) return null;
  const isGone = counts.marked === 0 && summaries.every((callback) => callback.stopped === "gone");
  const isNothingMarked = options === null && (isGone || counts.notFound === counts.planned);
  return new WhcbError(isNothingMarked ? "not-found" : "items-failed", troubles.join("; "));
}
