import { describe, expect, test } from "vitest";
import { isGroup } from "../../../../src/cli/args/command-spec.js";
import { attributeName } from "../../../../src/cli/args/flag.js";
import { GLOBAL_FLAGS } from "../../../../src/cli/args/shared-flags.js";
import { loadAllCommands } from "../../../../src/cli/commands/all.js";
import { EXIT_CODES } from "../../../../src/cli/exit-codes.js";
import { newCliWorld, runCli } from "../../../support/cli/run-cli.js";

const entries = await loadAllCommands();
const commands = entries.flatMap((entry) =>
  isGroup(entry)
    ? entry.commands.map((spec) => ({ path: [entry.name, spec.name], spec }))
    : [{ path: [entry.name], spec: entry }],
);
const paths = [...commands.map(({ path }) => path), ...entries.filter(isGroup).map(({ name }) => [name])];

describe("help", () => {
  test.each(paths.map((path) => [path.join(" "), path] as const))(
    "of %s ends with examples that begin with whcb",
    async (_, path) => {
      const { code, stdout, stderr } = await runCli(newCliWorld(), [...path, "--help"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const examples = stdout
        .slice(stdout.indexOf("\nExamples:\n") + "\nExamples:\n".length)
        .trimEnd()
        .split("\n");
      expect(examples.length).toBeGreaterThan(0);
      // This would be commander's own note about a flag's value.
      expect(stdout).not.toContain("preset");
      for (const example of examples) expect(example).toMatch(/whcb |^ {2}# /);
    },
  );

  test("examples use only existing flags and commands", async () => {
    const examples = [
      ...commands.flatMap(({ spec }) => spec.examples),
      ...entries.filter(isGroup).flatMap((group) => group.examples),
    ];
    for (const [line] of examples) {
      const words = line.split(" | ").flatMap((part) => (part.includes("whcb ") ? [part.slice(part.indexOf("whcb ") + 5)] : []));
      for (const typed of words) {
        const [first = "", second = ""] = typed.replace(/["')]/g, "").split(" ");
        const found = commands.find(({ path }) => path.join(" ") === first || path.join(" ") === `${first} ${second}`);
        expect([line, found === undefined && first !== "help"]).toEqual([line, false]);
        for (const flag of typed.match(/ --[a-z-]+/g) ?? []) {
          const known = [...Object.values(found?.spec.flags ?? {}), ...GLOBAL_FLAGS].some(({ syntax }) =>
            syntax.includes(flag.trim()),
          );
          expect([line, flag, known]).toEqual([line, flag, true]);
        }
      }
    }
  });

  test("no command has two flags with the same name", () => {
    for (const { path, spec } of commands) {
      const names = [...Object.values(spec.flags), ...GLOBAL_FLAGS].map(({ syntax }) => attributeName(syntax));
      expect([path, names.length]).toEqual([path, new Set(names).size]);
    }
  });

  test("without arguments it is the same as --help", async () => {
    const world = newCliWorld();
    expect(await runCli(world, [])).toEqual(await runCli(world, ["--help"]));
  });

  test("of a command is also printed by `help`", async () => {
    const world = newCliWorld();
    expect(await runCli(world, ["help", "calls", "list"])).toEqual(await runCli(world, ["calls", "list", "--help"]));
  });

  test("of `ls` is the help of `list`, which every `list` has", async () => {
    const world = newCliWorld();
    const groups = entries.filter((entry) => isGroup(entry) && entry.commands.some(({ name }) => name === "list"));
    expect(groups.map(({ name }) => name)).toEqual(["calls", "outages", "runs", "callbacks", "users", "profiles"]);
    for (const { name } of groups) {
      const { code, stdout } = await runCli(world, ["--no-color", name, "ls", "--help"]);
      const { stdout: help } = await runCli(world, [name, "list", "--help"]);
      expect({ code, help: stdout.replace(" ls ", " list ") }).toEqual({ code: 0, help });
      expect((await runCli(world, [name, "--help"])).stdout).toMatch(/^ {2}list, ls +list /m);
    }
  });

  test("exit-codes has its own page", async () => {
    const { code, stdout } = await runCli(newCliWorld(), ["help", "exit-codes"]);
    expect(code).toBe(0);
    for (const exit of ["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "8 ", "130"]) expect(stdout).toContain(`\n  ${exit}`);
  });

  test("of everything is JSON for programs", async () => {
    const { code, stdout, stderr } = await runCli(newCliWorld(), ["help", "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const help = JSON.parse(stdout);
    const described = (command: string) => help.commands.find((one: { command: string }) => one.command === command);
    expect(help.commands.map(({ command }: { command: string }) => command)).toEqual(commands.map(({ path }) => path.join(" ")));
    for (const { path, spec } of commands) expect(described(path.join(" ")).flags.length).toBe(Object.keys(spec.flags).length);
    expect(described("calls list")).toMatchObject({
      aliases: ["calls ls"],
      summary: "list calls, newest first",
      arguments: [{ name: "callback", required: false, repeats: false }],
      examples: expect.arrayContaining([
        { command: "whcb calls list demo --failed -o ids | whcb mark-success demo -", what: expect.any(String) },
      ]),
    });
    expect(described("completion").arguments).toMatchObject([
      { name: "shell", required: true, choices: ["bash", "zsh", "fish", "powershell"] },
    ]);
    expect(described("listen").flags).toContainEqual({
      name: "--seed",
      short: null,
      summary: "with --flaky: the same seed fails the same requests",
      value: "n",
      valueRequired: true,
      default: "1",
      choices: null,
      repeats: false,
      conflicts: [],
      needs: [{ name: "--flaky", value: null }],
    });
    expect(help.globalFlags.map(({ name }: { name: string }) => name)).toContain("--no-color");
    expect(help.exitCodes.map(({ code }: { code: number }) => code)).toEqual([0, 1, 2, 3, 4, 5, 8, 130]);
    expect(new Set(Object.values(EXIT_CODES))).toEqual(new Set([2, 3, 4, 5, 8, 130]));
  });

  test.each([
    [
      ["help", "calls", "--json"],
      ["calls list", "calls get", "calls follow"],
    ],
    [["help", "--json", "calls", "ls"], ["calls list"]],
  ])("%j describes only these", async (argv, described) => {
    const { commands } = JSON.parse((await runCli(newCliWorld(), argv)).stdout);
    expect(commands.map(({ command }: { command: string }) => command)).toEqual(described);
  });

  test("a group without its verb shows its help on stderr and exits 2", async () => {
    const { code, stdout, stderr } = await runCli(newCliWorld(), ["calls"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("whcb calls");
  });

  test.each([
    [["--version"]],
    [["-V"]],
    [["--no-color", "--version"]],
    [["-V", "status"]],
    [["calls", "list", "demo", "--version"]],
    [["version"]],
  ])("%j prints the version and nothing else", async (argv) => {
    expect(await runCli(newCliWorld(), argv)).toEqual({ code: 0, stdout: "1.2.3\n", stderr: "" });
  });
});
