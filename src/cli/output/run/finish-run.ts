import { WhcbError } from "../../../domain/errors.js";
import type { Balance } from "../../../runs/balance.js";
import type { RunSummary } from "../../../runs/run-summary.js";
import { EXIT_DONE } from "../../exit-codes.js";
import type { Invocation } from "../../invocation.js";
import { withHint } from "../render-error.js";
import { safeJson } from "../sanitize.js";
import { PLAIN } from "../screen.js";
import { renderSummary, summaryJson } from "./summary-text.js";

/**
 * Writes the summary, with the balance of a reconcile, and returns the exit code. Throws the error that the run ended with, which
 * carries the code; `items-failed` where the books don't balance.
 */
export async function finishRun(
  { screen }: Pick<Invocation, "screen">,
  summary: RunSummary,
  balance: Balance | null = null,
): Promise<number> {
  if (screen.format === "json") {
    const document = { ...summaryJson(summary), ...(balance === null ? {} : { balance }) };
    await screen.out(`${safeJson(document, 2)}\n`);
  } else if (screen.format === "ndjson") {
    screen.info(renderSummary(summary, { ...screen.renderOptions, palette: PLAIN }, balance).trimEnd());
  } else await screen.out(renderSummary(summary, screen.renderOptions, balance));
  if (summary.error !== null) throw explain(summary.error, summary);
  if (balance !== null && balance.missing !== 0) {
    throw new WhcbError("items-failed", "the books don't balance", {
      hint: `\`whcb runs show ${summary.header.runId}\` lists each call`,
    });
  }
  return EXIT_DONE;
}

/** A run that ended at its first call is likely to have met the outage itself. */
function explain(error: WhcbError, { callbacks, isResumable }: RunSummary): WhcbError {
  if (!isResumable || !callbacks.some(({ stopped }) => stopped === "canary")) return error;
  return withHint(
    error,
    "mend the endpoint, then go on with the command above; what was refused stays FAILED for another replay",
  );
}
