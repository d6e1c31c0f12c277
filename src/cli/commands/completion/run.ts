import { requireOneOf } from "../../args/closest-match.js";
import { type CommandSpec, isGroup, type Section } from "../../args/command-spec.js";
import { type Flag, flagName } from "../../args/flag.js";
import { GLOBAL_FLAGS } from "../../args/shared-flags.js";
import type { Invocation } from "../../invocation.js";
import { SHELLS } from "./command.js";
import { type CompletedFlag, SCRIPTS, type WordNode } from "./scripts.js";

export async function run({ args, screen }: Invocation): Promise<number> {
  const given = args.operand(0);
  const shell = requireOneOf(given.toLowerCase(), SHELLS, "usage", `no completion for ${JSON.stringify(given)}`);
  const { SECTIONS } = await import("../all.js");
  await screen.out(SCRIPTS[shell](wordTree(SECTIONS)));
  return 0;
}

const HELP: CompletedFlag = { name: "--help", summary: "show help", takesValue: false, choices: [] };
const VERSION: CompletedFlag = { name: "--version", summary: "print the version", takesValue: false, choices: [] };

function wordTree(sections: readonly Section[]): readonly WordNode[] {
  const entries = sections.flatMap((section) => section.entries);
  const globals = [...GLOBAL_FLAGS.map(toCompleted), HELP];
  const topWords = [...entries.map(toWord), ["help", "help for a command, or for exit-codes"] as const];
  const commandNode = (spec: CommandSpec, path: string): WordNode => ({
    path,
    words: spec.name === "completion" ? SHELLS.map((shell) => [shell, ""] as const) : [],
    flags: [...spec.flags.map(toCompleted), ...globals],
  });
  return [
    { path: "", words: topWords, flags: [...globals, VERSION] },
    ...entries.flatMap((entry) =>
      isGroup(entry)
        ? [
            { path: entry.name, words: entry.commands.map(toWord), flags: globals },
            ...entry.commands.map((spec) => commandNode(spec, `${entry.name} ${spec.name}`)),
          ]
        : [commandNode(entry, entry.name)],
    ),
  ];
}

function toWord({ name, summary }: { readonly name: string; readonly summary: string }): readonly [string, string] {
  return [name, summary];
}

function toCompleted(flag: Flag<unknown>): CompletedFlag {
  return {
    name: flagName(flag.syntax),
    summary: flag.summary,
    takesValue: /[<[]/.test(flag.syntax),
    choices: flag.choices ?? [],
  };
}
