import { describe, expect, it } from "vitest";
import {
  hasUrlSecret,
  maskKey,
  maskQuery,
  maskUrl,
  maskUrlsIn,
  maskUserinfo,
  secretMask,
  shownUrl,
} from "../../../src/domain/mask.js";

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

const TOKEN = "abcdefghij0123456789";
const UUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff";

describe("maskUrl", () => {
  it.each([
    "https://example.com/hook",
    "https://example.com:8443/hook?a=1&b=x+y",
    "HTTP://EXAMPLE.com",
    "https://example.com/orders/2026-11-26/callback-for-replies-v2",
    `https://example.com/${TOKEN.slice(1)}/abcdefghijklmnopqrstuvwxyz`,
    "https://example.com/?inside=1&page=2&token=&key",
    "",
  ])("leaves %j as it is", (url) => {
    expect([maskUrl(url), hasUrlSecret(url)]).toEqual([url, false]);
  });

  it.each([
    ["https://me:pass@example.com/", "https://****@example.com/"],
    ["https://me@example.com/", "https://****@example.com/"],
    ["https://:pass@example.com/", "https://****@example.com/"],
    ["https:/\\me:pass@example.com", "https://****@example.com/"],
    ["https://example.com/?Auth=x&api_key=y&plain=z%20z", "https://example.com/?Auth=****&api_key=****&plain=z%20z"],
    ["https://example.com?sid=x", "https://example.com/?sid=****"],
    ["https://example.com/?PHPSESSID=x&session=y&sid[]=z", "https://example.com/?PHPSESSID=****&session=****&sid[]=****"],
    ["https://example.com/?a=1;token=x?sig=y", "https://example.com/?a=1;token=****?sig=****"],
    ["https://example.com/?%74oken=x=y", "https://example.com/?%74oken=****"],
    [`https://example.com/${TOKEN}/x`, "https://example.com/****/x"],
    [`https://example.com/${TOKEN.slice(0, 15)}\t${TOKEN.slice(15)}`, "https://example.com/****"],
    [`https://example.com/hook-${TOKEN.toUpperCase()}.json`, "https://example.com/****"],
    [`https://example.com/webhook/${UUID}`, "https://example.com/webhook/****"],
    [`https://example.com/?x=${TOKEN}&y=1`, "https://example.com/?x=****&y=1"],
    [`https://example.com/?${TOKEN}`, "https://example.com/?****"],
    ["https://example.com/#part", "https://example.com/#****"],
    ["not a URL?token=x", "(an unreadable URL)"],
  ])("shows %s as %s", (url, shown) => {
    expect(maskUrl(url)).toBe(shown);
  });

  it("masks the given secret in the path and in query values", () => {
    expect(maskUrl("https://example.com/hook/s3cret?a=s3cret&b=1", secretMask("s3cret"))).toBe(
      "https://example.com/hook/****?a=****&b=1",
    );
    expect(shownUrl({ url: "https://example.com/s3cret", auth: { key: "s3cret" } })).toBe("https://example.com/****");
    expect(shownUrl({ url: "https://example.com/s3cret", auth: { key: null } })).toBe("https://example.com/s3cret");
  });

  it("changes nothing in what it has masked", () => {
    const shown = "https://****@example.com/****?token=****&a=1#****";
    expect([maskUrl(shown), hasUrlSecret(shown)]).toEqual([shown, true]);
  });
});

it("masks the URLs in a text, and nothing else", () => {
  expect(maskUrlsIn('can\'t reach "https://me:pass@a.example/?token=x": see https://b.example/help')).toBe(
    'can\'t reach "https://****@a.example/?token=****": see https://b.example/help',
  );
});

it("masks all query values of a path that was requested, and its tokens", () => {
  expect(maskQuery("/hook?Auth=s3cret&b=1")).toBe("/hook?Auth=••••&b=••••");
  expect(maskQuery(`/${TOKEN}/hook?${TOKEN}`)).toBe("/****/hook?****");
});

it("masks a URL's user and password, and leaves the rest as it is", () => {
  expect(maskUserinfo("https://ada:s3cret@example.com/hook?b=1")).toBe("https://••••@example.com/hook?b=1");
  expect(maskUserinfo("https://example.com/a@b")).toBe("https://example.com/a@b");
});
