/** What came of a run. */

import { count } from "../../../domain/count.js";
import { formatDuration } from "../../../domain/duration.js";
import type { Balance } from "../../../runs/balance.js";
import type { RunCall, RunCounts, RunKind } from "../../../runs/journal/run-record.js";
import type { RunSummary } from "../../../runs/run-summary.js";
import { balanceText } from "../../commands/reconcile/balance-text.js";
import { renderFields } from "../cells.js";
import { commandLine } from "../questions.js";
import { sanitize } from "../sanitize.js";
import type { RenderOptions } from "../screen.js";

const DONE: Readonly<Record<RunKind, string>> = {
  replay: "replayed",
  reconcile: "reconciled",
  "mark-success": "marked SUCCESS",
  "mark-failed": "marked FAILED",
};

/** Lines for people, ending in a line feed; the run's id and the command that goes on are among them. */
export function renderSummary(summary: RunSummary, options: RenderOptions, balance: Balance | null = null): string {
  const { header, counts } = summary;
  const { palette } = options;
  const done = doneCalls(header.kind, counts);
  const planned = count(counts.planned, "call");
  const figure = done === counts.planned ? planned : `${done} of ${planned}`;
  const title = palette.strong(`${figure} ${DONE[header.kind]}`);
  const head = `${title} in ${formatDuration(summary.durationMs)} ${palette.dim(`(run ${header.runId})`)}\n`;
  const troubled = summary.troubled
    .map((call) => `  ${palette.bad(OUTCOMES[call.state] ?? call.state)} ${sanitize(describeCall(call))}\n`)
    .join("");
  const next = nextCommand(summary);
  const books = balance === null ? "" : `${balanceText(balance)}\n`;
  return `${head}${renderCounts(counts, options)}${troubled}${books}${next === null ? "" : `\nnext: ${sanitize(next)}\n`}`;
}

/** The command that finishes what is left, or shows what was refused; null where all is done. */
export function nextCommand({ header, counts, isResumable }: RunSummary): string | null {
  if (isResumable) {
    const onlyUnknown = counts.left === 0 && counts.toMark === 0 && counts.unknown > 0;
    return `whcb replay --resume ${header.runId}${onlyUnknown ? " --resend-unknown" : ""}`;
  }
  if (counts.refused === 0) return null;
  const [first, ...others] = header.callbacks;
  return commandLine([
    "calls",
    "list",
    ...(first === undefined || others.length > 0 ? [] : [first.name || first.id]),
    "--failed",
  ]);
}

function doneCalls(kind: RunKind, counts: RunCounts): number {
  switch (kind) {
    case "replay":
      return counts.accepted + counts.requested;
    case "reconcile":
      return counts.seen + counts.accepted;
    default:
      return counts.marked;
  }
}

/** The JSON contract of a run's end. */
export function summaryJson(summary: RunSummary): Readonly<Record<string, unknown>> {
  const { header, counts, error } = summary;
  return {
    runId: header.runId,
    kind: header.kind,
    service: header.service,
    counts,
    callbacks: summary.callbacks.map((callback) => {
      const known = header.callbacks.find(({ id }) => id === callback.callbackId);
      return { id: callback.callbackId, name: known?.name ?? null, counts: callback.counts, stopped: callback.stopped };
    }),
    resumable: summary.isResumable,
    next: nextCommand(summary),
    durationMs: Math.round(summary.durationMs),
    error: error === null ? null : { code: error.code, message: error.message },
  };
}

export function renderCounts(counts: RunCounts, options: RenderOptions): string {
  const { palette } = options;
  const some = (number: number) => (number === 0 ? null : number);
  const fields = renderFields(
    [
      ["accepted", some(counts.accepted), palette.good],
      ["seen", some(counts.seen), palette.good],
      ["requested", some(counts.requested)],
      ["marked", some(counts.marked), palette.good],
      ["refused", some(counts.refused), palette.bad],
      ["unknown", some(counts.unknown), palette.bad],
      ["settled meanwhile", some(counts.skipped.settled)],
      ["kept back for order", some(counts.skipped.order), palette.warn],
      ["no such call", some(counts.unmarkable), palette.bad],
      ["not marked yet", some(counts.toMark), palette.warn],
      ["left", some(counts.left), palette.warn],
    ],
    palette,
  );
  return fields.replace(/^(?=.)/gm, "  ");
}

/** The outcomes whose name in the journal isn't how the counts above call them. */
const OUTCOMES: Readonly<Partial<Record<RunCall["state"], string>>> = { unmarkable: "no such call" };

function describeCall(call: RunCall): string {
  if (call.state === "unmarkable") return call.id;
  const code = call.statusCode === null ? "" : ` ${call.statusCode}`;
  return `${call.id}${code}${call.message === null ? "" : ` ${call.message}`}`;
}
