import type { ListedCallback } from "../client/client.js";
import type { ReplayAttempt } from "../client/run-requests.js";
import type { RunListener } from "./journal/run-step.js";
import { readRunState } from "./journal/stored-runs.js";
import { type NewRun, performRun, type RunSummary } from "./perform-run.js";
import { findById } from "./plan/call-scope.js";
import type { ReplayGroup, ReplayPlan } from "./plan/replay-plan.js";
import { giveUpCallback, relistAndSend } from "./relist-calls.js";
import type { RunDeps } from "./run-deps.js";
import { type ReplayOptions, recordedOptions } from "./run-options.js";
import { asWhcbError, type RunOptions, type RunSession } from "./run-session.js";
import { askService, followService } from "./send/ask-service.js";
import { AttemptRecorder } from "./send/attempt-recorder.js";
import { sendGroup } from "./send/send-group.js";
import { sendsAuth, targetOf } from "./send/send-target.js";

/** Each callback has a canary. Throws `config` for a missing key, `unavailable` if the journal can't be created. Nothing was sent then. */
export async function runReplay(
  plan: ReplayPlan,
  options: RunOptions,
  deps: RunDeps,
  onEvent: RunListener = () => {},
): Promise<RunSummary> {
  try {
    if (!options.viaService) for (const { callback } of plan.groups) targetOf(callback, options, deps);
    const callbacks = plan.groups.map(({ callback }) => callback);
    const run: NewRun = {
      purpose: { runId: plan.runId, kind: "replay", options: recordedOptions(options, callbacks, deps) },
      callbacks,
      planned: plan.groups.map((group) => {
        return { callbackId: group.callback.id, do: options.viaService ? "ask" : "send", callIds: plan.callIds(group) };
      }),
      control: options,
    };
    return await performRun(run, deps, onEvent, (session) => sendPlan(plan, options, session));
  } finally {
    await plan.discard();
  }
}

export async function sendPlan(plan: ReplayPlan, options: RunOptions, session: RunSession): Promise<void> {
  const { deps, header } = session;
  // Where calls can't be looked at right before they are sent, they are listed again.
  if (options.wasAsked && !options.viaService && !deps.client.capabilities.has("exact-lists")) {
    await session.journal.flush();
    const { state } = await readRunState(deps.runsDirectory, header.runId);
    const callbacks = plan.groups.map(({ callback }) => callback);
    const sendAgain = (again: ReplayPlan) => sendPlan(again, { ...options, wasAsked: false }, session);
    return relistAndSend(callbacks, state, options, session, sendAgain);
  }
  const sending: Sending = { session, recorders: [] };
  for (const group of plan.groups) {
    if (session.stop.reason !== null) break;
    if (!(await isUnchanged(group.callback, options, session))) continue;
    if (options.viaService) await askService(group.callback.id, plan.callIds(group), session);
    else await sendAndMark(plan, group, options, sending);
    while (session.stopReasonOf(group.callback.id) === "lock-lost") await sendAgainWithLock(group, options, sending);
  }
  const isReachable = session.stop.reason === null || session.stop.reason === "interrupted";
  if (options.viaService && isReachable) await followService(options.followsService ?? false, session);
  for (const recorder of sending.recorders) await recorder.finish();
  for (const { callback } of plan.groups) {
    if (session.stopReasonOf(callback.id) === "gone") await giveUpCallback(callback.id, session);
  }
}

interface Sending {
  readonly session: RunSession;
  /** Those that wait for a pause continue while other callbacks' calls are sent. */
  readonly recorders: AttemptRecorder[];
}

/** The run may have waited for the lock, for an answer to its question, or for the callbacks before this one. Stops the callback if not. */
async function isUnchanged(callback: ListedCallback, options: ReplayOptions, session: RunSession): Promise<boolean> {
  try {
    const reason = await findStopReason(callback, options, session);
    if (reason !== null) session.stopOf(callback.id).stop(reason);
    return reason === null;
  } catch (error) {
    session.stop.stop("service", asWhcbError(error));
    return false;
  }
}

/** Others may have sent some of the calls in the meantime. */
async function sendAgainWithLock({ callback }: ReplayGroup, options: RunOptions, sending: Sending): Promise<void> {
  const { session } = sending;
  try {
    await session.locks?.retake(callback);
    session.continueCallback(callback.id);
    if (!(await isUnchanged(callback, options, session))) return;
    await session.journal.flush();
    const { state } = await readRunState(session.deps.runsDirectory, session.header.runId);
    await relistAndSend([callback], state, options, session, async (plan) => {
      for (const group of plan.groups) await sendAndMark(plan, group, options, sending);
    });
  } catch (error) {
    session.stop.stop("service", asWhcbError(error));
    session.continueCallback(callback.id);
  }
}

async function sendAndMark(
  plan: ReplayPlan,
  group: ReplayGroup,
  options: RunOptions,
  { session, recorders }: Sending,
): Promise<void> {
  const { callback } = group;
  const whyStop = () => findStopReason(callback, options, session);
  const recorder = options.mark ? new AttemptRecorder(callback.id, whyStop, session) : null;
  if (recorder !== null) recorders.push(recorder);
  const job = {
    callbackId: callback.id,
    calls: plan.read(group),
    ...targetOf(callback, options, session.deps),
    options,
    onAccepted: (attempt: ReplayAttempt) => recorder?.markAccepted(attempt),
    onNotAccepted: (attempt: ReplayAttempt) => recorder?.report(attempt),
  };
  try {
    await sendGroup(job, session);
  } finally {
    await recorder?.finishOrPause();
  }
}

/** Tells whether the service says now that it was deleted, or changed in what is sent or where. A setting that isn't returned isn't compared. */
async function findStopReason(
  callback: ListedCallback,
  options: ReplayOptions,
  session: RunSession,
): Promise<"gone" | "changed" | null> {
  const now = await findById(callback.id, session.deps.client);
  if (now === null) return "gone";
  const settingsOf = ({ url, auth, contentType, removeHtml, isSigned }: ListedCallback) => {
    return [options.to ?? url, contentType, removeHtml, ...(sendsAuth(options) ? [auth.type, auth.key, isSigned] : [])];
  };
  const after = settingsOf(now);
  const hasChanged = settingsOf(callback).some((one, at) => one !== null && after[at] !== null && one !== after[at]);
  return hasChanged ? "changed" : null;
}
