/** A list whose last line has no line break may be cut off there. */
import { idKey, isGeneratedId } from "../../domain/call.js";
import { WhcbError } from "../../domain/errors.js";
import { YES } from "../output/questions.js";
import type { Invocation } from "./command-spec.js";

/** What isn't an id, such as a row of several columns, lacks something if it is cut off. */
const NOT_AN_ID = /^#|[\s,;"'<>{}]/;

/**
 * Warns, or with --yes throws `usage`, if the id at the end may be the beginning of a longer one that a sender has chosen. A generated id is
 * known to be whole.
 */
export function checkLastLine(text: string, source: string, { args, screen }: Invocation): void {
  const [last = "", ...others] = text.split("\n").reverse();
  const id = last.trim();
  if (others.length === 0 || id === "" || NOT_AN_ID.test(id) || isGeneratedId(idKey(id))) return;
  const problem = `the last line of ${source} has no line break: if it is cut off, ${id} is the beginning of another id`;
  if (args.get(YES))
    throw new WhcbError("usage", problem, { hint: "if the list is whole, end it with a line break; nothing was done" });
  screen.info(`warning: ${problem}`);
}
