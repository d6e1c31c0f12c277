import type { ListedCallback } from "../client/client.js";
import type { CallFilter } from "../domain/call-filter.js";
import { WhcbError } from "../domain/errors.js";
import { beginRun, checkService } from "./begin-run.js";
import { type RunSummary, workAndEnd } from "./end-run.js";
import { newRunId } from "./journal/run-id.js";
import type { RunListener } from "./journal/run-step.js";
import { readRun } from "./journal/stored-runs.js";
import { type CallScope, callbacksOf, listScope } from "./plan/call-scope.js";
import { giveUpCallback } from "./relist-calls.js";
import type { RunControl, RunDeps } from "./run-deps.js";
import { recordedCallback } from "./run-replay.js";
import { markAll } from "./send/marker.js";

export interface MarkPlan {
  readonly runId: string;
  readonly status: "SUCCESS" | "FAILED";
  readonly groups: readonly MarkGroup[];
  readonly calls: number;
  /** Listed although they don't match the filter. */
  readonly leftOut: number;
  /** Named by id, not found. */
  readonly missing: readonly string[];
}

export interface MarkGroup {
  readonly callback: ListedCallback;
  readonly callIds: readonly string[];
}

/** Filter: matching calls of the other status. Ids: unlisted with one callback, else looked for. Throws `not-found`. */
export async function planMarks(scope: CallScope, status: "SUCCESS" | "FAILED", deps: RunDeps): Promise<MarkPlan> {
  const callbacks = await callbacksOf(scope, deps.client);
  const found =
    "filter" in scope.calls
      ? await byFilter(callbacks, { ...scope.calls.filter, status: status === "SUCCESS" ? "FAILED" : "SUCCESS" }, deps)
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

/** Records calls that the service doesn't know, and continues. Throws `unavailable` if the journal can't be created. */
export async function runMarks(
  plan: MarkPlan,
  { signal }: RunControl,
  deps: RunDeps,
  onEvent: RunListener = () => {},
): Promise<RunSummary> {
  const held = await beginRun(
    {
      header: {
        runId: plan.runId,
        kind: plan.status === "SUCCESS" ? "mark-success" : "mark-failed",
        callbacks: plan.groups.map(({ callback }) => recordedCallback(callback)),
        options: null,
      },
      planned: plan.groups.map(({ callback, callIds }) => ({ callbackId: callback.id, do: "mark", callIds })),
      signal,
    },
    deps,
    onEvent,
  );
  return workAndEnd(held, async () => {
    for (const { callback, callIds } of plan.groups) {
      if (held.session.stop.reason !== null) return;
      await markAll({ callbackId: callback.id, status: plan.status, from: "left" }, callIds, held.session);
      if (held.session.stopped(callback.id) === "gone") await giveUpCallback(callback.id, held.session);
    }
  });
}

/** The calls that a run of mark-success has marked. Throws `usage` for another kind, `config` for another service, and as `readRun`. */
export async function markedScope(wanted: string, deps: RunDeps): Promise<CallScope> {
  const run = await readRun(deps.runsDirectory, wanted, deps.clock);
  if (run.kind !== "mark-success") {
    throw new WhcbError("usage", `run ${run.runId} is a ${run.kind}: only what mark-success marked can be undone`);
  }
  await checkService(run, deps);
  return {
    callbacks: run.callbacks.map(({ id }) => id),
    calls: { callIds: run.calls.filter(({ isMarked }) => isMarked).map(({ id }) => id) },
  };
}

type Found = Pick<MarkPlan, "groups" | "leftOut" | "missing">;

async function byFilter(callbacks: readonly ListedCallback[], filter: CallFilter, deps: RunDeps): Promise<Found> {
  const groups: MarkGroup[] = [];
  let leftOut = 0;
  for (const callback of callbacks) {
    const callIds: string[] = [];
    const listed = await listScope(deps.client, { callbackId: callback.id, filter }, async (calls) => {
      for (const { id } of calls) callIds.push(id);
    });
    leftOut += listed.leftOut;
    groups.push({ callback, callIds });
  }
  return { groups, leftOut, missing: [] };
}

async function byIds(callbacks: readonly ListedCallback[], callIds: readonly string[], deps: RunDeps): Promise<Found> {
  const [only, ...others] = callbacks;
  // A service may be strict about the case of an id.
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
