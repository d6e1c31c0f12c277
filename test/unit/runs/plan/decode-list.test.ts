import { describe, expect, it, test } from "vitest";
import { decodeList } from "../../../../src/runs/plan/decode-list.js";

const TEXT = "Grüße €\n„Spaß“ 😀\n";

test.each([
  ["UTF-8", Buffer.from(TEXT)],
  ["UTF-8", Buffer.from(`\ufeff${TEXT}`)],
  ["UTF-16", Buffer.from(`\ufeff${TEXT}`, "utf16le")],
  ["UTF-16", Buffer.from(`\ufeff${TEXT}`, "utf16le").swap16()],
])("a list may be %s, with or without a byte order mark if that is UTF-8", (encoding, bytes) => {
  expect(decodeList(bytes)).toEqual({ text: TEXT, encoding });
});

describe("a list that isn't UTF-8", () => {
  it("is Windows-1252 with all characters that this has", () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).filter(
      (byte) => byte === 9 || byte === 10 || (byte >= 32 && byte !== 0x7f && ![0x81, 0x8d, 0x8f, 0x90, 0x9d].includes(byte)),
    );
    const { text, encoding } = decodeList(Buffer.from(bytes));
    const from80 = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ";
    expect([encoding, text.slice(97)]).toEqual([
      "Windows-1252",
      from80 +
        Buffer.from(bytes)
          .toString("latin1")
          .slice(97 + 27),
    ]);
  });

  it.each(["\xffab\xe9", "a\xfeb\xe9", "\xfeab\xe9", "a\xffb\xe9"])("may begin with half a byte order mark: %j", (text) => {
    expect(decodeList(Buffer.from(text, "latin1"))).toEqual({ text, encoding: "Windows-1252" });
  });

  it("may have the bytes of a character of UTF-8 now and then", () => {
    const bytes = Buffer.from("Gr\xfc\xdfe, Spa\xdf\x85\n", "latin1");
    expect(decodeList(bytes)).toEqual({ text: "Grüße, Spaß…\n", encoding: "Windows-1252" });
  });
});

test.each([
  ["Gr\xc3\xbc\xc3\x9fe\nAda\xe9\n", "it is UTF-8, but line 2 isn't"],
  ["Gr\xc3\xbc\nAda\xe9\n", "it is UTF-8, but line 2 isn't"],
  ["\xe2\x82\xac\nAda\xe9\n", "it is UTF-8, but line 2 isn't"],
  ["\xf0\x9f\x98\x82\nAda\xe9\n", "it is UTF-8, but line 2 isn't"],
  ["a\nb\n\x81sung\n", "line 3 is neither UTF-8 nor Windows-1252"],
  ["PK\x03\x04\x14\x00\xff", "line 1 is neither UTF-8 nor Windows-1252"],
  ["\xff\xfea\x00b", "it begins as UTF-16, but isn't"],
  ["\xfe\xff\xd8\x00\x00a", "it begins as UTF-16, but isn't"],
  ["a\x00,\x00", "it is UTF-16 or UTF-32 without a byte order mark"],
  ["\x00a\x00,", "it is UTF-16 or UTF-32 without a byte order mark"],
])("%j is rejected", (bytes, reason) => {
  expect(() => decodeList(Buffer.from(bytes, "latin1"))).toThrow(
    expect.objectContaining({
      code: "malformed",
      message: `the list of --seen can't be read: ${reason}`,
      hint: "save it as UTF-8 (a spreadsheet: as CSV UTF-8); nothing was done",
    }),
  );
});
