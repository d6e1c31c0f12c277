import { describe, expect, it } from "vitest";
import {
  addRetried,
  type CallGroup,
  CallGroups,
  GROUP_KEYS,
  groupOf,
  isGroupKey,
  NONE_RETRIED,
} from "../../../src/domain/call-groups.js";
import { aCall, aResponse } from "../../support/builders.js";
import { aListedCall } from "../../support/cli/listed.js";

const aGroup = (over: Partial<CallGroup> = {}): CallGroup => {
  return { values: { channel: "SMS" }, count: 1, firstAttemptedAt: 5, lastAttemptedAt: 5, exampleId: "A", ...over };
};

describe("adding groups up", () => {
  it("adds counts and spans, and keeps an example of the latest", () => {
    const groups = new CallGroups(["channel"], 10);
    groups.add(aGroup({ exampleId: null }));
    groups.add(aGroup({ firstAttemptedAt: null, lastAttemptedAt: null, exampleId: "B" }));
    groups.add(aGroup({ count: 3, firstAttemptedAt: 2, lastAttemptedAt: 9, exampleId: "C" }));
    groups.add(aGroup({ firstAttemptedAt: 1, lastAttemptedAt: 1, exampleId: "D" }));
    expect(groups.sorted()).toEqual([aGroup({ count: 6, firstAttemptedAt: 1, lastAttemptedAt: 9, exampleId: "C" })]);
  });

  it("sorts equal ones by their values, in whatever order they come", () => {
    const sorted = (...channels: string[]) => {
      const groups = new CallGroups(["channel"], 10);
      for (const channel of channels) groups.add(aGroup({ values: { channel } }));
      return groups.sorted().map(({ values }) => values.channel);
    };
    expect(sorted("VOICE", "SMS")).toEqual(["SMS", "VOICE"]);
    expect(sorted("SMS", "VOICE")).toEqual(["SMS", "VOICE"]);
  });

  it("sorts the most calls first, then the latest", () => {
    const groups = new CallGroups(["channel"], 10);
    groups.add(aGroup({ values: { channel: "A" }, lastAttemptedAt: null }));
    groups.add(aGroup({ values: { channel: "B" }, lastAttemptedAt: 1 }));
    groups.add(aGroup({ values: { channel: "C" }, lastAttemptedAt: 2 }));
    groups.add(aGroup({ values: { channel: "D" }, lastAttemptedAt: 1, count: 2 }));
    expect(groups.sorted().map(({ values }) => values.channel)).toEqual(["D", "C", "B", "A"]);
  });

  it("keeps the first of equally late examples, and no time where there is none", () => {
    const groups = new CallGroups(["channel"], 10);
    groups.add(aGroup({ exampleId: "A" }));
    groups.add(aGroup({ exampleId: "B" }));
    expect(groups.sorted()[0]?.exampleId).toBe("A");
    const untried = new CallGroups(["channel"], 10);
    for (const exampleId of ["A", "B"]) untried.add(aGroup({ firstAttemptedAt: null, lastAttemptedAt: null, exampleId }));
    expect(untried.sorted()).toEqual([aGroup({ count: 2, firstAttemptedAt: null, lastAttemptedAt: null, exampleId: "A" })]);
    const atZero = new CallGroups(["channel"], 10);
    atZero.add(aGroup({ firstAttemptedAt: null, lastAttemptedAt: null, exampleId: "A" }));
    atZero.add(aGroup({ firstAttemptedAt: 0, lastAttemptedAt: 0, exampleId: "B" }));
    expect(atZero.sorted()[0]).toMatchObject({ lastAttemptedAt: 0, exampleId: "B" });
  });

  it("keeps what differs in one of several keys apart", () => {
    const groups = new CallGroups(["channel", "from"], 10);
    for (const from of ["1", "2", null]) groups.add(aGroup({ values: { channel: "SMS", from } }));
    expect(groups.size).toBe(3);
  });

  it("holds so many groups, and counts the calls of others", () => {
    const groups = new CallGroups(["channel"], 2);
    for (const channel of ["SMS", "VOICE", "EMAIL", "SMS", "EMAIL", null]) groups.add(aGroup({ values: { channel } }));
    expect(groups.sorted().map(({ values, count }) => [values.channel, count])).toEqual([
      ["SMS", 2],
      ["VOICE", 1],
    ]);
    expect([groups.size, groups.calls, groups.otherCalls]).toEqual([2, 6, 3]);
  });
});

describe("the reason of a listed call", () => {
  it.each([
    [{ statusCode: 503, statusMessage: "Service Unavailable" }, "Service Unavailable"],
    [{ statusCode: 503, statusMessage: null }, "no-message"],
    [{ statusCode: 503, statusMessage: "" }, "no-message"],
    [{ statusCode: null, statusMessage: null, attemptCount: null }, "no-message"],
    [{ statusCode: 503, statusMessage: "not-sent" }, '"not-sent"'],
    [{ statusCode: 503, statusMessage: "response-timeout" }, '"response-timeout"'],
    [{ statusCode: null, statusMessage: "response-timeout" }, '"response-timeout"'],
    [{ statusCode: null, statusMessage: "refused: connect ECONNREFUSED 10.0.0.1:80" }, "refused"],
    [{ statusCode: null, statusMessage: "refused by policy" }, "refused by policy"],
    [{ statusCode: null, statusMessage: "Held: endpoint down", attemptCount: 0 }, "not-sent"],
    [{ statusCode: null, statusMessage: "x".repeat(300) }, "x".repeat(256)],
    [{ statusCode: null, statusMessage: `${"😀".repeat(300)}` }, "😀".repeat(256)],
  ])("of %j is %s", (over, reason) => {
    expect(groupOf(aListedCall(over), ["reason"]).values).toEqual({ reason });
  });
});

describe("a call's group", () => {
  it("has a value for each key", () => {
    const call = { ...aCall({ id: "A", attemptedAt: 7_300_000, statusCode: 503, statusMessage: "Busy" }), answer: "Try later" };
    expect(groupOf(call, GROUP_KEYS)).toEqual({
      values: {
        statusCode: 503,
        reason: "Busy",
        answer: "Try later",
        hour: 7_200_000,
        from: "61400000001",
        messageId: call.response.messageId,
        channel: "SMS",
      },
      count: 1,
      firstAttemptedAt: 7_300_000,
      lastAttemptedAt: 7_300_000,
      exampleId: "A",
    });
  });

  it("shows that a long answer is cut", () => {
    const answers = ["😀".repeat(256), "😀".repeat(257)].map(
      (answer) => groupOf({ ...aCall(), answer }, ["answer"]).values.answer,
    );
    expect(answers).toEqual(["😀".repeat(256), `${"😀".repeat(256)}…`]);
  });

  it("has none where the call has none", () => {
    const from = { name: "", mri: "", mobile: "", email: "", voice: "" };
    const responseMessage = { channel: "", kind: "reply", date: "", content: "" } as const;
    const call = aCall({ id: "", response: aResponse({ messageId: "", from, responseMessage }) });
    expect(groupOf(call, ["answer", "hour", "from", "messageId", "channel"])).toMatchObject({
      values: { answer: null, hour: null, from: null, messageId: null, channel: null },
      exampleId: null,
    });
  });

  it("is by one of the known keys", () => {
    expect(["hour", "answer", "day", ""].map(isGroupKey)).toEqual([true, true, false, false]);
  });
});

it("calls that are still sent add up: the earliest next attempt, and the latest end", () => {
  const one = { calls: 2, nextAt: 5, until: 8 };
  expect(addRetried(one, { calls: 1, nextAt: 3, until: 9 })).toEqual({ calls: 3, nextAt: 3, until: 9 });
  expect(addRetried(one, NONE_RETRIED)).toEqual(one);
  expect(addRetried(NONE_RETRIED, NONE_RETRIED)).toEqual({ calls: 0, nextAt: null, until: null });
});
