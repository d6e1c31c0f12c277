import { describe, expect, it } from "vitest";
import { prettyAnswer, prettyBody, shownPart } from "../../../../src/server/console/pretty-body.js";
import { deliveryBody } from "../../../../src/wire/delivery-request.js";
import { aResponse } from "../../../support/builders.js";

const HOSTILE = `<b>&amp;</b> "quoted" </script><script>alert(1)</script> ]]> 𝄞\n`;
const response = aResponse({
  responseMessage: { channel: "SMS", kind: "reply", date: "24/11/26 09:30", content: HOSTILE },
  customParameters: { "a<b": "" },
});

describe("a body", () => {
  it("in JSON has a line per value, and is still the same document", () => {
    const body = deliveryBody({ contentType: "json", removeHtml: false }, response);
    const pretty = prettyBody(body, "json");
    expect(JSON.stringify(JSON.parse(pretty))).toBe(body);
    expect(pretty.split("\n").length).toBeGreaterThan(10);
  });

  it("in XML has a line per element, indented, and is still the same document", () => {
    const body = deliveryBody({ contentType: "xml", removeHtml: false }, response);
    const lines = prettyBody(body, "xml").split("\n");
    expect(lines.map((line) => line.trimStart()).join("")).toBe(body.split("\n").join(""));
    expect(lines.map((line) => line.length - line.trimStart().length).slice(0, 7)).toEqual([0, 0, 2, 2, 2, 4, 4]);
    expect(lines.at(-1)).toBe("</ns2:deliveryResponse>");
  });

  it("leaves out members for which a page has no room, and says so", () => {
    const long = JSON.stringify("x".repeat(20_000));
    const given = { response: ["from"], from: ["name", ["a", "1"], ["b", long], ["c", "2"]], responseMessage: [] } as const;
    const { part, isWhole } = shownPart(aResponse({ given }));
    expect([isWhole, deliveryBody({ contentType: "json", removeHtml: false }, part)]).toEqual([
      false,
      '{"from":{"name":"Ada","a":1}}',
    ]);
    expect(shownPart(aResponse({ given: { ...given, from: ["name"] } })).isWhole).toBe(true);
  });

  it("shows what would hide text or change its direction, and is still the same document", () => {
    const content = "\u202egnihton\u202c 👍🏽";
    const hidden = aResponse({ responseMessage: { ...response.responseMessage, content } });
    const json = prettyBody(deliveryBody({ contentType: "json", removeHtml: false }, hidden), "json");
    expect(json).toContain('"content": "\\u202egnihton\\u202c 👍🏽"');
    expect(JSON.parse(json).responseMessage.content).toBe(content);
    const xml = prettyBody(deliveryBody({ contentType: "xml", removeHtml: false }, hidden), "xml");
    expect(xml).toContain("<content>&#x202e;gnihton&#x202c; 👍🏽</content>");
  });
});

describe("an answer", () => {
  it.each([
    ['{"a":[1,{}],"b":"x,{}"}', '{\n  "a": [\n    1,\n    {}\n  ],\n  "b": "x,{}"\n}'],
    ["[]", "[]"],
    ['"text"', '"text"'],
    ['{"same":1, "same":12345678901234567890}', '{\n  "same": 1,\n  "same": 12345678901234567890\n}'],
    ['{"cut":"off', '{"cut":"off'],
    ["<html>", "<html>"],
    ["[".repeat(400) + "]".repeat(400), "[".repeat(400) + "]".repeat(400)],
  ])("%s has a line per value if it is JSON, and says the same", (answer, pretty) => {
    expect(prettyAnswer(answer)).toBe(pretty);
  });
});
