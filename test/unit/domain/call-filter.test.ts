import { describe, expect, it } from "vitest";
import {
  type CallFilter,
  cutText,
  FAILURE_REASONS,
  filterParameters,
  matchesFilter,
  parseStatusCodePattern,
  reasonText,
  statusCodeText,
} from "../../../src/domain/call-filter.js";
import { aCall, aResponse } from "../../support/builders.js";

const CALL = aCall({ status: "FAILED", attemptedAt: 1_000, statusCode: 503, firstFailedAt: 900, changedAt: 2_000 });

describe("a filter", () => {
  it.each<[string, CallFilter, boolean]>([
    ["nothing asked: FAILED and SUCCESS", {}, true],
    ["its status", { status: "FAILED" }, true],
    ["another status", { status: "SUCCESS" }, false],
    ["since its attempt (inclusive)", { since: 1_000 }, true],
    ["since a millisecond later", { since: 1_001 }, false],
    ["until its attempt (exclusive)", { until: 1_000 }, false],
    ["until a millisecond later", { until: 1_001 }, true],
    ["a bound at its last change (inclusive)", { changedBefore: 2_000 }, true],
    ["a bound before its last change", { changedBefore: 1_999 }, false],
    ["the calls of a mark at that time", { markedAt: 2_000 }, false],
    ["another reason", { reason: "dns" }, false],
    ["its class and the next one's", { statusCodes: [{ class: 4 }, { class: 6 }] }, false],
    ["another code", { statusCodes: [{ code: 500 }] }, false],
    ["no status code at all", { statusCodes: [] }, false],
    ["its channel", { channel: "SMS" }, true],
    ["text that it doesn't have", { text: "no" }, false],
    ["its code among others", { statusCodes: [{ code: 500 }, { code: 503 }] }, true],
    ["its class", { statusCodes: [{ class: 5 }] }, true],
    ["no answer", { statusCodes: [{ none: true }] }, false],
    ["another channel", { channel: "EMAIL" }, false],
    ["its message, a UUID, in other case", { messageId: CALL.response.messageId.toLowerCase() }, true],
    ["a part of its message", { messageId: CALL.response.messageId.slice(1) }, false],
    ["its sender", { from: "61400000001" }, true],
    ["its sender's name, as it has a number", { from: "Ada" }, false],
    ["part of a number", { from: "6140000000" }, false],
    ["some of its text in other case", { text: "yE" }, true],
    ["an answer that isn't known", { answer: "y" }, false],
    ["all of them at once, one wrong", { status: "FAILED", text: "no" }, false],
  ])("%s", (_, filter, isMeant) => {
    expect(matchesFilter(CALL, filter)).toBe(isMeant);
  });

  it("means a user's mark by its instant, and a missing answer by its reason", () => {
    const marked = aCall({ status: "SUCCESS", settledBy: "user", changedAt: 2_000, error: "dns" });
    expect([2_000, 1_999].map((markedAt) => matchesFilter(marked, { markedAt }))).toEqual([true, false]);
    const reasons = ["dns", "refused", "not-sent"] as const;
    expect(reasons.map((reason) => matchesFilter(marked, { reason }))).toEqual([true, false, false]);
    const held = aCall({ status: "FAILED" });
    expect(reasons.map((reason) => matchesFilter(held, { reason }))).toEqual([false, false, true]);
  });

  it("means a sender by the first address, or by name only where there is none", () => {
    const from = { name: "61400000001", mri: "", mobile: "", email: "", voice: "" };
    const bySender = (sender: object) =>
      matchesFilter(aCall({ status: "FAILED", response: { ...aResponse(), from: { ...from, ...sender } } }), { from: from.name });
    expect([bySender({}), bySender({ mobile: "61499999999" }), bySender({ mobile: "61499999999", voice: from.name })]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it("means no PENDING call unless asked for it", () => {
    expect(matchesFilter(aCall(), {})).toBe(false);
    expect(matchesFilter(aCall({ response: aResponse() }), { status: "PENDING" })).toBe(true);
  });

  it("reads status codes, classes and none, and nothing else", () => {
    expect(["500", "5xx", "4XX", "none"].map(parseStatusCodePattern)).toEqual([
      { code: 500 },
      { class: 5 },
      { class: 4 },
      { none: true },
    ]);
    const others = ["", "5", "600", "099", "xx", "5x", "None", "500 ", "15xx", "5xxx", "1500", "5000", "6xx", "0xx"];
    expect(others.map(parseStatusCodePattern)).toEqual(others.map(() => null));
    const texts = ["100", "599", "1xx", "5xx", "none"];
    expect(texts.map(parseStatusCodePattern).map((pattern) => pattern && statusCodeText(pattern))).toEqual(texts);
  });

  it("by the time of the last attempt means no call without one", () => {
    const unattempted = aCall({ status: "FAILED", attemptedAt: null });
    expect([{ since: 0 }, { until: 9_999 }].map((filter) => matchesFilter(unattempted, filter))).toEqual([false, false]);
  });

  it("by what a client doesn't know means no call of it", () => {
    const { changedAt: _, settledBy: __, ...listed } = CALL;
    expect([{ changedBefore: 9_999 }, { markedAt: 2_000 }, {}].map((filter) => matchesFilter(listed, filter))).toEqual([
      false,
      false,
      true,
    ]);
  });

  it("means an unanswered call by none, and an answer by a part of it in any case", () => {
    const unanswered = { ...CALL, statusCode: null };
    const matches = [{ none: true } as const, { class: 0 }, { class: 5 }].map((pattern) =>
      matchesFilter(unanswered, { statusCodes: [pattern] }),
    );
    expect(matches).toEqual([true, false, false]);
    const answered = { ...CALL, answer: "Try Later" };
    expect(["LATER", "never"].map((answer) => matchesFilter(answered, { answer }))).toEqual([true, false]);
    expect(matchesFilter({ ...CALL, answer: null }, { answer: "" })).toBe(true);
  });

  it("has the API's names for its conditions, and leaves out what isn't asked", () => {
    expect(filterParameters({})).toStrictEqual({});
    expect(filterParameters({ statusCodes: [] })).toStrictEqual({});
    expect(
      filterParameters({
        status: "FAILED",
        answer: "later",
        since: 0,
        until: 1_000,
        statusCodes: [{ code: 500 }, { class: 4 }, { none: true }],
        reason: "dns",
        channel: "SMS",
        messageId: "M",
        from: "61400000001",
        text: "yes",
      }),
    ).toEqual({
      status: "FAILED",
      answer: "later",
      since: "1970-01-01T00:00:00.000Z",
      until: "1970-01-01T00:00:01.000Z",
      statusCode: "500,4xx,none",
      reason: "dns",
      channel: "SMS",
      messageId: "M",
      from: "61400000001",
      q: "yes",
    });
  });
});

describe("the reason of a call", () => {
  it("is the kind of failure, before any message", () => {
    expect(reasonText({ ...CALL, statusCode: null, error: "dns", attemptCount: 0 })).toBe("dns");
    expect(reasonText({ ...CALL, statusCode: null, error: null, attemptCount: 1, statusMessage: "dns: no address" })).toBe("dns");
    expect(reasonText({ ...CALL, statusCode: null, error: null, attemptCount: 1, statusMessage: "see dns: no address" })).toBe(
      "see dns: no address",
    );
    expect(FAILURE_REASONS.slice(-2)).toEqual(["not-sent", "no-message"]);
  });

  it("is cut after so many characters, whatever they take", () => {
    expect([cutText("x".repeat(257)), cutText("😀".repeat(257)), cutText("abc")]).toEqual([
      "x".repeat(256),
      "😀".repeat(256),
      "abc",
    ]);
  });
});
