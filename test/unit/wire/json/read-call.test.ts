import { describe, expect, it } from "vitest";
import { readCallback, readCallbackList } from "../../../../src/wire/json/callback-json.js";
import { readError } from "../../../../src/wire/json/error-json.js";
import { readCall, readCallList } from "../../../../src/wire/json/read-call.js";

const onThePlatform = {
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
  it("reads a platform's call: zoneless dates, a code as text, a channel in lower case; and keeps what it doesn't know", () => {
    expect(readCall(onThePlatform, { callbackId: "X", timezone: "Australia/Sydney" })).toEqual({
      id: "9B1A",
      callbackId: "CB",
      status: "FAILED",
      response: {
        messageId: onThePlatform.messageId,
        messageLocation: onThePlatform.messageLocation,
        from: onThePlatform.from,
        responseMessage: { channel: "SMS", kind: "reply", date: "09/01/16 13:22", content: "Yes" },
        customParameters: {},
      },
      attemptedAt: Date.UTC(2016, 0, 9, 2, 23),
      statusCode: 503,
      statusMessage: "Busy",
      attemptCount: null,
      nextAttemptAt: null,
      retryUntil: null,
      settledBy: null,
      raw: onThePlatform,
    });
  });

  it("reads an answer that never came as no status code, and undeliverable by its presence", () => {
    const read = readCall(
      {
        ...onThePlatform,
        callback: { attemptedDate: "nonsense" },
        responseMessage: { channel: "EMAIL", undeliverable: "", content: 5 },
      },
      { callbackId: "X" },
    );
    expect([read.statusCode, read.attemptedAt, read.callbackId, read.response.responseMessage]).toEqual([
      null,
      null,
      "X",
      { channel: "EMAIL", kind: "undeliverable", date: "", content: "5" },
    ]);
  });

  it.each([null, "FAILED", [], {}, { id: "" }, { id: "1", status: "LOST" }, { id: "1" }])("refuses %j as malformed", (value) => {
    expect(() => readCall(value, { callbackId: "X" })).toThrow(expect.objectContaining({ code: "unavailable" }));
  });
});

describe("readCallList", () => {
  it("says how many there are in all, and where the next page is, whatever shape the links have", () => {
    const next = { uri: "/callbacks/CB/calls?offset=20", rel: "next", method: "GET" };
    for (const link of [[next], next, { link: [next] }]) {
      const list = readCallList({ status: "1 to 20 of 1,347", calls: [onThePlatform], link }, { callbackId: "CB" });
      expect([list.total, list.next, list.calls.length]).toEqual([1347, next.uri, 1]);
    }
  });

  it("reads no records as an empty list", () => {
    expect(readCallList({ status: "No records found" }, { callbackId: "CB" })).toEqual({ calls: [], total: 0, next: null });
  });

  it("reads links within links within links as none, however deep", () => {
    const document = JSON.parse(`{"calls":[],"link":${'{"link":'.repeat(200_000)}1${"}".repeat(200_000)}}`);
    expect(readCallList(document, { callbackId: "X" })).toEqual({ calls: [], total: null, next: null });
  });
});

describe("readCallback", () => {
  it("reads both spellings of the query parameter's kind, and booleans written as text", () => {
    const older = { id: 1, name: "n", auth: { type: "querystring", key: "k" }, retriesEnabled: "true", removeHTML: "enabled" };
    expect(readCallbackList({ status: "1 to 1 of 1", callbacks: [older] }).callbacks).toEqual([
      {
        id: "1",
        name: "n",
        url: "",
        auth: { type: "queryparam", key: "k" },
        contentType: "json",
        removeHtml: true,
        retriesEnabled: true,
        email: "",
        events: { reply: false, undeliverable: false },
      },
    ]);
  });

  it("finds the id in the self link where the service gives it nowhere else", () => {
    const link = [{ uri: "https://api.au.whispir.com/callbacks/BCD3?apikey=x", rel: "self", method: "GET" }];
    expect(readCallback({ name: "n", link }).id).toBe("BCD3");
  });
});

describe("readError", () => {
  it("always gives three texts", () => {
    expect([readError("oops"), readError({ errorSummary: "s", errorText: "t", errorDetail: "d" })]).toEqual([
      { errorSummary: "", errorText: "", errorDetail: "" },
      { errorSummary: "s", errorText: "t", errorDetail: "d" },
    ]);
  });
});
