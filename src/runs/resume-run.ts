/** Finishes an interrupted run: marks what was accepted, then sends what was never sent. */
import type { ListedCall } from "../client/client.js";
import { reopenRun } from "./begin-run.js";
import { type RunSummary, workAndEnd } from "./end-run.js";
import type { RunEntry, RunState } from "./journal/run-state.js";
import type { RunListener } from "./journal/run-step.js";
import { listScope } from "./plan/call-scope.js";
import { GroupDraft } from "./plan/group-draft.js";
import { snapshotPlan } from "./plan/replay-plan.js";
import { SnapshotFile } from "./plan/snapshot-file.js";
import type { RunControl, RunDeps } from "./run-deps.js";
import type { ReplayOptions } from "./run-options.js";
import { replayPlan } from "./run-replay.js";
import { asWhcbError, type RunSession } from "./run-session.js";
import { markAll } from "./send/marker.js";

export interface ResumeOptions extends RunControl {
  /** Send again what was sent with an unknown outcome: the receiver may see it twice. */
  readonly resendUnknown: boolean;
}

/**
 * `wanted`: a run's id, or the beginning or end of one. The calls are listed again, so that what was settled in the meantime isn't sent.
 * Throws `not-found` for an unknown run, `unavailable` while its process lives, `config` for a run of another service or a missing key.
 */
export async function resumeRun(
  wanted: string,
  options: ResumeOptions,
  deps: RunDeps,
  onEvent: RunListener = () => {},
): Promise<RunSummary> {
  const run = await reopenRun(wanted, options, deps, onEvent);
  const { session, state } = run;
  return workAndEnd(run, async () => {
    await markWhatIsDue(state, session);
    const { options: replayOptions } = session.header;
    if (replayOptions !== null && session.stop.reason === null) {
      await sendTheRest(state, { ...replayOptions, ...options }, session);
    }
  });
}

async function markWhatIsDue(state: RunState, session: RunSession): Promise<void> {
  const { callbacks, kind } = session.header;
  const status = kind === "mark-failed" ? "FAILED" : "SUCCESS";
  for (const { id: callbackId } of callbacks) {
    const due = [...state.entries()].filter((entry) => entry.callbackId === callbackId && entry.needsMark);
    for (const from of ["accepted", "seen", "left"] as const) {
      const ids = due.filter((entry) => entry.state === from).map(({ id }) => id);
      await markAll({ callbackId, status, from }, ids, session);
      if (session.stop.reason !== null) return;
    }
  }
}

async function sendTheRest(state: RunState, options: ReplayOptions & ResumeOptions, session: RunSession): Promise<void> {
  const { header, deps } = session;
  const file = await SnapshotFile.open(deps.runsDirectory, `${header.runId}-resumed`);
  try {
    const drafts: GroupDraft[] = [];
    for (const { id } of header.callbacks) {
      const open = [...state.entries()].filter((entry) => entry.callbackId === id && isOpen(entry));
      if (open.length > 0) drafts.push(await draftOf(id, open, { file, resendUnknown: options.resendUnknown }, session));
    }
    await replayPlan(snapshotPlan({ runId: header.runId, drafts, file }), options, session);
  } catch (error) {
    session.stop.stop("service", asWhcbError(error));
  } finally {
    await file.close();
  }
}

function isOpen(entry: RunEntry): boolean {
  return entry.do !== "mark" && (entry.state === "left" || entry.state === "unknown");
}

/** Of the open calls, those that are still FAILED; the others are recorded as settled. */
async function draftOf(
  callbackId: string,
  open: readonly RunEntry[],
  { file, resendUnknown }: { readonly file: SnapshotFile; readonly resendUnknown: boolean },
  session: RunSession,
): Promise<GroupDraft> {
  const { client, clock } = session.deps;
  const draft = new GroupDraft(await client.getCallback(callbackId), file, clock);
  const waiting = new Map(open.map((entry) => [entry.id, entry]));
  const take = async (calls: readonly ListedCall[]): Promise<void> => {
    const failed = calls.flatMap((call) => {
      const entry = waiting.get(call.id);
      waiting.delete(call.id);
      return entry !== undefined && (entry.state === "left" || resendUnknown) ? [call] : [];
    });
    await draft.add(failed);
  };
  await listScope(client, { callbackId, filter: { status: "FAILED" } }, take);
  for (const { id: call, state: from } of waiting.values()) {
    session.record(callbackId, { step: "skipped", call, at: clock.now(), reason: "settled" }, from);
  }
  return draft;
}
