import { type CommandSpec, type GroupSpec, isGroup, namesOf, type Operand } from "../../args/command-spec.js";
import { type Flag, flagName } from "../../args/flag.js";
import { isJsonFlag } from "../../args/json-flag.js";
import { GLOBAL_FLAGS } from "../../args/shared-flags.js";
import { SECTIONS } from "../all.js";
import type { Candidate, LiveValues } from "./live-values.js";

/** With "files" the shell completes file names. */
export type Suggestions = readonly Candidate[] | "files";

/** `words` are whole, without "whcb"; `current` is what was typed of the next one. */
export async function suggest(words: readonly string[], current: string, live: LiveValues): Promise<Suggestions> {
  const line = await readLine(words, current);
  if (line === null) return [];
  const found = await suggestWord(line, live);
  return found === "files" ? found : found.filter(({ value }) => value.startsWith(current) && !UNTYPABLE.test(value));
}

const UNTYPABLE = /^$|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

interface TypedLine {
  readonly entry: CommandSpec | GroupSpec | null;
  readonly spec: CommandSpec | null;
  readonly operands: readonly string[];
  /** The value of this flag comes next. */
  readonly flag: Flag<unknown> | null;
  readonly values: ReadonlyMap<string, string>;
  readonly isFlagsEnd: boolean;
  readonly current: string;
}

const ENTRIES = SECTIONS.flatMap(({ entries }) => entries);
const HELP: Candidate = { value: "help", summary: "help for a command, or for exit-codes" };

/** Returns null if a word isn't known. */
async function readLine(words: readonly string[], current: string): Promise<TypedLine | null> {
  let entry: TypedLine["entry"] = null;
  let spec: CommandSpec | null = null;
  let flag: Flag<unknown> | null = null;
  let isFlagsEnd = false;
  const operands: string[] = [];
  const values = new Map<string, string>();
  // "help calls list" is read as "calls list".
  for (const word of words[0] === "help" ? words.slice(1) : words) {
    const isFlag = !isFlagsEnd && word.startsWith("-") && word !== "-";
    if (flag !== null && !(isFlag && isOptional(flag))) {
      values.set(flagName(flag.syntax), word);
      flag = null;
    } else if (word === "--") isFlagsEnd = true;
    else if (isFlag) {
      flag = null;
      const [name = "", ...value] = word.split("=");
      const known = flagsOf(spec).find(({ syntax }) => syntax.split(/, | /).includes(name));
      if (known !== undefined && value.length > 0) values.set(flagName(known.syntax), value.join("="));
      else if (known !== undefined && /[<[]/.test(known.syntax)) flag = known;
    } else if (entry === null) {
      entry = (await ENTRIES.find((known) => namesOf(known).includes(word))?.load()) ?? null;
      if (entry === null) return null;
      if (!isGroup(entry)) spec = entry;
    } else if (spec === null && isGroup(entry)) {
      spec = entry.commands.find((known) => namesOf(known).includes(word)) ?? null;
      if (spec === null) return null;
    } else operands.push(word);
  }
  if (flag !== null && isOptional(flag) && current.startsWith("-")) flag = null;
  return { entry, spec, operands, flag, values, isFlagsEnd, current };
}

async function suggestWord(line: TypedLine, live: LiveValues): Promise<Suggestions> {
  const { entry, spec, flag, isFlagsEnd, current } = line;
  if (flag !== null) return suggestValue(flag, current, line, live);
  if (current.startsWith("-") && !isFlagsEnd) {
    const [name = "", ...value] = current.split("=");
    if (value.length === 0) return flagCandidates(spec);
    const known = flagsOf(spec).find(({ syntax }) => flagName(syntax) === name);
    const found = known === undefined ? [] : await suggestValue(known, value.join("="), line, live);
    return found === "files" ? found : found.map((candidate) => ({ ...candidate, value: `${name}=${candidate.value}` }));
  }
  if (entry === null) return [...ENTRIES.map(({ name, summary }) => ({ value: name, summary })), HELP];
  if (spec === null) return isGroup(entry) ? entry.commands.map(({ name, summary }) => ({ value: name, summary })) : [];
  const { operands = [] } = spec;
  const last = operands.at(-1);
  const operand = operands[line.operands.length] ?? (last?.[0].includes("...") ? last : undefined);
  return operand === undefined ? [] : suggestOperand(operand, line, live);
}

function suggestOperand(
  [syntax, , { choices } = {}]: Operand,
  line: TypedLine,
  live: LiveValues,
): Promise<Suggestions> | Suggestions {
  return choices === undefined ? suggestKind(syntax, line, live) : choices.map((value) => ({ value, summary: "" }));
}

async function suggestValue(flag: Flag<unknown>, current: string, line: TypedLine, live: LiveValues): Promise<Suggestions> {
  if (isJsonFlag(flag)) {
    const before = current.slice(0, current.lastIndexOf(",") + 1);
    const named = before.split(",");
    const fields = Object.entries(flag.fields).filter(([name]) => !named.includes(name));
    return fields.map(([name, summary]) => ({ value: before + name, summary: summary.replaceAll("`", "") }));
  }
  if (flag.choices !== undefined) return flag.choices.map((value) => ({ value, summary: "" }));
  return suggestKind(flag.syntax, line, live);
}

/** Suggests values by the name that help gives them: "<callback>". */
async function suggestKind(
  syntax: string,
  { spec, operands, values, current }: TypedLine,
  live: LiveValues,
): Promise<Suggestions> {
  const service = { profile: values.get("--profile"), service: values.get("--service") };
  switch (/[<[]([^>\].]+)/.exec(syntax)?.[1]) {
    case "callback":
      return live.callbacks(service);
    case "call":
      return live.calls(service, { callback: operands[0] ?? "", status: STATUS_OF[spec?.name ?? ""], typed: current });
    case "run":
    case "replay":
      return live.runs();
    case "profile":
      return live.profiles();
    case "file":
    case "dir":
    case "database":
    case "url|file":
    case "file|url":
      return "files";
    default:
      return [];
  }
}

/** A command changes calls of this status. */
const STATUS_OF: Readonly<Record<string, "FAILED" | "SUCCESS">> = {
  replay: "FAILED",
  "mark-success": "FAILED",
  "mark-failed": "SUCCESS",
};

function flagsOf(spec: CommandSpec | null): readonly Flag<unknown>[] {
  return [...Object.values(spec?.flags ?? {}), ...GLOBAL_FLAGS];
}

function flagCandidates(spec: CommandSpec | null): readonly Candidate[] {
  return [
    ...flagsOf(spec).map(({ syntax, summary }) => ({ value: flagName(syntax), summary })),
    { value: "--help", summary: "show help" },
    { value: "--version", summary: "print the version" },
  ];
}

function isOptional({ syntax }: Flag<unknown>): boolean {
  return syntax.includes("[");
}
