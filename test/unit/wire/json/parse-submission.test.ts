import { describe, expect, it } from "vitest";
import { parseSubmission, parseSubmissions } from "../../../../src/wire/json/parse-submission.js";

const defaults = { newMessageId: () => "MADE-UP", date: "09/01/26 13:22" };

describe("parseSubmission", () => {
  it("takes the body that a callback receives, with its lower-case names", () => {
    const body = { messageid: "M", messagelocation: "https://h/messages/M", responseMessage: { channel: "SMS", content: "Yes" } };
    const { response } = parseSubmission(body, defaults);
    expect([response.messageId, response.messageLocation]).toEqual(["M", "https://h/messages/M"]);
  });

  it("replaces what a database or XML can't hold, wherever it stands", () => {
    const odd = "a\0b\ud800c";
    const { response } = parseSubmission(
      {
        messageId: "M\udfff",
        messageLocation: odd,
        from: { name: odd },
        responseMessage: { acknowledged: odd, content: odd },
        customParameters: { [odd]: odd },
      },
      defaults,
    );
    const held = "a\ufffdb\ufffdc";
    expect(response).toEqual({
      messageId: "M\ufffd",
      messageLocation: held,
      from: { name: held, mri: "", mobile: "", email: "", voice: "" },
      responseMessage: { channel: "SMS", kind: "reply", date: held, content: held },
      customParameters: { [held]: held },
    });
  });

  it("refuses a parameter that is nested deeper than can be written again", () => {
    const deep = JSON.parse(`{"customParameters":{"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}}`);
    expect(() => parseSubmission(deep, defaults)).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  it("keeps a parameter named __proto__", () => {
    const { response } = parseSubmission(JSON.parse('{"customParameters":{"__proto__":"x","n":1.5,"o":{"a":1}}}'), defaults);
    expect(Object.entries(response.customParameters)).toEqual([
      ["__proto__", "x"],
      ["n", "1.5"],
      ["o", '{"a":1}'],
    ]);
  });

  it.each([
    [{ id: "a b" }, "invalid"],
    [{ id: "" }, "invalid"],
    [{ id: "x".repeat(65) }, "invalid"],
    [{ messageId: "a\nb" }, "invalid"],
    [{ from: [] }, "invalid"],
    [[], "malformed"],
    [null, "malformed"],
    ["text", "malformed"],
  ])("refuses %j as %s", (value, code) => {
    expect(() => parseSubmissions(value, defaults)).toThrow(expect.objectContaining({ code }));
  });

  it("names at most twenty fields, however many are off", () => {
    const calls = Array.from({ length: 1000 }, () => ({ id: "a b" }));
    const refusal = (() => {
      try {
        return parseSubmissions({ calls }, defaults);
      } catch (error) {
        return error instanceof Error ? error.message : "";
      }
    })();
    expect(typeof refusal === "string" && refusal.split("; ").length).toBe(20);
  });
});
