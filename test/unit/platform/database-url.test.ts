import { expect, it } from "vitest";
import { isPostgresUrl } from "../../../src/platform/database-url.js";

it.each([
  ["postgres://db/whcb", true],
  ["PostgreSQL://user@db:5432/whcb?sslmode=require", true],
  ["postgres.db", false],
  ["./postgres://db", false],
  ["file:postgres://db", false],
  [":memory:", false],
])("%s is a URL of PostgreSQL: %s", (database, isUrl) => {
  expect(isPostgresUrl(database)).toBe(isUrl);
});
