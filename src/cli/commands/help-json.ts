/** `whcb help --json` describes the command line for programs, from the declarations that help is made of. */
import { WhcbError } from "../../domain/errors.js";
import { type CommandSpec, isGroup, namesOf, type Operand } from "../args/command-spec.js";
import { type Flag, flagName } from "../args/flag.js";
import { INTRO, ROOT_EXAMPLES } from "../args/parse-argv.js";
import { GLOBAL_FLAGS } from "../args/shared-flags.js";
import { EXIT_CODE_MEANINGS } from "../exit-codes.js";
import { loadAllCommands } from "./all.js";

/** `words` are a command or a group; without any, all commands are described. Throws `usage` for unknown words. */
export async function helpJson(version: string, words: readonly string[]) {
  const commands = (await loadAllCommands())
    .flatMap((entry) =>
      isGroup(entry) ? entry.commands.map((spec) => describeCommand(spec, [entry.name])) : [describeCommand(entry, [])],
    )
    .filter(({ command, aliases }) => [command, ...aliases].some((name) => `${name} `.startsWith([...words, ""].join(" "))));
  if (commands.length === 0) throw new WhcbError("usage", `unknown command '${words.join(" ")}'`);
  return {
    version,
    summary: INTRO,
    commands,
    globalFlags: GLOBAL_FLAGS.map(describeFlag),
    exitCodes: EXIT_CODE_MEANINGS.map(([code, meaning]) => ({ code, meaning })),
    examples: describeExamples(ROOT_EXAMPLES),
  };
}

function describeCommand(spec: CommandSpec, group: readonly string[]) {
  const { summary, details, operands, flags, examples } = spec;
  const [command, ...aliases] = namesOf(spec).map((one) => [...group, one].join(" "));
  return {
    command,
    aliases,
    summary,
    details: details ?? null,
    arguments: (operands ?? []).map(describeOperand),
    flags: Object.values(flags).map(describeFlag),
    examples: describeExamples(examples),
  };
}

function describeOperand([syntax, summary, rules]: Operand) {
  return {
    name: valueName(syntax),
    summary,
    required: syntax.startsWith("<"),
    repeats: syntax.includes("..."),
    choices: rules?.choices ?? null,
  };
}

function describeFlag(flag: Flag<unknown>) {
  return {
    name: flagName(flag.syntax),
    short: /^-\w(?=,)/.exec(flag.syntax)?.[0] ?? null,
    summary: flag.summary,
    value: valueName(flag.syntax),
    valueRequired: flag.syntax.includes("<"),
    default: flag.defaultText ?? null,
    choices: flag.choices ?? null,
    repeats: flag.repeats === true,
    conflicts: (flag.conflicts ?? []).map(({ syntax }) => flagName(syntax)),
    needs: (flag.needs ?? []).map((need) => ({ name: flagName(need.flag.syntax), value: need.value ?? null })),
  };
}

function describeExamples(examples: CommandSpec["examples"]) {
  return examples.map(([command, what]) => ({ command, what }));
}

/** Returns null if there is no value. */
function valueName(syntax: string): string | null {
  return /[<[]([^>\].]+)/.exec(syntax)?.[1] ?? null;
}
