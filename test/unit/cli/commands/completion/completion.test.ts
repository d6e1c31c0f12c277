/**
 * Covers: src/cli/commands/completion/command.ts, src/cli/commands/completion/run.ts
 */
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { newCliWorld, runCli } from "../../../../support/cli/run-cli.js";

async function script(shell: string): Promise<string> {
  const { code, stdout, stderr } = await runCli(newCliWorld(), ["completion", shell]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

/** What bash offers for the last of these words. */
function complete(source: string, words: readonly string[]): readonly string[] {
  const line = words.map((word) => JSON.stringify(word)).join(" ");
  const probe = `${source}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _whcb; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync("bash", ["--norc", "-c", probe], { encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout.split("\n").filter((word) => word !== "");
}

describe("completion", () => {
  test("in bash offers commands, verbs, flags and choices", async () => {
    const source = await script("bash");
    expect(complete(source, ["whcb", "ca"])).toEqual(["calls", "callbacks"]);
    expect(complete(source, ["whcb", "calls", ""])).toContain("list");
    expect(complete(source, ["whcb", "calls", "list", "demo", "--sta"])).toEqual(["--status-code"]);
    expect(complete(source, ["whcb", "calls", "list", "demo", "--output", "nd"])).toEqual(["ndjson"]);
    expect(complete(source, ["whcb", "callbacks", "update", "demo", "--retries", ""])).toEqual(["on", "off"]);
    expect(complete(source, ["whcb", "completion", "p"])).toEqual(["powershell"]);
    expect(complete(source, ["whcb", "replay", "--pr"])).toEqual(["--print-curl", "--profile"]);
  });

  test.each(["zsh", "fish", "powershell"])("in %s names every command and its flags", async (shell) => {
    const source = await script(shell);
    for (const word of ["calls", "callbacks", "mark-success", "status-code", "retry-window", "print-curl"])
      expect(source).toContain(word);
  });

  test.each(["zsh", "fish"])("in %s is a script that the shell can read, where it is installed", async (shell) => {
    const { status, error, stderr } = spawnSync(shell, ["-n"], { input: await script(shell), encoding: "utf8" });
    if (error === undefined) expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test("for another shell says which there are", async () => {
    expect(await runCli(newCliWorld(), ["completion", "bsh"])).toEqual({
      code: 2,
      stdout: "",
      stderr: 'error: no completion for "bsh"\nhint: did you mean bash? there are: bash, zsh, fish, powershell\n',
    });
  });
});
