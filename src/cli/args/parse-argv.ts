import { WhcbError } from "../../domain/errors.js";
import { EXIT_CODES_HELP } from "../exit-codes.js";
import { type CommandSpec, isGroup, type Section } from "./command-spec.js";
import { buildProgram, isCommanderError } from "./program.js";

export type ParsedLine =
  | {
      readonly kind: "command";
      readonly spec: CommandSpec;
      readonly operands: readonly string[];
      readonly raw: Readonly<Record<string, unknown>>;
      readonly path: string;
    }
  /** Help or version on request: stdout, exit 0. */
  | { readonly kind: "text"; readonly text: string }
  /** A group without its verb: help on stderr, exit 2. */
  | { readonly kind: "incomplete"; readonly text: string };

export interface ParseOptions {
  readonly version: string;
  /** Display columns. */
  readonly width: number;
}

/** Throws `usage`, with the closest known word as its hint. */
export function parseArgv(argv: readonly string[], sections: readonly Section[], options: ParseOptions): ParsedLine {
  if (argv[0] === "help" && argv[1] === "exit-codes") return { kind: "text", text: EXIT_CODES_HELP };
  const asked = argv[0] === "help" ? [...argv.slice(1), "--help"] : argv.length === 0 ? ["--help"] : argv;
  const known = commandPath(asked, sections);
  // Without the help flag an unknown command is an error, not general help.
  const words = known === null ? asked.filter((word) => !HELP.test(word)) : asked;
  let printed = "";
  let parsed: ParsedLine | null = null;
  const program = buildProgram(sections, {
    ...options,
    argv: words,
    write: (text) => {
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
    if (error.code === "commander.helpDisplayed" || error.code === "commander.version") return { kind: "text", text: printed };
    if (error.code === "commander.help") return { kind: "incomplete", text: printed };
    throw usageError(error.code, error.message, ["whcb", ...(known ?? []), "--help"].join(" "));
  }
  return parsed ?? { kind: "incomplete", text: printed };
}

const HELP = /^(-h|--help)$/;

/** null if the words name no command or group. */
function commandPath(words: readonly string[], sections: readonly Section[]): readonly string[] | null {
  const [first = "", second = ""] = words;
  if (first.startsWith("-")) return [];
  const entry = sections.flatMap(({ entries }) => entries).find(({ name }) => name === first);
  if (entry === undefined) return null;
  if (!isGroup(entry) || second === "" || second.startsWith("-")) return [first];
  return entry.commands.some(({ name }) => name === second) ? [first, second] : null;
}

const SECRET_FLAG = /^--?(pass(word|wd)?|api-?key|key|auth-?key|token|secret|credentials?)$/;

/** `help`: the command in the hint if commander has no suggestion. */
function usageError(code: string, message: string, help: string): WhcbError {
  const [first = "", ...rest] = message.replace(/^error: /, "").split("\n");
  const suggestion = /\(Did you mean (.*)\?\)/.exec(rest.join(" "))?.[1];
  const hint = suggestion === undefined ? `see \`${help}\`` : `did you mean ${suggestion}?`;
  if (code !== "commander.unknownOption") return new WhcbError("usage", first, { hint });
  // What follows "=" may be a secret.
  const name = /'(-[^'=]*)/.exec(first)?.[1] ?? "";
  if (SECRET_FLAG.test(name.toLowerCase())) {
    return new WhcbError("usage", `there is no flag ${name}: a secret in a command line could be read by other users`, {
      hint: "use `whcb login`, or the environment: WHCB_USERNAME, WHCB_PASSWORD, WHCB_API_KEY, WHCB_CALLBACK_KEY",
    });
  }
  return new WhcbError("usage", `unknown option '${name}'`, { hint });
}
