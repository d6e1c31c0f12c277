/** The words of one command line, read by the declarations of their flags. */
import { attributeName, type Flag, type ReadContext } from "./flag.js";

export class ParsedArgs {
  /** What stands after the command and is no flag, in order. */
  readonly operands: readonly string[];
  readonly #raw: Readonly<Record<string, unknown>>;
  readonly #context: ReadContext;

  constructor(operands: readonly string[], raw: Readonly<Record<string, unknown>>, context: ReadContext) {
    this.operands = operands;
    this.#raw = raw;
    this.#context = context;
  }

  /** Throws `usage` where the text given can't be read. */
  get<Value>(flag: Flag<Value>): Value {
    return flag.read(this.#raw[attributeName(flag.syntax)], this.#context);
  }

  /** The operand at this place, or "". Required ones are always there. */
  operand(index: number): string {
    return this.operands[index] ?? "";
  }
}
