import { describe, expect, it } from "vitest";
import { readResponse, responseToJson } from "../../../../src/wire/json/response-json.js";

const nested = (levels: number): unknown => JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`);

describe("readResponse", () => {
  it("keeps nothing beside the fields if they say it all", () => {
    const plain = { messageid: "M", from: { mobile: "1" }, responseMessage: { undeliverable: "24/11/26 09:30", channel: "SMS" } };
    expect(readResponse({ ...plain, customParameters: { a: 1 } })).toEqual({
      messageId: "M",
      messageLocation: "",
      from: { name: "", mri: "", mobile: "1", email: "", voice: "" },
      responseMessage: { channel: "SMS", kind: "undeliverable", date: "24/11/26 09:30", content: "" },
      customParameters: { a: "1" },
    });
  });

  it.each([
    [{ entry: { key: "a", value: "1" } }, { a: "1" }],
    [{ entry: [{ key: "a", value: "1" }, { key: "b" }] }, { a: "1", b: "" }],
    [{ entry: "a" }, { entry: "a" }],
    [
      { entry: { key: "a" }, other: "b" },
      { entry: '{"key":"a"}', other: "b" },
    ],
    [{ entry: { key: "a", value: "b", other: "c" } }, { entry: '{"key":"a","value":"b","other":"c"}' }],
    [{ entry: [{ value: "b" }] }, { entry: '[{"value":"b"}]' }],
    [
      { a: null, b: [1], c: true },
      { a: "", b: "[1]", c: "true" },
    ],
  ])("reads customParameters %j, of JSON or XML, and drops none", (customParameters, expected) => {
    expect(responseToJson(readResponse({ customParameters }))).toEqual({ customParameters: expected });
  });

  it("of two spellings takes the one with a text", () => {
    expect(responseToJson(readResponse({ messageId: "", messageid: "M" }))).toEqual({ messageId: "M" });
    expect(responseToJson(readResponse({ messageid: null }))).toEqual({ messageId: null });
    expect(responseToJson(readResponse({ messageLocation: "L", messagelocation: "" }))).toEqual({ messageLocation: "L" });
  });

  it("rejects a value of more than 100 levels", () => {
    expect(responseToJson(readResponse({ from: nested(101) }))).toEqual({ from: nested(101) });
    for (const deep of [
      { from: nested(102) },
      { responseMessage: { content: nested(200_000) } },
      { customParameters: nested(102) },
    ]) {
      expect(() => readResponse(deep)).toThrow(expect.objectContaining({ code: "malformed" }));
    }
  });
});
