import { describe, expect, it } from "vitest";
import type { CallStatus } from "../../../../src/domain/call.js";
import type { MessageResponse, ResponseMessage, Sender } from "../../../../src/domain/message-response.js";
import { comparableCall, matchSeen } from "../../../../src/runs/plan/match-seen.js";
import { readSeenList } from "../../../../src/runs/plan/seen-list.js";
import { deliveryBody } from "../../../../src/wire/delivery-request.js";
import { readCall } from "../../../../src/wire/json/call-json.js";
import { aCall, aResponse } from "../../../support/builders.js";

const NOBODY: Sender = { name: "", mri: "", mobile: "", email: "", voice: "" };
/** Understands 04… and +614…. */
const options = {
  timezone: "UTC",
  parsePhone: (number: string) => (/^(?:0|\+?61)4\d{8}$/.test(number) ? number.replace(/^(?:0|\+?61)/, "+61") : null),
};

interface CallFacts {
  readonly status?: CallStatus;
  readonly messageId?: string;
  readonly from?: Partial<Sender>;
  readonly reply?: Partial<ResponseMessage>;
}

function aReply({ messageId = "A1", from = { mobile: "61400000001" }, reply = {} }: CallFacts): MessageResponse {
  const base = aResponse();
  return { ...base, messageId, from: { ...NOBODY, ...from }, responseMessage: { ...base.responseMessage, ...reply } };
}

/** Calls by id. */
function match(calls: Readonly<Record<string, CallFacts>>, seen: string) {
  const comparable = Object.entries(calls).map(([id, facts]) => {
    const call = { ...aCall({ id, status: facts.status ?? "FAILED" }), response: aReply(facts) };
    const raw = { id, status: call.status, ...JSON.parse(JSON.stringify(call.response)) };
    return comparableCall({ ...readCallOf(raw), response: call.response }, options);
  });
  const result = matchSeen(readSeenList(seen, "UTC").lines, comparable, options);
  const ids = (found: readonly { id: string }[]) => found.map(({ id }) => id).sort();
  return { seen: ids(result.seen), ambiguous: ids(result.ambiguous), unmatched: result.unmatched };
}

function readCallOf(raw: object) {
  return readCall(raw, { callbackId: "X" });
}

const body = (facts: CallFacts): string => `${deliveryBody({ contentType: "json", removeHtml: false }, aReply(facts))}\n`;
const rows = (...lines: readonly string[]): string => `${lines.join("\n")}\n`;
const ADA = { mobile: "61400000001" };
const BOB = { mobile: "61400000002" };

describe("a line that matches one call", () => {
  it("makes it seen, and only if it is FAILED to be marked", () => {
    expect(match({ c1: { from: ADA }, c2: { from: BOB, status: "SUCCESS" } }, body({ from: ADA }) + body({ from: BOB }))).toEqual(
      {
        seen: ["c1"],
        ambiguous: [],
        unmatched: 0,
      },
    );
  });

  it("may name it by call id, by a bare call id, or by a bare message id", () => {
    const calls = { A001: { messageId: "B001" }, A002: { messageId: "B002" }, A003: { messageId: "B003" } };
    expect(match(calls, "callid\na001\n")).toEqual({ seen: ["A001"], ambiguous: [], unmatched: 0 });
    expect(match(calls, "a001\nb002\nffff\n")).toEqual({ seen: ["A001", "A002"], ambiguous: [], unmatched: 1 });
  });

  it("must agree in message id, kind, minute and content", () => {
    const call = { c1: { from: {}, reply: { date: "24/11/26 09:30", content: "Yes\r\nplease " } } };
    const header = "messageid,acknowledged,undeliverable,content";
    const seenBy = (line: string): boolean => match(call, rows(header, line)).seen.length === 1;
    expect(seenBy('A1,24/11/26 09:30,,"Yes\nplease"')).toBe(true);
    expect(seenBy("A1,,,")).toBe(true);
    expect(seenBy("A2,,,")).toBe(false);
    expect(seenBy("A1,24/11/26 09:31,,")).toBe(false);
    expect(seenBy("A1,,24/11/26 09:30,")).toBe(false);
    expect(seenBy("A1,,,No")).toBe(false);
  });

  it("may have the content as it was delivered, without markup", () => {
    expect(match({ c1: { reply: { content: "<b>Yes</b>" } } }, body({ reply: { content: "Yes" } })).seen).toEqual(["c1"]);
    expect(match({ c1: { reply: { content: "<b>Yes</b>" } } }, body({ reply: { content: "<b>Yes</b>" } })).seen).toEqual(["c1"]);
  });

  it("must have one equal sender field and no different one; empty ones don't count", () => {
    const call = { c1: { from: { mobile: "61400000001", email: "Ada@example.com" } } };
    const seenBy = (from: Partial<Sender>): boolean => match(call, body({ from })).seen.length === 1;
    expect(seenBy({ mobile: "0400000001" })).toBe(true);
    expect(seenBy({ email: "ada@EXAMPLE.com" })).toBe(true);
    expect(seenBy({ mobile: "0400000001", email: "bob@example.com" })).toBe(false);
    expect(seenBy({ mobile: "0400000002", email: "ada@example.com" })).toBe(false);
    expect(seenBy({ mri: "ada.1" })).toBe(false);
    expect(seenBy({})).toBe(true);
    expect(seenBy({ mobile: "not a number" })).toBe(true);
  });

  it("may give the sender in a column from: a number or an address", () => {
    const call = { c1: { from: { mobile: "61400000001", email: "ada@example.com" } }, c2: { from: BOB } };
    expect(match(call, rows("messageid,from", "A1,+61400000001")).seen).toEqual(["c1"]);
    expect(match(call, rows("messageid,from", "A1,ada@example.com")).seen).toEqual(["c1"]);
    expect(match(call, rows("messageid,from", "A1,0400000003"))).toEqual({ seen: [], ambiguous: [], unmatched: 1 });
  });

  it("is compared with calls that have no sender", () => {
    expect(match({ c1: { from: {} } }, body({ from: ADA })).seen).toEqual(["c1"]);
  });
});

describe("a line that matches several calls", () => {
  it("makes the FAILED ones ambiguous: fifty replies to one message aren't marked by one line", () => {
    const replies = Array.from({ length: 50 }, (_, n) => [
      `c${n}`,
      { messageId: "00A1", from: { mobile: `614000000${n + 10}` } },
    ]);
    const { seen, ambiguous } = match(Object.fromEntries(replies), "00a1\n");
    expect([seen.length, ambiguous.length]).toEqual([0, 50]);
  });

  it("doesn't mark the call that wasn't delivered, if the others were", () => {
    const calls = { c1: { status: "SUCCESS" }, c2: { status: "SUCCESS" }, c3: { status: "FAILED" } } as const;
    expect(match(calls, body({}) + body({}) + body({}))).toEqual({ seen: [], ambiguous: ["c3"], unmatched: 0 });
  });

  it("doesn't make a call ambiguous that is the only match of another line, whatever the order", () => {
    const calls = { c1: { reply: { content: "Yes" } }, c2: { reply: { content: "No" } } };
    const [exact, vague] = [body({ reply: { content: "Yes" } }), '{"messageid":"A1"}\n'];
    const expected = { seen: ["c1"], ambiguous: ["c2"], unmatched: 0 };
    expect(match(calls, exact + vague)).toEqual(expected);
    expect(match(calls, vague + exact)).toEqual(expected);
  });
});

describe("a line that matches no call", () => {
  it("makes the FAILED calls of its message and sender ambiguous", () => {
    const calls = {
      c1: { from: ADA },
      c2: { from: BOB },
      c3: { from: ADA, messageId: "A2" },
      c4: { from: ADA, status: "SUCCESS" },
    } as const;
    expect(match(calls, body({ from: ADA, reply: { content: "something else" } }))).toEqual({
      seen: [],
      ambiguous: ["c1"],
      unmatched: 0,
    });
  });

  it("and is of another message or sender changes nothing", () => {
    expect(match({ c1: { from: ADA } }, body({ from: ADA, messageId: "A2" }) + body({ from: BOB }))).toEqual({
      seen: [],
      ambiguous: [],
      unmatched: 2,
    });
  });
});

it("matches twenty thousand replies to one message in seconds", () => {
  const calls = Array.from({ length: 20_000 }, (_, number) => {
    const from = { mobile: `614${String(number).padStart(8, "0")}` };
    return comparableCall(
      readCallOf({ id: `C${number}`, status: "FAILED", messageId: "A1", from, responseMessage: {} }),
      options,
    );
  });
  const lines = readSeenList(
    calls.map((_, number) => `{"messageid":"A1","mobile":"04${String(number).padStart(8, "0")}"}`).join("\n"),
    "UTC",
  ).lines;
  const startedAt = performance.now();
  expect(matchSeen(lines, calls, options).seen).toHaveLength(20_000);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});
