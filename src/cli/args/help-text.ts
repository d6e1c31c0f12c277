/** How help looks: commander's words, but "flags" as everywhere in whcb, and what one can do before how. */
import { type Command, Help, type HelpConfiguration } from "commander";
import type { Example } from "./command-spec.js";

export function helpConfiguration(width: number): HelpConfiguration {
  return {
    showGlobalOptions: true,
    helpWidth: width,
    // A list of commands shows their names; each one's own help shows its operands.
    subcommandTerm: (subcommand) => subcommand.name(),
    formatHelp,
  };
}

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

/** Each example beside what it does, or above it where a line would be too long. */
export function exampleText(examples: readonly Example[], width: number): string {
  const longest = Math.max(...examples.map(([command]) => command.length));
  const isWide = examples.some(([, what]) => longest + what.length + 4 > width);
  const lines = examples.map(([command, what]) =>
    isWide ? `  # ${what}\n  ${command}` : `  ${command.padEnd(longest)}  ${what}`,
  );
  return `\nExamples:\n${lines.join("\n")}`;
}

/** A paragraph of a declaration may be broken anywhere; help breaks it where the terminal ends. */
export function paragraphs(text: string): string {
  return text.replace(/(?<!\n)\n(?!\n)/g, " ");
}

export function sentence(summary: string): string {
  return summary.charAt(0).toUpperCase() + summary.slice(1);
}
