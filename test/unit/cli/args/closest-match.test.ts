import { describe, expect, test } from "vitest";
import { closestMatch, requireOneOf } from "../../../../src/cli/args/closest-match.js";

describe("did you mean", () => {
  test.each([
    ["demmo", "demo"],
    ["dmeo", "demo"],
    ["DEMO", "demo"],
    ["crn", "crm"],
    ["something else", null],
    ["x", null],
  ])("%s: %s", (word, meant) => expect(closestMatch(word, ["demo", "crm", "billing"])).toBe(meant));
});

test("a word that is none of the candidates is an error with the closest one, and the list, as its hint", () => {
  expect(requireOneOf("DEMO", ["demo", "crm"], "no")).toBe("demo");
  expect(() => requireOneOf("dem", ["demo", "crm"], 'no setting "dem"')).toThrow(
    expect.objectContaining({ code: "usage", message: 'no setting "dem"', hint: "did you mean demo? there are: demo, crm" }),
  );
  expect(() => requireOneOf("xyz", ["demo", "crm"], "no")).toThrow(expect.objectContaining({ hint: "there are: demo, crm" }));
});
