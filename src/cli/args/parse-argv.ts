import { Command, type CommanderError, Help, type HelpConfiguration, Option } from "commander";
import { beforeDashes } from "../../domain/command-line.js";
import { advise, WhcbError } from "../../domain/errors.js";
import { EXIT_CODES_HELP } from "../exit-codes.js";
import {
  type CommandEntry,
  type CommandSpec,
  type Example,
  type GroupSpec,
  isGroup,
  namesOf,
  type Section,
} from "./command-spec.js";
import { describeFlag, type Flag, flagName, requireFilled } from "./flag.js";
import { GLOBAL_FLAGS } from "./shared-flags.js";

export type ParsedLine =
  | {
      readonly kind: "command";
      readonly spec: CommandSpec;
      readonly operands: readonly string[];
      readonly raw: Readonly<Record<string, unknown>>;
      readonly path: string;
    }
  /** The user asked for help or the version: stdout, exit 0. */
  | { readonly kind: "text"; readonly text: string }
  /** A group was typed without a command of it: help on stderr, exit 2. */
  | { readonly kind: "incomplete"; readonly text: string };

export interface ParseOptions {
  readonly version: string;
  readonly width: number;
}

/** Throws `usage`, with what to type instead as its hint. */
export async function parseArgv(
  argv: readonly string[],
  sections: readonly Section[],
  options: ParseOptions,
): Promise<ParsedLine> {
  if (argv[0] === "help" && argv[1] === "exit-codes") return { kind: "text", text: EXIT_CODES_HELP };
  const words = argv[0] === "help" ? [...argv.slice(1), "--help"] : argv.length === 0 ? ["--help"] : argv;
  const { path, spec: typedSpec } = await findCommand(words, sections);
  requireOwnValues(words, typedSpec);
  let printed = "";
  let parsed: ParsedLine | null = null;
  let bareText: string | null = null;
  let typed: readonly string[] = [];
  const program = await buildProgram(sectionsFor(path[0], sections), {
    ...options,
    argv: words,
    write: (text) => {
      printed += text;
    },
    onBareFlag: (text) => {
      bareText ??= text;
    },
    onCommand: (spec, operands, raw, path) => {
      typed = operands;
      parsed = bareText === null ? { kind: "command", spec, operands, raw, path } : { kind: "text", text: bareText };
    },
  });
  try {
    program.parse(words, { from: "user" });
  } catch (error) {
    if (!isCommanderError(error)) throw error;
    if (error.code === "commander.helpDisplayed" || error.code === "commander.version") return { kind: "text", text: printed };
    if (error.code === "commander.missingArgument" && bareText !== null) return { kind: "text", text: bareText };
    if (error.code === "commander.help") return { kind: "incomplete", text: printed };
    const [message = ""] = error.message.replace(/^error: /, "").split("\n");
    if (error.code === "commander.unknownOption") {
      const { unknownFlag } = await import("./unknown-words.js");
      // What follows "=" may be a secret.
      throw unknownFlag(/'(-[^'=]*)/.exec(message)?.[1] ?? "", { words, path, spec: typedSpec });
    }
    const help = { command: ["whcb", ...path, "--help"].join(" "), when: "to see what can be typed" };
    throw new WhcbError("usage", message, advise`see ${help}`);
  }
  const behind = words.includes("--") ? words.length - words.indexOf("--") - 1 : 0;
  const dashed = typed.slice(0, Math.max(0, typed.length - behind)).find(hasLongDash);
  if (dashed !== undefined) throw (await import("./unknown-words.js")).longDash(dashed, { words, path, spec: typedSpec });
  return parsed ?? { kind: "incomplete", text: printed };
}

/** What a script's unset variable leaves of `--mail-dir $DIR --dry-run` would take the next flag for the value. Throws `usage`. */
function requireOwnValues(words: readonly string[], spec: CommandSpec | null): void {
  const flags = [...GLOBAL_FLAGS, ...Object.values(spec?.flags ?? {})].filter(({ syntax }) => syntax.includes("<"));
  const typed = beforeDashes(words);
  for (const [at, word] of typed.entries()) {
    const [next = ""] = typed[at + 1]?.split("=") ?? [];
    if (/^--[a-z]/.test(next) && flags.some(({ syntax }) => syntax.split(/,? /).includes(word)))
      throw new WhcbError("usage", `${word} has no value: the flag ${next} is behind it`, {
        hint: `give it a value; one that begins with dashes is written behind "="`,
      });
  }
}

/** In a literal, such a class would be built whenever the file is loaded (docs/adr/0007). */
const LONG_DASH = "\\p{Pd}\u2212";

function hasLongDash(operand: string): boolean {
  return !/^[!-~]/.test(operand) && new RegExp(`^[${LONG_DASH}]`, "u").test(operand);
}

interface FoundCommand {
  readonly path: readonly string[];
  /** `spec` is null if only a group was typed, or nothing. */
  readonly spec: CommandSpec | null;
}

/** Throws `usage` for a word that is no command. */
async function findCommand(words: readonly string[], sections: readonly Section[]): Promise<FoundCommand> {
  const [first, ...rest] = withoutGlobalFlags(words);
  if (first === undefined || first.startsWith("-")) return { path: [], spec: null };
  const entries = sections.flatMap(({ entries }) => entries);
  const entry = entries.find((known) => namesOf(known).includes(first));
  const typed = await entry?.load();
  const [second, ...others] = withoutGlobalFlags(rest);
  if (typed !== undefined && !isGroup(typed)) return { path: [typed.name], spec: typed };
  if (typed !== undefined && (second === undefined || second.startsWith("-"))) return { path: [typed.name], spec: null };
  const spec = typed?.commands.find((known) => second !== undefined && namesOf(known).includes(second));
  if (typed !== undefined && spec !== undefined) return { path: [typed.name, spec.name], spec };
  const { unknownCommand } = await import("./unknown-words.js");
  throw await (typed === undefined || second === undefined
    ? unknownCommand(first, { rest, group: null, entries })
    : unknownCommand(second, { rest: others, group: typed, entries }));
}

/** Returns the words from the first one that isn't a flag of every command. */
export function withoutGlobalFlags(words: readonly string[]): readonly string[] {
  const [first = "", ...rest] = words;
  const flag = GLOBAL_FLAGS.find(({ syntax }) => flagName(syntax) === first.split("=")[0]);
  if (flag === undefined) return words;
  return withoutGlobalFlags(flag.syntax.includes("<") && !first.includes("=") ? rest.slice(1) : rest);
}

/** A line that names a command needs no other. */
function sectionsFor(name: string | undefined, sections: readonly Section[]): readonly Section[] {
  if (name === undefined) return sections;
  return sections.map(({ heading, entries }) => ({ heading, entries: entries.filter((entry) => entry.name === name) }));
}

interface ProgramOptions extends ParseOptions {
  /** Other commands get only name and summary, enough for help. */
  readonly argv: readonly string[];
  readonly write: (text: string) => void;
  readonly onBareFlag: (text: string) => void;
  readonly onCommand: (
    spec: CommandSpec,
    operands: readonly string[],
    raw: Readonly<Record<string, unknown>>,
    path: string,
  ) => void;
}

export const INTRO = "Lists, replays and settles failed webhook callbacks, and serves callbacks itself.";

export const ROOT_EXAMPLES: readonly Example[] = [
  ["whcb serve", "run a callbacks service here, on SQLite"],
  ["whcb calls list demo --failed", "list the calls that failed"],
  ["whcb replay demo --failed", "send them again, and mark what is accepted"],
  ["whcb help exit-codes", "the exit codes that scripts can rely on"],
];

async function buildProgram(sections: readonly Section[], options: ProgramOptions): Promise<Command> {
  const program = prepare(new Command("whcb"), options).description(INTRO).usage("<command> [flags]");
  for (const flag of GLOBAL_FLAGS) program.addOption(toOption(flag));
  program.version(options.version, "-V, --version", "print the version");
  for (const section of sections) {
    program.commandsGroup(`${section.heading}:`);
    for (const entry of section.entries) program.addCommand(await toEntry(entry, options));
  }
  program
    .commandsGroup("More:")
    .helpCommand("help [command...]", "help for a command, or for exit-codes; --json describes all commands");
  return program.addHelpText("after", exampleText(ROOT_EXAMPLES, options.width));
}

function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof Error && "exitCode" in error && "code" in error && String(error.code).startsWith("commander.");
}

async function toEntry(entry: CommandEntry, options: ProgramOptions): Promise<Command> {
  if (!isTyped(entry, options)) return prepare(newCommand(entry), options).summary(entry.summary);
  const spec = await entry.load();
  return isGroup(spec) ? toGroup(spec, options) : toCommand(spec, options, "whcb");
}

function toGroup(group: GroupSpec, options: ProgramOptions): Command {
  const command = prepare(newCommand(group), options)
    .description(`${sentence(group.summary)}.`)
    .summary(group.summary)
    .usage("<command> [flags]")
    .helpCommand(false);
  for (const spec of group.commands) command.addCommand(toCommand(spec, options, `whcb ${group.name}`));
  return command.addHelpText("after", exampleText(group.examples, options.width));
}

function toCommand(spec: CommandSpec, options: ProgramOptions, parent: string): Command {
  const details = spec.details === undefined ? "" : `\n\n${joinLines(spec.details)}`;
  const command = prepare(newCommand(spec), options)
    .summary(spec.summary)
    .description(`${sentence(spec.summary)}.${details}`);
  if (!isTyped(spec, options)) return command;
  const operands = spec.operands ?? [];
  for (const [index, [syntax, summary, rules]] of operands.entries()) {
    const name = syntax.replace(/\W/g, "");
    // Commander counts from the left: with one of "[callback] <call>", it would miss the second.
    const isFirstOptional = index > 0 && operands[0]?.[0].startsWith("[");
    command.argument(isFirstOptional ? syntax.replace(/<(.*)>/, "[$1]") : syntax, summary, (text) => {
      if (!rules?.mayBeEmpty) requireFilled(text, `argument '${name}'`);
    });
  }
  command.usage(["[options]", ...operands.map(([syntax]) => syntax)].join(" "));
  for (const flag of Object.values(spec.flags)) {
    const option = toOption(flag);
    command.addOption(option);
    const { textIfBare } = flag;
    if (textIfBare !== undefined)
      command.on(`option:${option.name()}`, (value) => {
        if (value === null) options.onBareFlag(textIfBare);
      });
  }
  command.addHelpText("after", exampleText(spec.examples, options.width));
  const least = operands.filter(([syntax]) => syntax.startsWith("<")).length;
  return command.action(() => {
    if (command.args.length < least)
      command.error(`error: missing required argument '${operands.at(-1)?.[0].replace(/\W/g, "")}'`, {
        code: "commander.missingArgument",
      });
    options.onCommand(spec, command.args, command.optsWithGlobals<Record<string, unknown>>(), `${parent} ${spec.name}`);
  });
}

function isTyped(spec: CommandEntry | CommandSpec, { argv }: ProgramOptions): boolean {
  return namesOf(spec).some((name) => argv.includes(name));
}

function newCommand(spec: CommandEntry | CommandSpec | GroupSpec): Command {
  const [name, ...aliases] = namesOf(spec);
  return new Command(name).aliases(aliases);
}

function prepare(command: Command, options: ProgramOptions): Command {
  return command
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureHelp(HELP_CONFIGURATION)
    .helpOption("-h, --help", "show this help")
    .configureOutput({
      writeOut: options.write,
      writeErr: options.write,
      outputError: () => {},
      // By default it asks the process's streams, and opening them takes milliseconds.
      getOutHelpWidth: () => options.width,
      getErrHelpWidth: () => options.width,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}

function toOption(flag: Flag<unknown>): Option {
  const option = new Option(flag.syntax, describeFlag(flag));
  if (flag.heading !== undefined) option.helpGroup(`${flag.heading}:`);
  if (flag.repeats === true) option.argParser((text: string, before: readonly string[] | undefined) => [...(before ?? []), text]);
  else if (option.required || option.optional)
    option.argParser((text: string, before: unknown) => {
      // The last one would win, and an alias or a script may have narrowed with the first.
      if (before !== undefined) throw new WhcbError("usage", `${flagName(flag.syntax)} is given twice`);
      return text;
    });
  if (flag.valueIfBare !== undefined) option.preset(flag.valueIfBare);
  if (flag.conflicts !== undefined) option.conflicts(flag.conflicts.map(({ syntax }) => new Option(syntax).attributeName()));
  return option;
}

const HELP_CONFIGURATION: HelpConfiguration = {
  showGlobalOptions: true,
  subcommandTerm: (subcommand) => [subcommand.name(), ...subcommand.aliases()].join(", "),
  commandUsage: (command) => `${pathOf(command)} ${command.usage()}`,
  // Defaults are in the summary.
  optionDescription: (option) => option.description,
  formatHelp,
};

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** "Options" become "flags", and a group's commands come before its flags. */
function formatHelp(command: Command, helper: Help): string {
  const blocks = Help.prototype.formatHelp
    .call(helper, command, helper)
    .replace(/^(Usage: .*)\[options\]/m, "$1[flags]")
    .replace(/^Options:$/m, "Flags:")
    .replace(/^Global Options:$/m, "Flags of every command:")
    .trimEnd()
    .split("\n\n");
  const isFlags = (block: string) => block.startsWith("Flags");
  const ordered =
    command.commands.length === 0 ? blocks : [...blocks.filter((block) => !isFlags(block)), ...blocks.filter(isFlags)];
  return `${ordered.join("\n\n")}\n`;
}

function exampleText(examples: readonly Example[], width: number): string {
  const longest = Math.max(...examples.map(([command]) => command.length));
  const isWide = examples.some(([, what]) => longest + what.length + 4 > width);
  const lines = examples.map(([command, what]) =>
    isWide ? `  # ${what}\n  ${command}` : `  ${command.padEnd(longest)}  ${what}`,
  );
  return `\nExamples:\n${lines.join("\n")}`;
}

export function joinLines(text: string): string {
  return text.replace(/(?<!\n)\n(?!\n)/g, " ");
}

export function sentence(summary: string): string {
  return summary.charAt(0).toUpperCase() + summary.slice(1);
}
