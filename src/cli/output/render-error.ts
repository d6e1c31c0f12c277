import { isWhcbError, WhcbError } from "../../domain/errors.js";
import { EXIT_BUG, EXIT_CODES } from "../exit-codes.js";
import { safeJson, sanitizeLines } from "./sanitize.js";
import type { Palette } from "./screen.js";

export function exitCodeOf(error: unknown): number {
  return isWhcbError(error) ? EXIT_CODES[error.code] : EXIT_BUG;
}

/** "error: …" and "hint: …", or in JSON modes {"error":{"code","message","hint"}}. A fault of whcb itself shows its stack. */
export function renderError(error: unknown, options: { readonly json: boolean; readonly palette: Palette }): string {
  const known = isWhcbError(error);
  const message = known ? error.message : unexpectedMessage(error);
  const hint = known ? oneVoice(error.hint) : "this is a fault of whcb: please report it with the lines above";
  if (options.json) {
    return `${safeJson({ error: { code: known ? error.code : "unexpected", message, ...(hint === undefined ? {} : { hint }) } })}\n`;
  }
  const lines = [`${options.palette.bad("error:")} ${sanitizeLines(message)}`];
  if (!known && error instanceof Error && error.stack !== undefined) lines.push(sanitizeLines(error.stack));
  if (hint !== undefined) lines.push(`${options.palette.warn("hint:")} ${sanitizeLines(hint)}`);
  return `${lines.join("\n")}\n`;
}

/** The same error with this hint, unless it has one. */
export function withHint(error: WhcbError, hint: string): WhcbError {
  return error.hint === undefined ? new WhcbError(error.code, error.message, { hint, cause: error }) : error;
}

/** Hints come from every part of whcb; on the screen they read alike: no capital, and no full stop after a single sentence. */
function oneVoice(hint: string | undefined): string | undefined {
  if (hint === undefined) return undefined;
  const begun = hint.replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase());
  return /[.?!] /.test(begun) ? begun : begun.replace(/\.$/, "");
}

function unexpectedMessage(error: unknown): string {
  return `unexpected: ${error instanceof Error ? error.message : String(error)}`;
}
