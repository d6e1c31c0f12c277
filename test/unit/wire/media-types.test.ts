import { describe, expect, it } from "vitest";
import { bodyFormat, negotiate } from "../../../src/wire/media-types.js";

describe("negotiate", () => {
  it.each([
    [undefined, "xml", null],
    ["", "xml", null],
    ["*/*", "xml", null],
    ["application/*", "xml", null],
    ["application/json", "json", "application/json"],
    ["application/json, text/plain, */*", "json", "application/json"],
    ["APPLICATION/VND.Whispir.API-Call-v1+JSON", "json", "application/vnd.whispir.api-call-v1+json"],
    ["application/vnd.whispir.api-callback-v1+xml", "xml", "application/vnd.whispir.api-callback-v1+xml"],
    ["application/xml;q=0.4, application/json;q=0.5", "json", "application/json"],
    ["application/json;q=0.5, application/xml;q=0.5", "json", "application/json"],
    ["application/json;q=0, */*;q=0.1", "xml", null],
    ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "xml", "application/xml"],
  ] as const)("reads Accept: %s as %s", (accept, format, type) => {
    expect(negotiate(accept)).toEqual({ format, type });
  });

  it.each(["text/html", "application/json;q=0", "application/vnd.whispir.message-v1+json", "nonsense", ",,"])(
    "supports nothing in Accept: %s",
    (accept) => {
      expect(negotiate(accept)).toBeNull();
    },
  );
});

describe("bodyFormat", () => {
  it.each([
    ["application/json; charset=UTF-8", "json"],
    ["application/vnd.whispir.api-callback-v1+xml", "xml"],
    ["Application/XML", "xml"],
    ["application/x-ndjson", "ndjson"],
    ["application/json; charset=utf-16", null],
    ["text/plain", null],
    ["application/x-www-form-urlencoded", "unnamed"],
    ["application/x-www-form-urlencoded; charset=UTF-8", "unnamed"],
    ["application/x-www-form-urlencoded; charset=iso-8859-1", null],
    ["multipart/form-data; boundary=x", null],
    ["", "unnamed"],
  ])("reads Content-Type %s as %s", (type, format) => {
    expect(bodyFormat(type)).toBe(format);
  });
});
