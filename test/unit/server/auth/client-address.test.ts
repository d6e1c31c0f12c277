import { Socket } from "node:net";
import { expect, it } from "vitest";
import { hasValidHost, isDirectlyFromHere, isProxyInFront } from "../../../../src/server/auth/client-address.js";

function aSocket(remoteAddress: string): Socket {
  return Object.defineProperty(new Socket(), "remoteAddress", { value: remoteAddress });
}

it.each([
  ["127.0.0.1", { host: "localhost:8080" }, true],
  ["::1", { host: "[::1]" }, true],
  ["::ffff:127.0.0.1", {}, true],
  ["192.0.2.1", { host: "localhost" }, false],
  ["127.0.0.1", { host: "localhost", "x-forwarded-for": "192.0.2.1" }, false],
  ["127.0.0.1", { host: "evil.example.com" }, false],
  ["127.0.0.1", { host: "localhost.example.com" }, false],
])("a request from %s with %j is direct and local: %j", (address, headers, isLocal) => {
  expect(isDirectlyFromHere({ socket: aSocket(address), headers })).toBe(isLocal);
});

it.each([
  ["api.example.com", true],
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

it("trusts only the proxy in front", () => {
  expect([isProxyInFront("192.0.2.1", 0), isProxyInFront("192.0.2.2", 1)]).toEqual([true, false]);
});
