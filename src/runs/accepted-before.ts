import type { ListedCallback } from "../client/client.js";
import { callKey } from "./journal/other-runs.js";
import { isRecorded } from "./journal/recorded-url.js";
import { listRuns, readRun } from "./journal/stored-runs.js";
import type { ReplayPlan } from "./plan/replay-plan.js";
import type { RunDeps } from "./run-deps.js";

/** The run has sent these calls of the callback to a URL that is the callback's own by now (`--to`), and marks nothing. */
export interface AcceptedCalls {
  readonly callback: ListedCallback;
  readonly runId: string;
  readonly calls: number;
}

/** Finds planned calls that the present URL of their callback has accepted from runs with `--to` that mark nothing, the latest run first. */
export async function findAccepted(
  { groups, callIds }: Pick<ReplayPlan, "groups" | "callIds">,
  deps: RunDeps,
): Promise<readonly AcceptedCalls[]> {
  const found: AcceptedCalls[] = [];
  for (const { runId, options, toHash, counts } of await listRuns(deps)) {
    if (options === null || options.to === null || options.mark || counts.accepted === 0) continue;
    const sentThere: ReplayPlan["groups"][number][] = [];
    for (const group of groups)
      if (await isRecorded(group.callback.url, { url: options.to, urlHash: toHash }, deps)) sentThere.push(group);
    if (sentThere.length === 0) continue;
    const run = await readRun(deps, runId);
    const accepted = new Set(run.calls.flatMap((call) => (call.state === "accepted" ? callKey(call.callbackId, call.id) : [])));
    for (const group of sentThere) {
      const { callback } = group;
      let calls = 0;
      for await (const id of callIds(group)) if (accepted.has(callKey(callback.id, id))) calls++;
      if (calls > 0) found.push({ callback, runId, calls });
    }
  }
  return found;
}
