/** The commander program, built from the declarations. */
import { Command, type CommanderError, Option } from "commander";
import { type CommandSpec, type Example, type GroupSpec, isGroup, type Section } from "./command-spec.js";
import type { Flag } from "./flag.js";
import { GLOBAL_FLAGS } from "./global-flags.js";
import { exampleText, helpConfiguration, paragraphs, sentence } from "./help-text.js";

export interface ProgramOptions {
  /** The command line. Commands that it doesn't name get no more than their names and summaries: enough for help and did-you-mean. */
  readonly argv: readonly string[];
  /** Display columns for help. */
  readonly width: number;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Called when a command line is complete. */
  readonly onCommand: (
    spec: CommandSpec,
    operands: readonly string[],
    raw: Readonly<Record<string, unknown>>,
    path: string,
  ) => void;
}

const INTRO = `Puts failed webhook callbacks right: shows what failed, sends it again, marks it, and serves callbacks itself.`;

const ROOT_EXAMPLES: readonly Example[] = [
  ["whcb serve", "a callbacks service here, on SQLite"],
  ["whcb calls list demo --failed", "what did not arrive"],
  ["whcb replay demo --failed", "send it again, and mark what was accepted"],
  ["whcb help exit-codes", "what scripts can rely on"],
];

export function buildProgram(sections: readonly Section[], options: ProgramOptions): Command {
  const program = prepare(new Command("whcb"), options).description(INTRO).usage("<command> [flags]");
  for (const flag of GLOBAL_FLAGS) program.addOption(toOption(flag));
  program.version("0", "-V, --version", "print the version");
  for (const section of sections) {
    program.commandsGroup(`${section.heading}:`);
    for (const entry of section.entries)
      program.addCommand(isGroup(entry) ? toGroup(entry, options) : toCommand(entry, options, "whcb"));
  }
  program.commandsGroup("More:").helpCommand("help [command...]", "help for a command, or for exit-codes");
  return program.addHelpText("after", exampleText(ROOT_EXAMPLES, options.width));
}

export function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof Error && "exitCode" in error && "code" in error && String(error.code).startsWith("commander.");
}

function toGroup(group: GroupSpec, options: ProgramOptions): Command {
  const command = prepare(new Command(group.name), options)
    .description(`${sentence(group.summary)}.`)
    .summary(group.summary)
    .usage("<command> [flags]")
    .helpCommand(false);
  if (!options.argv.includes(group.name)) return command;
  for (const spec of group.commands) command.addCommand(toCommand(spec, options, `whcb ${group.name}`));
  return command.addHelpText("after", exampleText(group.examples, options.width));
}

function toCommand(spec: CommandSpec, options: ProgramOptions, parent: string): Command {
  const command = prepare(new Command(spec.name), options)
    .summary(spec.summary)
    .description(
      spec.details === undefined ? `${sentence(spec.summary)}.` : `${sentence(spec.summary)}.\n\n${paragraphs(spec.details)}`,
    );
  if (!options.argv.includes(spec.name)) return command;
  for (const [syntax, summary] of spec.operands ?? []) command.argument(syntax, summary);
  for (const flag of spec.flags) command.addOption(toOption(flag));
  command.addHelpText("after", exampleText(spec.examples, options.width));
  return command.action(() => {
    options.onCommand(spec, command.args, command.optsWithGlobals<Record<string, unknown>>(), `${parent} ${spec.name}`);
  });
}

function prepare(command: Command, options: ProgramOptions): Command {
  return command
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureHelp(helpConfiguration(options.width))
    .helpOption("-h, --help", "show this help")
    .configureOutput({ writeOut: options.write, writeErr: options.writeError, outputError: () => {} });
}

function toOption(flag: Flag<unknown>): Option {
  const summary = flag.defaultText === undefined ? flag.summary : `${flag.summary} (default: ${flag.defaultText})`;
  const option = new Option(flag.syntax, summary);
  if (flag.heading !== undefined) option.helpGroup(`${flag.heading}:`);
  if (flag.repeats === true) option.argParser((text: string, before: readonly string[] | undefined) => [...(before ?? []), text]);
  return option;
}
