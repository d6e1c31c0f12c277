import { expect, test } from "vitest";
import { cutToWidth, fitToWidth, wrapToWidth } from "../../../../src/cli/output/text-width.js";

test("text is cut and filled by the columns that it takes", () => {
  expect([cutToWidth("abcdef", 4), fitToWidth("ab", 4), fitToWidth("日本語", 5)]).toEqual(["abc…", "ab  ", "日本…"]);
});

test("text wraps at words, and a longer word is broken", () => {
  expect(wrapToWidth("one two three", 8)).toEqual(["one two", "three"]);
  expect(wrapToWidth("  indented text", 10)).toEqual(["  indented", "text"]);
  expect(wrapToWidth("abcdefghij k", 4)).toEqual(["abcd", "efgh", "ij k"]);
  expect(wrapToWidth("日本語", 1)).toEqual(["日", "本", "語"]);
  expect(wrapToWidth("", 4)).toEqual([""]);
});
