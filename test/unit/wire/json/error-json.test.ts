import { expect, it } from "vitest";
import { readError } from "../../../../src/wire/json/error-json.js";

it("reads any error body, with the missing texts empty", () => {
  expect([readError("oops"), readError({ errorSummary: "s", errorText: "t", errorDetail: "d" })]).toEqual([
    { errorSummary: "", errorText: "", errorDetail: "" },
    { errorSummary: "s", errorText: "t", errorDetail: "d" },
  ]);
});
