/** argv -> the command meant, or what to print instead of running one. */
import { WhcbError } from "../../domain/errors.js";
import { EXIT_CODES_HELP } from "../exit-codes.js";
import { type CommandSpec, isGroup, type Section } from "./command-spec.js";
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
  const asked = argv[0] === "help" ? [...argv.slice(1), "--help"] : argv.length === 0 ? ["--help"] : argv;
  const known = commandPath(asked, sections);
  // Help for a command that there isn't would be commander's general help: it is told as the slip of the pen that it is.
  const words = known === null ? asked.filter((word) => !HELP.test(word)) : asked;
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
    throw usageError(error.code, error.message, ["whcb", ...(known ?? []), "--help"].join(" "));
  }
  return parsed ?? { kind: "incomplete", text: printed };
}

const HELP = /^(-h|--help)$/;

/** The command or group that the line begins with; null where its words name none. */
function commandPath(words: readonly string[], sections: readonly Section[]): readonly string[] | null {
  const [first = "", second = ""] = words;
  if (first.startsWith("-")) return [];
  const entry = sections.flatMap(({ entries }) => entries).find(({ name }) => name === first);
  if (entry === undefined) return null;
  if (!isGroup(entry) || second === "" || second.startsWith("-")) return [first];
  return entry.commands.some(({ name }) => name === second) ? [first, second] : null;
}

const SECRET_FLAG = /^--?(pass(word|wd)?|api-?key|key|auth-?key|token|secret|credentials?)$/;

/** `help` is the command to type where nothing better is known. */
function usageError(code: string, message: string, help: string): WhcbError {
  const [first = "", ...rest] = message.replace(/^error: /, "").split("\n");
  if (code === "commander.unknownOption") {
    // What stands after "=" may be a secret and isn't repeated.
    const name = /'(-[^'=]*)/.exec(first)?.[1] ?? "";
    if (SECRET_FLAG.test(name.toLowerCase())) {
      return new WhcbError("usage", `${name} is no flag: secrets are not taken as flags, where other users could read them`, {
        hint: "use `whcb login`, or the environment: WHCB_USERNAME, WHCB_PASSWORD, WHCB_API_KEY, WHCB_CALLBACK_KEY",
      });
    }
    return new WhcbError("usage", `unknown option '${name}'`, hintOf(rest, help));
  }
  return new WhcbError("usage", first, hintOf(rest, help));
}

function hintOf(lines: readonly string[], help: string): { readonly hint: string } {
  const suggestion = /\(Did you mean (.*)\?\)/.exec(lines.join(" "))?.[1];
  return { hint: suggestion === undefined ? `\`${help}\` shows what there is` : `did you mean ${suggestion}?` };
}
