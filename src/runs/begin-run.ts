/** A new run: its whole plan is on disk, under its name, before anything is done. */
import { mkdir, open, rename, rm } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { WhcbError } from "../domain/errors.js";
import { readBootId } from "./journal/boot-id.js";
import { Journal } from "./journal/journal.js";
import { openJournalFile } from "./journal/journal-file.js";
import { journalText, type PlannedStep } from "./journal/journal-line.js";
import { NO_COUNTS } from "./journal/run-counts.js";
import type { RunListener } from "./journal/run-event.js";
import { lockRun, type RunLock } from "./journal/run-lock.js";
import type { RunHeader } from "./journal/run-record.js";
import { RunTally } from "./journal/run-tally.js";
import { journalPath } from "./journal/runs-directory.js";
import type { RunDeps } from "./run-deps.js";
import { RunSession } from "./run-session.js";

export interface NewRun {
  readonly header: Omit<RunHeader, "profile" | "service" | "who" | "startedAt">;
  /** What is to be done for which calls, in the order of doing. */
  readonly planned: readonly PlannedCalls[];
  readonly concurrency: number;
  readonly signal?: AbortSignal | undefined;
}

export interface PlannedCalls {
  readonly callbackId: string;
  readonly do: PlannedStep;
  readonly callIds: Iterable<string> | AsyncIterable<string>;
}

export interface HeldRun {
  readonly session: RunSession;
  readonly lock: RunLock;
}

const LINES_AT_ONCE = 1_000;

/** Throws `unavailable` where the journal can't be written. */
export async function beginRun(run: NewRun, deps: RunDeps, onEvent: RunListener): Promise<HeldRun> {
  const header: RunHeader = {
    ...run.header,
    profile: deps.profile,
    service: deps.client.name,
    who: whoDoesIt(deps),
    startedAt: deps.clock.now(),
  };
  await mkdir(deps.runsDirectory, { recursive: true, mode: 0o700 });
  const lock = await lockRun(deps.runsDirectory, header.runId);
  const path = journalPath(deps.runsDirectory, header.runId);
  const draft = `${path}.new`;
  let journal: Journal | null = null;
  try {
    journal = new Journal(openJournal(draft, deps));
    journal.append({ step: "run", version: 1, header });
    const counts = await writePlan(journal, run.planned, header.kind === "reconcile");
    await beginSession(journal, run.concurrency, deps);
    await journal.flushed();
    await rename(draft, path);
    await syncDirectory(deps.runsDirectory);
    const tally = new RunTally([...counts].map(([id, plan]) => ({ id, counts: { ...NO_COUNTS, ...plan } })));
    const session = new RunSession({ header, journal, tally, deps, onEvent, signal: run.signal });
    onEvent({ type: "started", runId: header.runId, calls: session.tally.total().planned });
    return { session, lock };
  } catch (error) {
    await journal?.close();
    await rm(draft, { force: true });
    await lock.release();
    throw error;
  }
}

export async function beginSession(journal: Journal, concurrency: number, deps: RunDeps): Promise<void> {
  const bootId = await readBootId(deps.clock);
  journal.append({ step: "session", at: deps.clock.now(), who: whoDoesIt(deps), bootId, concurrency });
}

export function openJournal(path: string, deps: RunDeps, at: "new" | number = "new") {
  try {
    return (deps.openJournalFile ?? openJournalFile)(path, at);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new WhcbError("unavailable", `the run's journal can't be opened: ${reason}`, { cause });
  }
}

interface PlanCounts {
  planned: number;
  left: number;
  seen: number;
  toMark: number;
}

/** Counts by callback. */
async function writePlan(
  journal: Journal,
  planned: readonly PlannedCalls[],
  isReconcile: boolean,
): Promise<ReadonlyMap<string, PlanCounts>> {
  const counts = new Map<string, PlanCounts>();
  let text = "";
  let lines = 0;
  for (const { callbackId, do: step, callIds } of planned) {
    const count = counts.get(callbackId) ?? { planned: 0, left: 0, seen: 0, toMark: 0 };
    counts.set(callbackId, count);
    for await (const call of callIds) {
      text += journalText({ step: "planned", callback: callbackId, call, do: step });
      count.planned++;
      if (step === "mark") count.toMark++;
      if (step === "mark" && isReconcile) count.seen++;
      else count.left++;
      if (++lines % LINES_AT_ONCE > 0) continue;
      journal.appendText(text);
      text = "";
    }
  }
  journal.appendText(text);
  return counts;
}

function whoDoesIt({ who }: RunDeps): string {
  if (who !== undefined) return who;
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return `unknown@${hostname()}`;
  }
}

/** So that the new name survives a power cut too; not every system can. */
async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory, "r");
    await handle.sync().finally(() => handle.close());
  } catch {}
}
