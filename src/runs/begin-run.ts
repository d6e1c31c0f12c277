import { mkdir, open, rename, rm } from "node:fs/promises";
import type { Client, ListedCallback } from "../client/client.js";
import { commandLine, shellQuote } from "../domain/command-line.js";
import { errorMessage, isWhcbError, WhcbError } from "../domain/errors.js";
import { maskUrl, shownUrl } from "../domain/mask.js";
import { MAX_IDS_PER_REQUEST } from "../wire/bulk-ids.js";
import { Journal, openJournalFile, readBootId } from "./journal/journal.js";
import { lockRun } from "./journal/process-lock.js";
import { urlRecorder } from "./journal/recorded-url.js";
import { NO_COUNTS, plannedState, reduceCounts } from "./journal/run-counts.js";
import { journalPath } from "./journal/run-id.js";
import { isOpen, type RunState } from "./journal/run-state.js";
import type { PlannedAction, RunCounts, RunHeader, RunListener } from "./journal/run-step.js";
import { findRunId, readRunState, runIds } from "./journal/stored-runs.js";
import { type FileLock, type HeldLocks, type RunControl, type RunDeps, whoRuns } from "./run-deps.js";
import { RunSession } from "./run-session.js";

export interface NewRun {
  readonly header: Pick<RunHeader, "runId" | "kind" | "options" | "reconcile" | "listedAt" | "undoes">;
  readonly callbacks: readonly ListedCallback[];
  /** In sending order. */
  readonly planned: readonly PlannedCalls[];
  readonly signal?: AbortSignal | undefined;
  readonly locks?: HeldLocks | undefined;
}

export interface PlannedCalls {
  readonly callbackId: string;
  readonly do: PlannedAction;
  readonly callIds: Iterable<string> | AsyncIterable<string>;
}

export interface HeldRun {
  readonly session: RunSession;
  readonly lock: FileLock;
}

const LINES_AT_ONCE = 1_000;

/** Throws `unavailable` if the journal can't be written. */
export async function beginRun(run: NewRun, deps: RunDeps, onEvent: RunListener): Promise<HeldRun> {
  await mkdir(deps.runsDirectory, { recursive: true, mode: 0o700 });
  const startedAt = deps.clock.now();
  const [latest = ""] = await runIds(deps.runsDirectory);
  const header: RunHeader = {
    ...run.header,
    ...(await recordUrls(run, deps)),
    profile: deps.profile,
    service: deps.client.name,
    who: whoRuns(deps),
    startedAt,
    serviceStartedAt: deps.client.byServiceClock(startedAt),
    ...(latest > run.header.runId && { begunAfter: latest }),
  };
  const lock = await ownLock(deps, header.runId, run.locks);
  const path = journalPath(deps.runsDirectory, header.runId);
  const draft = `${path}.new`;
  let journal: Journal | null = null;
  try {
    journal = new Journal(openJournal(draft, deps, "new"));
    journal.append({ step: "run", version: 1, header });
    const counts = await writePlan(journal, run.planned, header);
    await beginSession(journal, header, deps);
    await rename(draft, path);
    await syncDirectory(deps.runsDirectory);
    return { session: new RunSession({ header, journal, counts, deps, onEvent, signal: run.signal, locks: run.locks }), lock };
  } catch (error) {
    await journal?.close();
    await rm(draft, { force: true });
    await lock.release();
    throw error;
  }
}

async function recordUrls(
  { header: { options }, callbacks }: NewRun,
  deps: RunDeps,
): Promise<Pick<RunHeader, "callbacks" | "options" | "toHash">> {
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

export interface ReopenedRun extends HeldRun {
  readonly state: RunState;
}

/** Throws `not-found`, `unavailable` while its process lives, `config` for a run of another service. */
export async function reopenRun(
  wanted: string,
  { signal, locks, resendUnknown }: RunControl & { readonly resendUnknown: boolean },
  deps: RunDeps,
  onEvent: RunListener,
): Promise<ReopenedRun> {
  const runId = await findRunId(deps.runsDirectory, wanted);
  const lock = await ownLock(deps, runId, locks);
  let journal: Journal | null = null;
  try {
    const { state, end } = await readRunState(deps.runsDirectory, runId);
    const { header } = state;
    await checkService(header, deps);
    if (state.isDiscarded) throw new WhcbError("usage", `run ${runId} was discarded`);
    state.closeSession(await readBootId(deps.clock));
    const file = openJournal(journalPath(deps.runsDirectory, runId), deps, end.length);
    journal = new Journal(file, end.lacksLineEnd ? "\n" : "");
    await beginSession(journal, header, deps);
    const calls = state.calls();
    const resending = [...state.entries()].filter((entry) => isOpen(entry, resendUnknown) && entry.state !== "left");
    const session = new RunSession({
      header,
      journal,
      counts: new Map(header.callbacks.map(({ id }) => [id, state.counts(id)])),
      deps,
      onEvent,
      signal,
      locks,
      troubled: calls.filter((call) => ["unknown", "rejected", "not-found"].includes(call.state)),
      resending: new Map(resending.map((entry) => [entry.id, entry.state])),
    });
    return { session, lock, state };
  } catch (error) {
    await journal?.close();
    await lock.release();
    throw error;
  }
}

/** The callbacks' locks include the run's. */
async function ownLock(deps: RunDeps, runId: string, locks: HeldLocks | undefined): Promise<FileLock> {
  return locks === undefined ? lockRun(deps, runId) : { release: async () => undefined };
}

/** On disk when it resolves. */
async function beginSession(journal: Journal, { options }: RunHeader, deps: RunDeps): Promise<void> {
  const bootId = await readBootId(deps.clock);
  const concurrency = options === null || options.viaService ? MAX_IDS_PER_REQUEST : options.concurrency;
  journal.append({ step: "session", at: deps.clock.now(), who: whoRuns(deps), bootId, concurrency });
  await journal.flushed();
}

/** Counts by callback. */
async function writePlan(
  journal: Journal,
  planned: readonly PlannedCalls[],
  header: RunHeader,
): Promise<ReadonlyMap<string, RunCounts>> {
  const counts = new Map<string, RunCounts>();
  const requireOneCallback = callbackCheck(header);
  let lines = 0;
  for (const { callbackId, do: action, callIds } of planned) {
    const context = { header, from: plannedState(action, header), calls: 1 };
    for await (const call of callIds) {
      requireOneCallback(call, callbackId);
      const step = { step: "planned", callback: callbackId, call, do: action } as const;
      journal.collect(step);
      counts.set(callbackId, reduceCounts(counts.get(callbackId) ?? NO_COUNTS, step, context));
      if (++lines % LINES_AT_ONCE === 0) journal.write();
    }
  }
  journal.write();
  return counts;
}

/** Steps name a call by its id alone, so two callbacks with the same one can't be in a run. Throws `usage`. */
function callbackCheck({ callbacks }: RunHeader): (call: string, callbackId: string) => void {
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

function openJournal(path: string, { openJournalFile: open = openJournalFile }: RunDeps, at: "new" | number) {
  try {
    return open(path, at);
  } catch (cause) {
    throw new WhcbError("unavailable", `the run's journal can't be opened: ${errorMessage(cause)}`, { cause });
  }
}

/**
 * A profile's service may come back on another port, or as a file, and another service may be where it was. That one has none of the
 * callbacks: they must not pass for deleted. Throws `config`.
 */
export async function checkService(
  { runId, service, profile, callbacks }: RunHeader,
  deps: Pick<RunDeps, "client" | "profile">,
): Promise<void> {
  const isSameName = service === deps.client.name;
  const isSameProfile = profile === deps.profile;
  if ((isSameName || isSameProfile) && (await hasOneOf(callbacks, deps.client))) return;
  if (isSameName) {
    throw new WhcbError(
      "config",
      `run ${runId} was made with ${service} (profile ${profile}), which has none of its callbacks now`,
      {
        hint: `Is another service there? If they were deleted, \`${commandLine({ command: "runs discard", operands: [runId] })}\` gives the run up.`,
      },
    );
  }
  const flag = isSameProfile || profile === service ? ["--service", service] : ["--profile", profile];
  const elsewhere = isSameProfile ? `; ${deps.client.name} has none of its callbacks` : "";
  throw new WhcbError("config", `run ${runId} was made with ${service} (profile ${profile})${elsewhere}`, {
    hint: `Add \`${flag.map(shellQuote).join(" ")}\`.`,
  });
}

async function hasOneOf(callbacks: RunHeader["callbacks"], client: Client): Promise<boolean> {
  for (const { id } of callbacks) {
    try {
      await client.getCallback(id);
      return true;
    } catch (error) {
      if (!isWhcbError(error, "not-found")) throw error;
    }
  }
  return false;
}

/** Survives a power cut, where the system can. */
async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory, "r");
    await handle.sync().finally(() => handle.close());
  } catch {}
}
