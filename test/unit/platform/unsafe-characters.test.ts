import { expect, test } from "vitest";
import { escapeJson } from "../../../src/platform/unsafe-characters.js";

test("JSON has no character that controls a terminal or hides text, and the same value", () => {
  const value = { "a\u202eb": "\u009b31m \u2066 \u{e0041} \u2028 \u001b \u200f é 日本 👍" };
  const json = escapeJson(JSON.stringify(value));
  expect(JSON.parse(json)).toEqual(value);
  expect(json.match(/[^\x20-\x7e]+/g)).toEqual(["é", "日本", "👍"]);
});

test("a long text is escaped in pieces, which never end within a character", () => {
  const start = "\u007f".repeat(65_535);
  expect(escapeJson(`${start}\u{e0041}\ud800`)).toBe(`${"\\u007f".repeat(65_535)}\\udb40\\udc41\ud800`);
});
