import { type Advice, errorMessage, isWhcbError, WhcbError } from "../../domain/errors.js";
import { EXIT_BUG, EXIT_CODES } from "../exit-codes.js";
import type { Palette } from "./screen.js";
import { joinText, type ScreenText, safeJson, text } from "./screen-text.js";

export function exitCodeOf(error: unknown): number {
  return isWhcbError(error) ? EXIT_CODES[error.code] : EXIT_BUG;
}

/** Returns "error: …" and "hint: …", or {"error":{"code","message","hint","next"}}. Bugs show their stack trace. */
export function renderError(error: unknown, options: { readonly isJson: boolean; readonly palette: Palette }): ScreenText {
  const known = isWhcbError(error);
  const message = known ? error.message : `unexpected: ${errorMessage(error)}`;
  const hint = known ? uniformHint(error.hint) : "this is a bug in whcb: please report it with the lines above";
  if (options.isJson) {
    const next = (known ? error.next : []).map(({ command, when }) => ({ command, when: when || null }));
    const code = known ? error.code : "unexpected";
    return text`${safeJson({ error: { code, message, ...(hint === undefined ? {} : { hint }), next } })}\n`;
  }
  const lines = [text`${options.palette.bad("error:")} ${message}\n`];
  if (!known && error instanceof Error && error.stack !== undefined) {
    // The message may be a database server's: its line breaks begin no lines.
    const stack = error.stack.replace(error.message, () => error.message.replaceAll("\n", " "));
    lines.push(text`${joinText(stack.split("\n"), "\n")}\n`);
  }
  if (hint !== undefined) lines.push(text`${options.palette.warn("hint:")} ${hint}\n`);
  return joinText(lines);
}

/** Keeps an existing hint. */
export function withAdvice(error: WhcbError, advice: Advice): WhcbError {
  return error.hint === undefined ? new WhcbError(error.code, error.message, { ...advice, cause: error }) : error;
}

/** Removes the capital, and the full stop after a single sentence. */
function uniformHint(hint: string | undefined): string | undefined {
  if (hint === undefined) return undefined;
  const start = hint.replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase());
  return /[.?!] /.test(start) ? start : start.replace(/\.$/, "");
}
