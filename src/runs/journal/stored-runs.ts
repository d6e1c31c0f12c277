/** The record of what was replayed and marked: who, when, which, and what came of each. */
import { open, readdir } from "node:fs/promises";
import { isWhcbError, WhcbError } from "../../domain/errors.js";
import type { Clock } from "../../platform/clock.js";
import { systemClock } from "../../platform/clock.js";
import { readBootId } from "./boot-id.js";
import { parseJournalLine } from "./journal-line.js";
import { type JournalEnd, readJournal } from "./journal-reader.js";
import { isUnfinished } from "./run-counts.js";
import { isRunLocked } from "./run-lock.js";
import type { RunCounts, RunHeader, RunOverview, RunRecord, RunState } from "./run-record.js";
import { RunLedger } from "./run-state.js";
import { journalPath, runIdOfFile } from "./runs-directory.js";

/** Newest first. A file that can't be read as a journal is passed over. */
export async function listRuns(runsDirectory: string, clock: Clock = systemClock): Promise<readonly RunOverview[]> {
  const overviews: RunOverview[] = [];
  for (const runId of await runIds(runsDirectory)) {
    const overview = await readOverview(runsDirectory, runId, clock).catch((error: unknown) => {
      if (isWhcbError(error)) return null;
      throw error;
    });
    if (overview !== null) overviews.push(overview);
  }
  return overviews;
}

/** By id, or by a beginning or an end of it that is no other run's. Throws `not-found`, `malformed`. */
export async function readRun(runsDirectory: string, runId: string, clock: Clock = systemClock): Promise<RunRecord> {
  const id = await findRunId(runsDirectory, runId);
  const { ledger, header } = await readLedger(runsDirectory, id);
  ledger.closeSession(await readBootId(clock));
  const counts = ledger.counts();
  const state = await stateOf(runsDirectory, id, counts);
  return { ...header, state, lastAt: ledger.lastAt, counts, calls: ledger.calls() };
}

/** The latest unfinished run of a profile that no process works on; null where there is none. */
export async function latestUnfinishedRun(runsDirectory: string, profile: string, clock: Clock): Promise<string | null> {
  for (const runId of await runIds(runsDirectory)) {
    const overview = await readOverview(runsDirectory, runId, clock).catch(() => null);
    if (overview?.profile === profile && overview.state === "unfinished") return runId;
  }
  return null;
}

export interface LedgerOfRun {
  readonly ledger: RunLedger;
  readonly header: RunHeader;
  readonly end: JournalEnd;
}

export async function readLedger(runsDirectory: string, runId: string): Promise<LedgerOfRun> {
  const ledger = new RunLedger();
  const end = await readJournal(journalPath(runsDirectory, runId), (line) => ledger.take(line));
  if (ledger.header === null) throw new WhcbError("malformed", `the journal of run ${runId} has no beginning`);
  return { ledger, header: ledger.header, end };
}

/** Throws `not-found`, or `usage` where it fits several. */
export async function findRunId(runsDirectory: string, wanted: string): Promise<string> {
  const text = wanted.toUpperCase();
  const ids = await runIds(runsDirectory);
  if (ids.includes(text)) return text;
  const fitting = text === "" ? [] : ids.filter((id) => id.startsWith(text) || id.endsWith(text));
  const [only] = fitting;
  if (only === undefined) {
    throw new WhcbError("not-found", `no run ${wanted}`, { hint: "`whcb runs list` shows them." });
  }
  if (fitting.length > 1) throw new WhcbError("usage", `${wanted} fits ${fitting.length} runs: say more of the id`);
  return only;
}

/** A run that ended in order says its counts in its last line; another is read whole. */
async function readOverview(runsDirectory: string, runId: string, clock: Clock): Promise<RunOverview> {
  const ended = await readEnds(journalPath(runsDirectory, runId));
  if (ended !== null) {
    return { ...ended.header, lastAt: ended.at, counts: ended.counts, state: await stateOf(runsDirectory, runId, ended.counts) };
  }
  const { calls: _calls, ...overview } = await readRun(runsDirectory, runId, clock);
  return overview;
}

const FIRST_BYTES = 64 * 1024;
const LAST_BYTES = 4 * 1024;

async function readEnds(
  path: string,
): Promise<{ readonly header: RunHeader; readonly at: number; readonly counts: RunCounts } | null> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const first = Buffer.alloc(Math.min(size, FIRST_BYTES));
    const last = Buffer.alloc(Math.min(size, LAST_BYTES));
    await file.read(first, 0, first.length, 0);
    await file.read(last, 0, last.length, size - last.length);
    const header = parseJournalLine(first.toString("utf8").split("\n", 1)[0] ?? "");
    const ended = parseJournalLine(last.toString("utf8").trimEnd().split("\n").at(-1) ?? "");
    if (header?.step !== "run" || ended?.step !== "ended") return null;
    return { header: header.header, at: ended.at, counts: ended.counts };
  } finally {
    await file.close();
  }
}

async function stateOf(runsDirectory: string, runId: string, counts: RunCounts): Promise<RunState> {
  if (await isRunLocked(runsDirectory, runId)) return "running";
  return isUnfinished(counts) ? "unfinished" : "finished";
}

/** Newest first; none where there is no folder yet. */
async function runIds(runsDirectory: string): Promise<readonly string[]> {
  const names = await readdir(runsDirectory).catch(() => []);
  return names
    .map(runIdOfFile)
    .filter((id) => id !== null)
    .sort()
    .reverse();
}
