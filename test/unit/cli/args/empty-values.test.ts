/** An empty value comes from a variable of the shell that isn't set. It is an error wherever something is selected or named. */
import { describe, expect, it, test } from "vitest";
import { type CommandSpec, isGroup } from "../../../../src/cli/args/command-spec.js";
import { flagName } from "../../../../src/cli/args/flag.js";
import { GLOBAL_FLAGS } from "../../../../src/cli/args/shared-flags.js";
import { loadAllCommands } from "../../../../src/cli/commands/all.js";
import { newCliWorld, runCli } from "../../../support/cli/run-cli.js";

const COMMANDS = (await loadAllCommands()).flatMap((entry): { path: string; spec: CommandSpec }[] =>
  isGroup(entry)
    ? entry.commands.map((spec) => ({ path: `${entry.name} ${spec.name}`, spec }))
    : [{ path: entry.name, spec: entry }],
);

/** These mean something when they are empty. A new entry needs a reason. */
const MAY_BE_EMPTY: readonly string[] = [
  // A reply may have no text.
  "trigger --content",
  // It removes the setting.
  "config set <value>",
];

/** These are taken as they are typed: texts, names, paths, and what is checked where it is used. A new entry needs to be one. */
const VERBATIM =
  /^--(answer|auth-parameter|allow-host|allow-network|callback|cancel|columns|content|db|egress-proxy|email|file|from|grep|host|ignore|mail-dir|map|message|metrics-host|name|notify|profile|public-url|reason|resume|seen|sender|service|smtp|to|trust-proxy|undo|user|username)$/;

const world = newCliWorld();

describe.each(COMMANDS)("whcb $path", ({ path, spec }) => {
  const operands = spec.operands ?? [];
  const required = operands.filter(([syntax]) => syntax.startsWith("<")).map(() => "x");
  const isChecked = (name: string) => !MAY_BE_EMPTY.includes(`${path} ${name}`);
  const flags = [...Object.values(spec.flags), ...GLOBAL_FLAGS].filter(
    ({ syntax }) => /[<[]/.test(syntax) && isChecked(flagName(syntax)),
  );

  const outcomeOf = async (argv: readonly string[]) => {
    const { code, stdout, stderr } = await runCli(world, [...path.split(" "), ...argv]);
    return [code, stdout, stderr.startsWith("{") ? `error: ${JSON.parse(stderr).error.message}\n` : stderr];
  };

  test.each(flags)("$syntax", async ({ syntax, repeats }) => {
    const name = flagName(syntax);
    const rejection = [2, "", `error: ${name} is empty\n`];
    expect(await outcomeOf([...required, name, ""])).toEqual(rejection);
    expect(await outcomeOf([...required, `${name}=`])).toEqual(rejection);
    expect(await outcomeOf([...required, name, " \t"])).toEqual(rejection);
    if (repeats !== true) return;
    expect(await outcomeOf([...required, name, "x", name, ""])).toEqual(rejection);
    expect(await outcomeOf([...required, name, "x, ,x"])).toEqual([2, "", `error: an element of ${name} is empty\n`]);
  });

  test.each(flags.filter(({ syntax }) => !VERBATIM.test(flagName(syntax))))(
    "$syntax of which a part is unset",
    async ({ syntax }) => {
      const name = flagName(syntax);
      for (const text of [" 10:00", "10:00 "])
        expect(await outcomeOf([...required, `${name}=${text}`])).toEqual([
          2,
          "",
          `error: ${name} begins or ends with white space\n`,
        ]);
    },
  );

  const places = operands.map(([syntax], index) => ({ syntax, index })).filter(({ syntax }) => isChecked(syntax));
  test.each(places)("$syntax", async ({ syntax, index }) => {
    const rejection = [2, "", `error: argument '${/[a-z-]+/.exec(syntax)?.[0]}' is empty\n`];
    const before = operands.slice(0, index).map(() => "x");
    const after = required.slice(index + 1);
    expect(await outcomeOf([...before, "", ...after])).toEqual(rejection);
    expect(await outcomeOf([...before, "  ", ...after])).toEqual(rejection);
    if (syntax.includes("...")) expect(await outcomeOf([...before, "x", ""])).toEqual(rejection);
  });
});

it("an empty command is an unknown one", async () => {
  for (const argv of [[""], ["help", ""], ["calls", ""], ["", "--failed"]]) {
    expect(await runCli(world, argv)).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining("unknown command ''"),
    });
  }
});

it("--content and the value of a setting may be empty", async () => {
  const removed = await runCli(newCliWorld(), ["config", "set", "callback", ""]);
  const triggered = await runCli(newCliWorld(), ["trigger", "demo", "--content", ""]);
  expect([removed.stderr, triggered.stderr]).toEqual([
    expect.stringContaining("error: there is no profile to change"),
    expect.stringContaining("error: no service is set"),
  ]);
});
