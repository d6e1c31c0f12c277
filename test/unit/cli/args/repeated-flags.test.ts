/** The last of two values would win, and what the first one narrowed would be widened without a word. */
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

const world = newCliWorld();

describe.each(COMMANDS)("whcb $path", ({ path, spec }) => {
  const required = (spec.operands ?? []).filter(([syntax]) => syntax.startsWith("<")).map(() => "x");
  const flags = [...Object.values(spec.flags), ...GLOBAL_FLAGS].filter(
    ({ syntax, repeats }) => /[<[]/.test(syntax) && repeats !== true,
  );

  test.each(flags)("takes $syntax once", async ({ syntax }) => {
    const name = flagName(syntax);
    const argv = [...path.split(" "), ...required, `${name}=1h`];
    const message = `${name} is given twice`;
    for (const again of ["1h", "now"]) {
      const { code, stdout, stderr } = await runCli(world, [...argv, `${name}=${again}`]);
      expect([code, stdout, stderr.includes(message)]).toEqual([2, "", true]);
    }
  });
});

it("counts the short and the long spelling, and the place before the command, as one flag", async () => {
  const rejection = (name: string) => [2, "", `error: ${name} is given twice\n`];
  const outcomeOf = async (argv: readonly string[]) => {
    const { code, stdout, stderr } = await runCli(world, argv);
    return [code, stdout, stderr];
  };
  expect(await outcomeOf(["calls", "list", "-o", "table", "--output=csv"])).toEqual(rejection("--output"));
  expect(await outcomeOf(["--profile", "a", "calls", "list", "--profile", "b"])).toEqual(rejection("--profile"));
  expect(await outcomeOf(["replay", "--resume", "A", "--resume", "B"])).toEqual(rejection("--resume"));
});

it("lets a flag without a value, and one that adds to a list, be repeated", async () => {
  const { stderr } = await runCli(world, [
    "calls",
    "list",
    "--failed",
    "--failed",
    "--status-code",
    "500",
    "--status-code",
    "5xx",
  ]);
  expect(stderr).toContain("no service is set");
});
