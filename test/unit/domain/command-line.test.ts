import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import {
  callbackOperand,
  commandLine,
  quoteWord,
  repeatedLine,
  shellQuote,
  singleQuote,
  urlVariableOf,
} from "../../../src/domain/command-line.js";
import { IS_WINDOWS } from "../../support/system.js";

/** The flags keep a user's settings out. CI must have these shells; others are tested where they are installed. */
const SHELLS = { bash: ["--norc"], zsh: ["-f"], fish: ["--no-config"] };
const OTHER_SHELLS = { ksh: [], dash: [] };
const isInstalled = ([shell]: [string, unknown]) => !IS_WINDOWS && spawnSync(shell, ["-c", ""]).error === undefined;
const isRequired = ([shell]: [string, unknown]) => !IS_WINDOWS && process.env.CI !== undefined && shell in SHELLS;
const TESTED = Object.entries({ ...SHELLS, ...OTHER_SHELLS }).filter((each) => isRequired(each) || isInstalled(each));

describe("a word for a shell", () => {
  test.each(["demo", "--to=http://127.0.0.1:9000/hook", "5xx,none", "a@example.com", "20%", "C+1"])(
    "%s needs no quotes",
    (word) => expect(shellQuote(word)).toBe(word),
  );

  test.each([
    ["", "''"],
    ["two words", "'two words'"],
    ["it's", `'it'\\''s'`],
    ["$(rm)", "'$(rm)'"],
    ["~/x", "'~/x'"],
    ["a\nb", "$'a\\012b'"],
    ["a\u0080", "$'a\\U00000080'"],
    ["\u202ea", "$'\\U0000202ea'"],
    ["日本", "'日本'"],
    ["\\", "''\\\\''"],
    ["a\\'b", "'a'\\\\\\''b'"],
    ["=ls", "'=ls'"],
    ["%self", "'%self'"],
  ])("%j becomes %j", (word, quoted) => expect(shellQuote(word)).toBe(quoted));

  test("can be quoted although it needn't be", () => {
    expect(singleQuote("demo")).toBe("'demo'");
  });

  test.each(TESTED)("reaches the program unchanged from %s, whatever it contains", (shell, flags) => {
    const hostile = ["\\'; exit 9; #", "\\\\'; exit 9; #", "'\\'; exit 9; #", "\\", "a\\", "\\'", "\\'\\"];
    const words = [
      "",
      'it\'s $(id) `id` \\ "x"',
      "*?[a]{b,c}",
      "!!",
      "-n",
      "#x",
      "&;|<>",
      "(id)",
      "=ls",
      "%self",
      "~",
      ...hostile,
    ];
    const print = `process.stdout.write(JSON.stringify(process.argv.slice(1)))`;
    const line = [process.execPath, "-e", print, "--", ...words].map(shellQuote).join(" ");
    const { stdout, stderr } = spawnSync(shell, [...flags, "-c", line], { encoding: "utf8" });
    expect({ words: stdout === "" ? stderr : JSON.parse(stdout), line }).toEqual({ words, line });
  });

  test.each(TESTED)("runs nothing of an unshowable text in %s, which may not read it", (shell, flags) => {
    const words = ["a\n", "\\'; echo run; #\n", "'; echo run; #\n", "\n\\\\'; echo run; #", "\u202e\\\\\\'\n; echo run; #"];
    for (const word of words) {
      const line = `true ${quoteWord(word)}`;
      expect([line, spawnSync(shell, [...flags, "-c", line], { encoding: "utf8" }).stdout]).toEqual([line, ""]);
    }
  });

  test.skipIf(IS_WINDOWS)("with a line feed reaches the program from bash", () => {
    const { stdout } = spawnSync("bash", ["-c", `printf %s ${quoteWord("a\n\\'\u202e1")}`], { encoding: "utf8" });
    expect(stdout).toBe("a\n\\'\u202e1");
  });
});

describe("a command to type", () => {
  test("has its operands before its flags", () => {
    const line = commandLine({ command: "calls list", operands: ["Replies CRM"], flags: ["--limit", "2 0"] });
    expect(line).toBe("whcb calls list 'Replies CRM' --limit '2 0'");
  });

  test("has operands that would read as flags after --", () => {
    const line = commandLine({ command: "replay", operands: ["--to=http://evil/", "-"], flags: ["--failed"] });
    expect(line).toBe("whcb replay --failed -- --to=http://evil/ -");
    expect(commandLine({ command: "replay", operands: ["demo", "-"] })).toBe("whcb replay demo -");
  });

  test("is repeated with a flag that isn't taken for an operand", () => {
    expect(repeatedLine(["replay", "a b", "--failed"], "--yes")).toBe("whcb replay 'a b' --failed --yes");
    expect(repeatedLine(["replay", "--failed", "--", "-x"], "--yes")).toBe("whcb replay --failed --yes -- -x");
  });

  test("leaves the URL of --to to a variable if it holds a secret, masked or not", () => {
    const url = "http://h/?token=s3cret";
    expect(repeatedLine(["replay", "demo", "--to", url], "--yes")).toBe(
      'whcb replay demo --to "$WHCB_CALLBACK_URL_h_token_8c1e81b3" --yes',
    );
    expect(repeatedLine(["replay", `--to=${url}`, "demo"], "--yes")).toBe(
      'whcb replay --to="$WHCB_CALLBACK_URL_h_token_8c1e81b3" demo --yes',
    );
    const masked = commandLine({ command: "replay", flags: ["--to", "http://h/?token=****"] });
    expect(masked).toBe('whcb replay --to "$WHCB_CALLBACK_URL_h_token_8c1e81b3"');
    // What is set for the one isn't sent to for the other.
    const shown = [
      "https://h/?token=****",
      "http://h/?token=****",
      "http://h:8080/a?token=****",
      "http://h/a?token=****",
      "http://h/A?token=****",
      "http://h/b?token=****",
      "http://crm-test.h/hook?token=****",
      "http://crm.test/h/hook?token=****",
      "http://crm-test/h/hook?token=****",
      "http://crm_test/h/hook?token=****",
      "http://crm/test.h/hook?token=****",
      "http://crm/test//h/hook?token=****",
      "http://crm/test/h/hook?token=****&",
      "http://****@crm/test/h/hook?token=1",
    ];
    const variables = shown.map((to) => urlVariableOf(repeatedLine([], `--to=${to}`)));
    expect(variables[2]).toBe("WHCB_CALLBACK_URL_h_8080_a_token_506eba26");
    expect(new Set(variables).size).toBe(shown.length);
    expect(new Set(shown.map((to) => urlVariableOf(repeatedLine([], "--to", to.replace("****", "x")))))).toEqual(
      new Set(variables),
    );
    // Another flag's URL is another one.
    expect(commandLine({ command: "status", flags: ["--service", "http://h/0123456789abcdefghij"] })).toBe(
      "whcb status --service http://h/0123456789abcdefghij",
    );
    expect(commandLine({ command: "replay", flags: ["--to", "http://h/hook"] })).toBe("whcb replay --to http://h/hook");
  });

  test.each(["demo", "Replies CRM", "Größe 2", "日本", "a/b (c)"])("names the callback %s by its name", (name) => {
    expect(callbackOperand({ id: "ID", name })).toBe(name);
  });

  test.each([
    "",
    "-",
    "--yes",
    "--to=http://evil/",
    "a\nb",
    "a\u202eb",
    "$(id)",
    "it's",
    " a",
    "00112233445566AA",
    "f".repeat(32),
  ])("names the callback %j by its id", (name) => expect(callbackOperand({ id: "ID", name })).toBe("ID"));
});
