/** What a person may type who has never seen whcb: each guess is answered with what to type. */
import { describe, expect, test } from "vitest";
import { isGroup } from "../../../../src/cli/args/command-spec.js";
import { parseArgv } from "../../../../src/cli/args/parse-argv.js";
import { loadAllCommands, SECTIONS } from "../../../../src/cli/commands/all.js";
import { newCliWorld, runCli } from "../../../support/cli/run-cli.js";

const CALL = "0193F0C2A5B87C119D2E4F6A8B0C1D2E";
const world = newCliWorld();

async function hintOf(line: string): Promise<string> {
  const { code, stdout, stderr } = await runCli(world, line.split(" "));
  expect([line, code, stdout]).toEqual([line, 2, ""]);
  return /\nhint: (.*)\n$/.exec(stderr)?.[1] ?? stderr;
}

function parse(words: string) {
  return parseArgv(words.split(" "), SECTIONS, { version: "1.2.3", width: 80 });
}

describe("a command that doesn't exist is answered with the one to type", () => {
  test.each([
    ["retry", "replay --failed"],
    ["retry demo", "replay demo --failed"],
    [`retry demo ${CALL}`, `replay demo ${CALL}`],
    ["retry demo --since 2h", "replay"],
    ["redeliver", "replay --failed"],
    ["requeue demo", "replay demo --failed"],
    ["send", "replay --failed"],
    ["continue", "replay --resume"],
    ["tail", "calls follow"],
    ["tail -f", "calls follow"],
    ["logs", "calls follow"],
    ["logs demo", "calls follow demo"],
    ["list", "calls list"],
    ["ls demo", "calls list demo"],
    ["events", "calls list"],
    ["errors", "calls list --failed"],
    ["failed demo", "calls list demo --failed"],
    ["dlq", "calls list --failed"],
    ["queue", "calls list --pending"],
    ["stats demo", "calls list demo --failed --group-by status-code,reason"],
    ["grep hello", "calls list --grep TEXT"],
    ["export demo", "calls list demo -o csv"],
    [`show ${CALL}`, `calls get ${CALL}`],
    [`get call ${CALL}`, `calls get ${CALL}`],
    [`why ${CALL}`, `calls get ${CALL}`],
    ["list callbacks", "callbacks list"],
    ["create callback", "callbacks create"],
    ["delete callback demo", "callbacks delete demo"],
    ["show run", "runs show"],
    ["add user bob", "users add bob"],
    ["tail calls demo", "calls follow demo"],
    ["whoami", "config get"],
    ["settings", "config get"],
    ["auth", "login"],
    ["init", "login"],
    ["logout local", "profiles remove local"],
    ["use prod", "profiles use prod"],
    ["health", "status"],
    ["ping demo", "status demo"],
    ["monitor", "watch"],
    ["incidents demo", "outages list demo"],
    ["dashboard", "console --open"],
    ["ack demo", "mark-success demo"],
    ["resolve demo", "mark-success demo"],
    ["revert", "undo"],
    ["undo-mark-success", "undo"],
    ["mark-unsuccessful", "mark-failed"],
    ["rollback 20261126-010203-0427F3A", "undo 20261126-010203-0427F3A"],
    ["compare demo", "reconcile demo --seen FILE"],
    ["history", "runs list"],
    ["cancel 20261126-010203-0427F3A", "runs discard 20261126-010203-0427F3A"],
    ["webhooks", "callbacks list"],
    ["register", "callbacks create"],
    ["enable demo", "callbacks update demo --retries on"],
    ["server", "serve"],
    ["start", "serve"],
    ["publish demo", "trigger demo"],
    ["backup today.db", "db backup today.db"],
    ["migrate", "db migrate"],
    ["gdpr", "db erase --sender NUMBER"],
    ["passwd bob", "users passwd bob"],
    ["man", "help"],
    ["--profile prod logs", "calls follow"],
    ["help logs", "calls follow"],
  ])("%s -> whcb %s", async (line, command) => {
    const hint = await hintOf(line);
    expect(hint).toBe(`did you mean \`whcb ${command}\`?`);
    expect(await parse(command)).toMatchObject({ kind: command === "help" ? "text" : "command" });
  });

  test.each([
    ["calls retry demo", "`whcb replay demo --failed`", "list, get, follow"],
    ["calls tail", "`whcb calls follow`", "list, get, follow"],
    ["calls view demo", "`whcb calls get demo`", "list, get, follow"],
    ["calls failed", "`whcb calls list --failed`", "list, get, follow"],
    ["calls replay demo", "`whcb replay demo --failed`", "list, get, follow"],
    ["calls watch demo", "`whcb watch demo`", "list, get, follow"],
    ["calls gte", "get", "list, get, follow"],
    ["callbacks add", "`whcb callbacks create`", "list, get, create, update, pause, resume, delete"],
    ["callbacks rm demo", "`whcb callbacks delete demo`", "list, get, create, update, pause, resume, delete"],
    ["callbacks enable demo", "`whcb callbacks update demo --retries on`", "list, get, create, update, pause, resume, delete"],
    ["runs resume 20261126", "`whcb replay --resume 20261126`", "list, show, discard, prune"],
    ["runs delete 20261126", "`whcb runs discard 20261126`", "list, show, discard, prune"],
    ["runs undo 20261126", "`whcb undo 20261126`", "list, show, discard, prune"],
    ["users create bob", "`whcb users add bob`", "list, add, remove, passwd"],
    ["profiles delete prod", "`whcb profiles remove prod`", "list, use, remove"],
    ["profiles add", "`whcb login`", "list, use, remove"],
    ["config show", "`whcb config get`", "get, set, path"],
    ["db dump x.db", "`whcb db backup x.db`", "backup, check, migrate, copy, erase"],
  ])("%s -> %s, and what there is", async (line, meant, all) => {
    expect(await hintOf(line)).toBe(`did you mean ${meant}? there are: ${all}`);
  });

  test.each([
    ["users get bob", "there are: list, add, remove, passwd"],
    ["calls frobnicate", "there are: list, get, follow"],
    ["frobnicate", "see `whcb --help`"],
    ["lists", "see `whcb --help`"],
    ["statu", "did you mean status?"],
    ["mark failed demo c-1", "did you mean `whcb mark-failed demo c-1`?"],
    ["callback list", "did you mean callbacks?"],
  ])("%s: %s", async (line, hint) => expect(await hintOf(line)).toBe(hint));
});

describe("a flag that doesn't exist is answered with the one to type", () => {
  test.each([
    ["calls list --status failed", "did you mean --failed?"],
    ["calls list --status=SUCCESS", "did you mean --success?"],
    ["calls list --status 503", "did you mean --status-code?"],
    ["calls list --after 2h", "did you mean --since?"],
    ["calls list --before 2h", "did you mean --until?"],
    ["runs prune --before 2h", "did you mean --older-than?"],
    ["calls list --search hello", "did you mean --grep?"],
    ["calls list --count 5", "did you mean --limit?"],
    ["calls list --format json", "did you mean --output?"],
    ["calls list --reverse", "did you mean --oldest-first?"],
    ["calls list --follow", "did you mean `whcb calls follow`?"],
    ["calls list -f", "did you mean `whcb calls follow`?"],
    ["mark-success demo -f ids.txt", "did you mean --file?"],
    ["status --watch", "did you mean `whcb watch`?"],
    ["calls list --callback demo", "it is an argument: `whcb calls list [callback]`"],
    ["replay demo --force", "did you mean --yes?"],
    ["replay demo -n", "did you mean --dry-run?"],
    ["replay demo --throttle 5", "did you mean --rate?"],
    ["replay demo --workers 5", "did you mean --concurrency?"],
    ["replay --continue", "did you mean --resume?"],
    ["status --debug", "did you mean --verbose?"],
    ["status --server x.db", "did you mean --service?"],
    ["status --url x.db", "did you mean --service?"],
    ["status --faild", "see `whcb status --help`"],
    ["calls list --faild", "did you mean --failed?"],
    ["calls list --xyzzy", "see `whcb calls list --help`"],
    ["mark-success demo --failed --not-status-code 503", "see `whcb mark-success --help`"],
    ["mark-success demo --failed --no-status-code 503", "see `whcb mark-success --help`"],
    ["replay demo --no-canery", "did you mean --no-canary?"],
  ])("%s: %s", async (line, hint) => expect(await hintOf(line)).toBe(hint));
});

test.each([
  ["resend demo --failed", "whcb replay"],
  [`calls show demo ${CALL}`, "whcb calls get"],
  ["callbacks show demo", "whcb callbacks get"],
  ["runs get", "whcb runs show"],
  ["calls list -n 5", "whcb calls list"],
  ["--utc --profile=prod calls ls", "whcb calls list"],
])("%s is %s", async (line, path) => expect(await parse(line)).toMatchObject({ kind: "command", path }));

test("no alias is the name of another command", async () => {
  const entries = await loadAllCommands();
  for (const commands of [entries, ...entries.filter(isGroup).map((group) => group.commands)]) {
    const names = commands.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
    expect(names).toEqual([...new Set(names)]);
  }
});
