import { describe, expect, it } from "vitest";
import {
  callbackSecrets,
  hasUrlSecret,
  maskAnswer,
  maskKey,
  maskQuery,
  maskSecrets,
  maskUrl,
  maskUrlsIn,
  secretMask,
  secretsOf,
  shownUrl,
} from "../../../src/domain/mask.js";
import { SPELLINGS } from "../../support/attack/spellings.js";
import { cpuGrowth, cpuMs, LINEAR } from "../../support/time/cpu-growth.js";

describe("maskKey", () => {
  it.each([
    ["", "••••"],
    ["elevenchars", "••••"],
    ["twelve-chars", "••••hars"],
    ["k-0123456789abcdef", "••••cdef"],
  ])("shows %j as %s", (key, shown) => {
    expect(maskKey({ type: "httpheader", key })).toBe(shown);
  });

  it("shows nothing of Basic's key, whose end is the password's in base64", () => {
    const key = Buffer.from("crm:Sun7!").toString("base64");
    expect(maskKey({ type: "basicauth", key })).toBe("••••");
  });
});

const KEY = `a/b+c"d'e<f>g&h=i\\j%41;k`;

describe("secretMask", () => {
  it.each(Object.entries(SPELLINGS))("masks a key in %s", (_, spell) => {
    expect(secretMask([KEY])(`${spell("the key ")}${spell(KEY)}${spell(" and on")}`)).toBe(
      `${spell("the key ")}****${spell(" and on")}`,
    );
  });

  it("masks every occurrence, in small and large letters too", () => {
    expect(secretMask(["a/b c"])("a/b c, a%2Fb%20c, a/b%20c, a%2Fb+c, A/B C")).toBe("****, ****, ****, ****, ****");
  });

  it("masks letters beyond ASCII and half a surrogate pair", () => {
    expect(secretMask(["zürich-\u{1f511}"])("zürich-\u{1f511} z\\u00fcrich-\\ud83d\\udd11 z%C3%BCrich-%f0%9f%94%91")).toBe(
      "**** **** ****",
    );
    expect(secretMask(["key\ud800"])("the key\ud800 and key%EF%BF%BD")).toBe("the **** and ****");
  });

  it("masks a secret of four characters, but not a shorter one", () => {
    expect([secretMask(["abcd"])("xabcdx"), secretMask(["abc"])("xabcx"), secretMask([""])("text")]).toEqual([
      "x****x",
      "xabcx",
      "text",
    ]);
  });

  it.each(["\\u0061bcd", "\\x61bcd", "%61bcd", "&#97;bcd", "&#x61;bcd"])(
    "masks a secret of which %s spells one letter, and nothing else is escaped",
    (spelled) => expect(secretMask(["abcd"])(`${spelled} and on`)).toBe("**** and on"),
  );

  it("masks letters beyond ASCII that a program spelled byte by byte", () => {
    expect(secretMask(["zürich"])("in z\\xc3\\xbcrich")).toBe("in ****");
  });

  it("masks the last character of Unicode, and isn't disturbed by a number beyond it", () => {
    expect(secretMask(["key-\u{10ffff}"])("&#1114112; is no key-&#x10ffff;")).toBe("&#1114112; is no ****");
  });

  it("masks a secret of slashes in JSON that escapes them", () => {
    expect(secretMask(["ab////cd"])("the ab\\/\\/\\/\\/cd key")).toBe("the **** key");
  });

  it("masks the backslash before a secret's first character with it", () => {
    expect(secretMask(['"abcd'])('{"error":"no \\"abcd"}')).toBe('{"error":"no ****"}');
  });

  it("masks a secret that ends in a backslash, in a URL too", () => {
    expect(secretMask(["abcd\\"])("abcd\\, abcd%5C, end")).toBe("****, ****%5C, end");
  });

  it("masks a secret within five layers of escapes, and what follows more of them", () => {
    const mask = secretMask(["abcd"]);
    expect([mask("%2525252561bcd"), mask("%252525252525252561 %61bcd")]).toEqual(["****", "%252525252525252561 ****"]);
  });

  it.each([
    ["CORP\\ada:s3cret", encodeURIComponent],
    ["CORP\\ada:s3cret", SPELLINGS.JSON],
    ["s3cret%\\0aword", encodeURIComponent],
    ["s3cret&amp;word", SPELLINGS.HTML],
  ])("masks %s, which looks like an escape itself, within five layers of others", (secret, spell) => {
    let spelled = secret;
    for (let layer = 0; layer < 5; layer++) spelled = spell(spelled);
    expect(secretMask([secret])(`the ${spelled} key`)).toBe("the **** key");
  });

  it("leaves other text as it is, whatever letters it has", () => {
    expect(secretMask(["key-1234", "a-key-that-is-longer-than-the-text"])("für key-1234 gültig")).toBe("für **** gültig");
  });

  it("masks a secret of escapes only where it is written out", () => {
    expect(secretMask(["\\\\\\\\"])("a\\\\\\\\b c")).toBe("a****b c");
  });

  it.each([
    ["\\\\+%\\/", JSON.stringify],
    ["%c\\a+?", SPELLINGS["HTML of hex numbers"]],
    ["?}%\\c9", JSON.stringify],
    ["a=%1\\a", encodeURIComponent],
  ])("masks a secret of escapes, %s, where it is spelled, and not what little is left of it without them", (secret, spell) => {
    const text = (inside: string) => `a + / = ? %/ +%/ "" =} %c ${inside.replaceAll('"', "")} end`;
    expect(secretMask([secret])(text(spell(secret)))).toBe(text("****"));
  });

  it("masks a secret of escaped slashes that follows another slash", () => {
    expect(secretMask(["\\/\\/"])('"http://a/\\\\/\\\\/ and //"')).toBe('"http://a**** and //"');
  });

  it("takes hardly longer for a hundred short secrets beside a long one", () => {
    const text = Buffer.from("a".repeat(65_536));
    const short = Array.from({ length: 100 }, (_, number) => `a${number + 100}`);
    const fastest = (secrets: readonly string[]) => {
      const run = () => {
        for (let time = 0; time < 50; time++) maskSecrets(text, ["z".repeat(1_000), ...secrets], 1_024);
      };
      return Math.min(...Array.from({ length: 5 }, () => cpuMs(run)));
    };
    expect(fastest(short) / fastest(short.slice(0, 1))).toBeLessThan(40);
  });

  it.each(["%25", "\\", "&amp;", "/"])("takes linear time for %j again and again", (unit) => {
    const mask = secretMask([KEY, "abcd", "\\\\\\/"]);
    expect(cpuGrowth((size) => mask(unit.repeat(size)))).toBeLessThan(LINEAR);
  });
});

describe("the secrets of a callback", () => {
  it("are its key, and what Basic encodes: the login, and the password alone", () => {
    expect(secretsOf({ type: "bearertoken", key: "a-key" })).toEqual(["a-key"]);
    const key = Buffer.from("ada:pass:word").toString("base64");
    const mask = secretMask(secretsOf({ type: "basicauth", key }));
    expect(mask(`Basic ${key}, ${key.replace(/=+$/, "")}, ada:pass:word, ada, pass%3aword`)).toBe(
      "Basic ****==, ****, ****, ada, ****",
    );
  });
});

describe("what an endpoint may repeat", () => {
  const secretsIn = (url: string) => callbackSecrets({ url, auth: { type: "bearertoken", key: "a-key" } }).slice(1);

  it("is the key, and what is masked in the URL", () => {
    expect(callbackSecrets({ url: "https://example.com/hook?a=1", auth: { type: "bearertoken", key: "a-key" } })).toEqual([
      "a-key",
    ]);
    expect(callbackSecrets({ url: `https://example.com/${TOKEN}`, auth: { type: "bearertoken", key: "" } })).toEqual([TOKEN]);
    expect(secretsIn(`https://example.com/hook/v1-${TOKEN}/x?a=1&token=s%2Bcret&${TOKEN}=x12345#part`)).toEqual([
      `v1-${TOKEN}`,
      "s+cret",
      "x12345",
      TOKEN,
    ]);
    expect(secretsIn("not a URL?token=x12345")).toEqual([]);
  });

  it("is a signing secret, without what surrounds it in base64", () => {
    const signingSecrets = [{ secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILQ==" }];
    expect(callbackSecrets({ url: "https://a.example", auth: { type: "bearertoken", key: "a-key" }, signingSecrets })).toEqual([
      "a-key",
      "MfKQ9r8GKYqrTwjUPD8ILQ",
    ]);
  });

  it("isn't sought in a URL that is longer than any that is shown", () => {
    const ofLength = (length: number) => "https://a.example/?token=x12345&".padEnd(length, "a");
    expect([secretsIn(ofLength(65_536)), secretsIn(ofLength(65_537))]).toEqual([["x12345"], []]);
  });

  it("is no short word, which may be in any answer", () => {
    const url = "https://example.com/?unicode=true&token=sesames&key=open&sid=abc1&pwd=a1&pass=eightlet";
    expect(secretsIn(url)).toEqual(["abc1", "eightlet"]);
  });
});

describe("what is stored of an attempt", () => {
  const mask = secretMask(["a-key"]);

  it("has no secret in its status message and its body", () => {
    const answered = { kind: "answered", statusCode: 403, statusMessage: "a-key is unknown", body: "no a-key" } as const;
    expect(maskAnswer(answered, mask)).toEqual({ ...answered, statusMessage: "**** is unknown", body: "no ****" });
  });

  it("has no secret in the reason why nothing answered", () => {
    const unreachable = { kind: "unreachable", reason: "tls", detail: "a-key.example isn't its name" } as const;
    expect(maskAnswer(unreachable, mask)).toEqual({ ...unreachable, detail: "****.example isn't its name" });
  });
});

describe("maskSecrets", () => {
  it("masks first, then cuts", () => {
    const cut = (kept: number) => maskSecrets(Buffer.from("a key-1234 b"), ["key-1234"], kept).toString();
    expect([2, 3, 9, 10, 11].map(cut)).toEqual(["a ", "a ****", "a ****", "a ****", "a **** "]);
  });

  it.each(["abcd", "%61bcd"])("spends no time on a secret that is repeated as %s behind the cut", (spelled) => {
    const secrets = ["x".repeat(2_000), ...new Array(100).fill("abcd")];
    expect(cpuGrowth((size) => maskSecrets(Buffer.from(spelled.repeat(size / 4)), secrets, 1_000), 1.5)).toBeLessThan(1.5);
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
    "https://example.com/f-8b86-d011-b42d-00c04fc964ff/6f9619ff-8b86-d011-b42d-0",
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

  it("shows a URL of 65,536 characters, and none that is longer", () => {
    const ofLength = (length: number) => "https://example.com/".padEnd(length, "a/");
    expect([maskUrl(ofLength(65_536)), maskUrl(ofLength(65_537))]).toEqual([ofLength(65_536), "(an unreadable URL)"]);
  });

  it("looks for nothing in a URL of megabytes", () => {
    for (const part of ["ab1", "&a", "/a"])
      expect(maskUrl(`https://host/?${part.repeat(1_000_000)}`)).toBe("(an unreadable URL)");
  });

  it("masks the given secret in the path and in query values", () => {
    expect(maskUrl("https://example.com/hook/s3cret?a=s3cret&b=1", secretMask(["s3cret"]))).toBe(
      "https://example.com/hook/****?a=****&b=1",
    );
    expect(shownUrl({ url: "https://example.com/s3cret", auth: { type: "queryparam", key: "s3cret" } })).toBe(
      "https://example.com/****",
    );
    expect(shownUrl({ url: "https://example.com/s3cret", auth: { type: null, key: null } })).toBe("https://example.com/s3cret");
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
  expect(maskUrlsIn("no http://me:pass@a.example")).toBe("no http://****@a.example/");
});

it("masks all query values of a path that was requested, and its tokens", () => {
  expect(maskQuery("/hook?Auth=s3cret&b=1")).toBe("/hook?Auth=••••&b=••••");
  expect(maskQuery("/a=b?c=d")).toBe("/a=b?c=••••");
  expect(maskQuery(`/${TOKEN}/hook?${TOKEN}`)).toBe("/****/hook?****");
});
