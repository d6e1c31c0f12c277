import type { ListedCall } from "../client/client.js";
import { idKey } from "../domain/call.js";
import { reopenRun } from "./begin-run.js";
import { type RunSummary, workAndEnd } from "./end-run.js";
import { isOpen, type RunState } from "./journal/run-state.js";
import type { RunListener } from "./journal/run-step.js";
import type { GroupDraft } from "./plan/group-draft.js";
import { snapshotPlan } from "./plan/replay-plan.js";
import { SnapshotFile } from "./plan/snapshot-file.js";
import { findById, giveUpCallback, nullIfGone, relistCalls } from "./relist-calls.js";
import type { RunControl, RunDeps } from "./run-deps.js";
import { isDelivered } from "./run-marks.js";
import type { BodyOptions, ReplayOptions } from "./run-options.js";
import { replayPlan } from "./run-replay.js";
import { asWhcbError, type RunSession } from "./run-session.js";
import { markAll } from "./send/marker.js";

/** `contentType`: instead of the run's. */
export interface ResumeOptions extends RunControl, Pick<BodyOptions, "contentType"> {
  /** The run's --to with its secrets, which the journal doesn't have. */
  readonly to?: ReplayOptions["to"] | undefined;
  /** Resend unknown calls: the receiver may see them twice. */
  readonly resendUnknown: boolean;
}

/** `wanted`: (part of) an id. Throws `not-found`, `unavailable` while its process lives, `config` for another service or no key. */
export async function resumeRun(
  wanted: string,
  options: ResumeOptions,
  deps: RunDeps,
  onEvent: RunListener = () => {},
): Promise<RunSummary> {
  const run = await reopenRun(wanted, options, deps, onEvent);
  const { session, state } = run;
  return workAndEnd(run, async () => {
    try {
      await markWhatIsDue(state, session);
    } catch (error) {
      session.stop.stop("service", asWhcbError(error));
    }
    const { options: replayOptions } = session.header;
    if (replayOptions !== null && session.stop.reason === null) {
      const contentType = options.contentType ?? replayOptions.contentType;
      await sendTheRest(state, { ...replayOptions, ...options, contentType, to: options.to ?? replayOptions.to }, session);
    }
  });
}

async function markWhatIsDue(state: RunState, session: RunSession): Promise<void> {
  const { callbacks, kind } = session.header;
  const status = kind === "mark-failed" ? "FAILED" : "SUCCESS";
  for (const { id: callbackId } of callbacks) {
    const due = [...state.entries()].filter((entry) => entry.callbackId === callbackId && entry.needsMark);
    if (due.length > 0 && (await findById(callbackId, session.deps.client)) === null) {
      session.stopOf(callbackId).stop("gone");
      await giveUpCallback(callbackId, session);
      continue;
    }
    for (const from of ["accepted", "seen", "left"] as const) {
      const ids = due.filter((entry) => entry.state === from).map(({ id }) => id);
      const attempted = status === "FAILED" ? await attemptedSince(callbackId, ids, session) : new Set();
      for (const call of ids.filter((id) => attempted.has(id)))
        session.record(callbackId, { step: "skipped", call, at: session.deps.clock.now(), reason: "settled" }, from);
      await markAll(
        { callbackId, status, from },
        ids.filter((id) => !attempted.has(id)),
        session,
      );
      if (session.stop.reason !== null) return;
    }
    if (session.stopped(callbackId) === "gone") await giveUpCallback(callbackId, session);
  }
}

/** The service's clock is known to a minute, and its dates may be of whole minutes. What wasn't accepted needs no such care. */
const DATE_TOLERANCE_MS = 2 * 60_000;

/** They may have arrived since they were to become FAILED, or since the mark that is undone: a replay would send them twice. */
async function attemptedSince(callbackId: string, callIds: readonly string[], session: RunSession): Promise<ReadonlySet<string>> {
  const { deps, header } = session;
  const found = (await deps.client.findCalls(callbackId, callIds).catch(nullIfGone)) ?? [];
  const { undoes, serviceStartedAt, startedAt } = header;
  const since = serviceStartedAt ?? startedAt;
  const isAttempted = (call: ListedCall): boolean => {
    const toleranceMs = call.statusCode === 200 ? DATE_TOLERANCE_MS : 0;
    const isSince = call.attemptedAt !== null && call.attemptedAt >= since - toleranceMs;
    return isSince || (undoes !== undefined && isDelivered(call, undoes));
  };
  const attempted = found.filter(isAttempted);
  const keys = new Set(attempted.map(({ id }) => idKey(id)));
  return new Set(callIds.filter((id) => keys.has(idKey(id))));
}

async function sendTheRest(state: RunState, options: ReplayOptions & ResumeOptions, session: RunSession): Promise<void> {
  const { header, deps } = session;
  const file = await SnapshotFile.open(deps.runsDirectory, `${header.runId}-resumed`, options);
  try {
    const drafts: GroupDraft[] = [];
    for (const { id } of header.callbacks) {
      if (session.stopped(id) === "gone" || !hasOpenCalls(state, id)) continue;
      const callback = await findById(id, session.deps.client);
      if (callback === null) await giveUpCallback(id, session);
      else drafts.push(await relistCalls(callback, state, { file, resendUnknown: options.resendUnknown }, session));
    }
    await replayPlan(snapshotPlan({ runId: header.runId, drafts, file }), options, session);
  } catch (error) {
    session.stop.stop("service", asWhcbError(error));
  } finally {
    await file.close();
  }
}

function hasOpenCalls(state: RunState, callbackId: string): boolean {
  for (const entry of state.entries()) if (entry.callbackId === callbackId && isOpen(entry, true)) return true;
  return false;
}
