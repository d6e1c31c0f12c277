/** Settles the FAILED calls of a callback by what its receiver already has: that is marked, the rest is replayed. */
import type { ListedCall } from "../client/client.js";
import { beginRun } from "./begin-run.js";
import { workAndEnd } from "./end-run.js";
import type { RunListener } from "./journal/run-event.js";
import { newRunId } from "./journal/run-id.js";
import { GroupDraft } from "./plan/group-draft.js";
import type { ReconcilePlan, SeenList } from "./plan/reconcile-plan.js";
import { SnapshotFile } from "./plan/snapshot-file.js";
import { snapshotPlan } from "./plan/snapshot-plan.js";
import { takeSnapshot } from "./plan/take-snapshot.js";
import type { RunDeps } from "./run-deps.js";
import type { ReplayOptions, RunControl } from "./run-options.js";
import { namedCallback, replayPlan, storedOptions } from "./run-replay.js";
import type { RunSummary } from "./run-summary.js";
import { markAll } from "./send/marker.js";
import { targetOf } from "./send/replay-group.js";

/** Lists every FAILED call and tells them apart; sends and marks nothing. Throws `not-found`, and what the client throws. */
export async function planReconcile(
  callbackIdOrName: string,
  seen: SeenList,
  deps: RunDeps,
  onEvent: RunListener = () => {},
): Promise<ReconcilePlan> {
  const callback = await deps.client.getCallback(callbackIdOrName);
  const runId = newRunId(deps.clock.now(), deps.random);
  const spool = await SnapshotFile.open(deps.runsDirectory, runId);
  const rest = new GroupDraft(callback, spool, deps.clock);
  const seenIds: string[] = [];
  const callsOfSeen = new Map<string, number>();
  const seenKeyOf = ({ id, response }: ListedCall): string => (seen.by === "call" ? id : response.messageId).toUpperCase();
  const take = async (calls: readonly ListedCall[]): Promise<void> => {
    const unseen: ListedCall[] = [];
    for (const call of calls) {
      const key = seenKeyOf(call);
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
    await takeSnapshot(deps.client, { callbackId: callback.id, filter: { status: "FAILED" } }, take, onEvent);
  } catch (error) {
    await spool.close();
    throw error;
  }
  const replay = snapshotPlan({ runId, drafts: [rest], spool });
  return {
    callback,
    seen: seenIds,
    replay,
    failed: seenIds.length + replay.calls,
    unmatched: seen.ids.size - callsOfSeen.size,
    sharedMessages: seen.by === "message" ? [...callsOfSeen.values()].filter((calls) => calls > 1).length : 0,
  };
}

/** Marks what was seen, then replays the rest: afterwards the balance holds (balance.ts). Throws as `runReplay`. */
export async function runReconcile(
  plan: ReconcilePlan,
  options: ReplayOptions & RunControl,
  deps: RunDeps,
  onEvent: RunListener = () => {},
): Promise<RunSummary> {
  const { callback, replay, seen } = plan;
  try {
    if (replay.calls > 0 && !options.viaService) targetOf(callback, options);
    const held = await beginRun(
      {
        header: {
          runId: replay.runId,
          kind: "reconcile",
          callbacks: [namedCallback(callback)],
          options: storedOptions(options),
        },
        planned: [
          { callbackId: callback.id, do: "mark", callIds: seen },
          ...replay.groups.map((group) => {
            return { callbackId: callback.id, do: options.viaService ? "ask" : "send", callIds: replay.callIds(group) } as const;
          }),
        ],
        concurrency: options.concurrency,
        signal: options.signal,
      },
      deps,
      onEvent,
    );
    return await workAndEnd(held, async () => {
      await markAll({ callbackId: callback.id, status: "SUCCESS", from: "seen" }, seen, held.session);
      await replayPlan(replay, options, held.session);
    });
  } finally {
    await replay.discard();
  }
}
