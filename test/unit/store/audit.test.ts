import { expect, it } from "vitest";
import { filteredCalls } from "../../../src/store/audit.js";

it("keeps no long text of a filter, as a page of the audit has many entries", () => {
  expect(filteredCalls({ status: "FAILED", from: "9".repeat(257), text: "9".repeat(256) })).toEqual({
    filter: { status: "FAILED", from: "(257 characters)", q: "9".repeat(256) },
  });
});
