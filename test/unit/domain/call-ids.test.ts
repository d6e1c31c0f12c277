import { describe, expect, it } from "vitest";
import { idKey, isCompletionOf, isGeneratedId, isIdPrefix } from "../../../src/domain/call.js";

const DASHED = "550e8400-e29b-41d4-a716-446655440000";
const DIGITS = "550E8400E29B41D4A716446655440000";

describe("the key of an id", () => {
  it.each([DASHED, DASHED.toUpperCase(), DIGITS, DIGITS.toLowerCase(), "550e8400-E29B-41d4-A716-446655440000"])(
    "of the UUID %s is its digits in upper case",
    (id) => expect(idKey(id)).toBe(DIGITS),
  );

  it.each([
    "order-17",
    "nOt2aB",
    "6c932b7d8295bdaf",
    "",
    ` ${DIGITS.slice(1)}`,
    DIGITS.slice(1),
    `${DIGITS}0`,
    // Dashes are elsewhere, or some are missing.
    "550e8400e29b-41d4-a716-446655440000",
    "550e8400-e29b41d4a716446655440000",
    "550e-8400-e29b-41d4-a716446655440000",
    "550e840--e29b-41d4-a716-446655440000",
    `{${DIGITS.slice(2)}}`,
    // Upper case is FF, or I.
    `ﬀ${DIGITS.slice(1)}`,
    `${DIGITS}\n`.slice(1),
  ])("of %j is that id", (id) => expect(idKey(id)).toBe(id));
});

it("only 32 digits, or 16 on the platform, are generated, and can be completed", () => {
  expect([DIGITS, DIGITS.toLowerCase(), DIGITS.slice(16)].every(isGeneratedId)).toBe(true);
  expect([DASHED, DIGITS.slice(1), DIGITS.slice(15), "order-17", ""].some(isGeneratedId)).toBe(false);
  expect(isCompletionOf(DIGITS, "550e84")).toBe(true);
  expect(isCompletionOf("1000017", "100001")).toBe(false);
  expect(isCompletionOf(DIGITS, "550e85")).toBe(false);
});

it("6 to 31 hex digits may be the beginning of one", () => {
  expect(["550e84", DIGITS.slice(0, 16), DIGITS.slice(1)].every(isIdPrefix)).toBe(true);
  expect(["550e8", DIGITS, "550e84-", "order1"].some(isIdPrefix)).toBe(false);
});
