import { expect, test } from "vitest";
import { bodyRows } from "../../../../src/cli/full-screen/frame.js";

test("the body has the rows that header and footer leave, and never less than none", () => {
  expect(bodyRows(20, ["a", "b"], ["c"])).toBe(17);
  expect(bodyRows(2, ["a", "b"], ["c"])).toBe(0);
});
