import { expect, it } from "vitest";
import { clientAddress, isValidHost } from "../../../../src/server/auth/request-origin.js";

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
  expect(isValidHost(host)).toBe(isValid);
});

it.each([
  ["203.0.113.5", "203.0.113.5"],
  ["2001:db8::1", "2001:db8::1"],
  ["unknown", "127.0.0.1"],
  ["", "127.0.0.1"],
  ["203.0.113.5:4711", "127.0.0.1"],
  ["[2001:db8::1]", "127.0.0.1"],
  [`fe80::1%${"x".repeat(1000)}`, "127.0.0.1"],
])("a client that a trusted proxy calls %j has the address %j", (ip, address) => {
  expect(clientAddress({ ip, socket: { remoteAddress: "127.0.0.1" } })).toBe(address);
});
