/** Program, help and completion are built from this. */
import type { CliDeps } from "../cli-deps.js";
import type { Progress } from "../output/progress-line.js";
import type { Screen } from "../output/screen.js";
import type { FlagValues, NamedFlags, ParsedArgs } from "./flag.js";

interface Named {
  readonly name: string;
  /** They are typed instead of the name. Every `list` has `ls`, too. */
  readonly aliases?: readonly string[];
  readonly summary: string;
}

export interface CommandSpec extends CommandBody, Named {}

export interface CommandBody {
  /** `operands` are in commander's syntax: "<callback>", "[call...]". */
  readonly operands?: readonly Operand[];
  readonly details?: string;
  readonly flags: NamedFlags;
  readonly examples: readonly Example[];
  readonly load: () => Promise<CommandModule>;
}

export interface GroupSpec extends GroupBody, Named {}

export interface GroupBody {
  readonly commands: readonly CommandSpec[];
  readonly examples: readonly Example[];
}

export interface CommandModule {
  /** Most commands end with exit code 0 or throw; the others return their code. */
  run(invocation: Invocation): Promise<void> | Promise<number>;
}

export type Operand = readonly [syntax: string, summary: string, rules?: OperandRules];

interface OperandRules {
  readonly choices?: readonly string[];
  /** Any other operand rejects an empty value, as a flag does. */
  readonly mayBeEmpty?: boolean;
}

export type Example = readonly [command: string, what: string];

interface Handled<Flags extends NamedFlags> {
  readonly flags: Flags;
  readonly load: () => Promise<{ readonly run: (invocation: Invocation<Flags>) => Promise<void> | Promise<number> }>;
}

/** Checks that the handler reads no other flags than the declared ones. */
export function command<Flags extends NamedFlags>(spec: CommandSpec & Handled<Flags>): CommandSpec;
export function command<Flags extends NamedFlags>(body: CommandBody & Handled<Flags>): CommandBody;
export function command(body: CommandBody): CommandBody {
  return body;
}

export interface CommandEntry extends Named {
  readonly load: () => Promise<CommandSpec | GroupSpec>;
}

export interface Section {
  readonly heading: string;
  readonly entries: readonly CommandEntry[];
}

export function isGroup(entry: CommandSpec | GroupSpec): entry is GroupSpec {
  return "commands" in entry;
}

/** Returns the name that help uses first. */
export function namesOf({ name, aliases = [] }: Named): readonly [string, ...string[]] {
  return [name, ...(name === "list" ? ["ls"] : []), ...aliases];
}

export interface Invocation<Flags extends NamedFlags = NamedFlags> {
  readonly deps: CliDeps;
  readonly values: FlagValues<Flags>;
  readonly args: ParsedArgs;
  readonly screen: Screen;
  readonly progress: Progress;
  readonly path: string;
  /** Runs another command, as if it were typed. */
  readonly runCommand: (argv: readonly string[], deps: CliDeps) => Promise<number>;
  /** `argv` is repeated in "type this again with --yes". It has the environment's --profile and --service, too, and whole paths. */
  readonly argv: readonly string[];
}
