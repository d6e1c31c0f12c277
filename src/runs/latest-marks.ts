import type { Client } from "../client/client.js";
import { REQUEST_TIME_LIMIT_MS } from "../client/transport.js";
import { hasOneOf } from "./check-service.js";
import { compareDatabase, isMarkFailed, undoneBy } from "./journal/other-runs.js";
import type { RunCall } from "./journal/run-state.js";
import { listWantedRuns, type RunOverview, readRun, wasBegunAfter } from "./journal/stored-runs.js";
import type { RunDeps, RunFolder } from "./run-deps.js";
import { findSuccessful } from "./settled-calls.js";

/**
 * Returns the run of this service that was begun last, has marked calls, and wasn't undone or passed, or null. Throws `malformed` for a
 * journal that can't be read and may be of such a run.
 */
export async function latestRunToUndo(
  deps: RunFolder & Pick<RunDeps, "client">,
  passed: ReadonlySet<string> = new Set(),
): Promise<RunOverview | null> {
  const { client } = deps;
  await client.verify();
  const runs = await listWantedRuns(deps, ({ kind }) => kind !== "replay");
  const undone = new Set(runs.map((run) => (run.state === "finished" && run.counts.marked > 0 ? undoneBy(run) : null)));
  for (const run of runs.toSorted((one, other) => (wasBegunAfter(one, other) ? -1 : 1))) {
    const { runId, kind, state, counts } = run;
    const isOfMarks = kind === "mark-success" || isMarkFailed(run) || (kind === "reconcile" && counts.seen > 0);
    if (!isOfMarks || passed.has(runId) || undone.has(runId) || !isOfService(run, client)) continue;
    // Nothing can be taken back in a callback that was deleted. A service without a database's id may be another one at the same URL.
    const isKnown = compareDatabase(run, client) === "same" || state === "discarded";
    if (isKnown && !(await hasOneOf(run.callbacks, client))) continue;
    if (counts.marked > 0 || state === "unfinished" || state === "running") return run;
    const { hasLateRequest, maybeMarked } = await readRun(deps, runId);
    // A clock that was set back makes it later than now.
    const mayStillMark = hasLateRequest && deps.clock.now() - run.lastAt < REQUEST_TIME_LIMIT_MS;
    if (mayStillMark || (await hasSuccessful(maybeMarked, client))) return run;
  }
  return null;
}

/** A database may be served under several names. */
function isOfService(run: RunOverview, client: Client): boolean {
  const database = compareDatabase(run, client);
  return database === "unknown" ? run.service === client.name : database === "same";
}

async function hasSuccessful(calls: readonly RunCall[], client: Client): Promise<boolean> {
  for (const callbackId of new Set(calls.map((call) => call.callbackId))) {
    const ids = calls.filter((call) => call.callbackId === callbackId).map(({ id }) => id);
    if ((await findSuccessful(callbackId, ids, client)).size > 0) return true;
  }
  return false;
}
