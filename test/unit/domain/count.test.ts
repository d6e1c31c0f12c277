import { expect, test } from "vitest";
import { count } from "../../../src/domain/count.js";

test.each([
  [0, "0 calls"],
  [1, "1 call"],
  [2, "2 calls"],
  [1_000, "1000 calls"],
])("%i is counted as %s", (number, text) => {
  expect(count(number, "call")).toBe(text);
});
