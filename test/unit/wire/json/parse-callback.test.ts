import { describe, expect, it } from "vitest";
import { WhcbError } from "../../../../src/domain/errors.js";
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
  it("reads the older spelling of queryparam, and booleans written as text", () => {
    expect(parseCallback(body, null)).toEqual({
      name: "demo",
      url: "https://example.com/hook",
      auth: { type: "queryparam", key: "k" },
      contentType: "json",
      removeHtml: false,
      signing: "disabled",
      retriesEnabled: true,
      email: "ops@example.com",
      events: { reply: true, undeliverable: false },
    });
  });

  it("says what is wrong by field, so that a form can show it there", () => {
    const wrong = { ...body, name: "", email: "nobody", auth: { type: "httpheader", key: "ü" } };
    const fieldsOf = (value: unknown) => {
      try {
        return parseCallback(value, null);
      } catch (error) {
        return error instanceof WhcbError ? [...error.fields] : error;
      }
    };
    expect(fieldsOf(wrong)).toEqual([
      ["name", "must not be empty"],
      ["auth.key", "must be printable ASCII, because it is sent in a header"],
      ["email", "must be one e-mail address"],
    ]);
    expect(fieldsOf({ ...body, auth: { type: "none" } })).toEqual([
      ["auth.type", "must be queryparam, httpheader, basicauth or bearertoken"],
    ]);
  });

  it("has retries off by default", () => {
    const { retriesEnabled: _, ...rest } = body;
    expect(parseCallback(rest, null).retriesEnabled).toBe(false);
  });

  it("keeps what an update leaves out", () => {
    const stored = parseCallback(body, null);
    expect(parseCallback({ auth: { type: "httpheader" }, callbacks: { reply: "disabled" } }, stored)).toEqual({
      ...stored,
      auth: { type: "httpheader", key: "k" },
      events: { reply: false, undeliverable: false },
    });
  });

  it("accepts a callback without a key, which sends no credential", () => {
    expect([
      parseCallback({ ...body, auth: { type: "httpheader" } }, null).auth,
      parseCallback({ auth: { key: "" } }, parseCallback(body, null)).auth,
    ]).toEqual([
      { type: "httpheader", key: "" },
      { type: "queryparam", key: "" },
    ]);
  });

  it("names every missing field", () => {
    expect(problemsOf({})).toBe(
      "name is required; url is required; auth is required; contentType is required; email is required",
    );
  });

  it.each([
    ["name", { name: "x".repeat(51) }, "name must be at most 50 characters"],
    ["name", { name: "" }, "name must not be empty"],
    ["name", { name: " demo" }, "name must not begin or end with a space"],
    ["name", { name: "a\nb" }, "name must not contain control characters"],
    ["name", { name: "exe.\u202egnp" }, "name must not contain control characters"],
    ["name", { name: "a\u2066b" }, "name must not contain control characters"],
    ["name", { name: "a\u2028b" }, "name must not contain control characters"],
    ["name", { name: ".." }, "name must not be . or .."],
    ["name", { name: "6C93A1B2c4d5e6f7" }, "name must not be 16 hex digits, as callbacks' ids are"],
    ["name", { name: 5 }, "name must be a string"],
    ["url", { url: "ftp://example.com" }, "url must be an http or https URL"],
    ["url", { url: "https://me:secret@example.com" }, "url must not contain a user or password: use auth"],
    ["url", { url: "http://example.com\\@127.0.0.1/" }, "url must not contain a backslash or an invisible character"],
    ["url", { url: "http://example.com/\u202e" }, "url must not contain a backslash or an invisible character"],
    ["url", { url: "http://example.com/?token=****" }, "url must not contain ****, which stands for a secret that isn't shown"],
    ["url", { url: "http://example.com/\u0000" }, "url must be an http or https URL"],
    ["url", { url: "http://127.26.1.5:/hook" }, "url must have a port after the colon of its host"],
    ["auth", { auth: { type: "digest", key: "k" } }, "auth.type must be queryparam, httpheader, basicauth or bearertoken"],
    [
      "auth.key",
      { auth: { type: "httpheader", key: "a\r\nb" } },
      "auth.key must be printable ASCII, because it is sent in a header",
    ],
    ["auth.key", { auth: { type: "queryparam", key: "x".repeat(129) } }, "auth.key must be at most 128 characters"],
    ["email", { email: "nobody" }, "email must be one e-mail address"],
    ["retriesEnabled", { retriesEnabled: "maybe" }, "retriesEnabled must be true or false"],
    ["callbacks", { callbacks: { reply: "on" } }, "callbacks.reply must be enabled or disabled"],
  ])("names the problem with %s", (_, change, problem) => {
    expect(problemsOf({ ...body, ...change })).toBe(problem);
  });

  it("accepts names in any script, and keeps a stored name and URL that a later rule rejects", () => {
    for (const name of ["日本語", "مرحبا", "Zoë’s 👨‍👩‍👧", "C:\\x"])
      expect(parseCallback({ ...body, name }, null).name).toBe(name);
    for (const name of ["a\u202eb", "6C93A1B2C4D5E6F7"]) {
      const stored = { ...parseCallback(body, null), name, url: "http://127.1:0\\x#y" };
      expect(parseCallback({ name, email: "new@example.com" }, stored)).toMatchObject({ name, url: stored.url });
    }
  });
});
