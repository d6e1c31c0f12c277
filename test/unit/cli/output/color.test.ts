import { describe, expect, test } from "vitest";
import { wantsColor } from "../../../../src/cli/output/screen.js";
import { newCliWorld, runCli } from "../../../support/cli/run-cli.js";

const TERMINAL = { isTTY: true };

describe("colour", () => {
  test.each([
    ["a terminal", TERMINAL, {}, false, true],
    ["a pipe", {}, {}, false, false],
    ["--no-color", TERMINAL, { FORCE_COLOR: "1" }, true, false],
    ["NO_COLOR", TERMINAL, { NO_COLOR: "1", FORCE_COLOR: "1" }, false, false],
    ["an empty NO_COLOR", TERMINAL, { NO_COLOR: "" }, false, true],
    ["TERM=dumb", TERMINAL, { TERM: "dumb" }, false, false],
    ["FORCE_COLOR on a pipe", {}, { FORCE_COLOR: "1" }, false, true],
    ["FORCE_COLOR=0 on a terminal", TERMINAL, { FORCE_COLOR: "0" }, false, false],
  ] as const)("with %s", (_, stream, env, flag, wanted) => {
    expect(wantsColor(stream, env, flag)).toBe(wanted);
  });

  test("is used for the word error, and doesn't change the text", async () => {
    const argv = ["calls", "list", "demo"];
    const plain = await runCli(newCliWorld(), argv);
    const colored = await runCli(newCliWorld(), argv, { env: { FORCE_COLOR: "1" } });
    const esc = String.fromCharCode(27);
    expect(colored.stderr).toContain(`${esc}[31merror:${esc}[39m no service is set`);
    expect(colored.stderr.replaceAll(new RegExp(`${esc}\\[\\d+m`, "g"), "")).toBe(plain.stderr);
  });
});

describe("a bug in whcb", () => {
  test("exits 1 with a stack trace, or as JSON with a JSON output", async () => {
    const world = newCliWorld({ openClient: () => Promise.reject(new TypeError("x is not a function")) });
    const env = { WHCB_URL: "http://127.0.0.1:1", WHCB_USERNAME: "u", WHCB_PASSWORD: "p", WHCB_API_KEY: "k" };
    const text = await runCli(world, ["calls", "list", "demo"], { env });
    expect(text).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^error: unexpected: x is not a function\nTypeError: .*\n {4}at /),
    });
    const json = await runCli(world, ["calls", "list", "demo", "-o", "ndjson"], { env });
    expect([json.code, JSON.parse(json.stderr).error.code]).toEqual([1, "unexpected"]);
  });
});
