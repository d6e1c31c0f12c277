import { describe, expect, test } from "vitest";
import { isLoopbackHost, isLoopbackUrl } from "../../../src/platform/loopback.js";

describe("a loopback host", () => {
  test.each([
    "localhost",
    "LOCALHOST",
    "127.0.0.1",
    "127.255.255.254",
    "::1",
    "[::1]",
    "::ffff:127.0.0.1",
    "[::FFFF:127.1.2.3]",
    "[::ffff:7f01:203]",
  ])("includes %s", (host) => expect(isLoopbackHost(host)).toBe(true));

  test.each([
    "localhost.example.com",
    "my-localhost",
    "127.0.0.1.example.com",
    "127.example.com",
    "127.1",
    "128.0.0.1",
    "10.0.0.1",
    "0.0.0.0",
    "::",
    "::2",
    "",
  ])("doesn't include %j", (host) => expect(isLoopbackHost(host)).toBe(false));

  test.each([
    ["http://localhost:8787/callbacks", true],
    ["https://[::1]:8443/", true],
    ["http://127.1:8787", true],
    ["http://[::ffff:127.0.0.1]:8787", true],
    ["http://[::ffff:128.0.0.1]:8787", false],
    ["http://localhost.example.com", false],
    ["http://localhost@example.com", false],
    ["https://api.au.whispir.com/?host=localhost", false],
    ["localhost", false],
    ["not a URL", false],
  ])("in the URL %s: %s", (url, expected) => expect(isLoopbackUrl(url)).toBe(expected));
});
