import { describe, expect, it } from "vitest";
import { maskKey, maskQuery, maskUrl, maskUserinfo, secretMask } from "../../../src/domain/mask.js";

describe("maskKey", () => {
  it.each([
    ["", "••••"],
    ["elevenchars", "••••"],
    ["twelve-chars", "••••hars"],
    ["k-0123456789abcdef", "••••cdef"],
  ])("shows %j as %s", (key, shown) => {
    expect(maskKey(key)).toBe(shown);
  });
});

describe("secretMask", () => {
  it("masks every occurrence, in plain, percent-encoded and form-encoded text, and in JSON", () => {
    const mask = secretMask("a/b c");
    expect(secretMask('a"b\\c')(JSON.stringify({ key: 'a"b\\c' }))).toBe('{"key":"****"}');
    expect(mask("a/b c, a%2Fb%20c, a/b%20c, a%2Fb+c, a/b c")).toBe("****, ****, ****, ****, ****");
  });

  it("masks a secret of four characters, but not a shorter one", () => {
    expect([secretMask("abcd")("xabcdx"), secretMask("abc")("xabcx"), secretMask("")("text")]).toEqual([
      "x****x",
      "xabcx",
      "text",
    ]);
  });

  it("masks a secret that contains half a surrogate pair", () => {
    expect(secretMask("key\ud800")("the key\ud800 and key%EF%BF%BD")).toBe("the **** and ****");
  });
});

describe("maskUrl", () => {
  it.each([
    ["https://example.com/hook", "https://example.com/hook"],
    ["https://example.com:8443/hook?a=1&b=x+y#part", "https://example.com:8443/hook?a=1&b=x%20y"],
    ["https://me:pass@example.com/", "https://****@example.com/"],
    ["https://me@example.com/", "https://****@example.com/"],
    ["https://example.com/?Auth=x&api_key=y&plain=z", "https://example.com/?Auth=****&api_key=****&plain=z"],
    ["not a URL", "(an unreadable URL)"],
  ])("shows %s as %s", (url, shown) => {
    expect(maskUrl(url)).toBe(shown);
  });

  it("masks the given secret in the path and in query values", () => {
    expect(maskUrl("https://example.com/hook/s3cret?a=s3cret&b=1", secretMask("s3cret"))).toBe(
      "https://example.com/hook/****?a=****&b=1",
    );
  });
});

it("masks query values, or user and password, and leaves the rest of a URL as it is", () => {
  expect(maskQuery("/hook?Auth=s3cret&b=1")).toBe("/hook?Auth=••••&b=••••");
  expect(maskUserinfo("https://ada:s3cret@example.com/hook?b=1")).toBe("https://••••@example.com/hook?b=1");
  expect(maskUserinfo("https://example.com/a@b")).toBe("https://example.com/a@b");
});
