/** Divides the FAILED calls of a callback by what its receiver already has. */
import type { ListedCall, ListedCallback } from "../../client/client.js";
import { newRunId } from "../journal/run-id.js";
import type { RunListener } from "../journal/run-step.js";
import type { RunDeps } from "../run-deps.js";
import { listScope } from "./call-scope.js";
import { GroupDraft } from "./group-draft.js";
import { type ReplayPlan, snapshotPlan } from "./replay-plan.js";
import type { SeenList } from "./seen-list.js";
import { SnapshotFile } from "./snapshot-file.js";

export interface ReconcilePlan {
  readonly callback: ListedCallback;
  /** To be marked and not sent. */
  readonly seen: readonly string[];
  /** The rest, to be replayed. */
  readonly replay: ReplayPlan;
  /** All FAILED calls: seen and the rest. */
  readonly failed: number;
  /** Lines of the file that match no failed call. */
  readonly unmatched: number;
  /** By message: seen messages that have more than one failed call, all of which count as seen. */
  readonly sharedMessages: number;
}

export interface PlanReconcileOptions {
  /** Of the run that has the callback's lock. */
  readonly runId?: string | undefined;
  readonly onEvent?: RunListener;
}

/** Sends and marks nothing. Throws `not-found`, and what the client throws. */
export async function planReconcile(
  callbackIdOrName: string,
  seen: SeenList,
  deps: RunDeps,
  { runId = newRunId(deps.clock.now(), deps.random), onEvent }: PlanReconcileOptions = {},
): Promise<ReconcilePlan> {
  const callback = await deps.client.getCallback(callbackIdOrName);
  const file = await SnapshotFile.open(deps.runsDirectory, runId);
  const rest = new GroupDraft(callback, file, deps.clock);
  const seenIds: string[] = [];
  const callsOfSeen = new Map<string, number>();
  const take = async (calls: readonly ListedCall[]): Promise<void> => {
    const unseen: ListedCall[] = [];
    for (const call of calls) {
      const key = (seen.by === "call" ? call.id : call.response.messageId).toUpperCase();
      if (!seen.ids.has(key)) {
        unseen.push(call);
        continue;
      }
      seenIds.push(call.id);
      callsOfSeen.set(key, (callsOfSeen.get(key) ?? 0) + 1);
    }
    await rest.add(unseen);
  };
  try {
    await listScope(deps.client, { callbackId: callback.id, filter: { status: "FAILED" } }, take, onEvent);
  } catch (error) {
    await file.close();
    throw error;
  }
  const replay = snapshotPlan({ runId, drafts: [rest], file });
  return {
    callback,
    seen: seenIds,
    replay,
    failed: seenIds.length + replay.calls,
    unmatched: seen.ids.size - callsOfSeen.size,
    sharedMessages: seen.by === "message" ? [...callsOfSeen.values()].filter((calls) => calls > 1).length : 0,
  };
}
