import { describe, expect, it } from "vitest";
import { type CallStatus, eraseCall } from "../../../../src/domain/call.js";
import type { MessageResponse, ResponseMessage, Sender } from "../../../../src/domain/message-response.js";
import { systemClock } from "../../../../src/platform/clock.js";
import { comparableCall } from "../../../../src/runs/plan/comparable-call.js";
import { matchSeen } from "../../../../src/runs/plan/match-seen.js";
import { readSeenList } from "../../../../src/runs/plan/seen-list.js";
import { deliveryBody } from "../../../../src/wire/delivery-request.js";
import { readCall } from "../../../../src/wire/json/call-json.js";
import { readResponse, responseToJson } from "../../../../src/wire/json/response-json.js";
import { aCall, aResponse } from "../../../support/builders.js";

const NOBODY: Sender = { name: "", mri: "", mobile: "", email: "", voice: "" };
/** The parser understands 04… and +614…. */
const options = {
  clock: systemClock,
  timezone: "UTC",
  ignored: new Set<string>(),
  parsePhone: (number: string): readonly string[] =>
    /^(?:0|\+?61)4\d{8}$/.test(number) ? [number.replace(/^(?:0|\+?61)/, "+61")] : [],
};

interface CallFacts {
  readonly isErased?: boolean;
  readonly isUnsent?: boolean;
  readonly status?: CallStatus;
  readonly messageId?: string;
  readonly from?: Partial<Sender>;
  readonly reply?: Partial<ResponseMessage>;
  /** A platform may list members so. */
  readonly listed?: { readonly from?: unknown; readonly responseMessage?: object };
}

function aReply({ messageId = "A1", from = { mobile: "61400000001" }, reply = {}, listed }: CallFacts): MessageResponse {
  const base = aResponse();
  const response = { ...base, messageId, from: { ...NOBODY, ...from }, responseMessage: { ...base.responseMessage, ...reply } };
  return listed === undefined ? response : readResponse(JSON.parse(JSON.stringify({ ...responseToJson(response), ...listed })));
}

/** Calls are by id. */
async function match(calls: Readonly<Record<string, CallFacts>>, seen: string, compared = options) {
  const result = await matchList(calls, seen, compared);
  const ids = (found: readonly { id: string }[]) => found.map(({ id }) => id).sort();
  return { seen: ids(result.seen), ambiguous: ids(result.ambiguous), unmatched: result.unmatched };
}

async function matchList(calls: Readonly<Record<string, CallFacts>>, seen: string, compared = options) {
  const list = readSeenList(seen, "UTC", { ignored: compared.ignored });
  const comparable = Object.entries(calls).map(([id, facts]) => {
    const call = { ...aCall({ id, status: facts.status ?? "FAILED" }), response: aReply(facts) };
    const raw = { id: "X", status: call.status, ...JSON.parse(JSON.stringify(call.response)) };
    const erased = facts.isErased ? { statusCode: null, statusMessage: eraseCall(call, 1).statusMessage } : {};
    const unsent = facts.isUnsent ? { attemptCount: 0 } : {};
    return comparableCall(
      { ...readCallOf(raw), id, response: call.response, ...erased, ...unsent },
      { ...compared, format: list.format },
    );
  });
  return matchSeen(list.lines, comparable, compared);
}

function readCallOf(raw: object) {
  return readCall(raw, { callbackId: "X" });
}

const body = (facts: CallFacts): string => `${deliveryBody({ contentType: "json", removeHtml: false }, aReply(facts))}\n`;
const xmlBody = (facts: CallFacts): string => `${deliveryBody({ contentType: "xml", removeHtml: false }, aReply(facts))}\n`;
const rows = (...lines: readonly string[]): string => `${lines.join("\n")}\n`;
const DATE = "24/11/26 09:30";
const ADA = { mobile: "61400000001" };
const BOB = { mobile: "61400000002" };

describe("a line by which a call is seen", () => {
  const call = { from: ADA, reply: { content: "Yes" } };
  const own = JSON.parse(body(call));
  const unused = async (list: string, facts: CallFacts = call) => {
    const { seen, uncompared } = await matchList({ A: facts }, list);
    expect({ list, seen: seen.map(({ id }) => id) }).toEqual({ list, seen: ["A"] });
    return uncompared.map(({ line, name, key }) => `${name}=${key} on line ${line}`);
  };

  it.each<[object, string]>([
    [{ name: "webhook.rejected" }, "name=webhook.rejected"],
    [{ from: "dead-letter-queue" }, "from=dead-letter-queue"],
    [{ mri: "rejected: 503" }, "mri=rejected: 503"],
    [{ voice: "failed" }, "voice=failed"],
    [{ email: "dlq@x.example" }, "email=dlq@x.example"],
    [{ from: { mobile: "61400000001", queue: "rejected" } }, "OTHER SENDER=[[queue,rejected]]"],
  ])("says more than is compared with %j", async (more, value) => {
    expect(await unused(`\n${JSON.stringify({ callid: "A", mobile: "61400000001", content: "Yes", ...more })}\n`)).toEqual([
      `${value} on line 2`,
    ]);
  });

  it("says more than is compared with a value that can't be read", async () => {
    for (const mobile of ["rejected", "0", "****"])
      expect(await unused(`callid,mobile\nA,${mobile}\n`)).toEqual([`mobile=${mobile} on line 2`]);
    expect(await unused("callid,acknowledged\nA,24/11/26 09:30\n", { reply: { date: "" } })).toHaveLength(1);
    expect(await unused("callid,content\nA,rejected\n", { isErased: true, from: {}, reply: { content: "" } })).toHaveLength(1);
  });

  it("says more than is compared with two values of one name", async () => {
    for (const [name, value] of Object.entries({
      mobile: "rejected",
      acknowledged: "2020-01-01 00:00",
      content: "ERROR: not stored",
    }))
      expect(await unused(`${JSON.stringify({ [name]: value, ...own })}\n`)).toEqual([expect.stringContaining(`${name}=`)]);
    const spelled = { ...own, responseMessage: { Content: "ERROR: not stored", ...own.responseMessage } };
    expect(await unused(`${JSON.stringify(spelled)}\n`)).toEqual([expect.stringContaining("content=")]);
    const table = "callid,undeliverable,acknowledged\nA,24/11/26 09:30,20/11/26 10:00\n";
    expect(await unused(table, { reply: { kind: "undeliverable" } })).toEqual(["acknowledged=20/11/26 10:00 on line 2"]);
  });

  it("may say what the call says itself, and what is compared in another form", async () => {
    const named = { from: { ...ADA, name: "Ada", mri: "x" }, reply: {} };
    for (const list of [
      body(named),
      xmlBody(named),
      "callid,name,mri,mobile\nA,Ada,x,0400000001\n",
      "callid,from\nA,+61400000001\n",
    ])
      expect(await unused(list, named)).toEqual([]);
    expect(await unused("callid,from\nA,Ada\n", { from: { name: "Ada" } })).toEqual([]);
    const odd = { listed: { from: { whatsapp: "1" }, responseMessage: { content: "Yes", Content: "No" } } };
    expect(await unused(`${JSON.stringify({ ...JSON.parse(body(odd)), callid: "A" })}\n`, odd)).toEqual([]);
  });
});

describe("a line that matches one call", () => {
  it("has its message id byte for byte, but for trimmed formats and what TSV escapes", async () => {
    const calls = { c1: { messageId: 'camp"1' }, c2: { messageId: "camp\\n2" }, c3: { messageId: " camp3" } };
    const seenIn = async (...lists: readonly string[]) =>
      (await Promise.all(lists.map((list) => match(calls, list)))).map(({ seen }) => seen);
    expect(await seenIn(...["camp1", "camp 2", "camp3"].map((messageId) => body({ messageId })))).toEqual([[], [], []]);
    expect(await seenIn(...Object.values(calls).map(body))).toEqual([["c1"], ["c2"], ["c3"]]);
    const { content } = aReply({}).responseMessage;
    const row = (messageId: string): string =>
      rows("messageid\tmobile\tcontent\tacknowledged", `${messageId}\t61400000001\t${content}\t${DATE}`);
    const csvRow = (messageId: string): string =>
      rows("messageid,mobile,content,acknowledged", `${messageId},61400000001,${content},${DATE}`);
    expect(await seenIn(csvRow("camp1"), csvRow("camp3"), csvRow(" camp3 "))).toEqual([[], ["c3"], ["c3"]]);
    expect(await seenIn(row('camp"1'), row("camp\\n2"), row("camp3"), row("camp1"))).toEqual([["c1"], ["c2"], ["c3"], ["c1"]]);
  });

  it("leaves it open if the call lacks the line's sender or time, and others of its message and sender are near", async () => {
    const delivered = { from: ADA, status: "SUCCESS", reply: { date: "25/11/26 10:00" } } as const;
    const line = body({ from: ADA, reply: { date: "25/11/26 21:00" } });
    const nobody = { c1: delivered, c2: { from: NOBODY, reply: { date: "" } } };
    expect(await match(nobody, line)).toEqual({ seen: [], ambiguous: ["c2"], unmatched: 0 });
    expect(await match({ c1: delivered, c2: { from: ADA, reply: { date: "" } } }, line)).toMatchObject({ ambiguous: ["c2"] });
    expect(await match({ c2: { from: ADA, reply: { date: "" } } }, line)).toMatchObject({ seen: [], ambiguous: ["c2"] });
    expect(await match({ c2: nobody.c2 }, line)).toMatchObject({ seen: [], ambiguous: ["c2"] });
    const both = { seen: [], ambiguous: ["c1", "c2"], unmatched: 0 };
    const failed = { from: ADA, reply: delivered.reply };
    expect(await match({ c1: failed, c2: { from: ADA, reply: { date: "" } } }, line)).toEqual(both);
    const unnamed = { c1: failed, c2: { from: NOBODY, reply: { date: "25/11/26 21:00" } } };
    expect(await match(unnamed, line)).toEqual(both);
    for (const column of ["mobile", "from"])
      expect(await match(unnamed, rows(`messageid,${column},acknowledged`, "A1,0400000001,25/11/26 21:00"))).toEqual(both);
  });

  it("leaves it open if it gives a sender that can't be compared, whatever else agrees", async () => {
    const reply = { date: "24/11/26 09:30", content: "Yes" };
    const line = (sender: object): string =>
      JSON.stringify({ messageid: "A1", ...sender, responseMessage: { acknowledged: reply.date, content: reply.content } });
    const calls = [ADA, NOBODY, { name: "Ada" }, { voice: "0400000001" }].map((from) => ({ c1: { from, reply } }));
    for (const sender of [
      { from: { name: "Bob" } },
      { from: { mobile: "12345" } },
      { from: "Bob" },
      { from: { voice: "6.1E+10" } },
    ])
      for (const call of calls) expect(await match(call, line(sender))).toEqual({ seen: [], ambiguous: ["c1"], unmatched: 0 });
    for (const call of calls) expect((await match(call, body(call.c1))).seen).toEqual(["c1"]);
    expect(await match({ c1: { from: BOB, messageId: "NULL" } }, rows("messageid,mobile", "NULL,1")).catch(String)).toContain(
      "line 2 can't be read: it has neither a call id nor a message id",
    );
  });

  it("makes it seen, and only if it is FAILED to be marked", async () => {
    expect(
      await match({ c1: { from: ADA }, c2: { from: BOB, status: "SUCCESS" } }, body({ from: ADA }) + body({ from: BOB })),
    ).toEqual({
      seen: ["c1"],
      ambiguous: [],
      unmatched: 0,
    });
  });

  it("may name it by call id, bare or not; a message id alone leaves it open", async () => {
    const calls = { A001: { messageId: "B001" }, A002: { messageId: "B002" }, A003: { messageId: "B003" } };
    expect(await match(calls, "callid\nA001\n")).toEqual({ seen: ["A001"], ambiguous: [], unmatched: 0 });
    expect(await match(calls, "A001\nffff\n")).toEqual({ seen: ["A001"], ambiguous: [], unmatched: 1 });
    expect(await match(calls, "B002\n")).toEqual({ seen: [], ambiguous: ["A002"], unmatched: 0 });
  });

  it("is ambiguous if it is a bare id in a list that has a message's, too: numbers of both kinds may be equal", async () => {
    const calls = { 101: { messageId: "104" }, 102: { messageId: "105" }, 103: { messageId: "106" } };
    expect(await match(calls, "101\n105\n")).toEqual({ seen: [], ambiguous: ["101", "102"], unmatched: 0 });
    expect(await match(calls, "101\n999\n")).toEqual({ seen: ["101"], ambiguous: [], unmatched: 1 });
  });

  it("may be a system's own number if it is bare, and of digits", async () => {
    const calls = { "1209": {}, "order-7": {}, "1234567890123456": {} };
    const counted = async (list: string) => {
      const { seen, seenById, unconfirmed } = await matchList(calls, list);
      return [seen.length, seenById, unconfirmed];
    };
    expect(await counted(rows("1209", "order-7", "1234567890123456"))).toEqual([3, 2, 1]);
    expect(await counted(rows("callid", "1209"))).toEqual([1, 1, 0]);
  });

  it("is ambiguous if it is a bare id that is a call's and its message's: another reply may be meant", async () => {
    const calls = { A001: { messageId: "A001" } };
    expect(await match(calls, "A001\n")).toEqual({ seen: [], ambiguous: ["A001"], unmatched: 0 });
    expect(await match(calls, "callid\nA001\n")).toEqual({ seen: ["A001"], ambiguous: [], unmatched: 0 });
  });

  it("agrees with the call that it names in all else that it gives", async () => {
    const unread = { from: ADA, reply: { date: "28-11-2026 01:30", content: "<b>Yes</b>" } };
    const calls = { c1: unread, c2: { ...unread, status: "SUCCESS", reply: { content: "later" } } } as const;
    const seenBy = async (columns: string, line: string) => match(calls, rows(`callid,${columns}`, `c1,${line}`));
    const isSeen = { seen: ["c1"], ambiguous: [], unmatched: 0 };
    expect(await seenBy("messageid,mobile,content", "A1,0400000001,<b>Yes</b>")).toEqual(isSeen);
    expect(await seenBy("content", "Yes")).toEqual(isSeen);
    expect(await seenBy("acknowledged", "28/11/26 01:00")).toEqual(isSeen);
  });

  it("leaves open the call that it names if it gives anything else", async () => {
    const call = { from: ADA, reply: { date: "28/11/26 01:30", content: "Yes, please" } };
    const calls = { c1: call, c2: { ...call, status: "SUCCESS" } } as const;
    const differ = async (columns: string, line: string, id = "c1") => {
      const list = rows(`callid,${columns}`, `${id},${line}`);
      const { unlike, atOtherTimes } = await matchList(calls, list);
      return { ...(await match(calls, list)), unlike, atOtherTimes };
    };
    const isOpen = { seen: [], ambiguous: ["c1"], unmatched: 0, atOtherTimes: 0 };
    expect(await differ("content", '"Yes, pl"')).toEqual({ ...isOpen, unlike: ["content"] });
    expect(await differ("messageid", "A2")).toEqual({ ...isOpen, unlike: ["message id"] });
    expect(await differ("mobile", "0400000002")).toEqual({ ...isOpen, unlike: ["sender"] });
    expect(await differ("email", "ada@example.com")).toEqual({ ...isOpen, unlike: ["sender"] });
    expect(await differ("acknowledged", "28/11/26 12:30")).toEqual({ ...isOpen, unlike: [], atOtherTimes: 1 });
    expect(await differ("messageid,content", "A2,Yes")).toEqual({ ...isOpen, unlike: ["message id", "content"] });
    expect(await differ("content", "Yes", "c2")).toEqual({ ...isOpen, ambiguous: [], unlike: [] });
    expect(await differ("content", "Yes", "c3")).toEqual({ ...isOpen, ambiguous: [], unmatched: 1, unlike: [] });
    const both = rows("callid,content", '"c1","Yes"', '"c1","Yes, please"');
    expect(await match(calls, both)).toEqual({ seen: ["c1"], ambiguous: [], unmatched: 0 });
  });

  it("leaves open the call that it names if an ignored column mentions a refusal, but for what the sender wrote", async () => {
    const calls = { c1: { reply: { content: "my order failed" } } };
    const matchIgnoring = (list: string) => matchList(calls, list, { ...options, ignored: new Set(["text"]) });
    const isOpen = { seen: [], ambiguous: [{ id: "c1" }], refusing: ["text"] };
    expect(await matchIgnoring("callid,text\nc1,rejected\n")).toMatchObject(isOpen);
    for (const list of ["c1,rejected\nc1,stored", "c1,stored\nc1,rejected"])
      expect(await matchIgnoring(`callid,text\n${list}\n`)).toMatchObject({ ...isOpen, seenById: 0 });
    expect(await matchIgnoring("callid,text\nc1,my order failed\n")).toMatchObject({ seen: [{ id: "c1" }], refusing: [] });
    const any = '{"messageid":"A1","text":"rejected"}\n{"callid":"c1"}\n{"callid":"c2"}\n';
    const ignored = new Set(["text", "callid", "messageid"]);
    const both = await matchList({ ...calls, c2: {}, c3: { messageId: "A2" } }, any, { ...options, ignored });
    expect(both).toMatchObject({ seen: [], ambiguous: [{ id: "c1" }, { id: "c2" }], seenById: 0, refusing: ["text"] });
    const unnamed = "messageid,mobile,content,text\nA1,61400000001,my order failed,rejected\n";
    expect(await matchIgnoring(unnamed)).toMatchObject(isOpen);
  });

  it("means the call that it spells, and none of those whose ids are equal otherwise", async () => {
    const [dashed, plain, other] = ["550e8400-e29b-41d4-a716-446655440000", "550E8400E29B41D4A716446655440000"].flatMap(
      (id, index) => (index === 0 ? [id] : [id, id.toLowerCase()]),
    ) as [string, string, string];
    const calls = { [dashed]: { from: ADA }, [plain]: { from: BOB } };
    expect(await match(calls, rows("callid", dashed))).toEqual({ seen: [dashed], ambiguous: [], unmatched: 0 });
    expect(await match(calls, rows("callid", plain))).toEqual({ seen: [plain], ambiguous: [], unmatched: 0 });
    const isOpen = { seen: [], ambiguous: [plain, dashed].sort(), unmatched: 0 };
    expect(await match(calls, rows("callid", other))).toEqual(isOpen);
    expect(await match(calls, rows("callid,mobile", `${other},0400000001`))).toEqual(isOpen);
  });

  it("may mean any call whose id is the same number, if it is spelled as a spreadsheet writes that", async () => {
    const calls = { "1000.1": {}, "1000.10": {}, "7": {}, "07": {}, "5": {}, "5.0": { from: BOB } };
    const table = rows("callid", "1000.1", "7");
    expect(await match(calls, table)).toEqual({ seen: [], ambiguous: ["07", "1000.1", "1000.10", "7"], unmatched: 0 });
    expect(await match(calls, rows("1000.1", "1000.10", "07"))).toEqual({
      ...{ seen: ["1000.10"], ambiguous: ["07", "1000.1", "7"], unmatched: 0 },
    });
    expect(await match(calls, rows("callid,mobile", "5,0400000002"))).toMatchObject({ seen: ["5.0"], ambiguous: [] });
  });

  it("may mean one whose id is the same number, to which a program has added zeros, and which no line has", async () => {
    const calls = { "2026.1": { status: "SUCCESS" }, "2026.10": {}, "2026.11": { status: "SUCCESS" } } as const;
    const isOpen = { seen: [], ambiguous: ["2026.10"], unmatched: 0 };
    expect(await match(calls, rows("callid", "2026.10", "2026.11"))).toEqual(isOpen);
    expect(await match(calls, rows("callid", "2026.1", "2026.10"))).toMatchObject({ ambiguous: [], seen: ["2026.10"] });
    expect(await match({ "7": { status: "SUCCESS" }, "007": {} }, rows("007", "105"))).toMatchObject({ ambiguous: ["007"] });
  });

  it("may mean any call whose id differs in case only, if the list has one case", async () => {
    const calls = { nOt2aB: {}, not2AB: {}, not2ab: {}, "order-1": {} };
    const isOpen = { seen: ["order-1"], ambiguous: ["nOt2aB", "not2AB", "not2ab"], unmatched: 0 };
    expect(await match(calls, rows("not2ab", "order-1"))).toEqual(isOpen);
    expect(await match(calls, rows("NOT2AB", "ORDER-1"))).toEqual({ ...isOpen, seen: [], ambiguous: Object.keys(calls).sort() });
    expect(await match(calls, rows("nOt2aB", "not2AB"))).toEqual({ seen: ["nOt2aB", "not2AB"], ambiguous: [], unmatched: 0 });
    expect(await match(calls, rows("Not2ab", "order-1"))).toEqual({ seen: ["order-1"], ambiguous: [], unmatched: 1 });
  });

  it("may mean any call whose id begins with the line's, if the list has no longer one", async () => {
    const calls = { "reply-1": {}, "reply-10": {}, "reply-2": {}, "reply-20": { from: BOB } };
    expect(await match(calls, rows("reply-1", "reply-2"))).toMatchObject({ seen: [], ambiguous: Object.keys(calls).sort() });
    expect(await match(calls, rows("reply-1", "reply-10"))).toMatchObject({ seen: ["reply-1", "reply-10"], ambiguous: [] });
    expect(await match(calls, rows("reply-1", "reply-2", "other-100"))).toMatchObject({ seen: ["reply-1", "reply-2"] });
    expect(await match(calls, rows("callid,mobile", "reply-2,0400000001"))).toMatchObject({ seen: ["reply-2"], ambiguous: [] });
    expect(await match({ "reply-10": {}, "reply-100": {} }, rows("REPLY-1"))).toEqual({
      ...{ seen: [], ambiguous: ["reply-10", "reply-100"], unmatched: 0 },
    });
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`reply-2${n}`, { from: BOB }]));
    const found = await match({ "reply-2": {}, ...many }, rows("callid,mobile", "reply-2,0400000001"));
    expect([found.seen.length, found.ambiguous.length]).toEqual([0, 31]);
  });

  it("leaves open the calls whose id is the same number, if none has it as the line spells it", async () => {
    const calls = { "0091": {}, "00091": { from: BOB }, "12.0": {}, X01: {} };
    const isOpen = { seen: [], ambiguous: ["00091", "0091", "12.0"], unmatched: 1 };
    expect(await match(calls, rows("91", "12", "X1"))).toEqual(isOpen);
    const table = rows("callid,mobile", "91,0400000002", "12.00,0400000001", "X1,0400000001");
    expect(await match(calls, table)).toEqual(isOpen);
    const { unlike, vague } = await matchList(calls, rows("91"));
    expect({ unlike, vague }).toEqual({ unlike: ["call id"], vague: 0 });
    const withMessage = { ...calls, A1: { messageId: "91" } };
    expect(await match(withMessage, rows("91"))).toMatchObject({ seen: [], ambiguous: ["00091", "0091", "A1"] });
    const ofMessages = await match({ ...withMessage, B1: { messageId: "B2" } }, rows("91", "B1"));
    expect(ofMessages).toMatchObject({ seen: [], ambiguous: ["00091", "0091", "A1", "B1"] });
  });

  it("counts as vague if it says too little", async () => {
    const calls = { A001: { messageId: "B001" }, A002: { messageId: "B002", status: "SUCCESS" } } as const;
    const vagueIn = async (list: string): Promise<number> => (await matchList(calls, list)).vague;
    expect([await vagueIn("B001\n"), await vagueIn("B001\nB002\n"), await vagueIn("A001\n"), await vagueIn("B003\n")]).toEqual([
      1, 1, 0, 0,
    ]);
  });

  it("makes a call without an id neither seen nor ambiguous, as it can't be marked", async () => {
    for (const line of [body({ from: ADA }), body({ from: ADA, reply: { content: "No" } })])
      expect(await match({ "": { from: ADA } }, line)).toMatchObject({ seen: [], ambiguous: [] });
  });

  it("may be the XML body where that differs from JSON's", async () => {
    const from = { name: "Ada", mobile: "61400000001", tags: ["a", { b: null }] };
    const calls: readonly CallFacts[] = [
      ...["a\bb", "a\u0001b", "a\ufffeb", "a\uffffb", "<i>a\fb</i>"].map((content) => ({ from: ADA, reply: { content } })),
      { listed: { from } },
    ];
    for (const call of calls)
      for (const line of [xmlBody(call), body(call)]) expect((await match({ c1: call }, line)).seen).toEqual(["c1"]);
  });

  it("leaves it open if the call spells a field twice, as programs differ in which one they take", async () => {
    const message = { channel: "SMS", acknowledged: "24/11/26 09:30", content: "Yes" };
    const calls: readonly CallFacts[] = [
      { listed: { from: { mobile: "61400000001", Mobile: "61400000002" } } },
      { from: ADA, listed: { responseMessage: { ...message, Content: "No" } } },
      { from: ADA, listed: { responseMessage: { ...message, Acknowledged: "24/11/26 09:31" } } },
    ];
    const lines = [
      body({}),
      body({ reply: { content: "No" } }),
      body({ from: BOB }),
      body({ reply: { date: "25/11/26 09:30" } }),
    ];
    for (const call of calls)
      for (const line of lines) expect(await match({ c1: call }, line)).toEqual({ seen: [], ambiguous: ["c1"], unmatched: 0 });
    expect((await match({ c1: { from: ADA, listed: { responseMessage: message } } }, body({}))).seen).toEqual(["c1"]);
  });

  it("must be undeliverable as the call is", async () => {
    const undeliverable = { from: ADA, reply: { kind: "undeliverable" } } as const;
    expect(await match({ c1: undeliverable }, body(undeliverable))).toEqual({ seen: ["c1"], ambiguous: [], unmatched: 0 });
    expect(await match({ c1: undeliverable }, body({ from: ADA }))).toMatchObject({ seen: [], ambiguous: ["c1"] });
    expect(await match({ c1: { from: ADA } }, body(undeliverable))).toMatchObject({ seen: [], ambiguous: ["c1"] });
  });

  it("leaves it open unless sender, content and time agree, as its own reply may not be listed any more", async () => {
    const call = { c1: { from: ADA, reply: { date: "24/11/26 09:30", content: "Yes" } } };
    const isSeen = async (calls: Parameters<typeof match>[0], columns: string, line: string): Promise<boolean> => {
      const { seen, ambiguous } = await match(calls, rows(`messageid,${columns}`, `A1,${line}`));
      expect([...seen, ...ambiguous]).toEqual(["c1"]);
      return seen.length === 1;
    };
    expect(await isSeen(call, "mobile,content,acknowledged", "0400000001,Yes,24/11/26 09:30")).toBe(true);
    expect(await isSeen(call, "mobile,content", "0400000001,Yes")).toBe(false);
    expect(await isSeen(call, "mobile,acknowledged", "0400000001,24/11/26 09:30")).toBe(false);
    expect(await isSeen(call, "mobile", "0400000001")).toBe(false);
    expect(await isSeen(call, "content,acknowledged", "Yes,24/11/26 09:30")).toBe(false);
    const nobody = { c1: { from: NOBODY, reply: { date: "24/11/26 09:30", content: "Yes" } } };
    expect(await isSeen(nobody, "content,acknowledged", "Yes,24/11/26 09:30")).toBe(true);
    expect(await isSeen(nobody, "content", "Yes")).toBe(false);
    expect(await isSeen(nobody, "mobile,content,acknowledged", "0400000001,Yes,24/11/26 09:30")).toBe(false);
    expect(await isSeen(call, "name,content,acknowledged", `${ADA.mobile},Yes,24/11/26 09:30`)).toBe(false);
  });

  describe("another reply of the sender, which no line identifies,", () => {
    const isOpen = { seen: [], ambiguous: ["A", "B"], unmatched: 0 };
    const isSeen = { seen: ["A"], ambiguous: [], unmatched: 0 };
    const [SAME_MINUTE, SAME_CONTENT] = [{ content: "Yes, please" }, { date: "24/11/26 19:37" }];

    it.each([
      ["of the same minute, and arrived", { reply: SAME_MINUTE, status: "SUCCESS" }],
      ["of the same minute by another kind of address", { reply: SAME_MINUTE, from: { voice: ADA.mobile }, status: "SUCCESS" }],
      ["of the same minute with the same content, as another sender's that arrived", { from: BOB, status: "SUCCESS" }],
      ["with the same content", { reply: SAME_CONTENT }],
      ["with the same content, and arrived", { reply: SAME_CONTENT, status: "SUCCESS" }],
      ["with the same content, and waits", { reply: SAME_CONTENT, status: "PENDING" }],
    ] as const)("leaves a line open if it is %s", async (_, other: CallFacts) => {
      const ambiguous = other.status === undefined ? ["A", "B"] : ["A"];
      expect(await match({ A: {}, B: other }, body({}))).toEqual({ ...isOpen, ambiguous });
      expect(await matchList({ A: {}, B: other }, body({}))).toMatchObject({ unlisted: 1 });
      expect(await match({ A: {}, B: other }, "A\n")).toEqual(isSeen);
    });

    it("doesn't if a line of its own identifies it", async () => {
      for (const reply of [SAME_MINUTE, SAME_CONTENT])
        expect(await match({ A: {}, B: { reply } }, body({}) + body({ reply }))).toMatchObject({ seen: ["A", "B"] });
      const cut = rows("messageid,mobile,content,acknowledged", `A1,61400000001,Yes,${DATE}`, `A1,61400000001,"Yes, pl",${DATE}`);
      expect(await match({ A: {}, B: { reply: SAME_MINUTE, status: "SUCCESS" } }, cut)).toMatchObject({
        seen: [],
        ambiguous: ["A"],
      });
    });

    it.each<[string, CallFacts]>([
      ["says something else at another time", { reply: { ...SAME_MINUTE, ...SAME_CONTENT } }],
      ["is to another message", { messageId: "A2" }],
      ["is of the same minute, and didn't arrive", { reply: SAME_MINUTE }],
      ["is another sender's", { reply: SAME_CONTENT, from: BOB }],
    ])("doesn't if it %s", async (_, other) => {
      expect(await match({ A: {}, B: other }, body({}))).toEqual(isSeen);
    });

    it.each([{ whatsapp: "wa.1", name: "Ada" }, { name: "Ada" }, {}])(
      "may be of a sender without an address, as %j",
      async (from) => {
        const call = (reply: Partial<ResponseMessage>, sender: object = from): CallFacts => ({
          from: NOBODY,
          reply,
          listed: { from: sender },
        });
        expect(await match({ A: call({}), B: call(SAME_CONTENT) }, body(call({})))).toEqual(isOpen);
        for (const other of [call(SAME_CONTENT, { name: "Bob" }), call({ ...SAME_MINUTE, ...SAME_CONTENT })])
          expect(await match({ A: call({}), B: other }, body(call({})))).toEqual(isSeen);
        expect(await match({ A: call({ content: "No" }) }, body(call({})))).toEqual({ seen: [], ambiguous: ["A"], unmatched: 0 });
      },
    );
  });

  it("leaves it open if the senders have no address of the four kinds, but differ in what else is said of them", async () => {
    const call = (from: unknown): CallFacts => ({
      from: NOBODY,
      reply: { date: "24/11/26 09:30", content: "Yes" },
      listed: { from },
    });
    const senders = [
      { whatsapp: "61400000001" },
      { whatsapp: "61400000002" },
      { name: "Ada", handle: 7 },
      { name: "Ada" },
      { mobile: { number: "61400000001" } },
      {},
    ];
    for (const [index, from] of senders.entries()) {
      for (const [other, line] of senders.entries()) {
        const { seen, ambiguous } = await match({ c1: call(from) }, body(call(line)));
        expect({ from, line, seen, ambiguous }).toMatchObject(
          index === other ? { seen: ["c1"], ambiguous: [] } : { seen: [], ambiguous: ["c1"] },
        );
      }
    }
    for (const from of [{ mobile: ["61400000001"] }, ["61400000001"], {}])
      expect((await match({ c1: call(from) }, body(call(["61400000002"])))).ambiguous).toEqual(["c1"]);
    const xml = deliveryBody({ contentType: "xml", removeHtml: false }, aReply(call({ whatsapp: "61400000001", handle: "" })));
    expect((await match({ c1: call({ whatsapp: "61400000001", handle: null }) }, xml)).seen).toEqual(["c1"]);
    const table = rows("messageid,whatsapp,content,acknowledged", "A1,61400000001,Yes,24/11/26 09:30");
    const ignoring = { ...options, ignored: new Set(["whatsapp"]) };
    expect(await match({ c1: call({ whatsapp: "61400000001" }) }, table, ignoring)).toMatchObject({
      seen: [],
      ambiguous: ["c1"],
    });
  });

  it("doesn't take a content that isn't text for an empty one", async () => {
    const reply = (content: unknown): CallFacts => ({
      from: ADA,
      listed: { responseMessage: { channel: "RCS", acknowledged: "24/11/26 09:30", content } },
    });
    const line = (content: string): string =>
      JSON.stringify({ messageid: "A1", from: ADA, responseMessage: { channel: "RCS", acknowledged: DATE, content } });
    for (const content of [{ type: "button", title: "No" }, {}, []])
      expect(await match({ c1: reply(content) }, line(""))).toEqual({ seen: [], ambiguous: ["c1"], unmatched: 0 });
    const tagged = { listed: { responseMessage: { acknowledged: "24/11/26 09:30", content: "", tags: ["x"] } } };
    expect((await match({ c1: { from: ADA, ...tagged } }, line(""))).seen).toEqual(["c1"]);
    for (const content of ["", null]) expect((await match({ c1: reply(content) }, line(""))).seen).toEqual(["c1"]);
    expect((await match({ c1: reply(5) }, line("5"))).seen).toEqual(["c1"]);
  });

  it("must have the id exactly, but for the case and the dashes of a UUID", async () => {
    const uuid = "550e8400-e29b-41d4-a716-446655440000";
    const ids = ["a-1-1", "a-11", "nOt2aB", "0A1B", uuid.replaceAll("-", "").toUpperCase()];
    const calls = Object.fromEntries(ids.map((id) => [id, {}]));
    expect((await match(calls, rows("callid", "a-1-1", "nOt2aB"))).seen).toEqual(["a-1-1", "nOt2aB"]);
    expect(await match(calls, rows("callid", "a1-1", "a11", "not2ab", "0a1b", "0A1"))).toMatchObject({ seen: [], unmatched: 5 });
    expect((await match(calls, rows("callid", uuid))).seen).toEqual([ids[4]]);
    expect((await match(calls, rows("callid", `${uuid.slice(0, 8)}${uuid.slice(9)}`))).seen).toEqual([]);
    const messages = { c1: { messageId: "camp-1-12" }, c2: { messageId: "camp-11-2" }, c3: { messageId: uuid } };
    const bodies = (...given: readonly string[]): string => given.map((messageId) => body({ messageId })).join("");
    expect((await match(messages, bodies("camp-11-2"))).seen).toEqual(["c2"]);
    expect((await match(messages, bodies("camp-112", "CAMP-1-12", uuid.toUpperCase()))).seen).toEqual(["c3"]);
  });

  it.each(["28-11-2026 01:30", "28 Nov 2026 01:30", "1764293400"])(
    "is identified by no line with a time if its date is %j",
    async (date) => {
      const call = { c1: { from: ADA, reply: { date, content: "Yes" } } };
      const line = body({ from: ADA, reply: { date: "28/11/26 01:00", content: "Yes" } });
      expect(await match(call, line)).toEqual({ seen: [], ambiguous: ["c1"], unmatched: 0 });
    },
  );

  it("must agree in message id, kind, minute and content", async () => {
    const call = { c1: { from: ADA, reply: { date: "24/11/26 09:30", content: "Yes\r\nplease " } } };
    const header = "mobile,messageid,acknowledged,undeliverable,content";
    const withoutDates = { ...options, ignored: new Set(["acknowledged", "undeliverable"]) };
    const seenBy = async (line: string): Promise<boolean> =>
      (await match(call, rows(header, `0400000001,${line}`), withoutDates)).seen.length === 1;
    expect(await seenBy('A1,24/11/26 09:30,,"Yes\nplease"')).toBe(true);
    expect(await seenBy('A1,,,"Yes\nplease"')).toBe(false);
    expect(await seenBy('A2,24/11/26 09:30,,"Yes\nplease"')).toBe(false);
    expect(await seenBy('A1,24/11/26 09:31,,"Yes\nplease"')).toBe(false);
    expect(await seenBy('A1,,24/11/26 09:30,"Yes\nplease"')).toBe(false);
    expect(await seenBy("A1,24/11/26 09:30,,No")).toBe(false);
  });

  it("may have the content as it was delivered, without markup", async () => {
    expect((await match({ c1: { reply: { content: "<b>Yes</b>" } } }, body({ reply: { content: "Yes" } }))).seen).toEqual(["c1"]);
    expect((await match({ c1: { reply: { content: "<b>Yes</b>" } } }, body({ reply: { content: "<b>Yes</b>" } }))).seen).toEqual([
      "c1",
    ]);
  });

  it("must have one equal sender field and no different one; empty ones don't count", async () => {
    const call = { c1: { from: { mobile: "61400000001", email: "Ada@example.com" } } };
    const seenBy = async (from: Partial<Sender>): Promise<boolean> => (await match(call, body({ from }))).seen.length === 1;
    expect(await seenBy({ mobile: "0400000001" })).toBe(true);
    expect(await seenBy({ email: "ada@EXAMPLE.com" })).toBe(true);
    expect(await seenBy({ mobile: "0400000001", email: "bob@example.com" })).toBe(false);
    expect(await seenBy({ mobile: "0400000002", email: "ada@example.com" })).toBe(false);
    expect(await seenBy({ mri: "ada.1" })).toBe(false);
    const byMri = { c1: { from: { mri: "Ada.1" } } };
    expect(await match(byMri, body({ from: { mri: "ada.1" } }))).toEqual({ seen: ["c1"], ambiguous: [], unmatched: 0 });
    expect(await match(byMri, body({ from: { mri: "bob.1" } }))).toEqual({ seen: [], ambiguous: [], unmatched: 1 });
    expect(await seenBy({ mobile: "0400000001", voice: "0400000009" })).toBe(true);
    expect(await seenBy({})).toBe(false);
  });

  it("may give the sender in a column from: a number or an address", async () => {
    const call = {
      c1: { from: { mobile: "61400000001", email: "ada@example.com" } },
      c2: { from: BOB },
      c3: { from: { voice: "61400000004" } },
      c4: { from: { mri: "0400000005" } },
    };
    const line = (from: string): string => rows("messageid,content,acknowledged,from", `A1,Yes,${DATE},${from}`);
    expect((await match(call, line("+61400000001"))).seen).toEqual(["c1"]);
    expect((await match(call, line("ada@example.com"))).seen).toEqual(["c1"]);
    expect((await match(call, line("0400000004"))).seen).toEqual(["c3"]);
    expect((await match(call, line("0400000005"))).seen).toEqual(["c4"]);
    expect(await match(call, line("0400000003"))).toEqual({ seen: [], ambiguous: [], unmatched: 1 });
  });

  it("doesn't identify a call by the local reading of a number that is an international one too", async () => {
    const readings = new Map([
      ["61491570001", ["+6261491570001", "+61491570001"]],
      ["+6261491570001", ["+6261491570001"]],
      ["+61491570001", ["+61491570001"]],
    ]);
    const parsePhone = (number: string): readonly string[] => readings.get(number) ?? [];
    const seenBy = async (ofCall: string, ofLine: string, kind: "mobile" | "from"): Promise<boolean> => {
      const { seen, ambiguous } = await match(
        { c1: { from: { mobile: ofCall } } },
        rows(`messageid,content,acknowledged,${kind}`, `A1,Yes,${DATE},${ofLine}`),
        { ...options, parsePhone },
      );
      expect([...seen, ...ambiguous]).toEqual(["c1"]);
      return seen.length === 1;
    };
    for (const kind of ["mobile", "from"] as const) {
      expect(await seenBy("61491570001", "+6261491570001", kind)).toBe(false);
      expect(await seenBy("+6261491570001", "61491570001", kind)).toBe(false);
      expect(await seenBy("61491570001", "+61491570001", kind)).toBe(true);
      expect(await seenBy("61491570001", "61491570001", kind)).toBe(true);
      expect(await seenBy("+6261491570001", "+6261491570001", kind)).toBe(true);
    }
  });

  it("may have a number that can't be parsed, which is compared with equally long ones", async () => {
    const [own, other] = [{ from: { mobile: "12345" } }, { from: { mobile: "54321" } }];
    const line = (sender: string): string => rows("messageid,content,acknowledged,from", `A1,Yes,${DATE},${sender}`);
    for (const seen of [body(own), line("12345"), line("1-23 45")]) {
      expect(await match({ c1: own }, seen)).toEqual({ seen: ["c1"], ambiguous: [], unmatched: 0 });
      expect(await match({ c1: own, c2: other }, seen)).toEqual({ seen: ["c1"], ambiguous: [], unmatched: 0 });
      expect(await match({ c2: other }, seen)).toEqual({ seen: [], ambiguous: [], unmatched: 1 });
      for (const unlike of [{ mobile: "0012345" }, ADA, NOBODY])
        expect(await match({ c1: own, c2: { from: unlike } }, seen)).toEqual({ seen: [], ambiguous: ["c1", "c2"], unmatched: 0 });
    }
    expect(await match({ c1: own }, body({ ...own, reply: { content: "No" } }))).toMatchObject({ seen: [], ambiguous: ["c1"] });
    for (const mobile of ["0000000", "N/A", "04xxxxx123", "12", "12345x", "1234567890123456"])
      expect(await match({ c1: { from: { mobile } } }, body({ from: { mobile } }))).toMatchObject({
        seen: [],
        ambiguous: ["c1"],
      });
  });

  it("has numbers where something is given that isn't an e-mail address", async () => {
    const asked = new Set<string>();
    const parsePhone = (number: string): readonly string[] => {
      asked.add(number);
      return [];
    };
    const calls = { c1: { from: { mobile: " 12345 ", voice: "  ", email: "ada@example.com" } } };
    const line = rows("messageid,mobile,from", "A1,bob@example.com,ada@example.com", "A1,54321,");
    await match(calls, line, { ...options, parsePhone });
    expect([...asked].sort()).toEqual(["12345", "54321"]);
  });

  it("is compared with calls that have no sender", async () => {
    expect((await match({ c1: { from: {} } }, body({ from: {} }))).seen).toEqual(["c1"]);
    expect((await match({ c1: { from: {} } }, body({ from: ADA }))).ambiguous).toEqual(["c1"]);
  });
});

describe("a line that matches several calls", () => {
  it("may match an erased one, which agrees in all but ids, kind and time", async () => {
    const erased = (date: string) => ({ isErased: true, status: "SUCCESS", from: NOBODY, reply: { date, content: "" } }) as const;
    const [missed, minute] = [{ from: ADA, reply: { date: "24/11/26 09:30" } }, "24/11/26 09:30"];
    for (const line of [body(missed), rows("messageid,content,mobile", "A1,Yes,0400000001")])
      expect(await match({ c1: erased(minute), c2: missed }, line)).toEqual({ seen: [], ambiguous: ["c2"], unmatched: 0 });
    const others = { c1: erased("24/11/26 09:31"), c2: missed, c3: { ...erased(minute), messageId: "A2" } };
    expect(await match(others, body(missed))).toMatchObject({ seen: ["c2"], ambiguous: [] });
  });

  it("makes the FAILED ones ambiguous: fifty replies to one message aren't marked by one line", async () => {
    const replies = Array.from({ length: 50 }, (_, n) => [
      `c${n}`,
      { messageId: "00A1", from: { mobile: `614000000${n + 10}` } },
    ]);
    const { seen, ambiguous } = await match(Object.fromEntries(replies), "00A1\n");
    expect([seen.length, ambiguous.length]).toEqual([0, 50]);
  });

  it("doesn't mark the call that wasn't delivered, if the others were", async () => {
    const calls = { c1: { status: "SUCCESS" }, c2: { status: "SUCCESS" }, c3: { status: "FAILED" } } as const;
    expect(await match(calls, body({}) + body({}) + body({}))).toEqual({ seen: [], ambiguous: ["c3"], unmatched: 0 });
  });

  it("says that a line agrees with a call in all but the time", async () => {
    const calls = { c1: { reply: { content: "Yes", date: "25/11/26 10:00" } } };
    const counted = async (content: string, date: string) =>
      (await matchList(calls, body({ reply: { content, date } }))).atOtherTimes;
    expect([
      await counted("Yes", "25/11/26 21:00"),
      await counted("No", "25/11/26 21:00"),
      await counted("Yes", "25/11/26 10:00"),
    ]).toEqual([1, 0, 0]);
    const undated = { ...calls, c2: { reply: { content: "Yes", date: "" } } };
    expect((await matchList(undated, body({ reply: { content: "Yes", date: "25/11/26 21:00" } }))).atOtherTimes).toBe(0);
  });

  it("agrees with the call that it names in the body that a column has", async () => {
    const calls = { "1": { messageId: "M1", from: ADA }, "4": { messageId: "M4", from: BOB } };
    const seenBy = async (facts: CallFacts) => {
      const json = body(facts).trim();
      const lists = [
        JSON.stringify({ call_id: 1, payload: JSON.parse(json) }),
        JSON.stringify({ call_id: 1, request: { body: json } }),
        rows("call_id,payload", `1,"${json.replaceAll('"', '""')}"`),
        rows("call_id,payload", `1,"${xmlBody(facts).trim().replaceAll('"', '""')}"`),
      ];
      return Promise.all(lists.map(async (list) => (await match(calls, list)).seen));
    };
    expect(await seenBy(calls["1"])).toEqual([["1"], ["1"], ["1"], ["1"]]);
    expect(await seenBy(calls["4"])).toEqual([[], [], [], []]);
    expect(await seenBy({ ...calls["1"], reply: { content: "another" } })).toEqual([[], [], [], []]);
  });

  describe("has a body in a column", () => {
    const replyOf = (from: Partial<Sender>, minute: number): CallFacts => ({
      from,
      reply: { content: `reply ${minute}`, date: `25/11/26 10:0${minute}` },
    });
    const calls = { "1": replyOf(ADA, 1), "4": replyOf(BOB, 4) };
    const flat = { messageid: "A1", mobile: "0400000002", content: "reply 4" };
    const ofFour = JSON.parse(body(calls["4"]));
    const quoted = (text: string): string => `"${text.trim().replaceAll('"', '""')}"`;

    it.each<object>([
      { payload: ofFour },
      { messageid: "A1", payload: ofFour },
      { messageid: "A1", request: { body: body(calls["4"]) } },
      { messageid: "A1", payload: xmlBody(calls["4"]) },
      { messageid: "A1", payload: flat },
      { messageid: "A1", payload: { ...flat, messageid: undefined, callid: 1 } },
      { messageid: "A1", mobile: ADA.mobile, content: "reply 1", payload: ofFour },
      { messageid: "A1", mobile: BOB.mobile, payload: ofFour },
      { messageid: "A1", mobile: BOB.mobile, content: "reply 4", payload: JSON.parse(body(calls["1"])) },
      { messageid: "A1", payload: JSON.parse(body(calls["1"])), request: { body: ofFour } },
    ])("that is another call's, and so leaves open the one that it names: %j", async (fields) => {
      const list = `${JSON.stringify({ call_id: 1, ...fields })}\n`;
      expect(await match(calls, list)).toMatchObject({ seen: [], ambiguous: expect.arrayContaining(["1"]) });
      expect((await matchList(calls, list)).unlike).toContain("sender");
    });

    it("that is another call's, though it is ignored", async () => {
      const odd = { ...ofFour, responseMessage: { ...ofFour.responseMessage, x: 1, y: 2 } };
      const logs: readonly (readonly [string, object])[] = [
        ["payload", { payload: odd }],
        ["payload", { messageid: "A1", payload: JSON.stringify(odd) }],
        ["req", { req: { body: ofFour, ip: "1", ua: "x" } }],
        ["req", { req: { [`${"x".repeat(150)}`]: { ["y".repeat(150)]: { body: ofFour } } } }],
        ["req", { req: { body: { callid: 1, mobile: BOB.mobile } } }],
      ];
      for (const [ignored, fields] of logs) {
        const list = `${JSON.stringify({ call_id: 1, ...fields })}\n`;
        const found = await match(calls, list, { ...options, ignored: new Set([ignored]) });
        expect({ list, ...found }).toMatchObject({ seen: [], ambiguous: expect.arrayContaining(["1"]) });
      }
      const own = `${JSON.stringify({ call_id: 4, req: { body: ofFour, ip: "1" } })}\n`;
      expect(await match(calls, own, { ...options, ignored: new Set(["req"]) })).toMatchObject({ seen: ["4"] });
    });

    it("with its id in a header, at any level, which must be the line's", async () => {
      const log = (id: string) =>
        `${JSON.stringify({ call_id: 1, status: 200, req: { headers: { "webhook-id": id, host: "x" } } })}\n`;
      const ignoring = (...names: readonly string[]) => ({ ...options, ignored: new Set(names) });
      await expect(match(calls, log("4"), ignoring("req"))).rejects.toThrow("it has two different call ids");
      expect(await match(calls, log("1"), ignoring("req"))).toMatchObject({ seen: ["1"] });
      expect(await match(calls, log("4"), ignoring("req", "req.headers.webhookid"))).toMatchObject({ seen: ["1"] });
    });

    it("that is another call's in a table, whatever it has beside", async () => {
      for (const text of [body(calls["4"]), xmlBody(calls["4"]), JSON.stringify(flat)]) {
        const list = rows("call_id,messageid,payload", `1,A1,${quoted(text)}`);
        expect(await match(calls, list)).toMatchObject({ seen: [], ambiguous: expect.arrayContaining(["1"]) });
      }
    });

    it("that has the same as its own columns, each written in its way", async () => {
      const [header, row] = ["messageid,mobile,content,acknowledged", "A1,0400000002,reply 4,11/25/2026 10:04 AM"];
      for (const text of [body(calls["4"]), xmlBody(calls["4"])]) {
        const list = rows(`call_id,${header},received_at,payload`, `4,${row},2026-11-25T10:05:00Z,${quoted(text)}`);
        expect(await match(calls, list)).toEqual({ seen: ["4"], ambiguous: [], unmatched: 0 });
        expect((await matchList(calls, list)).uncompared).toEqual([]);
        const withoutId = rows(`${header},payload`, `${row},${quoted(text)}`);
        expect(await match(calls, withoutId)).toEqual({ seen: ["4"], ambiguous: [], unmatched: 0 });
      }
      const log = `${JSON.stringify({ status: 200, request: { body: ofFour } })}\n`;
      expect(await match(calls, log)).toEqual({ seen: ["4"], ambiguous: [], unmatched: 0 });
    });

    it("beside a value that can't be compared", async () => {
      const list = `${JSON.stringify({ call_id: 4, messageid: "A1", mobile: "rejected", payload: ofFour })}\n`;
      expect((await matchList(calls, list)).uncompared).toEqual([{ line: 1, name: "mobile", key: "rejected" }]);
    });
  });

  it("leaves open a call of its id if one of its times of arrival can't be the call's", async () => {
    const calls = { "order-1": { reply: { date: "25/11/26 10:00" } } };
    const [then, before] = ["2026-11-25T10:30:00Z", "2026-09-30T13:00:00Z"];
    const both = (fields: object) => match(calls, `${JSON.stringify({ callid: "order-1", ...fields })}\n`);
    for (const fields of [
      { received_at: then, processed_at: "2038-01-19 03:14:07" },
      { received_at: then, delivered_at: before },
      { received_at: then, Received_At: before },
      { request: { received_at: before } },
      { received: { at: before } },
      { received_at: { $date: before } },
      { response: JSON.stringify({ received_at: before }) },
    ])
      expect({ fields, ...(await both(fields)) }).toEqual({ fields, seen: [], ambiguous: ["order-1"], unmatched: 0 });
    const table = rows("callid,http", `order-1,"{""received_at"":""2038-01-19T03:14:07Z""}"`);
    expect(await match(calls, table)).toEqual({ seen: [], ambiguous: ["order-1"], unmatched: 0 });
    for (const fields of [{ received_at: then, processed_at: then }, { request: { received_at: { $date: then } } }])
      expect({ fields, ...(await both(fields)) }).toEqual({ fields, seen: ["order-1"], ambiguous: [], unmatched: 0 });
  });

  it("leaves open a call without a time that has a later one in its id", async () => {
    const id = "019ABCDEF0007ABC8ABC0123456789AB";
    const made = Number.parseInt(id.slice(0, 12), 16);
    const outcome = async (before: number) =>
      (
        await match(
          { [id]: { reply: { date: "" } } },
          rows("callid,received_at", `${id},${new Date(made - before).toISOString()}`),
        )
      ).seen;
    expect([await outcome(25 * 60 * 60 * 1_000), await outcome(60_000)]).toEqual([[], [id]]);
  });

  it("leaves open a call of its id if it arrived a day before the call, or is still to arrive", async () => {
    const calls = { "order-1": { reply: { date: "25/11/26 10:00" } }, "order-2": { reply: { date: "" } } };
    const outcome = async (id: string, receivedAt: string) => {
      const list = rows("callid,received_at", `${id},${receivedAt}`);
      return [(await match(calls, list)).seen, (await matchList(calls, list)).atOtherTimes];
    };
    const tomorrow = (ms: number): string => new Date(systemClock.now() + 24 * 60 * 60 * 1_000 + ms).toISOString();
    expect(await outcome("order-1", "2026-11-24T09:59:00Z")).toEqual([[], 1]);
    expect(await outcome("order-1", "2026-11-24T10:00:00Z")).toEqual([["order-1"], 0]);
    expect(await outcome("order-1", tomorrow(60_000))).toEqual([[], 1]);
    expect(await outcome("order-1", tomorrow(-60_000))).toEqual([["order-1"], 0]);
    expect(await outcome("order-2", "2011-01-01T00:00:00Z")).toEqual([["order-2"], 0]);
    const both = rows("callid,received_at", "order-1,2026-09-25T10:00:00Z", "order-1,2026-11-25T10:00:00Z");
    expect(await match(calls, both)).toEqual({ seen: ["order-1"], ambiguous: [], unmatched: 0 });
  });

  it("doesn't make a call ambiguous that is the only match of another line, whatever the order", async () => {
    const calls = { c1: { reply: { content: "Yes" } }, c2: { reply: { content: "No", date: "24/11/26 09:31" } } };
    const [exact, vague] = [body({ reply: { content: "Yes" } }), '{"messageid":"A1"}\n'];
    const expected = { seen: ["c1"], ambiguous: ["c2"], unmatched: 0 };
    expect(await match(calls, exact + vague)).toEqual(expected);
    expect(await match(calls, vague + exact)).toEqual(expected);
  });
});

describe("a line that matches no call", () => {
  it("makes the FAILED calls of its message and sender ambiguous", async () => {
    const calls = {
      c1: { from: ADA },
      c2: { from: BOB },
      c3: { from: ADA, messageId: "A2" },
      c4: { from: ADA, status: "SUCCESS" },
    } as const;
    expect(await match(calls, body({ from: ADA, reply: { content: "something else" } }))).toEqual({
      seen: [],
      ambiguous: ["c1"],
      unmatched: 0,
    });
  });

  it("and is of another message or sender changes nothing", async () => {
    expect(await match({ c1: { from: ADA } }, body({ from: ADA, messageId: "A2" }) + body({ from: BOB }))).toEqual({
      seen: [],
      ambiguous: [],
      unmatched: 2,
    });
  });
});
