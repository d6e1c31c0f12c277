import { Command, type CommanderError, Help, type HelpConfiguration, Option } from "commander";
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
import { describeFlag, type Flag, requireFilled } from "./flag.js";
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

/** Throws `usage`, with the closest known word as its hint. */
export async function parseArgv(
  argv: readonly string[],
  sections: readonly Section[],
  options: ParseOptions,
): Promise<ParsedLine> {
  if (argv[0] === "help" && argv[1] === "exit-codes") return { kind: "text", text: EXIT_CODES_HELP };
  const asked = argv[0] === "help" ? [...argv.slice(1), "--help"] : argv.length === 0 ? ["--help"] : argv;
  const known = await commandPath(asked, sections);
  // Without the help flag an unknown command is an error, not general help.
  const words = known === null ? asked.filter((word) => !HELP.test(word)) : asked;
  let printed = "";
  let parsed: ParsedLine | null = null;
  let bareText: string | null = null;
  const program = await buildProgram(sectionsFor(known?.[0], sections), {
    ...options,
    argv: words,
    write: (text) => {
      printed += text;
    },
    onBareFlag: (text) => {
      bareText ??= text;
    },
    onCommand: (spec, operands, raw, path) => {
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
    throw usageError(error.code, error.message, ["whcb", ...(known ?? []), "--help"].join(" "));
  }
  return parsed ?? { kind: "incomplete", text: printed };
}

const HELP = /^(-h|--help)$/;

/** Returns null if the words name no command or group. */
async function commandPath(words: readonly string[], sections: readonly Section[]): Promise<readonly string[] | null> {
  const [first = "", second = ""] = words;
  if (first.startsWith("-")) return [];
  const entry = sections.flatMap(({ entries }) => entries).find(({ name }) => name === first);
  if (entry === undefined) return null;
  if (second === "" || second.startsWith("-")) return [first];
  const spec = await entry.load();
  if (!isGroup(spec)) return [first];
  return spec.commands.flatMap(({ name }) => namesOf(name)).includes(second) ? [first, second] : null;
}

/** A line that names a command needs no other. */
function sectionsFor(name: string | undefined, sections: readonly Section[]): readonly Section[] {
  if (name === undefined) return sections;
  return sections.map(({ heading, entries }) => ({ heading, entries: entries.filter((entry) => entry.name === name) }));
}

const SECRET_FLAG = /^--?(pass(word|wd)?|api-?key|key|auth-?key|token|secret|credentials?)$/;

/** The hint names `help` if commander has no suggestion. */
function usageError(code: string, message: string, help: string): WhcbError {
  const [first = "", ...rest] = message.replace(/^error: /, "").split("\n");
  const suggestion = /\(Did you mean (.*)\?\)/.exec(rest.join(" "))?.[1];
  const advice =
    suggestion === undefined
      ? advise`see ${{ command: help, when: "to see what can be typed" }}`
      : { hint: `did you mean ${suggestion}?` };
  if (code !== "commander.unknownOption") return new WhcbError("usage", first, advice);
  // What follows "=" may be a secret.
  const name = /'(-[^'=]*)/.exec(first)?.[1] ?? "";
  if (SECRET_FLAG.test(name.toLowerCase())) {
    const login = { command: "whcb login", when: "to store secrets" };
    const variables = "WHCB_USERNAME, WHCB_PASSWORD, WHCB_API_KEY, WHCB_CALLBACK_KEY";
    const message = `there is no flag ${name}: a secret in a command line could be read by other users`;
    return new WhcbError("usage", message, advise`use ${login}, or the environment: ${variables}`);
  }
  return new WhcbError("usage", `unknown option '${name}'`, advice);
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

async function toEntry({ name, summary, load }: CommandEntry, options: ProgramOptions): Promise<Command> {
  if (!options.argv.includes(name)) return prepare(new Command(name), options).summary(summary);
  const spec = await load();
  return isGroup(spec) ? toGroup(spec, options) : toCommand(spec, options, "whcb");
}

function toGroup(group: GroupSpec, options: ProgramOptions): Command {
  const command = prepare(new Command(group.name), options)
    .description(`${sentence(group.summary)}.`)
    .summary(group.summary)
    .usage("<command> [flags]")
    .helpCommand(false);
  for (const spec of group.commands) {
    // The others are hidden: help and suggestions name a command once.
    for (const [index, name] of namesOf(spec.name).entries())
      command.addCommand(toCommand(spec, options, `whcb ${group.name}`, name), { hidden: index > 0 });
  }
  return command.addHelpText("after", exampleText(group.examples, options.width));
}

function toCommand(spec: CommandSpec, options: ProgramOptions, parent: string, name = spec.name): Command {
  const details = spec.details === undefined ? "" : `\n\n${joinLines(spec.details)}`;
  const command = prepare(new Command(name), options)
    .summary(spec.summary)
    .description(`${sentence(spec.summary)}.${details}`);
  if (!options.argv.includes(name)) return command;
  for (const [syntax, summary, rules] of spec.operands ?? []) {
    command.argument(syntax, summary, (text) => {
      if (!rules?.mayBeEmpty) requireFilled(text, `argument '${syntax.replace(/\W/g, "")}'`);
    });
  }
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
  return command.action(() => {
    options.onCommand(spec, command.args, command.optsWithGlobals<Record<string, unknown>>(), `${parent} ${spec.name}`);
  });
}

function prepare(command: Command, options: ProgramOptions): Command {
  return command
    .exitOverride()
    .showSuggestionAfterError(true)
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
  if (flag.valueIfBare !== undefined) option.preset(flag.valueIfBare);
  if (flag.conflicts !== undefined) option.conflicts(flag.conflicts.map(({ syntax }) => new Option(syntax).attributeName()));
  return option;
}

const HELP_CONFIGURATION: HelpConfiguration = {
  showGlobalOptions: true,
  subcommandTerm: (subcommand) => namesOf(subcommand.name()).join(", "),
  // Defaults are in the summary.
  optionDescription: (option) => option.description,
  formatHelp,
};

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
