import { describe, expect, it } from "vitest";
import { ID_PREFIX, idFinder, idKey, isCompletionOf, isGeneratedId, isIdPrefix, isOneId } from "../../../src/domain/call.js";

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
    `x${DASHED}`,
    `${DASHED}x`,
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
  expect(isCompletionOf(DIGITS, DIGITS.slice(-6))).toBe(false);
  expect([isCompletionOf(DIGITS.toLowerCase(), "550E84"), isCompletionOf("550e85order", "550e85")]).toEqual([true, false]);
});

it("6 to 31 hex digits may be the beginning of one", () => {
  expect(["550e84", DIGITS.slice(0, 16), DIGITS.slice(1)].every(isIdPrefix)).toBe(true);
  expect(["550e8", DIGITS, "550e84-", "-550e84", "order1"].some(isIdPrefix)).toBe(false);
  expect(ID_PREFIX).toBe("6 to 31 hex digits");
});

it("what is meant by an id is that very one, or else the only one that is equal", () => {
  const other = DASHED.replace("550e", "660e");
  const find = idFinder([DASHED, DIGITS, other, "order-17"]);
  expect([DASHED, DIGITS, "order-17"].map(find)).toEqual([DASHED, DIGITS, "order-17"]);
  expect(find(other.toUpperCase())).toBe(other);
  // Two ids are equal to it.
  expect(find(DIGITS.toLowerCase())).toBeNull();
  expect([find("order-18"), find("ORDER-17")]).toEqual([null, null]);
});

it("one id has no comma, space or invisible character, and 128 characters at most", () => {
  expect(["order-17", "x".repeat(128), "ä"].every(isOneId)).toBe(true);
  for (const text of ["a,b", "a b", "a\n", "a\u0000", "a\u200b", "a\ufffd", ".", "..", "x".repeat(129)])
    expect(isOneId(text)).toBe(false);
});
