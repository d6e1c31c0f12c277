import type { ListedCall, ListedCallback } from "../../client/client.js";
import { idKey } from "../../domain/call.js";
import { newRunId } from "../journal/run-id.js";
import type { RunListener } from "../journal/run-step.js";
import type { RunDeps } from "../run-deps.js";
import type { BodyOptions } from "../run-options.js";
import { type CallScope, callbacksOf, listScope } from "./call-scope.js";
import { GroupDraft } from "./group-draft.js";
import { type ReplayPlan, snapshotPlan } from "./replay-plan.js";
import { SnapshotFile } from "./snapshot-file.js";

export interface ReplayScope extends CallScope, BodyOptions {
  /** Leave out calls that the service still retries. */
  readonly skipRetrying: boolean;
  /** Of each callback, the oldest; default: all. */
  readonly limit?: number | undefined;
  /** Locked callbacks as listed, and the run that has the locks. */
  readonly locked?: { readonly runId: string; readonly callbacks: readonly ListedCallback[] };
}

/** Up to this many ids are requested one by one; more are looked for among the FAILED calls. */
const MAX_SINGLE_CALLS = 50;

/** Lists each FAILED call once, bodies on disk: discard or run the plan. Throws `not-found`, and what the client throws. */
export async function planReplay(scope: ReplayScope, deps: RunDeps, onEvent: RunListener = () => {}): Promise<ReplayPlan> {
  const runId = scope.locked?.runId ?? newRunId(deps.clock.now(), deps.random);
  const callbacks = scope.locked?.callbacks ?? (await callbacksOf(scope, deps.client));
  const file = await SnapshotFile.open(deps.runsDirectory, runId, scope);
  const counts = { leftOut: 0, withoutId: 0, notFailed: 0, skippedRetrying: 0 };
  const drafts: GroupDraft[] = [];
  const wanted = "callIds" in scope.calls ? new Map(scope.calls.callIds.map((id) => [idKey(id), id])) : null;
  try {
    for (const callback of callbacks) {
      const draft = new GroupDraft(callback, file, deps.clock);
      drafts.push(draft);
      const take = async (calls: readonly ListedCall[]): Promise<void> => {
        const meant = wanted === null ? calls : calls.filter(({ id }) => wanted.delete(idKey(id)));
        const failed = meant.filter(({ status }) => status === "FAILED");
        const kept = scope.skipRetrying ? failed.filter((call) => !draft.isRetrying(call)) : failed;
        counts.notFailed += meant.length - failed.length;
        counts.skippedRetrying += failed.length - kept.length;
        await draft.add(kept);
      };
      if ("filter" in scope.calls) {
        const filter = { ...scope.calls.filter, status: "FAILED" as const };
        const unusable = await listScope(deps.client, { callbackId: callback.id, filter }, take, onEvent);
        counts.leftOut += unusable.leftOut;
        counts.withoutId += unusable.withoutId;
      } else if (wanted !== null && wanted.size > MAX_SINGLE_CALLS) {
        await listScope(deps.client, { callbackId: callback.id, filter: { status: "FAILED" } }, take, onEvent);
      } else if (wanted !== null && wanted.size > 0) {
        await take(await deps.client.findCalls(callback.id, [...wanted.values()]));
      }
    }
  } catch (error) {
    await file.close();
    throw error;
  }
  return snapshotPlan({
    runId,
    drafts,
    file,
    limit: scope.limit,
    leftOut: { ...counts, missing: wanted === null ? [] : [...wanted.values()] },
  });
}
