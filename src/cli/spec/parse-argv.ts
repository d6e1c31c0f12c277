/** argv -> the command meant, or what to print instead of running one. */
import { WhcbError } from "../../domain/errors.js";
import { EXIT_CODES_HELP } from "../exit-codes.js";
import type { CommandSpec, Section } from "./command-spec.js";
import { buildProgram, isCommanderError } from "./program.js";

export type Parsed =
  | {
      readonly kind: "command";
      readonly spec: CommandSpec;
      readonly operands: readonly string[];
      readonly raw: Readonly<Record<string, unknown>>;
      readonly path: string;
    }
  | { readonly kind: "help"; readonly text: string }
  /** A group without its verb: help on stderr, exit 2. */
  | { readonly kind: "incomplete"; readonly text: string };

/** Throws `usage` with the nearest known word as its hint. */
export function parseArgv(argv: readonly string[], sections: readonly Section[], width: number): Parsed {
  if (argv[0] === "help" && argv[1] === "exit-codes") return { kind: "help", text: EXIT_CODES_HELP };
  const words = argv[0] === "help" ? [...argv.slice(1), "--help"] : argv.length === 0 ? ["--help"] : argv;
  let printed = "";
  let parsed: Parsed | null = null;
  const program = buildProgram(sections, {
    argv: words,
    width,
    write: (text) => {
      printed += text;
    },
    writeError: (text) => {
      printed += text;
    },
    onCommand: (spec, operands, raw, path) => {
      parsed = { kind: "command", spec, operands, raw, path };
    },
  });
  try {
    program.parse(words, { from: "user" });
  } catch (error) {
    if (!isCommanderError(error)) throw error;
    if (error.code === "commander.helpDisplayed") return { kind: "help", text: printed };
    if (error.code === "commander.help") return { kind: "incomplete", text: printed };
    throw usageError(error.code, error.message);
  }
  return parsed ?? { kind: "incomplete", text: printed };
}

const SECRET_FLAG = /^--?(pass(word|wd)?|api-?key|key|auth-?key|token|secret|credentials?)$/;

function usageError(code: string, message: string): WhcbError {
  const [first = "", ...rest] = message.replace(/^error: /, "").split("\n");
  if (code === "commander.unknownOption") {
    // What stands after "=" may be a secret and isn't repeated.
    const name = /'(-[^'=]*)/.exec(first)?.[1] ?? "";
    if (SECRET_FLAG.test(name.toLowerCase())) {
      return new WhcbError("usage", `${name} is no flag: secrets are not taken as flags, where other users could read them`, {
        hint: "use `whcb login`, or the environment: WHCB_USERNAME, WHCB_PASSWORD, WHCB_API_KEY, WHCB_CALLBACK_KEY",
      });
    }
    return new WhcbError("usage", `unknown option '${name}'`, hintOf(rest));
  }
  return new WhcbError("usage", first, hintOf(rest));
}

function hintOf(lines: readonly string[]): { hint?: string } {
  const suggestion = /\(Did you mean (.*)\?\)/.exec(lines.join(" "))?.[1];
  return suggestion === undefined ? {} : { hint: `did you mean ${suggestion}?` };
}
