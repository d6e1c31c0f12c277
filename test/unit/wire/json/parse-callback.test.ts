import { describe, expect, it } from "vitest";
import { parseCallback } from "../../../../src/wire/json/parse-callback.js";

const body = {
  name: "demo",
  url: "https://example.com/hook",
  auth: { type: "querystring", key: "k" },
  contentType: "json",
  removeHTML: "disabled",
  retriesEnabled: "true",
  email: "ops@example.com",
  callbacks: { reply: "enabled", undeliverable: "disabled" },
};

function problemsOf(value: unknown): string {
  try {
    parseCallback(value, null);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe("parseCallback", () => {
  it("reads the older spelling of queryparam, and booleans as text", () => {
    expect(parseCallback(body, null)).toEqual({
      name: "demo",
      url: "https://example.com/hook",
      auth: { type: "queryparam", key: "k" },
      contentType: "json",
      removeHtml: false,
      retriesEnabled: true,
      email: "ops@example.com",
      events: { reply: true, undeliverable: false },
    });
  });

  it("has retries off where nothing is said of them", () => {
    const { retriesEnabled: _, ...rest } = body;
    expect(parseCallback(rest, null).retriesEnabled).toBe(false);
  });

  it("keeps the stored key where an update says none", () => {
    expect(parseCallback({ ...body, auth: { type: "httpheader" } }, "stored").auth).toEqual({
      type: "httpheader",
      key: "stored",
    });
  });

  it("names every field that is missing", () => {
    expect(problemsOf({})).toBe(
      "name is missing; url is missing; auth is missing; contentType is missing; removeHTML is missing; email is missing; callbacks is missing",
    );
  });

  it.each([
    ["name", { name: "x".repeat(51) }, "name is longer than 50 characters"],
    ["name", { name: ".." }, "name can't be . or .."],
    ["name", { name: 5 }, "name must be a string"],
    ["url", { url: "ftp://example.com" }, "url must be an http or https URL"],
    ["url", { url: "https://me:secret@example.com" }, "url must not hold a user or password: use auth"],
    ["auth", { auth: { type: "digest", key: "k" } }, "auth.type must be queryparam, httpheader, basicauth or bearertoken"],
    ["auth.key", { auth: { type: "httpheader" } }, "auth.key is missing"],
    ["auth.key", { auth: { type: "httpheader", key: "a\r\nb" } }, "auth.key must be printable ASCII to be sent as a header"],
    ["auth.key", { auth: { type: "queryparam", key: "x".repeat(129) } }, "auth.key is longer than 128 characters"],
    ["email", { email: "nobody" }, "email must be one e-mail address"],
    ["retriesEnabled", { retriesEnabled: "maybe" }, "retriesEnabled must be true or false"],
    [
      "callbacks",
      { callbacks: { reply: "on" } },
      "callbacks.undeliverable is missing; callbacks.reply must be enabled or disabled",
    ],
  ])("says what is wrong with %s", (_, change, problem) => {
    expect(problemsOf({ ...body, ...change })).toBe(problem);
  });
});
