import { expect, it } from "vitest";
import { hasValidHost } from "../../../../src/server/auth/request-origin.js";

it.each([
  ["api.example.com", true],
  ["api.example.com.", true],
  ["api.example.com:8080", true],
  ["[2001:db8::1]:80", true],
  ["", true],
  ["api.example.com:99999", false],
  ["a b", false],
  ["user@example.com", false],
  ["example.com/path", false],
  [`${"a".repeat(256)}`, false],
])("Host %j is valid: %j", (host, isValid) => {
  expect(hasValidHost({ host })).toBe(isValid);
});
