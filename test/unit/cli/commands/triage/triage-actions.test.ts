import { describe, expect, it } from "vitest";
import { possibleActions } from "../../../../../src/cli/commands/triage/triage-actions.js";
import { argvOf, commandLine } from "../../../../../src/domain/command-line.js";
import { aListedCallback } from "../../../../support/cli/listed.js";

const callback = aListedCallback();
const filter = { statusCodes: [{ code: 503 }] } as const;

function commands(...args: Parameters<typeof possibleActions>): Record<string, string> {
  return Object.fromEntries(possibleActions(...args).map(({ key, command }) => [key, commandLine(command)]));
}

describe("the actions", () => {
  it("on a group are for all its calls, or the oldest", () => {
    expect(commands({ callback, calls: { filter }, current: null }, null, [])).toEqual({
      r: "whcb replay demo --failed --status-code 503 --limit 1",
      t: "whcb replay demo --failed --status-code 503 --limit 10",
      a: "whcb replay demo --failed --status-code 503",
      m: "whcb mark-success demo --failed --status-code 503",
      c: "whcb replay demo --failed --status-code 503 --limit 1 --dry-run --print-curl",
      s: "whcb calls list demo --failed --status-code 503 -o ids",
    });
  });

  it("on a list mark and replay one call: the one under the cursor", () => {
    expect(commands({ callback, calls: { filter }, current: "A1" }, null, ["--profile", "p"])).toMatchObject({
      r: "whcb replay demo A1 --profile p",
      a: "whcb replay demo --failed --status-code 503 --profile p",
      m: "whcb mark-success demo A1 --profile p",
      c: "whcb replay demo A1 --dry-run --print-curl --profile p",
    });
  });

  it("on selected calls name them, and no filter that takes more", () => {
    expect(commands({ callback, calls: { ids: ["A1", "A2"] }, current: "A9" }, null, [])).toEqual({
      r: "whcb replay demo A9",
      t: "whcb replay demo A1 A2 --limit 10",
      a: "whcb replay demo A1 A2",
      m: "whcb mark-success demo A1 A2",
      c: "whcb replay demo A9 --dry-run --print-curl",
    });
  });

  it("on one call don't offer ten", () => {
    expect(Object.keys(commands({ callback, calls: { ids: ["A1"] }, current: "A1" }, null, []))).toEqual(["r", "m", "c"]);
  });

  it("have undo once something was marked, also where nothing else is possible", () => {
    expect(commands(null, "20261126-010203-7F3A", [])).toEqual({ u: "whcb undo 20261126-010203-7F3A" });
  });

  it("run the very words that they show", () => {
    const spaced = aListedCallback({ name: "Replies CRM" });
    const [one] = possibleActions({ callback: spaced, calls: { filter: { reason: "Try later" } }, current: null }, null, []);
    if (one === undefined) throw new Error("no action");
    expect(argvOf(one.command)).toEqual(["replay", "Replies CRM", "--failed", "--reason", "Try later", "--limit", "1"]);
    expect(commandLine(one.command)).toBe("whcb replay 'Replies CRM' --failed --reason 'Try later' --limit 1");
    const flagLike = possibleActions({ callback, calls: { ids: ["--failed"] }, current: "--failed" }, null, []);
    expect(flagLike.map(({ command }) => argvOf(command))).toContainEqual(["mark-success", "--", "demo", "--failed"]);
  });
});
