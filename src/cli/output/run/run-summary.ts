import { callbackOperand, commandLine, urlVariableOf } from "../../../domain/command-line.js";
import { count } from "../../../domain/count.js";
import { formatDuration } from "../../../domain/duration.js";
import { advise, WhcbError } from "../../../domain/errors.js";
import type { AcceptedCalls } from "../../../runs/accepted-before.js";
import { describeUnmarked, type UnmarkedRun } from "../../../runs/journal/arrived-calls.js";
import type { RunCall } from "../../../runs/journal/run-state.js";
import type { RunCounts, RunKind, ServiceCounts } from "../../../runs/journal/run-step.js";
import type { RunSummary } from "../../../runs/perform-run.js";
import { shownTo } from "../../../runs/run-options.js";
import { type Balance, balanceOf } from "../../../runs/run-reconcile.js";
import type { Rejection } from "../../../runs/run-session.js";
import { type Field, fieldLines } from "../cells.js";
import { writeJson } from "../json-fields.js";
import { type Palette, PLAIN, type RenderOptions, type Screen } from "../screen.js";
import { joinText, type Printable, type ScreenText, text } from "../screen-text.js";
import { formatInstant } from "../times.js";
import { commandOnRun, isServiceSending, markAdvice, nextStep, undoCommand, withNextStep } from "./next-step.js";

/** `more` is added to the JSON. Throws the run's error, or `items-failed` if the balance is wrong. */
export async function finishRun(
  summary: RunSummary,
  screen: Screen,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const balance = balanceOf(summary);
  if (screen.format === "json") {
    const document = { ...summaryJson(summary, screen.renderOptions), ...(balance === null ? {} : { balance }), ...more };
    await writeJson(document, screen);
  } else if (screen.format === "ndjson") {
    screen.info(joinText(summaryLines(summary, { ...screen.renderOptions, palette: PLAIN }), "\n"));
  } else await screen.out(renderSummary(summary, screen.renderOptions));
  if (summary.error !== null) throw withNextStep(summary.error, summary, screen.renderOptions);
  if (balance !== null && balance.missing !== 0) {
    const show = { command: commandOnRun("runs show", summary.header, screen.renderOptions), when: "to list each call" };
    throw new WhcbError("items-failed", "the balance doesn't add up", advise`${show} lists each call`);
  }
}

/** Throws `items-failed` if calls were left out for another run to mark. */
export function requireMarked(unmarked: readonly UnmarkedRun[], options: RenderOptions): void {
  if (unmarked.length === 0) return;
  throw new WhcbError("items-failed", unmarked.map(describeUnmarked).join("; "), markAdvice(unmarked, options));
}

/** Throws `items-failed` if calls wait for their first attempt. */
export function requireNoneWaiting(waiting: number, done: "marked FAILED" | "replayed"): void {
  if (waiting > 0) throw new WhcbError("items-failed", `${count(waiting, "call")} can't be ${done} yet`);
}

/** The warning is shown in every format, as these calls stay FAILED. */
export function warnOfUnmarkedCalls(unmarked: readonly UnmarkedRun[], screen: Screen): void {
  for (const run of unmarked) screen.info(`warning: ${describeUnmarked(run)}; ${markAdvice([run], screen.renderOptions).hint}`);
}

/** They are FAILED, as a replay with `--to` marks nothing, so this one sends them. */
export function warnOfAcceptedCalls(accepted: readonly AcceptedCalls[], screen: Screen): void {
  for (const { callback, runId, calls } of accepted) {
    const ids = commandLine({ command: "runs show", operands: [runId], flags: ["--outcome", "accepted", "-o", "ndjson"] });
    const ofFile = ["--file", "FILE", ...screen.renderOptions.serviceFlags];
    const mark = commandLine({ command: "mark-success", operands: [callbackOperand(callback)], flags: ofFile });
    const [were, them, their] = calls === 1 ? ["was", "it", "its id"] : ["were", "them", "their ids"];
    const what = `${count(calls, "call")} of ${callback.name} ${were} accepted by this URL in run ${runId}, which marks nothing`;
    screen.info(
      `warning: ${what}: the receiver gets ${them} again unless \`${mark}\` marks ${them} first; for the file, \`${ids}\` shows ${their}`,
    );
  }
}

const DONE_TEXT: Readonly<Record<RunKind, string>> = {
  replay: "replayed",
  reconcile: "reconciled",
  "mark-success": "marked SUCCESS",
  "mark-failed": "marked FAILED",
};

const UNDO_IF: Readonly<Record<RunKind, string>> = {
  replay: "",
  reconcile: ", if your list was wrong",
  "mark-success": "",
  // What it has marked may be sent again, and rejected, before it is undone.
  "mark-failed": ", if your receiver has the calls",
};

export function renderSummary(summary: RunSummary, options: RenderOptions): ScreenText {
  return text`${joinText(summaryLines(summary, options), "\n")}\n`;
}

function summaryLines(summary: RunSummary, options: RenderOptions): readonly Printable[] {
  const balance = balanceOf(summary);
  const { header, counts } = summary;
  const { palette } = options;
  const done = doneCalls(summary);
  const planned = count(counts.planned, "call");
  const title = palette.strong(`${done === counts.planned ? planned : `${done} of ${planned}`} ${DONE_TEXT[header.kind]}`);
  const to = shownTo(header.options);
  const undo = undoCommand(summary, options);
  const next = nextStep(summary, options);
  const variable = next && urlVariableOf(next.command);
  return [
    text`${title}${to === null ? "" : ` to ${to}`} in ${formatDuration(summary.durationMs)} ${palette.dim(`(run ${header.runId})`)}`,
    ...countLines(counts, options),
    ...(summary.service === null ? [] : serviceLines(summary.service, options)),
    ...summary.rejections.map((rejection) => text`  ${palette.bad("rejected")} ${describeRejection(rejection, options)}`),
    ...summary.troubled.map((call) => text`  ${palette.bad(call.state)} ${describeCall(call)}`),
    ...unlisted(summary, options),
    ...(balance === null ? [] : [balanceText(balance)]),
    ...(summary.undo ? [`undone: run ${summary.undo.runId} has taken back ${summary.undo.counts.marked} of the marks`] : []),
    ...(undo === null ? [] : ["", `undo${UNDO_IF[header.kind]}: ${undo}`]),
    ...(next === null ? [] : ["", `next${next.when && `, ${next.when}`}: ${next.command}`]),
    ...(variable === null ? [] : [`  (${variable}: the whole URL of --to, as the journal doesn't have its secrets)`]),
    ...(isServiceSending(summary)
      ? [`  or: ${commandOnRun("runs discard", header, options)}  (cancels what the service has not sent)`]
      : []),
  ];
}

/** A summary holds only the first of them. */
function unlisted(summary: RunSummary, options: RenderOptions): readonly Printable[] {
  const { counts, troubled } = summary;
  const more = counts.unknown + counts.notFound - troubled.length;
  if (more <= 0) return [];
  return [
    text`  and ${more} more that are unknown or not found: \`${commandOnRun("runs show", summary.header, options)}\` lists all`,
  ];
}

function doneCalls({ header, counts, service }: RunSummary): number {
  switch (header.kind) {
    case "replay":
      if (service === null) return counts.accepted + counts.requested;
      return counts.accepted + counts.requested - (service.failed + service.left + service.settled + service.cancelled);
    case "reconcile":
      return counts.seen + counts.accepted - counts.toMark;
    default:
      return counts.marked;
  }
}

/** The object is a documented contract. */
export function summaryJson(summary: RunSummary, options: RenderOptions): Readonly<Record<string, unknown>> {
  const { header, counts, error } = summary;
  return {
    runId: header.runId,
    kind: header.kind,
    service: header.service,
    sentTo: shownTo(header.options),
    counts,
    callbacks: summary.callbacks.map((callback) => {
      const known = header.callbacks.find(({ id }) => id === callback.callbackId);
      return { id: callback.callbackId, name: known?.name ?? null, counts: callback.counts, stopped: callback.stopped };
    }),
    ...(summary.service !== null && { viaService: summary.service }),
    resumable: summary.isResumable,
    next: nextStep(summary, options)?.command ?? null,
    undo: undoCommand(summary, options),
    durationMs: summary.durationMs,
    error: error === null ? null : { code: error.code, message: error.message },
  };
}

export function countLines(counts: RunCounts, options: RenderOptions): readonly ScreenText[] {
  const { palette } = options;
  const lines = nonZeroLines(
    [
      ["accepted", counts.accepted, palette.good],
      ["seen", counts.seen, palette.good],
      ["requested", counts.requested],
      ["marked", counts.marked, palette.good],
      ["rejected", counts.rejected, palette.bad],
      ["unknown", counts.unknown, palette.bad],
      ["settled meanwhile", counts.skipped.settled],
      ["became FAILED or sent again meanwhile", counts.skipped.reopened, palette.warn],
      ["held back for order", counts.skipped.order, palette.warn],
      ["not found", counts.notFound, palette.bad],
      ["not marked yet", counts.toMark, palette.warn],
      ["left", counts.left, palette.warn],
    ],
    palette,
  );
  return [...lines, ...twiceLines(counts).map((line) => text`  ${palette.warn(line)}`)];
}

function twiceLines({ twice, resent }: RunCounts): readonly string[] {
  const mayHave = "the receiver may have them twice";
  return [
    ...(twice > 0 ? [`${twice} of them had been delivered or marked meanwhile: ${mayHave}`] : []),
    ...(resent > 0 ? [`${resent} of them sent again on a fresh connection, as the one before was lost: ${mayHave}`] : []),
  ];
}

/** Shows what the service did of a replay. */
export function serviceLines(
  { succeeded, failed, settled, cancelled, left }: ServiceCounts,
  { palette }: RenderOptions,
): readonly ScreenText[] {
  return nonZeroLines(
    [
      ["succeeded", succeeded, palette.good],
      ["failed again", failed, palette.bad],
      ["settled meanwhile", settled],
      ["cancelled", cancelled, palette.warn],
      ["not sent yet", left, palette.warn],
    ],
    palette,
  );
}

function nonZeroLines(fields: readonly Field[], palette: Palette): readonly ScreenText[] {
  const shown = fields.filter(([, number]) => number !== 0);
  return fieldLines(shown, palette).map((line) => text`  ${line}`);
}

/** Returns "136 × 503 Service Unavailable, first 01A2… at 10:00:00, last 01A3… at 10:02:00". */
function describeRejection({ statusCode, message, calls, first, last }: Rejection, { utc }: RenderOptions): string {
  const answer = [statusCode ?? "", message].filter((part) => part !== "").join(" ");
  if (calls === 1) return `${answer}: ${first.id}`;
  return `${calls} × ${answer}: first ${first.id} at ${formatInstant(first.at, utc)}, last ${last.id} at ${formatInstant(last.at, utc)}`;
}

function describeCall({ id, message }: RunCall): string {
  return message === null ? id : `${id} ${message}`;
}

/** Returns "balance: 10 failed = 4 seen + 5 accepted + 1 rejected + …". */
export function balanceText(balance: Balance): string {
  const { failed, seen, accepted, twice, rejected, unknown, notSent, ambiguous, settledMeanwhile, missing } = balance;
  const maybeTwice = twice > 0 ? ` (${twice} maybe twice)` : "";
  const parts = `${seen} seen + ${accepted} accepted${maybeTwice} + ${rejected} rejected + ${unknown} unknown + ${notSent} not sent`;
  const difference = missing === 0 ? "" : `, which is ${Math.abs(missing)} too ${missing > 0 ? "few" : "many"}`;
  return `balance: ${failed} failed = ${parts} + ${ambiguous} ambiguous + ${settledMeanwhile} settled meanwhile${difference}`;
}
