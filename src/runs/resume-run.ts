/** Finishes a run that was cut: marks what was accepted, then sends what was never sent. */
import type { Client, ListedCall } from "../client/client.js";
import { WhcbError } from "../domain/errors.js";
import { beginSession, openJournal } from "./begin-run.js";
import { workAndEnd } from "./end-run.js";
import { asWhcbError } from "./expected-error.js";
import { readBootId } from "./journal/boot-id.js";
import { Journal } from "./journal/journal.js";
import type { RunListener } from "./journal/run-event.js";
import { lockRun } from "./journal/run-lock.js";
import type { RunHeader } from "./journal/run-record.js";
import type { LedgerEntry, RunLedger } from "./journal/run-state.js";
import { RunTally } from "./journal/run-tally.js";
import { journalPath } from "./journal/runs-directory.js";
import { findRunId, latestUnfinishedRun, readLedger } from "./journal/stored-runs.js";
import { GroupDraft } from "./plan/group-draft.js";
import { SnapshotFile } from "./plan/snapshot-file.js";
import { snapshotPlan } from "./plan/snapshot-plan.js";
import { takeSnapshot } from "./plan/take-snapshot.js";
import type { RunDeps } from "./run-deps.js";
import type { RunControl } from "./run-options.js";
import { replayPlan } from "./run-replay.js";
import { RunSession } from "./run-session.js";
import type { RunSummary } from "./run-summary.js";
import { CHUNK_SIZE } from "./send/apply-to-chunk.js";
import { markAll } from "./send/marker.js";

export interface ResumeOptions extends RunControl {
  /** Send again what was sent with an unknown outcome: the receiver may see it twice. */
  readonly resendUnknown: boolean;
}

/**
 * `runId` null: the latest unfinished run of the profile; null comes back where there is none. What calls carry is listed again, so
 * that what was settled in the meantime isn't sent. Throws `not-found` for an unknown run, `unavailable` while its process lives,
 * `config` for a run of another service or a missing key.
 */
export async function resumeRun(
  runId: string | null,
  options: ResumeOptions,
  deps: RunDeps,
  onEvent: RunListener = () => {},
): Promise<RunSummary | null> {
  const id =
    runId === null
      ? await latestUnfinishedRun(deps.runsDirectory, deps.profile, deps.clock)
      : await findRunId(deps.runsDirectory, runId);
  if (id === null) return null;
  const lock = await lockRun(deps.runsDirectory, id);
  try {
    const { ledger, header, end } = await readLedger(deps.runsDirectory, id);
    checkService(header, deps);
    ledger.closeSession(await readBootId(deps.clock));
    const journal = new Journal(openJournal(journalPath(deps.runsDirectory, id), deps, end.length));
    if (end.lacksLineEnd) journal.appendText("\n");
    const concurrency = header.options === null || header.options.viaService ? CHUNK_SIZE : header.options.concurrency;
    await beginSession(journal, concurrency, deps);
    const session = new RunSession({
      header,
      journal,
      tally: new RunTally(header.callbacks.map((callback) => ({ id: callback.id, counts: ledger.counts(callback.id) }))),
      deps,
      onEvent,
      signal: options.signal,
      troubled: ledger.calls().filter(({ state }) => state === "unknown" || state === "refused" || state === "unmarkable"),
    });
    const { left, unknown } = session.tally.total();
    onEvent({ type: "started", runId: id, calls: left + (options.resendUnknown ? unknown : 0) });
    return await workAndEnd({ session, lock }, () => finishRun(ledger, options, session));
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function finishRun(ledger: RunLedger, options: ResumeOptions, session: RunSession): Promise<void> {
  for (const { id } of session.header.callbacks) {
    for (const from of ["accepted", "seen", "left"] as const) {
      const ids = idsOf(ledger, (entry) => entry.callbackId === id && entry.needsMark && entry.state === from);
      await markAll({ callbackId: id, status: statusOf(session.header), from }, ids, session);
      if (session.stop.reason !== null) return;
    }
  }
  const replayOptions = session.header.options;
  if (replayOptions === null) return;
  const { deps } = session;
  const spool = await SnapshotFile.open(deps.runsDirectory, `${session.header.runId}-resumed`);
  const drafts: GroupDraft[] = [];
  try {
    for (const { id } of session.header.callbacks) {
      const draft = await draftOf(id, ledger, options.resendUnknown, spool, session);
      if (draft !== null) drafts.push(draft);
    }
    const plan = snapshotPlan({ runId: session.header.runId, drafts, spool });
    await replayPlan(plan, { ...replayOptions, ...options }, session);
  } catch (error) {
    session.stop.stop("service", asWhcbError(error));
  } finally {
    await spool.close();
  }
}

/** The calls of a callback that are still to be sent, as the service lists them now. null: none. */
async function draftOf(
  callbackId: string,
  ledger: RunLedger,
  resendUnknown: boolean,
  spool: SnapshotFile,
  session: RunSession,
): Promise<GroupDraft | null> {
  const { deps, tally } = session;
  const open = [...ledger.entries.values()].filter(
    (entry) => entry.callbackId === callbackId && entry.do !== "mark" && (entry.state === "left" || entry.state === "unknown"),
  );
  if (open.length === 0) return null;
  const waiting = new Map(open.map((entry) => [entry.id, entry]));
  const draft = new GroupDraft(await deps.client.getCallback(callbackId), spool, deps.clock);
  const failed = await stillFailed(deps.client, callbackId, waiting, async (calls) => {
    await draft.add(calls.filter(({ id }) => waiting.get(id)?.state === "left" || resendUnknown));
  });
  for (const [id, entry] of waiting) {
    if (!failed.has(id)) session.skipped(callbackId, id, "settled", entry.state === "unknown" ? "unknown" : "left");
  }
  if (resendUnknown) tally.willResend(callbackId, open.filter(({ id, state }) => state === "unknown" && failed.has(id)).length);
  return draft;
}

async function stillFailed(
  client: Client,
  callbackId: string,
  wanted: ReadonlyMap<string, LedgerEntry>,
  take: (calls: readonly ListedCall[]) => Promise<void>,
): Promise<ReadonlySet<string>> {
  const failed = new Set<string>();
  await takeSnapshot(
    client,
    { callbackId, filter: { status: "FAILED" } },
    async (calls) => {
      const meant = calls.filter(({ id }) => wanted.has(id));
      for (const { id } of meant) failed.add(id);
      await take(meant);
    },
    () => {},
  );
  return failed;
}

function idsOf(ledger: RunLedger, isMeant: (entry: LedgerEntry) => boolean): string[] {
  return [...ledger.entries.values()].filter(isMeant).map(({ id }) => id);
}

function statusOf({ kind }: RunHeader): "SUCCESS" | "FAILED" {
  return kind === "mark-failed" ? "FAILED" : "SUCCESS";
}

/** The local service may come back on another port: the profile's name tells that it is the same one. */
function checkService(header: RunHeader, { client, profile }: RunDeps): void {
  if (header.service === client.name || header.profile === profile) return;
  throw new WhcbError("config", `run ${header.runId} was made with ${header.service} (profile ${header.profile})`, {
    hint: `Go on with \`--profile ${header.profile}\`.`,
  });
}
