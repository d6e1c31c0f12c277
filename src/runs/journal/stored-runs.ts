import { open, readdir, rm } from "node:fs/promises";
import { SHORTEST_PREFIX } from "../../domain/call.js";
import { advise, isWhcbError, WhcbError } from "../../domain/errors.js";
import type { RunFolder } from "../run-deps.js";
import { Journal, type JournalEnd, journalError, openJournalFile, readBootId, readJournal } from "./journal.js";
import { isRunLocked, lockRun } from "./process-lock.js";
import { isUnfinished } from "./run-counts.js";
import { journalPath, runIdOfFile } from "./run-id.js";
import { isOpen, type RunCall, type RunEntry, RunState } from "./run-state.js";
import { parseStep, type RunCounts, type RunHeader, type RunStep } from "./run-step.js";

export interface RunOverview extends RunHeader {
  /** An unfinished run has something to send, mark or find out. Of a running one, a process does that. A user gave up a discarded one. */
  readonly state: "running" | "unfinished" | "finished" | "discarded";
  /** The last line was written at this instant. */
  readonly lastAt: number;
  readonly counts: RunCounts;
}

export interface RunRecord extends RunOverview {
  /** A request of it may be executed later, as a process was killed or the service failed. */
  readonly hasLateRequest: boolean;
  /** A run of marks, or a reconcile, may have marked these with its last request. */
  readonly maybeMarked: readonly RunCall[];
  /** If it is resumed, it marks these. */
  readonly toMark: readonly RunCall[];
  /** So many of the calls to mark are only known from a list. */
  readonly seenToMark: number;
  readonly calls: readonly RunCall[];
}

/** Returns the newest first, without unreadable files. */
export async function listRuns(folder: RunFolder): Promise<readonly RunOverview[]> {
  const overviews: RunOverview[] = [];
  for await (const overview of readOverviews(folder)) overviews.push(overview);
  return overviews;
}

/** Throws `malformed` for a journal that can't be read and may be of a wanted run. */
export async function listWantedRuns(
  folder: RunFolder,
  isWanted: (header: RunHeader) => boolean,
): Promise<readonly RunOverview[]> {
  const overviews: RunOverview[] = [];
  for (const runId of await runIds(folder.runsDirectory)) {
    const { header } = await readEnds(journalPath(folder.runsDirectory, runId));
    if (header === null || isWanted(header)) overviews.push(await readOverview(folder, runId));
  }
  return overviews.filter(isWanted);
}

/** Returns null if no run that is wanted is unfinished. */
export async function latestUnfinishedRun(
  folder: RunFolder,
  isWanted: (run: RunOverview) => boolean,
): Promise<RunOverview | null> {
  for await (const overview of readOverviews(folder)) {
    if (overview.state === "unfinished" && isWanted(overview)) return overview;
  }
  return null;
}

/** `wanted` is an id, a unique beginning or end of one, or null for the latest run. Throws `not-found`, `usage`, `malformed`. */
export async function readRun(folder: RunFolder, wanted: string | null): Promise<RunRecord> {
  const { runsDirectory, clock } = folder;
  const runId = await findRunId(runsDirectory, wanted);
  const { state } = await readRunState(runsDirectory, runId);
  state.closeSession(await readBootId(clock));
  const counts = state.counts();
  const progress = state.isDiscarded ? "discarded" : await findProgress(folder, runId, counts);
  const toMark = [...state.entries()].filter(({ needsMark }) => needsMark);
  const seenToMark = countSeenToMark(state);
  const { header, lastAt, hasLateRequest, maybeMarked } = state;
  return { ...header, state: progress, lastAt, counts, hasLateRequest, maybeMarked, toMark, seenToMark, calls: state.calls() };
}

/** Finds the calls that a resumed run may send, and counts those that it marks by a list alone. A failed canary, which counts as rejected, is sent. */
export async function findOpenCalls(
  { runsDirectory, clock }: RunFolder,
  runId: string,
  resendUnknown: boolean,
): Promise<Pick<RunRecord, "seenToMark"> & { readonly toSend: readonly RunEntry[] }> {
  const { state } = await readRunState(runsDirectory, runId);
  state.closeSession(await readBootId(clock));
  const toSend = [...state.entries()].filter((entry) => isOpen(entry, resendUnknown));
  return { toSend, seenToMark: countSeenToMark(state) };
}

function countSeenToMark(state: RunState): number {
  return [...state.entries()].filter((entry) => entry.needsMark && entry.state === "seen").length;
}

const MOVE_AWAY = { hint: "Move it away to go on without it." };

export interface StoredRunState {
  readonly state: RunState;
  readonly end: JournalEnd;
}

/** The session of a killed process is still open in the state. Throws `malformed`. */
export async function readRunState(runsDirectory: string, runId: string): Promise<StoredRunState> {
  const { state, hasSession, end } = await readSteps(runsDirectory, runId);
  if (state === null) throw new WhcbError("malformed", `the journal of run ${runId} has no first line`, MOVE_AWAY);
  // A journal gets its name once its first session has begun.
  if (!hasSession) throw new WhcbError("malformed", `the journal of run ${runId} ends inside its plan`, MOVE_AWAY);
  return { state, end };
}

/**
 * Yields the runs that have calls to mark and aren't discarded, or have worked since this instant, with what `find` finds of their header. A run
 * of which it finds null isn't wanted. Reads only the ends of the other journals. Throws `malformed` for one that is damaged.
 */
export async function* readUnmarkedRuns<Found>(
  runsDirectory: string,
  find: (header: RunHeader) => Promise<Found | null>,
  since: number,
): AsyncGenerator<{ readonly state: RunState; readonly found: Found }> {
  for (const runId of await runIds(runsDirectory)) {
    const { header, last } = await readEnds(journalPath(runsDirectory, runId));
    const isDone = last?.step === "discarded" || (last?.step === "ended" && last.counts.toMark === 0);
    if (isDone && last.at < since) continue;
    const foundFirst = header && (await find(header));
    if (header !== null && foundFirst === null) continue;
    const { state, hasSession } = await readSteps(runsDirectory, runId);
    if (state === null || !hasSession) continue;
    const found = foundFirst ?? (await find(state.header));
    if (found !== null && (state.counts().toMark > 0 || state.lastAt >= since)) yield { state, found };
  }
}

interface JournalSteps {
  /** `state` is null if there is no first line. */
  readonly state: RunState | null;
  readonly hasSession: boolean;
  readonly end: JournalEnd;
}

async function readSteps(runsDirectory: string, runId: string): Promise<JournalSteps> {
  let state: RunState | null = null;
  let hasSession = false;
  const end = await readJournal(journalPath(runsDirectory, runId), (step) => {
    hasSession ||= step.step === "session";
    if (step.step === "run") state ??= new RunState(step.header);
    else state?.apply(step);
  });
  return { state, hasSession, end };
}

/** A discarded run is never resumed again, and its journal stays. Throws `not-found`, `usage`, `unavailable` while its process lives. */
export async function discardRun(folder: RunFolder, wanted: string): Promise<string> {
  const { runsDirectory, clock } = folder;
  const runId = await findRunId(runsDirectory, wanted);
  const lock = await lockRun(folder, runId);
  try {
    const { end } = await readRunState(runsDirectory, runId);
    const journal = new Journal(openJournalFile(journalPath(runsDirectory, runId), end.length), end.lacksLineEnd ? "\n" : "");
    journal.append({ step: "discarded", at: clock.now() });
    await journal.close();
    return runId;
  } finally {
    await lock.release();
  }
}

/**
 * Returns the finished and discarded runs whose last step is before this instant, newest first. A run of marks, or a reconcile, is kept
 * while an unfinished run may be earlier: that one must not take back a later mark, or trust an older list.
 */
export async function listOldRuns(folder: RunFolder, before: number): Promise<readonly RunOverview[]> {
  const runs = await listRuns(folder);
  const isOver = ({ state }: RunOverview): boolean => state === "finished" || state === "discarded";
  const open = runs.filter((run) => !isOver(run));
  const isNeeded = (run: RunOverview): boolean =>
    (run.options === null || (run.kind === "reconcile" && run.state !== "discarded")) &&
    open.some((other) => mayBeLater(run, other));
  const old: RunOverview[] = [];
  for (const run of runs) {
    if (!isOver(run) || run.lastAt >= before || isNeeded(run)) continue;
    if (!(await isRunLocked(folder, run.runId))) old.push(run);
  }
  return old;
}

/** All but the first two are missing if only an undo knows the run. */
export type RunDates = Pick<RunHeader, "runId" | "startedAt" | "serviceStartedAt" | "listedAt" | "begunAfter" | "begunAs">;

/** Tells whether a run may have marked something after another one has listed its calls. */
export function mayBeLater(run: RunOverview, other: RunDates): boolean {
  return wasBegunAfter(run, other) || run.lastAt >= (other.listedAt ?? other.startedAt);
}

/** The ids of a folder's runs tell their order. Runs that were begun after a later id come after it, in the order of their numbers. */
export function wasBegunAfter(run: RunDates, other: RunDates): boolean {
  return orderKey(run) > orderKey(other);
}

function orderKey({ runId, begunAfter, begunAs = 0 }: RunDates): string {
  return begunAfter === undefined ? runId : `${begunAfter} ${String(begunAs).padStart(9, "0")}`;
}

/** Returns what the header of a run says of its order when it begins. */
export async function findPlace(runsDirectory: string, runId: string): Promise<Pick<RunHeader, "begunAfter" | "begunAs">> {
  const ids = await runIds(runsDirectory);
  const [newest] = ids;
  if (newest === undefined) return {};
  const { header: previous } = await readEnds(journalPath(runsDirectory, newest));
  // The journal of the later id may be gone by now.
  const latest = previous?.begunAfter ?? newest;
  if (latest <= runId) return {};
  let last = 0;
  for (const id of ids) {
    const { header } = await readEnds(journalPath(runsDirectory, id));
    if (header?.begunAfter === latest) last = Math.max(last, header.begunAs ?? 0);
  }
  return { begunAfter: latest, begunAs: last + 1 };
}

/** Converts an instant of a journal to the service's clock, which may differ from this machine's. */
export function toServiceClock(at: number, { startedAt, serviceStartedAt = startedAt }: RunDates): number {
  return at - startedAt + serviceStartedAt;
}

/** Throws `unavailable` if a process has begun to work on it. */
export async function deleteRun(folder: RunFolder, runId: string): Promise<void> {
  const lock = await lockRun(folder, runId);
  try {
    await rm(journalPath(folder.runsDirectory, runId), { force: true });
  } finally {
    await lock.release();
  }
}

/** `wanted` null means the latest. Throws `not-found`, or `usage` if several match. */
export async function findRunId(runsDirectory: string, wanted: string | null): Promise<string> {
  const ids = await runIds(runsDirectory);
  const text = (wanted ?? ids[0] ?? "").toUpperCase();
  if (text === "") throw new WhcbError("not-found", "no runs yet");
  if (ids.includes(text)) return text;
  const matching = ids.filter((id) => id.startsWith(text) || id.endsWith(text));
  const [only] = matching;
  const list = { command: "whcb runs list", when: "to see them" };
  if (only === undefined) throw new WhcbError("not-found", `no run ${wanted}`, advise`${list} shows them.`);
  const enough = `${SHORTEST_PREFIX} or more characters of its id, from its beginning or end`;
  if (text.length < SHORTEST_PREFIX) throw new WhcbError("usage", `${wanted} is too short for a run: give ${enough}`);
  const shown = [...matching.slice(0, 5), ...(matching.length > 5 ? ["…"] : [])].join(", ");
  if (matching.length > 1)
    throw new WhcbError("usage", `${wanted} matches ${matching.length} runs: ${shown}`, { hint: "type more of the id" });
  return only;
}

async function* readOverviews(folder: RunFolder): AsyncGenerator<RunOverview> {
  for (const runId of await runIds(folder.runsDirectory)) {
    try {
      yield await readOverview(folder, runId);
    } catch (error) {
      if (!isWhcbError(error)) throw error;
    }
  }
}

/** The last line of a run that ended in order has its counts. */
async function readOverview(folder: RunFolder, runId: string): Promise<RunOverview> {
  const { header, last } = await readEnds(journalPath(folder.runsDirectory, runId));
  if (header !== null && last?.step === "ended") {
    const { at, counts } = last;
    return { ...header, lastAt: at, counts, state: await findProgress(folder, runId, counts) };
  }
  const { calls: _calls, ...overview } = await readRun(folder, runId);
  return overview;
}

const FIRST_BYTES = 64 * 1024;
const LAST_BYTES = 4 * 1024;

/** A line that is longer than what is read, or damaged, is null. */
interface JournalEnds {
  readonly header: RunHeader | null;
  readonly last: RunStep | null;
}

async function readEnds(path: string): Promise<JournalEnds> {
  try {
    await using file = await open(path, "r");
    const { size } = await file.stat();
    const first = Buffer.alloc(Math.min(size, FIRST_BYTES));
    const last = Buffer.alloc(Math.min(size, LAST_BYTES));
    await file.read(first, 0, first.length, 0);
    await file.read(last, 0, last.length, size - last.length);
    const run = parseStep(first.toString("utf8").split("\n", 1)[0] ?? "");
    return {
      header: run?.step === "run" ? run.header : null,
      last: parseStep(last.toString("utf8").trimEnd().split("\n").at(-1) ?? ""),
    };
  } catch (error) {
    throw journalError(path, error);
  }
}

async function findProgress(folder: RunFolder, runId: string, counts: RunCounts): Promise<RunOverview["state"]> {
  if (!isUnfinished(counts)) return "finished";
  return (await isRunLocked(folder, runId)) ? "running" : "unfinished";
}

/** Returns the newest first, by the clock of this machine. */
export async function runIds(runsDirectory: string): Promise<readonly string[]> {
  const names = await readdir(runsDirectory).catch(() => []);
  return names
    .map(runIdOfFile)
    .filter((id) => id !== null)
    .sort()
    .reverse();
}
