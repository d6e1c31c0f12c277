import { describe, expect, test } from "vitest";
import { parseBashLine, quoteForBash } from "../../../../../src/cli/commands/completion/bash-line.js";

/** bash has this by default. */
const BREAKS = " \t\n\"'@><=;|&(:";

describe("a line of bash", () => {
  test.each([
    ["whcb ", { words: [], current: "", kept: "", quote: "" }],
    ["whcb calls li", { words: ["calls"], current: "li", kept: "", quote: "" }],
    ["WHCB_URL=x  ./whcb status Re", { words: ["status"], current: "Re", kept: "", quote: "" }],
    ["whcb status Replies\\ C", { words: ["status"], current: "Replies C", kept: "", quote: "" }],
    ['whcb status "Replies C', { words: ["status"], current: "Replies C", kept: "", quote: '"' }],
    ["whcb status it\\'s 'a \\ b", { words: ["status", "it's"], current: "a \\ b", kept: "", quote: "'" }],
    ['whcb status "a \\" b" "" x', { words: ["status", 'a " b', ""], current: "x", kept: "", quote: "" }],
    ["whcb status a:b:c", { words: ["status"], current: "a:b:c", kept: "a:b:", quote: "" }],
    ["whcb status a\\:b", { words: ["status"], current: "a:b", kept: "", quote: "" }],
    ["whcb calls list --output=nd", { words: ["calls", "list"], current: "--output=nd", kept: "--output=", quote: "" }],
    ['whcb status a"b c', { words: ["status"], current: "ab c", kept: "a", quote: '"' }],
    ['whcb status "a b"c', { words: ["status"], current: "a bc", kept: "a b", quote: "" }],
  ])("%j", (line, parsed) => {
    expect(parseBashLine(line, BREAKS)).toEqual(parsed);
  });

  test("gets a candidate quoted as the typed word is", () => {
    const name = `it's "$HOME" 日本`;
    expect(quoteForBash(name, "")).toBe(`it\\'s\\ \\"\\$HOME\\"\\ 日本`);
    expect(quoteForBash(name, "'")).toBe(`it'\\''s "$HOME" 日本`);
    expect(quoteForBash(name, '"')).toBe(`it's \\"\\$HOME\\" 日本`);
    expect(quoteForBash("a !b", "")).toBe("a\\ \\!b");
    expect(quoteForBash("a !b", '"')).toBe(`a "'!'"b`);
  });

  test("closes a quote that readline would leave open", () => {
    expect(quoteForBash("a!", '"')).toBe(`a"'!'""`);
    expect(quoteForBash('"a"', '"')).toBe(`\\"a\\""`);
    expect(quoteForBash("'a'", "'")).toBe(`'\\''a'\\'''`);
  });
});
