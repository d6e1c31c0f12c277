import { expect, it } from "vitest";
import { readDatabase } from "../../../../src/cli/settings/database-path.js";

it.each([
  "postgres://ada:secret@db/whcb",
  "postgres://ada:%73ecret@db/whcb",
  "POSTGRES://ada:secret@/whcb?host=/run/postgresql",
  "postgres://db/whcb?user=ada&password=secret",
  "postgres://db/whcb?pass%77ord=secret",
  "postgres://db/whcb?%50ASS\nWORD=secret",
])("a URL with a password isn't taken from a flag: %j", (url) => {
  expect(() => readDatabase(url, undefined)).toThrow("--db contains a password, which other users of this machine could read");
  expect(readDatabase(undefined, url)).toBe(url);
});

it.each(["postgres://ada@db/whcb", "postgres://db/whcb?sslmode=verify-full&options=-c%20search_path=a?password=b"])(
  "a URL without a password is taken from a flag: %s",
  (url) => {
    expect(readDatabase(url, undefined)).toBe(url);
  },
);
