/** Manual pages are made of the declarations that help is made of. build-man.mjs writes them. */
import { type CommandSpec, type Example, type GroupSpec, isGroup, namesOf } from "../args/command-spec.js";
import { describeFlag, type Flag } from "../args/flag.js";
import { INTRO, joinLines, ROOT_EXAMPLES, sentence } from "../args/parse-argv.js";
import { GLOBAL_FLAGS } from "../args/shared-flags.js";
import { EXIT_CODE_MEANINGS } from "../exit-codes.js";
import { loadAllCommands, SECTIONS } from "./all.js";

/** Returns roff by file name, such as "whcb-calls-list.1". `date` is like 2026-11-24. */
export async function manPages(version: string, date: string): Promise<ReadonlyMap<string, string>> {
  const entries = await loadAllCommands();
  const pages = entries.flatMap((entry) =>
    isGroup(entry)
      ? [groupPage(entry), ...entry.commands.map((spec) => commandPage(spec, `${entry.name} ${spec.name}`))]
      : [commandPage(entry, entry.name)],
  );
  return new Map(
    [rootPage(), ...pages].map(({ name, body }) => [`${name}.1`, `${heading(name, version, date)}\n${body.join("\n")}\n`]),
  );
}

interface Page {
  readonly name: string;
  readonly body: readonly string[];
}

function heading(name: string, version: string, date: string): string {
  return `.TH ${roff(name.toUpperCase())} 1 "${date}" "whcb ${roff(version)}" "whcb manual"`;
}

function rootPage(): Page {
  const commands = SECTIONS.flatMap(({ heading: title, entries }) => [
    `.SS ${roff(title)}`,
    ...entries.flatMap((entry) => item(bold(namesOf(entry).join(", ")), entry.summary)),
  ]);
  return {
    name: "whcb",
    body: [
      ...nameAndSynopsis(
        "whcb",
        "list, replay and settle failed webhook callbacks",
        `${bold("whcb")} ${italic("command")} [${italic("flags")}]`,
      ),
      ".SH DESCRIPTION",
      roff(INTRO),
      ".SH COMMANDS",
      ...commands,
      ".SH FLAGS OF EVERY COMMAND",
      ...GLOBAL_FLAGS.flatMap(flagItem),
      ".SH EXIT STATUS",
      ...EXIT_CODE_MEANINGS.flatMap(([code, meaning]) => item(bold(String(code)), meaning)),
      ...examples(ROOT_EXAMPLES),
      ".SH SEE ALSO",
      SECTIONS.flatMap(({ entries }) => entries.map(({ name }) => reference(`whcb-${name}`))).join(",\n"),
    ],
  };
}

function groupPage({ name, summary, commands, examples: shown }: GroupSpec): Page {
  const page = `whcb-${name}`;
  return {
    name: page,
    body: [
      ...nameAndSynopsis(page, summary, `${bold(`whcb ${name}`)} ${italic("command")} [${italic("flags")}]`),
      ".SH COMMANDS",
      ...commands.flatMap((spec) => item(bold(namesOf(spec).join(", ")), spec.summary)),
      ...examples(shown),
      ".SH SEE ALSO",
      ["whcb", ...commands.map((spec) => `${page}-${spec.name}`)].map(reference).join(",\n"),
    ],
  };
}

function commandPage(spec: CommandSpec, path: string): Page {
  const page = `whcb-${path.replace(" ", "-")}`;
  const operands = spec.operands ?? [];
  const flags = Object.values(spec.flags);
  const headings = [...new Set(flags.map((flag) => flag.heading ?? "Flags"))];
  const usage = [bold(`whcb ${path}`), `[${italic("flags")}]`, ...operands.map(([syntax]) => roff(syntax))].join(" ");
  return {
    name: page,
    body: [
      ...nameAndSynopsis(page, spec.summary, usage),
      ".SH DESCRIPTION",
      ...paragraphs(`${sentence(spec.summary)}.${spec.details === undefined ? "" : `\n\n${joinLines(spec.details)}`}`),
      ...(operands.length === 0
        ? []
        : [".SH ARGUMENTS", ...operands.flatMap(([syntax, summary]) => item(bold(syntax), summary))]),
      ...headings.flatMap((title) => [
        `.SH ${roff(title.toUpperCase())}`,
        ...flags.filter((flag) => (flag.heading ?? "Flags") === title).flatMap(flagItem),
      ]),
      ...examples(spec.examples),
      ".SH SEE ALSO",
      `${reference("whcb")}, which has the flags of every command and the exit status`,
    ],
  };
}

function nameAndSynopsis(name: string, summary: string, usage: string): readonly string[] {
  return [".SH NAME", `${roff(name)} \\- ${roff(summary)}`, ".SH SYNOPSIS", usage];
}

function flagItem(flag: Flag<unknown>): readonly string[] {
  return item(bold(flag.syntax), describeFlag(flag));
}

function examples(shown: readonly Example[]): readonly string[] {
  const lines = shown.flatMap(([command, what], index) => [
    ...(index === 0 ? [] : [".PP"]),
    ...[`${roff(sentence(what))}:`, ".PP", ".RS 4", ".nf", roff(command), ".fi", ".RE"],
  ]);
  return [".SH EXAMPLES", ...lines];
}

function item(term: string, text: string): readonly string[] {
  return [".TP", term, roff(text)];
}

function paragraphs(text: string): readonly string[] {
  return text.split("\n\n").flatMap((paragraph, index) => (index === 0 ? [] : [".PP"]).concat(roff(paragraph)));
}

function reference(page: string): string {
  return `${bold(page)}(1)`;
}

function bold(text: string): string {
  return `\\fB${roff(text)}\\fR`;
}

function italic(text: string): string {
  return `\\fI${roff(text)}\\fR`;
}

/** Returns one line of text, of which nothing is a request. */
function roff(text: string): string {
  const escaped = text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("\n", " ")
    .replace(
      /[^\x20-\x7e]/gu,
      (character) => `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`,
    );
  return escaped.replace(/^[.']/, "\\&$&");
}
