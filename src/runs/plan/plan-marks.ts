/** Which calls are to be marked. */
import type { ListedCallback } from "../../client/client.js";
import type { RunListener } from "../journal/run-event.js";
import { newRunId } from "../journal/run-id.js";
import type { RunDeps } from "../run-deps.js";
import type { CallScope } from "./call-scope.js";
import { callbacksOf } from "./callbacks-of-scope.js";
import type { MarkGroup, MarkPlan } from "./mark-plan.js";
import { takeSnapshot } from "./take-snapshot.js";

/**
 * With a filter: the calls that it means, of the other status (FAILED ones for a mark of SUCCESS, and the reverse). With ids and one callback: those ids,
 * unlisted; with more callbacks the ids are looked for. Throws `not-found` for a callback.
 */
export async function planMarks(
  scope: CallScope,
  status: "SUCCESS" | "FAILED",
  deps: RunDeps,
  onEvent: RunListener = () => {},
): Promise<MarkPlan> {
  const callbacks = await callbacksOf(scope, deps.client);
  const found =
    "filter" in scope.calls
      ? await byFilter(callbacks, { ...scope.calls.filter, status: status === "SUCCESS" ? "FAILED" : "SUCCESS" }, deps, onEvent)
      : await byIds(callbacks, scope.calls.callIds, deps);
  const groups = found.groups.filter(({ callIds }) => callIds.length > 0);
  return {
    runId: newRunId(deps.clock.now(), deps.random),
    status,
    groups,
    calls: groups.reduce((sum, { callIds }) => sum + callIds.length, 0),
    leftOut: found.leftOut,
    missing: found.missing,
  };
}

type Found = Pick<MarkPlan, "groups" | "leftOut" | "missing">;

async function byFilter(
  callbacks: readonly ListedCallback[],
  filter: Parameters<typeof takeSnapshot>[1]["filter"],
  deps: RunDeps,
  onEvent: RunListener,
): Promise<Found> {
  const groups: MarkGroup[] = [];
  let leftOut = 0;
  for (const callback of callbacks) {
    const callIds: string[] = [];
    const take = async (calls: readonly { readonly id: string }[]): Promise<void> => {
      for (const { id } of calls) callIds.push(id);
    };
    leftOut += (await takeSnapshot(deps.client, { callbackId: callback.id, filter }, take, onEvent)).leftOut;
    groups.push({ callback, callIds });
  }
  return { groups, leftOut, missing: [] };
}

async function byIds(callbacks: readonly ListedCallback[], callIds: readonly string[], deps: RunDeps): Promise<Found> {
  const [only, ...others] = callbacks;
  // Told apart without regard to case, and asked for as they were given: a service may be strict about it.
  const wanted = new Map(callIds.map((id) => [id.toUpperCase(), id]));
  if (only !== undefined && others.length === 0) {
    return { groups: [{ callback: only, callIds: [...wanted.values()] }], leftOut: 0, missing: [] };
  }
  const groups: MarkGroup[] = [];
  for (const callback of callbacks) {
    if (wanted.size === 0) break;
    const found = await deps.client.findCalls(callback.id, [...wanted.values()]);
    groups.push({ callback, callIds: found.map(({ id }) => id).filter((id) => wanted.delete(id.toUpperCase())) });
  }
  return { groups, leftOut: 0, missing: [...wanted.values()] };
}
