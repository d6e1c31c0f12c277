/** What can be typed after what, from the same declarations as the program. */

import { type CommandSpec, isGroup, type Section } from "../../args/command-spec.js";
import { type Flag, flagName } from "../../args/flag.js";
import { GLOBAL_FLAGS } from "../../args/global-flags.js";
import { SHELLS } from "./shells.js";
import type { CompletedFlag, WordNode } from "./word-node.js";

const HELP: CompletedFlag = { name: "--help", summary: "show help", takesValue: false, choices: [] };

export function wordTree(sections: readonly Section[]): readonly WordNode[] {
  const entries = sections.flatMap((section) => section.entries);
  const globals = [...GLOBAL_FLAGS.map(toCompleted), HELP];
  const nodes: WordNode[] = [
    {
      path: "",
      words: [...entries.map(({ name, summary }) => [name, summary] as const), ["help", "help for a command, or for exit-codes"]],
      flags: [...globals, { name: "--version", summary: "print the version", takesValue: false, choices: [] }],
    },
  ];
  for (const entry of entries) {
    if (!isGroup(entry)) nodes.push(commandNode(entry, entry.name, globals));
    else {
      nodes.push({
        path: entry.name,
        words: entry.commands.map(({ name, summary }) => [name, summary] as const),
        flags: globals,
      });
      for (const command of entry.commands) nodes.push(commandNode(command, `${entry.name} ${command.name}`, globals));
    }
  }
  return nodes;
}

function commandNode(spec: CommandSpec, path: string, globals: readonly CompletedFlag[]): WordNode {
  const words = spec.name === "completion" ? SHELLS.map((shell) => [shell, ""] as const) : [];
  return { path, words, flags: [...spec.flags.map(toCompleted), ...globals] };
}

function toCompleted(flag: Flag<unknown>): CompletedFlag {
  return {
    name: flagName(flag.syntax),
    summary: flag.summary,
    takesValue: /[<[]/.test(flag.syntax),
    choices: flag.choices ?? [],
  };
}
