import { describe, expect, it } from "vitest";
import { parseMark, parseReplayReports, parseSubmission, parseSubmissions } from "../../../../src/wire/json/parse-call.js";
import { responseToJson } from "../../../../src/wire/json/response-json.js";

describe("parseSubmission", () => {
  it("reads the body that a callback receives, with its lower-case names", () => {
    const body = { messageid: "M", messagelocation: "https://h/messages/M", responseMessage: { channel: "SMS", content: "Yes" } };
    const { response } = parseSubmission(body);
    expect([response.messageId, response.messageLocation]).toEqual(["M", "https://h/messages/M"]);
  });

  it("invents nothing", () => {
    const from = { name: "", mri: "", mobile: "", email: "", voice: "" };
    const responseMessage = { channel: "", kind: "reply", date: "", content: "" };
    expect(parseSubmission({ id: "A" })).toEqual({
      id: "A",
      response: { messageId: "", messageLocation: "", from, responseMessage, customParameters: {} },
    });
  });

  it("replaces characters that a database or XML can't hold, in every field", () => {
    const odd = "a\0b\ud800c";
    const { response } = parseSubmission({
      messageId: "M\udfff",
      messageLocation: odd,
      from: { name: odd },
      responseMessage: { acknowledged: odd, content: odd },
      customParameters: { [odd]: odd },
    });
    const stored = "a\ufffdb\ufffdc";
    expect(response).toEqual({
      messageId: "M\ufffd",
      messageLocation: stored,
      from: { name: stored, mri: "", mobile: "", email: "", voice: "" },
      responseMessage: { channel: "", kind: "reply", date: stored, content: stored },
      customParameters: { [stored]: stored },
    });
  });

  it("replaces them in members of any name and value", () => {
    const { response } = parseSubmission(JSON.parse(String.raw`{"from":{"\u0000":["\ud800","\\u0000","\u0001"],"name":null}}`));
    expect(responseToJson(response)).toEqual({ from: { "\ufffd": ["\ufffd", "\\u0000", "\u0001"], name: null } });
  });

  it.each([
    { channel: "N/A" },
    { channel: "", content: null },
    { undeliverable: "", acknowledged: "24/11/26 09:30" },
    { somethingNew: { depth: [1, null] } },
  ])("takes a message with %j, and keeps it", (responseMessage) => {
    const given = { messageId: null, from: { email: "", phone: 1 }, responseMessage, customParameters: {} };
    expect(responseToJson(parseSubmission(given).response)).toEqual(given);
  });

  it("takes at most 1 000 values of other members, however long their texts are", () => {
    const list = (length: number) => Array.from({ length }, () => "x,[{".repeat(1_000));
    expect(responseToJson(parseSubmission({ from: { a: list(499), b: list(499) } }).response)).toMatchObject({ from: {} });
    expect(() => parseSubmission({ from: { a: list(500), b: list(500) } })).toThrow(expect.objectContaining({ code: "invalid" }));
  });

  it.each([{ Calls: [] }, { call: [] }, { foo: 1, bar: 2 }, { toString: 1 }, JSON.parse('{"__proto__":{"messageId":"M"}}')])(
    "takes no other document for an empty response: %j",
    (document) => {
      const problem = `${Object.keys(document)[0]} isn't a member of a response, such as messageId, from or responseMessage`;
      expect(() => parseSubmission(document)).toThrow(problem);
    },
  );

  it("names no more than the first 256 characters of an unknown member", () => {
    const problem = `${"z".repeat(256)} isn't a member of a response, such as messageId, from or responseMessage`;
    expect(() => parseSubmission({ ["z".repeat(1_000)]: 1 })).toThrow(expect.objectContaining({ message: problem }));
  });

  it.each([
    [{}, "the body has no member of a response, such as messageId, from or responseMessage"],
    [{ calls: [{}] }, "calls.0 has no member of a response, such as messageId, from or responseMessage"],
    [{ calls: [{ messageId: "A" }], messageId: "B" }, "calls must be the only member, or left out"],
    [{ calls: [{ calls: [{ messageId: "A" }], messageId: "B" }] }, "calls.0.calls must be the only member, or left out"],
  ])("loses no call and invents none: %j", (document, problem) => {
    expect(() => parseSubmissions(document)).toThrow(problem);
  });

  it("takes no list of calls", () => {
    const line = { calls: [{ messageId: "A" }], messageId: "B" };
    expect(() => parseSubmission(line)).toThrow("calls must be the only member, or left out");
  });

  it("takes at most 1 000 parameters", () => {
    const parameters = (count: number) => ({
      customParameters: Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, ""])),
    });
    expect(Object.keys(parseSubmission(parameters(1_000)).response.customParameters)).toHaveLength(1_000);
    expect(() => parseSubmission(parameters(1_001))).toThrow(expect.objectContaining({ code: "invalid" }));
  });

  it("rejects a parameter that is nested too deeply to be written again", () => {
    const deep = JSON.parse(`{"customParameters":{"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}}`);
    expect(() => parseSubmission(deep)).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  it("reads a thousand parameters of new names in a few times what JSON.parse takes", () => {
    const lines = Array.from({ length: 100 }, (_, line) => {
      const parameters = Array.from({ length: 1_000 }, (_, parameter) => `"${(line + 100) * 1_000 + parameter}k":""`);
      return `{"customParameters":{${parameters.join(",")}}}`;
    });
    const parsingAt = process.cpuUsage();
    const values = lines.map((line) => JSON.parse(line));
    const parsing = process.cpuUsage(parsingAt);
    const readingAt = process.cpuUsage();
    for (const value of values) parseSubmission(value);
    expect(process.cpuUsage(readingAt).user / parsing.user).toBeLessThan(7);
  });

  it("keeps a parameter named __proto__", () => {
    const { response } = parseSubmission(JSON.parse('{"customParameters":{"__proto__":"x","n":1.5,"o":{"a":1}}}'));
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
    [{ responseMessage: { channel: "x".repeat(65) } }, "invalid"],
    [[], "malformed"],
    [null, "malformed"],
    ["text", "malformed"],
  ])("rejects %j as %s", (value, code) => {
    expect(() => parseSubmissions(value)).toThrow(expect.objectContaining({ code }));
  });

  it("names at most twenty fields, however many are invalid", () => {
    const calls = Array.from({ length: 1000 }, () => ({ id: "a b" }));
    const problems = (() => {
      try {
        return parseSubmissions({ calls });
      } catch (error) {
        return error instanceof Error ? error.message : "";
      }
    })();
    expect(typeof problems === "string" && problems.split("; ").length).toBe(20);
  });
});

const MARKED_AT = "markedAt must be ISO 8601, from 1970 to 5 minutes after the service's clock";

describe("parseMark", () => {
  it("reads either status", () => {
    expect(parseMark({ status: "SUCCESS", unlessSettled: true }, 0)).toEqual({
      status: "SUCCESS",
      settledBy: "user",
      replays: [],
      unlessSettled: true,
    });
    expect(parseMark({ status: "SUCCESS", unlessSettled: true, markedAt: "1970-01-01T00:05:00Z" }, 0)).toMatchObject({
      markedAt: 300_000,
    });
    const unlessChanged = [{ id: "A", changedDate: "1970-01-01T00:05:00Z" }];
    expect(parseMark({ status: "SUCCESS", unlessChanged }, 0)).toMatchObject({
      unlessChanged: [["A", { changedAt: 300_000 }]],
    });
    const asSubmitted = [{ id: "A", submittedDate: "1970-01-01T00:05:00Z" }];
    expect(parseMark({ status: "SUCCESS", unlessChanged: asSubmitted }, 0).unlessChanged).toEqual([
      ["A", { acceptedAt: 300_000 }],
    ]);
    expect(parseMark({ status: "FAILED", settledBy: "replay" }, 0)).toEqual({
      status: "FAILED",
      settledBy: "replay",
      replays: [],
      unlessSettled: false,
    });
  });

  it.each([
    [{}, "invalid", "status is required"],
    [{ status: "PENDING" }, "invalid", "status must be SUCCESS or FAILED"],
    [{ status: "SUCCESS", markedAt: "1970-01-01T00:05:00.001Z" }, "invalid", MARKED_AT],
    [{ status: "SUCCESS", markedAt: "1969-12-31T23:59:59Z" }, "invalid", MARKED_AT],
    [
      { status: "FAILED", unlessFailedSince: "1970-01-01T00:00:00Z" },
      "invalid",
      "unlessFailedSince must be a date, with SUCCESS only",
    ],
    [{ status: "SUCCESS", unlessFailedSince: "then" }, "invalid", "unlessFailedSince must be a date, with SUCCESS only"],
    [{ status: "FAILED", unlessSettled: true }, "invalid", "unlessSettled must be false with FAILED"],
    [
      { status: "SUCCESS", unlessChanged: [{ id: "A", changedDate: "then" }] },
      "invalid",
      "unlessChanged.0.changedDate must be a date",
    ],
    [
      { status: "SUCCESS", unlessChanged: [{ id: "A", submittedDate: "then" }] },
      "invalid",
      "unlessChanged.0.submittedDate must be a date",
    ],
    [
      { status: "SUCCESS", unlessChanged: [{ id: "A" }] },
      "invalid",
      "unlessChanged.0.changedDate is required, unless there is a submittedDate",
    ],
    ["SUCCESS", "malformed", "the body must be an object"],
  ])("rejects %j as %s: %s", (value, code, message) => {
    expect(() => parseMark(value, 0)).toThrow(expect.objectContaining({ code, message }));
  });
});

describe("an attempt that a client reports", () => {
  const at = Date.UTC(2030, 0, 1);
  const DAY = 24 * 3_600_000;
  const report = (over: object) => {
    const fine = { id: "A", attemptedDate: new Date(at).toISOString(), durationMs: 5, statusCode: 200 };
    return { sentFrom: "ada@desk", attempts: [fine, { ...fine, ...over }] };
  };
  const dated = (instant: number) => ({ attemptedDate: new Date(instant).toISOString() });
  const dateProblem = "must be ISO 8601, from 1970 to 5 minutes after the service's clock, which is at 2030-01-01T00:00:00.000Z";

  it.each([
    ["5 minutes ahead", dated(at + 5 * 60_000)],
    ["of 1970", dated(0)],
    ["a day long", { durationMs: DAY }],
  ])("may be %s", (_, over) => {
    expect(parseReplayReports(report(over), at)).toHaveLength(2);
    expect(parseMark({ status: "SUCCESS", replays: report(over) }, at).replays).toHaveLength(2);
  });

  it.each([
    ["attemptedDate", dateProblem, dated(at + 5 * 60_000 + 1)],
    ["attemptedDate", dateProblem, dated(-1)],
    ["attemptedDate", dateProblem, { attemptedDate: "yesterday" }],
    ["durationMs", "must be milliseconds, at most a day", { durationMs: DAY + 1 }],
    ["durationMs", "must be milliseconds, at most a day", { durationMs: 1e300 }],
    ["durationMs", "must be milliseconds, at most a day", { durationMs: -1 }],
  ])("is rejected, with the others, by its %s: %s", (field, problem, over) => {
    const rejection = (name: string) => {
      return expect.objectContaining({ code: "invalid", message: `${name} ${problem}`, fields: new Map([[name, problem]]) });
    };
    expect(() => parseReplayReports(report(over), at)).toThrow(rejection(`attempts.1.${field}`));
    expect(() => parseMark({ status: "SUCCESS", replays: report(over) }, at)).toThrow(rejection(`replays.attempts.1.${field}`));
  });
});

it("rejects other members that would multiply in the database", () => {
  const parse = (length: number) => parseSubmission({ from: { zz: "\\".repeat(length) } }).response.given?.from;
  expect(() => parse(6 * 1024 * 1024)).toThrow("the values besides the documented ones may take at most 12 MiB as JSON");
  expect(parse(6 * 1024 * 1024 - 1)).toEqual([["zz", `"${"\\".repeat(12 * 1024 * 1024 - 2)}"`]]);
});

it("rejects custom parameters whose objects would multiply in the bodies that are sent", () => {
  const parse = (customParameters: object) => parseSubmission({ messageId: "M", customParameters });
  const quotes = '"'.repeat(3_200_000);
  expect(() => parse({ k: { a: quotes } })).toThrow("customParameters may take at most 12 MiB as JSON");
  expect(parse({ k: quotes }).response.customParameters).toEqual({ k: quotes });
});
