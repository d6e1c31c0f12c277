/** What people type that is no command or flag, and what they mean. It is loaded only then. */
import { commandLine } from "../../domain/command-line.js";
import { type Advice, advise, WhcbError } from "../../domain/errors.js";
import { closestMatch } from "./closest-match.js";
import { type CommandEntry, type CommandSpec, type GroupSpec, isGroup, namesOf } from "./command-spec.js";
import { type Flag, flagName } from "./flag.js";
import { GLOBAL_FLAGS } from "./shared-flags.js";

/** The arguments that were typed come in the place of "…". A word may be of one group only. */
const COMMANDS: Readonly<Record<string, string>> = {
  "status …": "health info overview state ping",
  "watch …": "monitor live",
  "outages list …": "incidents incident alerts downtime",
  "calls list …": "list ls messages responses deliveries events",
  "calls list … --failed": "failed failures failing errors dlq dead-letter dead-letters",
  "calls list … --pending": "pending queue queued waiting backlog",
  "calls list … --failed --group-by status-code,reason": "count group groups stats summary reasons",
  "calls list --grep TEXT": "search find grep",
  "calls list … -o csv": "export",
  "calls get …": "get show view inspect describe explain why",
  "calls follow …": "follow tail log logs stream",
  "console --open": "open ui web dashboard browser",
  "replay … --failed": "retry replay redeliver redrive requeue resubmit reprocess rerun send",
  "replay --resume …": "resume continue",
  "mark-success …": "mark settle resolve ack acknowledge done complete success",
  "mark-failed …": "fail mark-unsuccessful mark-unsuccess",
  "undo …": "revert rollback unmark restore undo-mark-success undo-mark",
  "reconcile … --seen FILE": "compare diff sync",
  "runs list": "history replays jobs journal audit",
  "runs discard …": "discard cancel abort stop",
  "runs prune": "clean cleanup prune purge",
  "callbacks list": "endpoints webhooks hooks subscriptions",
  "callbacks create": "create add new register subscribe",
  "callbacks update …": "update edit change",
  "callbacks update … --retries on": "enable",
  "callbacks update … --retries off": "disable",
  "callbacks delete …": "delete remove rm unregister",
  serve: "server start daemon up",
  listen: "receive sink mock tunnel",
  "trigger …": "publish emit fire submit simulate ingest",
  demo: "example tutorial quickstart",
  login: "auth signin sign-in init setup connect configure profiles/create",
  "profiles list": "contexts environments",
  "profiles use …": "use switch",
  "profiles remove …": "logout signout",
  "config get": "whoami settings env config/list config/show profiles/get config/view",
  "config set …": "set",
  "config path": "where",
  "users list": "accounts",
  "users passwd …": "passwd password",
  "db backup …": "backup dump snapshot",
  "db check": "doctor fsck",
  "db migrate": "migrate",
  "db erase --sender NUMBER": "erase forget gdpr",
  help: "man usage commands",
};

/** Words that may stand for each other as a command of a group. */
const SAME = ["list all", "get show view inspect describe", "create add new register", "update edit set change modify"]
  .concat("delete remove rm discard destroy", "use switch select", "prune clean purge")
  .map((words) => words.split(" "));

interface TypedCommand {
  readonly rest: readonly string[];
  /** `group` is null if the word stands first. */
  readonly group: GroupSpec | null;
  readonly entries: readonly CommandEntry[];
}

/** Returns the `usage` error for a word that is no command, with the command to type as its hint. */
export async function unknownCommand(word: string, { rest, group, entries }: TypedCommand): Promise<WhcbError> {
  const message = `unknown command '${word}'`;
  if (group !== null) {
    const names = group.commands.map(({ name }) => name);
    const meant = answerInGroup(word, rest, group, entries) ?? closestMatch(word, names);
    const all = `there are: ${names.join(", ")}`;
    return new WhcbError("usage", message, meant === null ? { hint: all } : didYouMean(meant, ` ${all}`));
  }
  const [noun = "", ...others] = rest;
  const joined = entries.find(({ name }) => name === `${word}-${noun}`);
  if (joined !== undefined) return new WhcbError("usage", message, didYouMean(toType(`${joined.name} …`, others)));
  const named = await entries.find(({ name }) => name === noun || name === `${noun}s`)?.load();
  const ofNoun = named !== undefined && isGroup(named) ? answerInGroup(word, others, named, entries) : null;
  const names = entries.map(({ name }) => name);
  const meant = ofNoun ?? answer(word, rest) ?? closestMatch(word, names);
  return new WhcbError("usage", message, meant === null ? seeHelp(["whcb", "--help"]) : didYouMean(meant));
}

/** What is meant is a word, or a command in backticks, which may leave something to fill in. */
function didYouMean(meant: string, rest = ""): Advice {
  const command = /^`([^A-Z]*)`$/.exec(meant)?.[1];
  return command === undefined
    ? { hint: `did you mean ${meant}?${rest}` }
    : advise`did you mean ${{ command, when: "" }}?${rest}`;
}

function seeHelp(words: readonly string[]): Advice {
  return advise`see ${{ command: words.join(" "), when: "to see what can be typed" }}`;
}

function answerInGroup(
  word: string,
  rest: readonly string[],
  { name, commands }: GroupSpec,
  entries: readonly CommandEntry[],
): string | null {
  const alike = SAME.find((words) => words.includes(word)) ?? [word];
  const own = commands.find((command) => namesOf(command).some((known) => alike.includes(known)));
  if (own !== undefined) return toType(`${name} ${own.name} …`, rest);
  const special = alike.map((known) => answer(`${name}/${known}`, rest)).find((found) => found !== null);
  if (special !== undefined) return special;
  // A word such as "get" means this group, so it isn't looked for elsewhere.
  if (alike.length > 1) return null;
  const isCommand = entries.some((entry) => entry.name === word);
  return answer(word, rest) ?? (isCommand ? toType(`${word} …`, rest) : null);
}

function answer(word: string, rest: readonly string[]): string | null {
  const found = Object.entries(COMMANDS).find(([, words]) => words.split(" ").includes(word));
  return found === undefined ? null : toType(found[0], rest);
}

/** Leaves the flags out if others were typed, and if there may be ids of calls, which exclude a filter. */
function toType(template: string, typed: readonly string[]): string {
  const [command = "", flags] = template.split(" …");
  if (flags === undefined) return `\`whcb ${command}\``;
  const operands = typed.some((word) => word.startsWith("-")) ? null : typed;
  const added = operands === null || operands.length > 1 ? [] : flags.split(" ").filter((flag) => flag !== "");
  return `\`${commandLine({ command, operands: operands ?? [], flags: added })}\``;
}

/** The first that the command has is meant. A flag that means a value has the value behind "=". */
const FLAGS: Readonly<Record<string, string>> = {
  "--failed": "--status=failed --state=failed --only-failed --failures --errors",
  "--success": "--status=success --status=delivered --state=success --succeeded --ok",
  "--pending": "--status=pending --state=pending --waiting --queued",
  "--status-code": "--status --code --http-code --http-status",
  "--since": "--after --start --begin --from-date --newer-than",
  "--until": "--before --end --to-date",
  "--older-than": "--before --age",
  "--grep": "--search --query --contains --filter --content -q",
  "--limit": "--max --count --last --tail --head --top --lines --first -l",
  "--oldest-first": "--reverse --sort --order --asc",
  "--message": "--message-id",
  "--from": "--sender --mobile --phone",
  "--output": "--format --out",
  "--json": "-j",
  "--file": "--input --ids -f",
  "--yes": "--force --no-confirm --assume-yes --confirm --no-prompt --non-interactive -f",
  "--dry-run": "--preview --simulate --whatif --what-if --check -n",
  "--rate": "--throttle --rps --rate-limit --max-rate",
  "--concurrency": "--parallel --workers --threads --jobs",
  "--to": "--target --endpoint --url",
  "--resume": "--continue",
  "--service": "--server --host --url --base-url --api",
  "--profile": "--context --env --environment",
  "--verbose": "--debug --trace -v",
  "--no-color": "--no-colour",
  "--db": "--database",
  "`whcb calls follow`": "--follow -f --stream",
  "`whcb watch`": "--watch --live -w",
};

interface TypedFlag {
  readonly words: readonly string[];
  readonly path: readonly string[];
  readonly spec: CommandSpec | null;
}

const SECRET_FLAG = /^--?(pass(word|wd)?|api-?key|key|auth-?key|token|secret|signing-?secret|credentials?)$/;

/** Returns the `usage` error for a flag that the command hasn't, with the one to type as its hint. */
export function unknownFlag(flag: string, { words, path, spec }: TypedFlag): WhcbError {
  if (SECRET_FLAG.test(flag.toLowerCase())) {
    const login = { command: "whcb login", when: "to store secrets" };
    const variables = "WHCB_USERNAME, WHCB_PASSWORD, WHCB_API_KEY, WHCB_CALLBACK_KEY, WHCB_SIGNING_SECRET";
    const message = `there is no flag ${flag}: a secret in a command line could be read by other users`;
    return new WhcbError("usage", message, advise`use ${login}, or the environment: ${variables}`);
  }
  const typed = flag.toLowerCase();
  const index = words.findIndex((word) => word === flag || word.startsWith(`${flag}=`));
  const value = words[index]?.split("=")[1] ?? words[index + 1] ?? "";
  const flags: readonly Flag<unknown>[] = [...Object.values(spec?.flags ?? {}), ...GLOBAL_FLAGS];
  const known = [...flags.map(({ syntax }) => flagName(syntax)), "--help", "--version"];
  if (words[index]?.startsWith(`${flag}=`) && known.includes(flag)) {
    return new WhcbError("usage", `${flag} takes no value`, { hint: `type ${flag} alone, or leave it out` });
  }
  const guessed = [`${typed}=${value.toLowerCase()}`, typed].flatMap((guess) =>
    Object.entries(FLAGS).flatMap(([name, guesses]) => (guesses.split(" ").includes(guess) ? [name] : [])),
  );
  const operand = spec?.operands?.find(([syntax]) => [`--${nameOf(syntax)}`, `--${nameOf(syntax)}-id`].includes(typed));
  const line = ["whcb", ...path];
  if (operand !== undefined) {
    const usage = [...line, ...(spec?.operands ?? []).map(([syntax]) => syntax)].join(" ");
    return new WhcbError("usage", `unknown option '${flag}'`, { hint: `it is an argument: \`${usage}\`` });
  }
  const meant = guessed.find((name) => known.includes(name) || name.startsWith("`")) ?? closestFlag(typed, known);
  return new WhcbError("usage", `unknown option '${flag}'`, meant === null ? seeHelp([...line, "--help"]) : didYouMean(meant));
}

const LONG_DASHES = /^[\p{Pd}\u2212]+/u;

/** Programs for texts make one long dash of two, or of a minus sign. The command would take the word for an id, and go on without the flag. */
export function longDash(word: string, line: TypedFlag): WhcbError {
  // What follows "=" may be a secret.
  const [typed = ""] = word.split("=");
  const { hint } = unknownFlag(`--${typed.replace(LONG_DASHES, "")}`, line);
  return new WhcbError("usage", `${typed} begins with a long dash`, hint === undefined ? {} : { hint });
}

/** Both dashes are of every flag, so they are no likeness. */
function closestFlag(typed: string, known: readonly string[]): string | null {
  const names = known.map((name) => name.slice("--".length));
  const match = closestMatch(typed.replace(/^--/, ""), names);
  // "Without" isn't "with".
  const excludes = /^--(?:no|not|without|exclude|except|ignore)-|-(?:v|not)$/.test(typed) && !match?.startsWith("no-");
  return match === null || !typed.startsWith("--") || excludes ? null : `--${match}`;
}

function nameOf(syntax: string): string {
  return syntax.replace(/[^a-z]/g, "");
}
