/** The snapshot before a replay: nothing is sent here. */
import type { ListedCall } from "../../client/client.js";
import type { RunListener } from "../journal/run-event.js";
import { newRunId } from "../journal/run-id.js";
import type { RunDeps } from "../run-deps.js";
import type { CallScope } from "./call-scope.js";
import { callbacksOf } from "./callbacks-of-scope.js";
import { GroupDraft } from "./group-draft.js";
import type { ReplayPlan } from "./replay-plan.js";
import { SnapshotFile } from "./snapshot-file.js";
import { snapshotPlan } from "./snapshot-plan.js";
import { takeSnapshot } from "./take-snapshot.js";

export interface ReplayScope extends CallScope {
  /** Leave the calls that the service is still retrying. */
  readonly skipRetrying: boolean;
}

/** Up to so many calls named by id are asked for one by one; more are found among the failed ones. */
const MAX_SINGLE_CALLS = 50;

/**
 * Lists every FAILED call that the scope means, each once, and keeps what they carry on disk: discard the plan or run it. Throws `not-found` for a
 * callback, and what the client throws.
 */
export async function planReplay(scope: ReplayScope, deps: RunDeps, onEvent: RunListener = () => {}): Promise<ReplayPlan> {
  const runId = newRunId(deps.clock.now(), deps.random);
  const callbacks = await callbacksOf(scope, deps.client);
  const spool = await SnapshotFile.open(deps.runsDirectory, runId);
  const told = { leftOut: 0, notFailed: 0, skippedRetrying: 0 };
  const drafts: GroupDraft[] = [];
  const wanted = "callIds" in scope.calls ? new Set(scope.calls.callIds.map((id) => id.toUpperCase())) : null;
  try {
    for (const callback of callbacks) {
      const draft = new GroupDraft(callback, spool, deps.clock);
      drafts.push(draft);
      const take = async (calls: readonly ListedCall[]): Promise<void> => {
        const meant = wanted === null ? calls : calls.filter(({ id }) => wanted.delete(id.toUpperCase()));
        const failed = meant.filter(({ status }) => status === "FAILED");
        const kept = scope.skipRetrying ? failed.filter((call) => !draft.isRetrying(call)) : failed;
        told.notFailed += meant.length - failed.length;
        told.skippedRetrying += failed.length - kept.length;
        await draft.add(kept);
      };
      if ("filter" in scope.calls) {
        const filter = { ...scope.calls.filter, status: "FAILED" as const };
        const { leftOut } = await takeSnapshot(deps.client, { callbackId: callback.id, filter }, take, onEvent);
        told.leftOut += leftOut;
      } else if (wanted !== null && wanted.size > MAX_SINGLE_CALLS) {
        await takeSnapshot(deps.client, { callbackId: callback.id, filter: { status: "FAILED" } }, take, onEvent);
      } else if (wanted !== null && wanted.size > 0) {
        await take(await deps.client.findCalls(callback.id, asNamed(scope.calls.callIds, wanted)));
      }
    }
  } catch (error) {
    await spool.close();
    throw error;
  }
  return snapshotPlan({ runId, drafts, spool, leftOut: { ...told, missing: wanted === null ? [] : [...wanted] } });
}

/** The ids as they were given: a service may be strict about their case. */
function asNamed(callIds: readonly string[], wanted: ReadonlySet<string>): readonly string[] {
  return callIds.filter((id) => wanted.has(id.toUpperCase()));
}
