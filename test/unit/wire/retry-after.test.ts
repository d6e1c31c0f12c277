import { expect, test } from "vitest";
import { parseRetryAfter } from "../../../src/wire/retry-after.js";

const NOW = Date.UTC(2026, 10, 24, 12, 0, 0);

test.each([
  ["0", 0],
  ["120", 120_000],
  [" 7 ", 7_000],
  ["Tue, 24 Nov 2026 12:00:30 GMT", 30_000],
  ["Tuesday, 24-Nov-26 12:00:30 GMT", 30_000],
  ["Tue Nov 24 12:00:30 2026 GMT", 30_000],
  ["Tue, 24 Nov 2026 11:00:00 GMT", 0],
  ["-1", null],
  ["1.5", null],
  ["2026", 2_026_000],
  ["99999999999999", null],
  ["soon", null],
  ["", null],
])("Retry-After: %j is a wait of %j ms", (value, ms) => {
  expect(parseRetryAfter(value, NOW)).toBe(ms);
});
