/** Every bulk write asks first; where nobody can be asked it needs --yes, and the error prints the exact command. */
import { WhcbError } from "../../domain/errors.js";
import { flag } from "../args/flag.js";
import type { Invocation } from "../invocation.js";
import { askYesNo } from "./ask.js";

export const YES = flag("-y, --yes", "don't ask");

/** Whether to go on. Throws `usage` where nobody can be asked and --yes wasn't given. */
export async function confirm(invocation: Invocation, question: string): Promise<boolean> {
  if (invocation.args.get(YES)) return true;
  if (!invocation.screen.canAsk) throw needsYes(invocation, question);
  if (await askYesNo(invocation.deps.io, question)) return true;
  invocation.screen.info("nothing was done");
  return false;
}

export function needsYes({ argv }: Pick<Invocation, "argv">, question?: string): WhcbError {
  const asked = question === undefined ? "" : `\n${question}`;
  return new WhcbError("usage", `this needs a yes, and there is no terminal to ask on${asked}`, {
    hint: `to go on, type: ${commandLine([...argv, "--yes"])}`,
  });
}

/** The words as one would type them in a shell. */
export function commandLine(words: readonly string[]): string {
  return ["whcb", ...words].map(quote).join(" ");
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
