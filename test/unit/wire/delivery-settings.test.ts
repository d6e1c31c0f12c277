import { expect, it } from "vitest";
import { BODY_NAMES, parseBodyNames } from "../../../src/wire/delivery-settings.js";

it("a set of names is one of three, in its case", () => {
  expect(BODY_NAMES.map(parseBodyNames)).toEqual(BODY_NAMES);
  for (const text of ["", "MESSAGEID-LOCATION", "messageId-messageLocation", "toString"]) {
    expect(() => parseBodyNames(text)).toThrow(
      "must be one of messageid-messagelocation, messageid-location, messageId-location",
    );
  }
});
