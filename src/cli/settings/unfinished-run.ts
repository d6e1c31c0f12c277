import type { Client } from "../../client/client.js";
import { count } from "../../domain/count.js";
import { describeArrived } from "../../runs/journal/arrived-calls.js";
import { callKey, compareDatabase } from "../../runs/journal/other-runs.js";
import { isSentElsewhere } from "../../runs/journal/run-counts.js";
import type { RunCall } from "../../runs/journal/run-state.js";
import { findOpenCalls, latestUnfinishedRun, listRuns, type RunOverview, readRun } from "../../runs/journal/stored-runs.js";
import { findAllById } from "../../runs/plan/call-scope.js";
import type { RunFolder } from "../../runs/run-deps.js";
import { shownTo } from "../../runs/run-options.js";
import { findStates } from "../../runs/settled-calls.js";
import type { Invocation } from "../args/command-spec.js";
import { commandOnRun, resumeCommand } from "../output/run/next-step.js";
import type { RenderOptions } from "../output/screen.js";
import { formatInstant } from "../output/times.js";
import { profileOf, runFolder } from "./open-run-deps.js";
import type { Session } from "./session.js";

interface ResumedRun {
  readonly runId: string;
  readonly resendUnknown: boolean;
}

/**
 * Unfinished runs don't block a new one. Each one is mentioned that has FAILED calls of these callbacks, or of any, that may have arrived, or
 * whose last request may have marked some, and the latest of the profile unless a sample of its calls is settled. Before a run is resumed, the
 * latest one isn't, and of what may have arrived only those calls count that the resumed run may send.
 */
export async function mentionUnfinishedRuns(
  { screen, deps }: Invocation,
  session: Session,
  callbackIds: readonly string[] | null,
  resumed: ResumedRun | null = null,
): Promise<void> {
  const { client } = session;
  const folder = { ...runFolder(deps), client };
  // The same database may have been used by another name, or with another profile.
  const isOfService = (run: RunOverview) => isOwnRun(run, session) || compareDatabase(run, client) === "same";
  const isOther = (run: RunOverview) => run.state === "unfinished" && run.runId !== resumed?.runId && isOfService(run);
  const unfinished = (await listRuns(folder)).filter(isOther);
  const toSend = resumed && unfinished.length > 0 ? await keysToSend(folder, resumed) : null;
  const isOfThese = ({ callbackId }: RunCall): boolean => callbackIds?.includes(callbackId) !== false;
  const latest = unfinished.find((run) => isOwnRun(run, session));
  for (const run of unfinished) {
    const record = await readRun(folder, run.runId);
    const { calls, toMark, seenToMark } = record;
    const maybeMarked = record.maybeMarked.filter(isOfThese);
    const open = calls.filter(
      ({ state, isMarked }) => state === "left" || state === "unknown" || (["accepted", "seen"].includes(state) && !isMarked),
    );
    const isUnknown = (call: RunCall): boolean =>
      call.state === "unknown" && isOfThese(call) && toSend?.has(callKey(call.callbackId, call.id)) !== false;
    const unknown = isSentElsewhere(run) ? [] : open.filter(isUnknown);
    const sendsAgain = await isAny("FAILED", unknown, client);
    const arrived = toMark.filter(({ state }) => state === "accepted");
    const callbacks = arrived.length + maybeMarked.length > 0 ? await findAllById(run.callbacks, client) : [];
    const late = callbacks.length === 0 ? "" : lateText(run, maybeMarked.length, session, screen.renderOptions);
    const [from, status] = run.kind === "mark-failed" ? (["SUCCESS", "FAILED"] as const) : (["FAILED", "SUCCESS"] as const);
    const isLatest = resumed === null && run === latest;
    if (!sendsAgain && late === "" && !(isLatest && (await isAny(from, sampleOf(open), client)))) continue;
    const started = formatInstant(run.startedAt, screen.renderOptions.utc);
    const marks = arrived.length === 0 ? "" : `, and marks ${await describeArrived(run, arrived, callbacks, folder)}`;
    const seen =
      seenToMark === 0
        ? ""
        : `, and marks ${count(seenToMark, "call")} that your list had, unless a later list was compared with them`;
    const sender = resumed === null ? "A new run" : "This run";
    const again = !sendsAgain ? "" : `. ${sender} sends up to ${count(unknown.length, "call")} of it a second time`;
    const to = shownTo(run.options);
    const sends = to === null ? "" : `: it sends to ${to} and marks ${run.options?.mark ? "what that accepts" : "nothing"}`;
    const resume = resumeCommand(run, screen.renderOptions);
    const discard = commandOnRun("runs discard", run, screen.renderOptions);
    screen.info(
      run.options === null
        ? `note: the ${run.kind} of ${started} is unfinished; \`${resume}\` marks ${count(open.length, "more call")} ${status}, \`${discard}\` gives it up${late}`
        : `note: the run of ${started} is unfinished; \`${resume}\` finishes it${sends}${marks}${seen}${again}${late}`,
    );
  }
}

async function keysToSend(folder: RunFolder, { runId, resendUnknown }: ResumedRun): Promise<ReadonlySet<string>> {
  const { toSend } = await findOpenCalls(folder, runId, resendUnknown);
  return new Set(toSend.map(({ callbackId, id }) => callKey(callbackId, id)));
}

/** Returns what the run's last request may have done, or still do. `whcb serve` leaves what is delivered after a run of mark-failed has listed it. */
function lateText(run: RunOverview, maybeMarked: number, { client }: Session, options: RenderOptions): string {
  if (maybeMarked === 0) return "";
  const calls = count(maybeMarked, "call");
  if (run.kind !== "mark-failed")
    return `. Its last request may have marked, or still mark, ${calls} SUCCESS, which \`${commandOnRun("undo", run, options)}\` takes back`;
  if (client.capabilities.has("exact-lists")) return "";
  return `. Its last request may have made, or still make, ${calls} FAILED, what is delivered before it included`;
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
