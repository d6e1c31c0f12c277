import type { Client } from "../../client/client.js";
import { count } from "../../domain/count.js";
import { describeArrived } from "../../runs/journal/arrived-calls.js";
import { compareDatabase } from "../../runs/journal/other-runs.js";
import { isSentElsewhere } from "../../runs/journal/run-counts.js";
import type { RunCall } from "../../runs/journal/run-state.js";
import { latestUnfinishedRun, listRuns, type RunOverview, readRun } from "../../runs/journal/stored-runs.js";
import { findAllById } from "../../runs/plan/call-scope.js";
import type { RunFolder } from "../../runs/run-deps.js";
import { shownTo } from "../../runs/run-options.js";
import { findStates } from "../../runs/settled-calls.js";
import type { Invocation } from "../args/command-spec.js";
import { commandOnRun, resumeCommand } from "../output/run/next-step.js";
import { formatInstant } from "../output/times.js";
import { profileOf, runFolder } from "./open-run-deps.js";
import type { Session } from "./session.js";

/**
 * Unfinished runs don't block a new one. Each one is mentioned that has FAILED calls of these callbacks, or of any, that may have arrived, and the
 * latest unless a sample of its calls is settled.
 */
export async function mentionUnfinishedRuns(
  { screen, deps }: Invocation,
  session: Session,
  callbackIds: readonly string[] | null,
): Promise<void> {
  const { client } = session;
  const folder = { ...runFolder(deps), client };
  const unfinished = (await listRuns(folder)).filter((run) => run.state === "unfinished" && isOwnRun(run, session));
  for (const run of unfinished) {
    const { calls, toMark, seenToMark, maybeMarked } = await readRun(folder, run.runId);
    const open = calls.filter(
      ({ state, isMarked }) => state === "left" || state === "unknown" || (["accepted", "seen"].includes(state) && !isMarked),
    );
    const isUnknown = ({ state, callbackId }: RunCall) => state === "unknown" && callbackIds?.includes(callbackId) !== false;
    const unknown = isSentElsewhere(run) ? [] : open.filter(isUnknown);
    const sendsAgain = await isAny("FAILED", unknown, client);
    const [from, status] = run.kind === "mark-failed" ? (["SUCCESS", "FAILED"] as const) : (["FAILED", "SUCCESS"] as const);
    if (!sendsAgain && (run !== unfinished[0] || !(await isAny(from, sampleOf(open), client)))) continue;
    const started = formatInstant(run.startedAt, screen.renderOptions.utc);
    const arrived = toMark.filter(({ state }) => state === "accepted");
    const callbacks = arrived.length === 0 ? [] : await findAllById(run.callbacks, client);
    const marks = arrived.length === 0 ? "" : `, and marks ${await describeArrived(run, arrived, callbacks, folder)}`;
    const seen =
      seenToMark === 0 ? "" : `, and marks ${count(seenToMark, "call")} that your list had, unless a later list was used since`;
    const again = !sendsAgain ? "" : `. A new run sends up to ${count(unknown.length, "call")} of it a second time`;
    const to = shownTo(run.options);
    const sends = to === null ? "" : `: it sends to ${to} and marks ${run.options?.mark ? "what that accepts" : "nothing"}`;
    const resume = resumeCommand(run, screen.renderOptions);
    const discard = commandOnRun("runs discard", run, screen.renderOptions);
    const undo = commandOnRun("undo", run, screen.renderOptions);
    const may = `. Its last request may have marked, or still mark, ${count(maybeMarked.length, "call")} SUCCESS, which \`${undo}\` takes back`;
    const late = maybeMarked.length === 0 || status === "FAILED" ? "" : may;
    screen.info(
      run.options === null
        ? `note: the ${run.kind} of ${started} is unfinished; \`${resume}\` marks ${count(open.length, "more call")} ${status}, \`${discard}\` gives it up${late}`
        : `note: the run of ${started} is unfinished; \`${resume}\` finishes it${sends}${marks}${seen}${again}${late}`,
    );
  }
}

/** Returns the latest unfinished run of the profile and its service. */
export function latestOwnRun(session: Session, folder: RunFolder): Promise<RunOverview | null> {
  return latestUnfinishedRun(folder, (run) => isOwnRun(run, session));
}

function isOwnRun(run: RunOverview, session: Session): boolean {
  const { client } = session;
  return run.profile === profileOf(session) && run.service === client.name && compareDatabase(run, client) !== "other";
}

const SAMPLE_SIZE = 10;

function sampleOf(calls: readonly RunCall[]): readonly RunCall[] {
  const step = Math.max(1, Math.floor(calls.length / SAMPLE_SIZE));
  return calls.filter((_, index) => index % step === 0).slice(0, SAMPLE_SIZE);
}

async function isAny(wanted: "FAILED" | "SUCCESS", calls: readonly RunCall[], client: Client): Promise<boolean> {
  for (const callbackId of new Set(calls.map((call) => call.callbackId))) {
    const ids = calls.filter((call) => call.callbackId === callbackId).map(({ id }) => id);
    const states = await findStates(callbackId, ids, client);
    if ([...states.values()].some(({ status }) => status === wanted)) return true;
  }
  return false;
}
