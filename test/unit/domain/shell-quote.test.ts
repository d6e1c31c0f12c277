import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { shellQuote, singleQuote } from "../../../src/domain/shell-quote.js";

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
    ["a\nb", "'a\nb'"],
    ["日本", "'日本'"],
  ])("%j becomes %j", (word, quoted) => expect(shellQuote(word)).toBe(quoted));

  test("can be quoted although it needn't be", () => {
    expect(singleQuote("demo")).toBe("'demo'");
  });

  test("reaches the program unchanged, whatever it contains", () => {
    const words = ["", 'it\'s $(id) `id` \\ "x"', "*?[a]{b,c}", "!!", "a\nb", "-n", "#x", "&;|<>"];
    const script = `for word in ${words.map(shellQuote).join(" ")}; do printf '%s\\0' "$word"; done`;
    const { stdout } = spawnSync("sh", ["-c", script], { encoding: "utf8" });
    expect(stdout.split("\0").slice(0, -1)).toEqual(words);
  });
});
