import { describe, expect, it } from "vitest";
import { type CallGroup, CallGroups, groupOf } from "../../../src/domain/call-groups.js";
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
    [{ statusCode: null, statusMessage: "refused: connect ECONNREFUSED 10.0.0.1:80" }, "refused"],
    [{ statusCode: null, statusMessage: "refused by policy" }, "refused by policy"],
    [{ statusCode: null, statusMessage: "Held: endpoint down", attemptCount: 0 }, "not-sent"],
    [{ statusCode: null, statusMessage: "x".repeat(300) }, "x".repeat(256)],
    [{ statusCode: null, statusMessage: `${"😀".repeat(300)}` }, "😀".repeat(256)],
  ])("of %j is %s", (over, reason) => {
    expect(groupOf(aListedCall(over), ["reason"]).values).toEqual({ reason });
  });
});
