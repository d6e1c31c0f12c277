/** A script's unset variable, without quotes, leaves out the callback: with --yes that must not mean every callback. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CliMachine } from "../support/cli/cli-service.js";

let machine: CliMachine;

beforeEach(() => {
  machine = new CliMachine();
});

afterEach(() => machine.leave());

/** Each callback has two failed calls, and two that are SUCCESS. */
async function callbacks(...names: readonly string[]): Promise<void> {
  await machine.serve();
  const broken = await machine.listen(["--status", "503"]);
  for (const name of names) {
    await machine.rehearse(name, broken.url, 4);
    await machine.works(["mark-success", name, ...(await machine.ids(name, "--failed")).slice(2), "--yes"]);
  }
}

const statesOf = async (name: string) =>
  [(await machine.ids(name, "--failed")).length, (await machine.ids(name, "--success")).length] as const;

describe("a bulk write with a filter and --yes, without a callback,", () => {
  const WRITES = [
    ["mark-success", "--failed"],
    ["mark-failed", "--success"],
    ["replay", "--failed"],
    ["replay", "--failed", "--via", "service"],
  ] as const;

  it("is rejected and names the callbacks, also if the calls of only one of them match", async () => {
    await callbacks("demo", "other");
    for (const write of WRITES) {
      const { code, stdout, stderr } = await machine.whcb([...write, "--yes"]);
      expect({ code, stdout, stderr }).toEqual({
        code: 2,
        stdout: "",
        stderr: "error: no callback is named, and there are 2: demo, other\nhint: name one, or add --all-callbacks\n",
      });
    }
    expect(await machine.works(["mark-success", "demo", "--failed", "--yes"])).toMatch(/^2 calls marked SUCCESS/);
    expect(await machine.whcb(["mark-success", "--failed", "--yes"])).toMatchObject({ code: 2, stdout: "" });
    expect(await statesOf("other")).toEqual([2, 2]);
  });

  it("names at most five", async () => {
    await callbacks("a", "b", "c", "d", "e", "f");
    expect(await machine.whcb(["mark-success", "--failed", "--yes"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("there are 6: a, b, c, d, e, …\n"),
    });
  });

  it("takes all with --all-callbacks, whatever the profile's default is", async () => {
    await callbacks("demo", "other");
    await machine.works(["config", "set", "callback", "demo"]);
    expect(await machine.works(["mark-success", "--failed", "--yes", "--all-callbacks"])).toMatch(/^4 calls marked SUCCESS/);
    expect([await statesOf("demo"), await statesOf("other")]).toEqual([
      [0, 4],
      [0, 4],
    ]);
  });

  it("takes the profile's default callback", async () => {
    await callbacks("demo", "other");
    await machine.works(["config", "set", "callback", "demo"]);
    expect(await machine.works(["mark-success", "--failed", "--yes"])).toMatch(/^2 calls marked SUCCESS/);
    expect(await statesOf("other")).toEqual([2, 2]);
  });

  it("takes the only one", async () => {
    await callbacks("demo");
    expect(await machine.works(["mark-success", "--failed", "--yes"])).toMatch(/^2 calls marked SUCCESS/);
  });

  it("needs no --all-callbacks where it asks, or does nothing; what it says to type has it", async () => {
    await callbacks("demo", "other");
    const times = /^2 failed calls of other -> SUCCESS, last attempts from \S+ \S+Z to \S+ \S+Z \(503: 2\)$/m;
    expect(await machine.works(["mark-success", "--failed", "--dry-run", "--utc"])).toMatch(times);
    const { code, stderr } = await machine.whcb(["mark-success", "--failed"]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/type: whcb mark-success --failed --all-callbacks --until \S+ --profile local --yes\n$/),
    });
    const asked = await machine.whcb(["mark-success", "--failed"], { canAsk: true, stdin: "y\n" });
    expect(asked.stderr).toMatch(/^2 failed calls of other -> SUCCESS, last attempts from .* to .*\s+\(503: 2\)$/m);
    expect(asked).toMatchObject({ code: 0, stdout: expect.stringMatching(/^4 calls marked SUCCESS/) });
  });
});

it("--all-callbacks would be ignored beside a callback or ids, and isn't a filter", async () => {
  await machine.serve();
  const errors = [
    [["mark-success", "demo", "--failed"], "a callback or typed call ids and --all-callbacks can't be combined"],
    [["replay", "0A".repeat(16)], "a callback or typed call ids and --all-callbacks can't be combined"],
    [["mark-failed"], "no calls were selected"],
  ] as const;
  for (const [argv, message] of errors)
    expect(await machine.whcb([...argv, "--all-callbacks", "--yes"])).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining(`error: ${message}\n`),
    });
  for (const flags of [
    ["replay", "--resume"],
    ["mark-failed", "--undo", "20261126-010203-0427F3A"],
  ])
    expect(await machine.whcb([...flags, "--all-callbacks", "--yes"])).toMatchObject({ code: 2, stdout: "" });
});
