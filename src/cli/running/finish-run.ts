import type { RunSummary } from "../../reconcile/run-summary.js";
import { EXIT_DONE } from "../exit-codes.js";
import type { Invocation } from "../invocation.js";
import { safeJson } from "../render/neutralise.js";
import { PLAIN } from "../render/palette.js";
import { renderSummary, summaryJson } from "./summary-text.js";

/** Writes the summary and returns the exit code. Throws the error that the run ended with, which carries the code. */
export async function finishRun({ screen }: Pick<Invocation, "screen">, summary: RunSummary): Promise<number> {
  if (screen.format === "json") await screen.out(`${safeJson(summaryJson(summary), 2)}\n`);
  else if (screen.format === "ndjson") screen.tell(renderSummary(summary, { ...screen.look, palette: PLAIN }).trimEnd());
  else await screen.out(renderSummary(summary, screen.look));
  if (summary.error !== null) throw summary.error;
  return EXIT_DONE;
}
