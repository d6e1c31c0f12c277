import { expect, test } from "vitest";
import { type CommandSpec, isGroup } from "../../../../src/cli/args/command-spec.js";
import { describeFlag, type Flag } from "../../../../src/cli/args/flag.js";
import { GLOBAL_FLAGS } from "../../../../src/cli/args/shared-flags.js";
import { loadAllCommands } from "../../../../src/cli/commands/all.js";

function flagTable(flags: readonly Flag<unknown>[]): string {
  const rows = flags.map((flag) => `| \`${cell(flag.syntax)}\` | ${cell(describeFlag(flag))} |`);
  return `| flag | |\n| --- | --- |\n${rows.join("\n")}\n`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function section(path: string, { flags }: CommandSpec): string {
  const declared = Object.values(flags);
  return declared.length === 0 ? "" : `\n## whcb ${path}\n\n${flagTable(declared)}`;
}

test("docs/flags.md lists all flags of all commands: `npm run docs:flags` writes it", async () => {
  const sections = (await loadAllCommands()).flatMap((entry) =>
    isGroup(entry) ? entry.commands.map((spec) => section(`${entry.name} ${spec.name}`, spec)) : [section(entry.name, entry)],
  );
  const text = `# Flags

Every flag of every command, with its default. \`npm run docs:flags\` writes this file from the declarations that help and the manual pages use, and a test keeps it current.

A command that isn't here has only the flags of every command.

## Flags of every command

${flagTable(GLOBAL_FLAGS)}${sections.join("")}`;
  await expect(text).toMatchFileSnapshot("../../../../docs/flags.md");
});
