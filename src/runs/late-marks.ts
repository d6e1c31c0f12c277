/** A request of marks may be on its way though its process has ended, and mark calls SUCCESS after they were made FAILED (docs/runs.md). */
import { REQUEST_TIME_LIMIT_MS } from "../client/transport.js";
import { idKey } from "../domain/call.js";
import { MINUTE_MS } from "../domain/duration.js";
import { callKey, canBeUndone, readOwnRuns } from "./journal/other-runs.js";
import { lockRun } from "./journal/process-lock.js";
import type { RunCall } from "./journal/run-state.js";
import { type RunOverview, readRun } from "./journal/stored-runs.js";
import type { CallScope } from "./plan/call-scope.js";
import type { RunDeps } from "./run-deps.js";
import { planUndo } from "./run-marks.js";

/** A last request may have been repeated for so long after its journal's last line. */
const REPEATED_MS = 5 * MINUTE_MS;

type OnWait = (runId: string, until: number) => void;

/**
 * Waits until the last request of a session that didn't end in order, of this run or another one that marked its calls, is executed, or never
 * will be. What is read afterwards, once the callback's lock is taken, stays. Throws as `planUndo`, and `unavailable` while the process lives.
 */
export async function waitForLastRequest(wanted: string, deps: RunDeps, onWait: OnWait): Promise<void> {
  const { runId, hasLateRequest, calls, maybeMarked } = await readRun(deps, wanted);
  const keys = new Set([...calls.filter(canBeUndone), ...maybeMarked].map(({ callbackId, id }) => callKey(callbackId, id)));
  const isUndone = ({ callbackId, id }: RunCall): boolean => keys.has(callKey(callbackId, id));
  const late = hasLateRequest ? { runId } : await findLateMark(isUndone, deps);
  if (late === null) return;
  // An undo that can't be made doesn't wait.
  await planUndo(wanted, deps);
  await waitForRequestOf(late.runId, deps, onWait);
}

/**
 * Waits as `waitForLastRequest` for what may still mark calls of the scope SUCCESS though they are to be FAILED. Resolves to false if there is
 * nothing to wait for. Throws `unavailable` while another process marks such calls.
 */
export async function waitForLateMarks(
  { calls }: CallScope,
  callbacks: readonly { readonly id: string }[],
  deps: RunDeps,
  onWait: OnWait,
): Promise<boolean> {
  const ofCallbacks = new Set(callbacks.map(({ id }) => id));
  const ids = "callIds" in calls ? new Set(calls.callIds.map(idKey)) : null;
  const isNamed = ({ callbackId, id }: RunCall): boolean => ofCallbacks.has(callbackId) && ids?.has(idKey(id)) !== false;
  const run = await findLateMark(isNamed, deps);
  if (run !== null) await waitForRequestOf(run.runId, deps, onWait);
  return run !== null;
}

/**
 * Returns a run whose request may still mark one of these calls SUCCESS, or null: it was killed, or the service failed, or it is running. If it was
 * resumed since, its calls are marked by another request. While a run that sends is running, it has the lock of its callbacks.
 */
async function findLateMark(isNamed: (call: RunCall) => boolean, deps: RunDeps): Promise<RunOverview | null> {
  const since = deps.clock.now() - REPEATED_MS;
  const mayBeLate = ({ kind, state, lastAt }: RunOverview): boolean =>
    state === "running" ? kind === "mark-success" : kind !== "mark-failed" && lastAt >= since;
  for await (const run of readOwnRuns(mayBeLate, deps)) {
    const accepted = run.toMark.filter(({ state }) => state === "accepted");
    const late = [...run.calls.filter(({ isMarked }) => isMarked), ...run.maybeMarked, ...accepted];
    const calls = run.state === "running" ? run.toMark : run.hasLateRequest ? late : [];
    if (calls.some(isNamed)) return run;
  }
  return null;
}

async function waitForRequestOf(runId: string, deps: RunDeps, onWait: OnWait): Promise<void> {
  await (await lockRun(deps, runId)).release();
  const { clock } = deps;
  const end = clock.monotonicMs() + REQUEST_TIME_LIMIT_MS;
  onWait(runId, clock.now() + REQUEST_TIME_LIMIT_MS);
  // The wall clock may be set meanwhile.
  for (let left = REQUEST_TIME_LIMIT_MS; left > 0; left = end - clock.monotonicMs()) await clock.sleepUntil(clock.now() + left);
}
