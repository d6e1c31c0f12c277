import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { XMLValidator } from "fast-xml-parser";
import { describe, expect, it } from "vitest";
import { deliveryBody } from "../../src/wire/delivery-request.js";
import { callToJson, readCall } from "../../src/wire/json/call-json.js";
import { callbackToJson } from "../../src/wire/json/callback-json.js";
import { parseCallback } from "../../src/wire/json/parse-callback.js";
import { readResponse } from "../../src/wire/json/response-json.js";
import { callsFromXml, readXml } from "../../src/wire/xml/xml-read.js";
import { toXml } from "../../src/wire/xml/xml-write.js";
import { aCallback } from "../support/builders.js";
import { anyCall, anyGivenResponse, anyResponse, anySettings, anyText } from "../support/wire/arbitrary-wire.js";
import { buildDelivery } from "../support/wire/build-delivery.js";

const XML_TARGET = { url: "https://h/", auth: { type: "httpheader", key: "k" }, contentType: "xml", removeHtml: false } as const;
const policy = { intervalMs: 300_000, windowMs: 86_400_000, jitter: false };

/** Characters that no XML document can hold come back as U+FFFD. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are looked for
const UNSAYABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

function sayable<T>(value: T): T {
  return JSON.parse(JSON.stringify(value), (_, item) => {
    if (typeof item === "string") return item.replace(UNSAYABLE, "\ufffd");
    if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key.replace(UNSAYABLE, "\ufffd"), inner]));
  });
}

/** Returns each text with the name of the element that it is in. */
function leavesOf(value: unknown, name = "value", isParameters = false): (readonly [string, string])[] {
  if (Array.isArray(value))
    return value.length === 0 ? [[name, ""]] : value.flatMap((item) => leavesOf(item, name, isParameters));
  if (typeof value !== "object" || value === null) return [[name, value === null ? "" : String(value)]];
  return Object.entries(value).flatMap(([key, member]) => {
    const isElement = !isParameters && /^(?!xml)[a-z_][\w.-]{0,31}$/i.test(key);
    const element = SPELLED.get(key) ?? key;
    return isElement
      ? leavesOf(member, element, key === "customParameters")
      : [["key", key] as const, ...leavesOf(member, "value")];
  });
}

const SPELLED = new Map([
  ["messageId", "messageid"],
  ["messageLocation", "messagelocation"],
]);

function unescaped(text: string): string {
  const characters: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#13": "\r" };
  return text.replace(/&([^;]+);/g, (_, name: string) => characters[name] ?? "");
}

describe("XML reads back unchanged", () => {
  it("a callback", () => {
    fc.assert(
      fc.property(anySettings, (settings) => {
        const trimmed = { ...settings, name: settings.name.trim() || "x" };
        const xml = toXml("callback", callbackToJson(aCallback(trimmed), [])).toString();
        expect(parseCallback(readXml(xml).value, null)).toEqual(trimmed);
      }),
    );
  });

  it("calls, each with its links", () => {
    fc.assert(
      fc.property(fc.array(anyCall, { minLength: 1, maxLength: 3 }), (calls) => {
        const callback = aCallback({ url: "https://example.com/?a=1&b=2", retriesEnabled: true });
        const link = [{ uri: "http://h/callbacks/x?a=1&b=<2>", rel: "self", method: "GET", host: "h", port: -1 }];
        const document = {
          status: "1 to 3 of 3",
          calls: calls.map((call) => callToJson(call, { callback, policy, link, now: 0 })),
          link,
        };
        const read = callsFromXml(readXml(toXml("calls", document).toString())).calls;
        expect(Array.isArray(read) && read.map((call) => ({ ...readCall(call, { callbackId: "" }), raw: null }))).toEqual(
          calls.map((call) => ({
            ...readCall(sayable(callToJson(call, { callback, policy, link, now: 0 })), { callbackId: "" }),
            raw: null,
          })),
        );
      }),
    );
  });

  it("a delivery", () => {
    fc.assert(
      fc.property(anyResponse, (response) => {
        const { root, value } = readXml(buildDelivery(XML_TARGET, { id: "1", response }).body.toString());
        expect([root, readResponse(value)]).toEqual(["deliveryResponse", sayable(response)]);
      }),
    );
  });

  it("a delivery of long texts, whose length in bytes is known before they are written", () => {
    fc.assert(
      fc.property(anyResponse, fc.array(anyText, { minLength: 1, maxLength: 3 }), (response, texts) => {
        const part = `${texts.join("&")}\u{1f600}\0`;
        const content = part.repeat(Math.ceil(1_100_000 / part.length));
        const long = { ...response, responseMessage: { ...response.responseMessage, content } };
        const { body: xml } = buildDelivery(XML_TARGET, { id: "1", response: long });
        if (typeof xml === "string") expect.fail("The text isn't long enough.");
        const bytes = xml.toBytes();
        expect([xml.byteLength, bytes.toString() === xml.toString()]).toEqual([bytes.length, true]);
        const { content: read, ...rest } = readResponse(readXml(bytes.toString()).value).responseMessage;
        expect([read === sayable(content), rest]).toEqual([true, sayable({ ...response.responseMessage, content: undefined })]);
      }),
      { numRuns: 10 },
    );
  });

  it("a delivery of any members: each text, each name that isn't an element's", () => {
    fc.assert(
      fc.property(anyGivenResponse, (given) => {
        const { id: _, ...sent } = given;
        const xml = deliveryBody({ contentType: "xml", removeHtml: false }, readResponse(given));
        expect(XMLValidator.validate(xml)).toBe(true);
        const written = [...xml.matchAll(/<(\w[\w.-]*)>([^<]*)<\/\1>/g)].map(([, name, text = ""]) => [name, unescaped(text)]);
        const missing = leavesOf(sayable(sent)).filter((leaf) => !written.some((one) => isDeepStrictEqual(one, leaf)));
        expect(missing).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("an error with any detail", () => {
    fc.assert(
      fc.property(anyText, (errorDetail) => {
        const error = { errorSummary: "No", errorText: "Bad Request", errorDetail };
        expect(readXml(toXml("error", error).toString())).toEqual({ root: "error", value: sayable(error) });
      }),
    );
  });
});

describe("readXml", () => {
  it("returns a document or throws malformed for any text", () => {
    const pieces = fc.constantFrom(
      "<a>",
      "</a>",
      "<b/>",
      "<!DOCTYPE a [",
      "<!ENTITY x 'y'>",
      "]>",
      "&x;",
      "&#0;",
      "<![CDATA[",
      "]]>",
      "<!--",
      "-->",
      "x='1'",
      "<",
      "é",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join("")),
        ),
        (text) => {
          try {
            expect(readXml(text)).toMatchObject({ root: expect.any(String) });
          } catch (error) {
            expect(error).toMatchObject({ code: "malformed" });
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    ["a DTD", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'],
    ["a DTD within the document", '<a><!DOCTYPE a [<!ENTITY x "y">]>&x;</a>'],
    ["an entity declaration after a comment", '<!-- c --><!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'],
    ["too deep a nest", "<a>".repeat(30) + "</a>".repeat(30)],
    ["too many tags", `<a>${"<b/>".repeat(50_001)}</a>`],
    ["too many different tags", `<a>${Array.from({ length: 10_000 }, (_, index) => `<b${index}/>`).join("")}</a>`],
    [
      "too many different tags in its elements",
      `<a>${`<b>${Array.from({ length: 2_000 }, (_, index) => `<c${index}/>`).join("")}</b>`.repeat(6)}</a>`,
    ],
    ["two roots", "<a/><b/>"],
    ["no root", "text"],
    ["nothing", ""],
  ])("rejects %s", (_, text) => {
    expect(() => readXml(text)).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  it("reads a DTD inside CDATA as text, and decodes only XML's own entities", () => {
    expect(readXml("<a><content><![CDATA[<!DOCTYPE x> &amp;]]> &amp; &x; &#65;</content></a>").value).toEqual({
      content: "<!DOCTYPE x> &amp; & &x; A",
    });
  });
});

describe("long XML", () => {
  const contentOf = (xml: string) => readXml(`<call><content>${xml}</content></call>`).value.content;

  it("keeps its text: lines end with a line feed, and no reference is split", () => {
    for (const unit of ["x", "&amp;", "&#x1F600;", "\r\n", "a\rb\r\n", "\ud83d\ude00", "]]", "a&lt;<!--x-->"]) {
      // Each text begins at another place.
      for (const before of ["", "1", "12", "12345"]) {
        const text = before + unit.repeat(Math.ceil(300_000 / unit.length));
        const expected = text
          .replaceAll(/\r\n?/g, "\n")
          .replaceAll("<!--x-->", "")
          .replaceAll("&lt;", "<")
          .replaceAll("&amp;", "&")
          .replaceAll("&#x1F600;", "\ud83d\ude00");
        expect(contentOf(text) === expected, JSON.stringify(unit)).toBe(true);
      }
    }
  });

  it("may have the same tags in many elements, and tags of a few in any", () => {
    const call = `<call>${Array.from({ length: 40 }, (_, index) => `<c${index}>x</c${index}>`).join("")}</call>`;
    expect(readXml(`<calls>${call.repeat(600)}</calls>`).value.call).toHaveLength(600);
  });

  it("may have comments wherever XML allows them", () => {
    const xml = "<!-- a --><call><!----><content>a<!-- > -->b<![CDATA[<!-- c -->]]></content><!-- d --></call><!-- e -->";
    expect(readXml(xml).value).toEqual({ content: "ab<!-- c -->" });
    expect(readXml(`<?xml version="1.0"?>${xml}`).value).toEqual({ content: "ab<!-- c -->" });
  });

  it("has tags and instructions of up to 8 192 characters", () => {
    const name = "a".repeat(8_000);
    expect(readXml(`<?x ${name}?><${name}/>`).root).toBe(name);
    for (const xml of [
      `<call a="${name}>${name}"/>`,
      `<call><${name}${name}/></call>`,
      `<call></call${" ".repeat(8_192)}>`,
      `<?x ${name}${name}?><call/>`,
      `<?x '?><a b='?>${name}${name}'><call/>`,
    ]) {
      expect(() => readXml(xml)).toThrow(/^the body has a tag or an instruction that doesn't end within 8192 characters$/);
    }
  });

  it("has no characters that XML doesn't allow", () => {
    const references = ["&#0;", "&#007;", "&#x1f;", "&#xD83D;&#xDE00;", "&#xFFFF;", "&#x110000;", "&#99999999999;"];
    for (const character of ["\0", "\u0001", "\u001f", "\uffff", ...references]) {
      expect(() => readXml(`<call>${character}</call>`)).toThrow("the body has characters that aren't allowed in XML");
    }
    expect(contentOf("\t\n\u007f\u0085\ufffd")).toBe("\t\n\u007f\u0085\ufffd");
    expect(contentOf("&#9;&#xa;&#127;&#xD7FF;&#x10FFFF;<![CDATA[&#7;]]>&amp;#7;")).toBe("\t\n\u007f\ud7ff\u{10ffff}&#7;&#7;");
  });
});
