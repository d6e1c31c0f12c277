import { describe, expect, test } from "vitest";
import { joinText, layoutText, safeJson, sanitize, text, wholeText } from "../../../../src/cli/output/screen-text.js";

describe("text from a service", () => {
  test.each([
    ["\u001b[2J\u001b]0;owned\u0007", "␛[2J␛]0;owned␇"],
    ["one\r\ntwo\tthree", "one␍␊two␉three"],
    ["\u009b31mred", "<U+009B>31mred"],
    ["abc\u202egnp.exe", "abc<U+202E>gnp.exe"],
    ["a\u2066b\u2069c\u200fd\u061ce", "a<U+2066>b<U+2069>c<U+200F>d<U+061C>e"],
    ["zero\u200bwidth\ufeff", "zero<U+200B>width<U+FEFF>"],
    ["line\u2028break", "line<U+2028>break"],
    ["half \ud83d pair", "half <U+D83D> pair"],
    ["tag\u{e0041}", "tag<U+E0041>"],
    ["a\u0301\u0301\u0301\u0301\u0301\u0301\u0301", "a\u0301\u0301\u0301\u0301"],
  ])("%j becomes one sanitized line", (hostile, harmless) => {
    expect(sanitize(hostile)).toBe(harmless);
  });

  test.each(["日本語 テスト", "Zoë Müller", "👨‍👩‍👧 family", "❤️ heart", "مرحبا", "नमस्ते", "ไม้"])(
    "%s is left unchanged",
    (text) => {
      expect(sanitize(text)).toBe(text);
    },
  );

  test("is cut to 2 000 characters", () => {
    expect(sanitize("x".repeat(1_000_000))).toBe(`${"x".repeat(2_000)}…`);
  });

  test("in JSON is escaped without changing its meaning", () => {
    const value = { text: "\u009b31m \u202e \u{e0041} \ud83d \u2028 \u001b" };
    const json = String(safeJson(value));
    expect(JSON.parse(json)).toEqual(value);
    expect(json).toMatch(/^[\x20-\x7e]*$/);
  });
});

describe("text for the screen", () => {
  const hostile = "a\n\u001b[2J\u202e\u001b[32m";
  const escaped = "a␊␛[2J<U+202E>␛[32m";

  test("escapes every value, and keeps its own lines", () => {
    expect(String(text`${hostile}\n\t${1}`)).toBe(`${escaped}\n\t1`);
    expect(String(joinText([hostile, "b"], "\n"))).toBe(`${escaped}\nb`);
    expect(String(wholeText(hostile.repeat(1_000)))).toBe(escaped.repeat(1_000));
  });

  test("is put into other text as it is", () => {
    const line = text`${"a\n"}\n`;
    expect(String(text`${line}${joinText([line, line])}`)).toBe("a␊\n".repeat(3));
  });

  test("made as a layout keeps line breaks, tabs and the palette's colours only", () => {
    expect(String(layoutText("a\tb\n\u001b[32mc\u001b[39m\u001b[2J\u001b[5m\r"))).toBe("a\tb\n\u001b[32mc\u001b[39m␛[2J␛[5m␍");
  });
});
