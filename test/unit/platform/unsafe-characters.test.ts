import { expect, test } from "vitest";
import { escapeJson } from "../../../src/platform/unsafe-characters.js";

test("JSON has no character that controls a terminal or hides text, and the same value", () => {
  const value = { "a\u202eb": "\u009b31m \u2066 \u{e0041} \u2028 \u001b \u200f é 日本 👍" };
  const json = escapeJson(JSON.stringify(value));
  expect(JSON.parse(json)).toEqual(value);
  expect(json.match(/[^\x20-\x7e]+/g)).toEqual(["é", "日本", "👍"]);
});
