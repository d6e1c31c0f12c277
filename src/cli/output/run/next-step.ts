/** What to type after a run, and why it isn't finished. A command that can't help as things are says when it can. */
import { type CommandWords, callbackOperand, commandLine, urlVariableOf } from "../../../domain/command-line.js";
import { type Advice, advise, type NextStep, WhcbError } from "../../../domain/errors.js";
import { isMasked } from "../../../domain/mask.js";
import { retryAt, type UnmarkedRun } from "../../../runs/journal/arrived-calls.js";
import { describeUndoable } from "../../../runs/journal/other-runs.js";
import { hasArrived } from "../../../runs/journal/run-counts.js";
import type { RunHeader } from "../../../runs/journal/run-step.js";
import type { RunSummary } from "../../../runs/perform-run.js";
import type { Rejection } from "../../../runs/run-session.js";
import { toIsoDate } from "../../../wire/dates.js";
import type { RenderOptions } from "../screen.js";

/** Returns the command that finishes what is left, shows why it isn't, follows the service or lists rejections. It is null when all is done. */
export function nextStep(summary: RunSummary, options: RenderOptions): NextStep | null {
  const { header, counts, service, isResumable, unmarked } = summary;
  const other = unmarked.find(({ as }) => as !== "marked");
  if (other !== undefined) return { command: resumeCommand(other.header, options), when: "" };
  if (isResumable) return stepOfUnfinished(summary, options);
  if (isServiceSending(summary)) return { command: resumeCommand(header, options), when: whileServed(header) };
  if (counts.rejected + (service?.failed ?? 0) === 0) return null;
  const [first, ...others] = header.callbacks;
  const operands = first === undefined || others.length > 0 ? [] : [callbackOperand(first)];
  return { command: commandLine({ command: "calls list", operands, flags: ["--failed", ...options.serviceFlags] }), when: "" };
}

/** A database file alone sends nothing. */
function whileServed({ service }: RunHeader): string {
  if (/^https?:/.test(service)) return "";
  return `while \`${commandLine({ command: "serve", flags: ["--db", service] })}\` runs`;
}

function stepOfUnfinished(summary: RunSummary, options: RenderOptions): NextStep {
  const { header, counts, error } = summary;
  const stop = findStop(summary);
  const callback = header.callbacks.find(({ id }) => id === stop?.callbackId);
  if (stop?.reason === "canaries" && stop.rejection !== undefined && callback !== undefined) {
    const operands = [callbackOperand(callback), stop.rejection.last.id];
    return { command: commandLine({ command: "calls get", operands, flags: options.serviceFlags }), when: "" };
  }
  if (counts.left === 0 && error?.code === "items-failed" && hasRejectedMarks(summary))
    return { command: commandOnRun("runs show", header, options), when: "" };
  const onlyUnknown = counts.left === 0 && counts.toMark === 0 && counts.unknown > 0;
  const command = resumeCommand(header, options, onlyUnknown);
  if (onlyUnknown) return { command, when: "if your receiver doesn't have them" };
  return { command, when: urlVariableOf(command) !== null ? "" : whenToResume(summary) };
}

function whenToResume(summary: RunSummary): string {
  const { callbacks, error } = summary;
  if (error?.code === "interrupted") return "";
  if (error !== null && error.code !== "items-failed") return "once the cause is gone";
  if (findStop(summary) !== null) return "once the endpoint accepts calls";
  return callbacks.some(({ stopped }) => stopped === "retry-after") ? "after the endpoint's pause" : "";
}

/** Returns the command, or the two, that undo the run's marks, or null for other runs, without marks, and if they can't be undone. */
export function undoCommand(
  { header, counts, undo = null, isOfOther = false }: Pick<RunSummary, "header" | "counts" | "undo" | "isOfOther">,
  { serviceFlags }: RenderOptions,
): string | null {
  const { kind, runId, callbacks, service, marksAgain } = header;
  if (counts.marked === 0 || undo !== null || isOfOther) return null;
  if (kind === "mark-success" || (kind === "reconcile" && counts.seen > 0)) return commandLine(undoWords(runId, serviceFlags));
  if (kind !== "mark-failed" || marksAgain) return null;
  const [first, ...others] = callbacks;
  const isOfOne = first !== undefined && others.length === 0;
  // A callback that is created later may have the name, and calls with the same ids.
  const operands = isOfOne ? [first.id, "-"] : ["-"];
  const ids = commandLine({ command: "runs show", operands: [runId], flags: ["-o", "ids"] });
  // It asks nothing, and another terminal may have another service.
  const flags = [
    "--yes",
    ...(isOfOne ? [] : ["--all-callbacks"]),
    ...(serviceFlags.includes("--service") ? [] : ["--service", service]),
    ...serviceFlags,
  ];
  return `${ids} | ${commandLine({ command: "mark-success", operands, flags })}`;
}

/** Undoes a run of mark-success, or a reconcile. */
export function undoWords(runId: string, serviceFlags: readonly string[]): CommandWords {
  return { command: "undo", operands: [runId], flags: serviceFlags };
}

/** Says what to do for the error's cause. Programs get the summary's next step, too. */
export function withNextStep(error: WhcbError, summary: RunSummary, options: RenderOptions): WhcbError {
  const { hint, next = [] } = error.hint === undefined ? adviceOn(error, summary, options) : error;
  const step = nextStep(summary, options);
  const steps = step === null ? next : [step, ...next.filter(({ command }) => command !== step.command)];
  return new WhcbError(error.code, error.message, { ...(hint !== undefined && { hint }), next: steps, cause: error });
}

function adviceOn(error: WhcbError, summary: RunSummary, options: RenderOptions): Advice {
  const { header, isResumable, unmarked } = summary;
  if (!isResumable) return {};
  if (unmarked.length > 0) return markAdvice(unmarked, options);
  if (error.code !== "items-failed") return {};
  const resume = resumeCommand(header, options);
  const stop = findStop(summary);
  if (stop?.reason === "canary") {
    const repair = describeRepair(stop.rejection?.statusCode ?? null);
    return { hint: `${repair}, then run the command above, which sends the rejected call again, too` };
  }
  if (stop?.reason === "canaries") {
    const rest = "with --no-canary it sends the rest all the same; rejected calls stay FAILED for another replay";
    const others = { command: resume, when: "to try other calls, or to send the rest with --no-canary" };
    return advise`see the endpoint's answer with the command above; then ${others} tries other calls, ${rest}`;
  }
  if (stop?.reason === "max-failures") {
    return { hint: "repair the endpoint, then run the command above; --max-failures beside it allows more failures" };
  }
  const discard = { command: commandOnRun("runs discard", header, options), when: "to give them up" };
  if (summary.counts.toMark > 0 && summary.callbacks.some(({ stopped }) => stopped === "gone")) {
    const mark = { command: resume, when: "if the callback is listed again" };
    return advise`if the callback is listed again, ${mark} marks them; ${discard} gives them up`;
  }
  if (!hasRejectedMarks(summary)) return {};
  const mark = { command: resume, when: "to mark them before a replay sends them twice" };
  return advise`they are still FAILED: see why with the command above; ${mark} marks them before a replay sends them twice, ${discard} gives them up`;
}

interface EndpointStop {
  readonly reason: "canary" | "canaries" | "max-failures";
  /** The callback's rejected calls, or most of them, have this answer. It is undefined if the summary has none. */
  readonly rejection: Rejection | undefined;
  readonly callbackId: string;
}

/** Returns why no more is sent to an endpoint. */
function findStop({ callbacks, rejections }: RunSummary): EndpointStop | null {
  for (const reason of ["canary", "canaries", "max-failures"] as const) {
    const callback = callbacks.find(({ stopped }) => stopped === reason);
    if (callback === undefined) continue;
    const { callbackId } = callback;
    return { reason, callbackId, rejection: rejections.find(({ last }) => last.callbackId === callbackId) };
  }
  return null;
}

/** `statusCode` is null if the endpoint didn't answer. */
function describeRepair(statusCode: number | null): string {
  if (statusCode === null) return "repair the endpoint or the callback's URL";
  if (statusCode === 401 || statusCode === 403) return "let the endpoint accept the callback's key";
  if (statusCode === 404 || statusCode === 405) return "correct the callback's URL, or the endpoint";
  return "repair the endpoint";
}

/** The service rejects the marks of calls that have arrived. */
function hasRejectedMarks({ counts, troubled }: RunSummary): boolean {
  return counts.toMark > 0 && troubled.some(({ state }) => hasArrived(state));
}

/** Returns "`whcb replay --resume 20261124-233015-0427F3A` marks what has arrived". */
export function markAdvice(runs: readonly UnmarkedRun[], options: RenderOptions): Advice {
  const unmarked = runs.filter(({ as }) => as !== "marked");
  const wait = waitAdvice(runs.filter(({ as }) => as === "marked"));
  if (unmarked.length === 0) return wait;
  const commands = [...new Set(unmarked.map(({ header }) => resumeCommand(header, options)))];
  const whats = unmarked.map(({ as, place }) => (as === "accepted" ? `what has arrived${place}` : "what your list had"));
  const what = [...new Set(whats)].join(" and ");
  const discards = unmarked
    .filter(({ as }) => as === "seen")
    .map(({ header, isOfOther, undoable, maybeUndoable }) => {
      const discard = { command: commandOnRun("runs discard", header, options), when: "if it was wrong" };
      if (isOfOther || undoable + maybeUndoable === 0) return advise`; ${discard} if it was wrong`;
      const undo = { ...discard, command: commandOnRun("undo", header, options) };
      const marked = `what the run has marked (${describeUndoable(undoable, maybeUndoable)})`;
      return advise`; if it was wrong, ${undo} takes back ${marked}, and ${discard} leaves that SUCCESS`;
    });
  return joinAdvice([
    ...commands.map((command, index) => advise`${index === 0 ? "" : " and "}${{ command, when: `to mark ${what}` }}`),
    { hint: ` ${commands.length === 1 ? "marks" : "mark"} ${what}` },
    ...discards,
    ...(wait.hint === undefined ? [] : [{ hint: `; ${wait.hint}` }]),
  ]);
}

/** Such calls are listed as FAILED. */
function waitAdvice(marked: readonly UnmarkedRun[]): Advice {
  if (marked.length === 0) return {};
  const until = toIsoDate(Math.max(...marked.map(retryAt)));
  return {
    hint: `the list may be older than the marks: try again after ${until}, or, if they were made FAILED since, mark them with \`whcb mark-failed\` and their ids first`,
  };
}

function joinAdvice(parts: readonly Advice[]): Advice {
  return { hint: parts.map(({ hint }) => hint).join(""), next: parts.flatMap(({ next = [] }) => next) };
}

/** The journal doesn't have the secrets of --to. */
export function resumeCommand(
  { runId, options }: RunHeader,
  { serviceFlags, networkFlags = [] }: RenderOptions,
  resendUnknown = false,
): string {
  const to = options?.to ?? "";
  const flags = [
    ...["--resume", runId],
    ...(isMasked(to) ? ["--to", to] : []),
    ...(resendUnknown ? ["--resend-unknown"] : []),
    ...(options === null || options.viaService ? [] : networkFlags),
    ...serviceFlags,
  ];
  return commandLine({ command: "replay", flags });
}

export function commandOnRun(command: string, { runId }: RunHeader, { serviceFlags }: RenderOptions): string {
  return commandLine({ command, operands: [runId], flags: serviceFlags });
}

export function isServiceSending({ service }: RunSummary): boolean {
  return service !== null && service.left > 0;
}
