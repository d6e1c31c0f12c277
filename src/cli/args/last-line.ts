/** A list whose last line has no line break may be cut off there. */
import { idKey, isGeneratedId } from "../../domain/call.js";
import { WhcbError } from "../../domain/errors.js";
import { YES } from "../output/questions.js";
import type { Invocation } from "./command-spec.js";

/** What isn't an id, such as a row of several columns, lacks something if it is cut off. */
const NOT_AN_ID = /^#|[\s,;"'<>{}]/;

/**
 * Warns, or with --yes throws `usage`, if the id, or a table's value, at the end may be the beginning of a longer one. A generated id is known
 * to be whole.
 */
export function checkLastLine(text: string, source: string, { args, screen }: Invocation, { isTable = false } = {}): void {
  const [last = "", ...others] = text.split("\n").reverse();
  const value = last.trim() === "" || !isTable ? last.trim() : (last.split(/[,;\t]/).at(-1) ?? "").trim() || "(empty)";
  if (others.length === 0 || value === "" || (!isTable && NOT_AN_ID.test(value)) || isGeneratedId(idKey(value))) return;
  const whole = isTable && value !== last.trim() ? "value" : "id";
  const problem = `the last line of ${source} has no line break: if it is cut off, ${value} is the beginning of another ${whole}`;
  if (args.get(YES))
    throw new WhcbError("usage", problem, { hint: "if the list is whole, end it with a line break; nothing was done" });
  screen.info(`warning: ${problem}`);
}
