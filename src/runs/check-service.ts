import type { Client } from "../client/client.js";
import { commandLine, shellQuote } from "../domain/command-line.js";
import { count } from "../domain/count.js";
import { advise, WhcbError } from "../domain/errors.js";
import { compareDatabase, madeElsewhere } from "./journal/other-runs.js";
import { isUnfinished } from "./journal/run-counts.js";
import type { RunHeader, UndoneRun } from "./journal/run-step.js";
import type { RunOverview, RunRecord } from "./journal/stored-runs.js";
import { nullIfGone } from "./plan/call-scope.js";
import { type RunDeps, resumeLine } from "./run-deps.js";

type ServiceDeps = Pick<RunDeps, "client" | "profile" | "serviceFlags">;

/**
 * A profile's service may come back on another port, or as a file, and another service may be where it was. That one has none of the
 * callbacks: they must not pass for deleted. Throws `config`.
 */
export async function checkService(run: RunHeader, deps: ServiceDeps): Promise<void> {
  const { runId, service, profile, callbacks } = run;
  const { client, profile: ownProfile, serviceFlags = [] } = deps;
  const isSameName = service === client.name;
  const isSameProfile = profile === ownProfile;
  const isThere = await hasOneOf(callbacks, client);
  // A database may be served at several addresses.
  const isSameDatabase = compareDatabase(run, client) === "same";
  if ((isSameName || isSameProfile || isSameDatabase) && isThere) return;
  if (isSameName || isSameDatabase) {
    const words = { command: "runs discard", operands: [runId], flags: serviceFlags };
    const discard = { command: commandLine(words), when: "if they were deleted" };
    const message = `run ${runId} was made with ${service} (profile ${profile}), which has none of its callbacks now`;
    const advice = advise`Is another service there? If they were deleted, ${discard} gives the run up.`;
    throw new WhcbError("config", message, advice);
  }
  const flag = isSameProfile || profile === service ? ["--service", service] : ["--profile", profile];
  const elsewhere = isSameProfile ? `; ${client.name} has none of its callbacks` : "";
  throw new WhcbError("config", `run ${runId} was made with ${service} (profile ${profile})${elsewhere}`, {
    hint: `Add \`${flag.map(shellQuote).join(" ")}\`.`,
  });
}

/** Another database may be a backup that stands for the run's, so a user is asked before the run is resumed on it. Throws as `checkService`. */
export async function checkResumable(run: RunHeader, deps: ServiceDeps): Promise<void> {
  const isThere = await hasOneOf(run.callbacks, deps.client);
  if (!isThere || compareDatabase(run, deps.client) !== "other") await checkService(run, deps);
}

/** Throws `config` if the run was made with another database: its marks can't be taken back on this one. */
export function requireMarkedHere(run: RunHeader, client: Client): void {
  if (compareDatabase(run, client) !== "other") return;
  throw new WhcbError("config", `run ${run.runId} was ${madeElsewhere(run)}`, {
    hint: "`whcb mark-failed` with ids marks single calls",
  });
}

export async function hasOneOf(callbacks: RunHeader["callbacks"], client: Client): Promise<boolean> {
  // A callback that was deleted may have given its name to another one, which shows the service, too.
  for (const { id } of callbacks) if ((await client.getCallback(id).catch(nullIfGone)) !== null) return true;
  return false;
}

/** Throws `usage` if the run has yet to mark what arrived. */
export function requireArrivedMarked({ runId, counts, seenToMark }: RunRecord, deps: RunDeps): void {
  const arrived = counts.toMark - seenToMark;
  if (arrived === 0) return;
  const resume = { command: resumeLine(runId, deps), when: "to mark what has arrived" };
  const danger = "an undo would discard it, and a replay send them again";
  const message = `run ${runId} hasn't marked ${count(arrived, "call")} that arrived: ${danger}`;
  throw new WhcbError("usage", message, advise`${resume} marks what has arrived; undo the run afterwards`);
}

export const ONLY_UNDONE = "only what mark-success, or a reconcile's list, has marked can be undone";

export function alreadyUndone({ runId }: UndoneRun, undo: RunOverview, deps: RunDeps): WhcbError {
  const isFinished = !isUnfinished(undo.counts);
  const resume = { command: resumeLine(undo.runId, deps), when: "to finish it" };
  const message = `run ${runId} was undone by run ${undo.runId}${isFinished ? "" : ", which isn't finished"}`;
  const advice = isFinished ? { hint: "`whcb mark-failed` with ids marks single calls" } : advise`${resume} finishes it`;
  return new WhcbError("usage", message, advice);
}
