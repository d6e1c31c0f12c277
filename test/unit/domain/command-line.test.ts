import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { callbackOperand, commandLine, repeatedLine, shellQuote, singleQuote } from "../../../src/domain/command-line.js";

describe("a word for a POSIX shell", () => {
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
    ["\u202ea", "$'\\U0000202ea'"],
    ["日本", "'日本'"],
  ])("%j becomes %j", (word, quoted) => expect(shellQuote(word)).toBe(quoted));

  test("can be quoted although it needn't be", () => {
    expect(singleQuote("demo")).toBe("'demo'");
  });

  test("reaches the program unchanged, whatever it contains", () => {
    const words = ["", 'it\'s $(id) `id` \\ "x"', "*?[a]{b,c}", "!!", "a\nb", "-n", "#x", "&;|<>"];
    const script = `for word in ${words.map(shellQuote).join(" ")}; do printf '%s\\0' "$word"; done`;
    const { stdout } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
    expect(stdout.split("\0").slice(0, -1)).toEqual(words);
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
    expect(repeatedLine(["replay", "demo", "--to", url], "--yes")).toBe('whcb replay demo --to "$WHCB_CALLBACK_URL" --yes');
    expect(repeatedLine(["replay", `--to=${url}`, "demo"], "--yes")).toBe('whcb replay --to="$WHCB_CALLBACK_URL" demo --yes');
    const masked = commandLine({ command: "replay", flags: ["--to", "http://h/?token=****"] });
    expect(masked).toBe('whcb replay --to "$WHCB_CALLBACK_URL"');
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
