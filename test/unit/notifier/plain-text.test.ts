import { expect, test } from "vitest";
import { isPlainLine, quoteBlock, toLine, truncate } from "../../../src/notifier/plain-text.js";

test("a line has no line breaks, no control characters and nothing invisible", () => {
  expect(toLine(" a\r\nb\u2028c\u001b[2J\u202ed ", 100)).toBe("a b c\ufffd[2J\ufffdd");
  expect(["größe", "a b", ""].map(isPlainLine)).toEqual([true, true, true]);
  expect(["a\nb", "a\u2028b", "a\u202eb", "a\u0007"].map(isPlainLine)).toEqual([false, false, false, false]);
});

test("a long text is truncated, but never within a surrogate pair", () => {
  expect(truncate("12345", 5)).toBe("12345");
  expect(truncate("123456", 5)).toBe("12345...");
  expect(truncate("1234😀6", 5)).toBe("1234...");
});

test("a quoted block marks each of its lines, and says how long the text was", () => {
  expect(quoteBlock("\none\ttwo\nthree\u0000\n", 100)).toEqual(["  | one  two", "  | three\ufffd"]);
  expect(quoteBlock("one\ntwo", 4)).toEqual(["  | one", "  | ...", "  (truncated: 7 characters in total)"]);
});
