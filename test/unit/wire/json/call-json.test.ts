import { describe, expect, it } from "vitest";
import { readCall, readCallList } from "../../../../src/wire/json/call-json.js";
import { listToJson } from "../../../../src/wire/json/list-json.js";

const PLATFORM_CALL = {
  id: "9B1A",
  messageId: "ABC4857BCCF484575FCA",
  messageLocation: "https://api.au.whispir.com/messages/ABC4857BCCF484575FCA",
  status: "FAILED",
  from: { name: "Fred", mri: "Fred.1", mobile: "+1000000000", email: "me@example.com", voice: "+1000000000" },
  responseMessage: { channel: "sms", acknowledged: "09/01/16 13:22", content: "Yes" },
  callback: {
    id: "CB",
    name: "demo",
    url: "https://h/",
    attemptedDate: "09/01/16 13:23",
    statusCode: "503",
    statusMessage: "Busy",
  },
  link: "",
  somethingNew: [1],
};

describe("readCall", () => {
  it("reads a call of the platform: a date without a zone, a code as text, a lower-case channel; and keeps unknown fields", () => {
    expect(readCall(PLATFORM_CALL, { callbackId: "X", timezone: "Australia/Sydney" })).toEqual({
      id: "9B1A",
      callbackId: "CB",
      status: "FAILED",
      response: {
        messageId: PLATFORM_CALL.messageId,
        messageLocation: PLATFORM_CALL.messageLocation,
        from: PLATFORM_CALL.from,
        responseMessage: { channel: "SMS", kind: "reply", date: "09/01/16 13:22", content: "Yes" },
        customParameters: {},
        given: {
          response: ["messageId", "messageLocation", "from", "responseMessage"],
          from: ["name", "mri", "mobile", "email", "voice"],
          responseMessage: [["channel", '"sms"'], "acknowledged", "content"],
        },
      },
      attemptedAt: Date.UTC(2016, 0, 9, 2, 23),
      statusCode: 503,
      statusMessage: "Busy",
      attemptCount: null,
      nextAttemptAt: null,
      retryUntil: null,
      settledBy: null,
      settledByUser: null,
      raw: PLATFORM_CALL,
    });
  });

  it("has no status code if no answer came, and isn't undeliverable if that field is empty", () => {
    const read = readCall(
      {
        ...PLATFORM_CALL,
        callback: { attemptedDate: "nonsense" },
        responseMessage: { channel: "EMAIL", undeliverable: "", content: 5 },
      },
      { callbackId: "X" },
    );
    expect([read.statusCode, read.attemptedAt, read.callbackId, read.response.responseMessage]).toEqual([
      null,
      null,
      "X",
      { channel: "EMAIL", kind: "reply", date: "", content: "5" },
    ]);
  });

  it.each([null, "FAILED", [], {}, { id: "" }, { id: "1", status: "LOST" }])("rejects %j", (value) => {
    expect(() => readCall(value, { callbackId: "X" })).toThrow(expect.objectContaining({ code: "unavailable" }));
  });
});

describe("a call without a status", () => {
  const { status: _, ...rest } = PLATFORM_CALL;
  const statusOf = (statusCode: unknown, listedAs?: "FAILED" | "SUCCESS") =>
    readCall({ ...rest, callback: { statusCode } }, { callbackId: "X", ...(listedAs && { listedAs }) }).status;

  it("has the one of its last answer", () => {
    expect([statusOf("200"), statusOf(503), statusOf(undefined)]).toEqual(["SUCCESS", "FAILED", "FAILED"]);
  });

  it("has the one that the list was filtered by, unless that is FAILED and the answer was 200", () => {
    expect([statusOf(503, "SUCCESS"), statusOf(200, "SUCCESS")]).toEqual(["SUCCESS", "SUCCESS"]);
    expect([statusOf(503, "FAILED"), statusOf(200, "FAILED")]).toEqual(["FAILED", "SUCCESS"]);
  });
});

describe("readCallList", () => {
  it("reads a call without an id", () => {
    const { items: calls } = readCallList({ calls: [PLATFORM_CALL, { status: "FAILED" }, { id: null }] }, { callbackId: "CB" });
    expect(calls.map(({ id }) => id)).toEqual(["9B1A", "", ""]);
  });

  it("reads the total and the next page, whatever the shape of the links", () => {
    const next = { uri: "/callbacks/CB/calls?offset=20", rel: "next", method: "GET" };
    for (const link of [[next], next, { link: [next] }]) {
      const list = readCallList({ status: "1 to 20 of 1,347", calls: [PLATFORM_CALL], link }, { callbackId: "CB" });
      expect([list.total, list.next, list.items.length]).toEqual([1347, next.uri, 1]);
    }
  });

  it("takes the total of a list that may be longer as unknown", () => {
    const document = listToJson("calls", [PLATFORM_CALL], { offset: 40, total: 12_345, isTotalExact: false, link: [] });
    expect(document.status).toBe("41 to 41 of 12345+");
    expect(readCallList(document, { callbackId: "CB" })).toMatchObject({ total: null, next: null });
  });

  it("reads 'No records found' as an empty list", () => {
    expect(readCallList({ status: "No records found" }, { callbackId: "CB" })).toEqual({ items: [], total: 0, next: null });
  });

  it("ignores links nested inside links, however deep", () => {
    const document = JSON.parse(`{"calls":[],"link":${'{"link":'.repeat(200_000)}1${"}".repeat(200_000)}}`);
    expect(readCallList(document, { callbackId: "X" })).toEqual({ items: [], total: null, next: null });
  });
});
