import { afterEach, describe, expect, it } from "vitest";
import type { CallPage, ListCallsQuery } from "../../../../src/client/call-requests.js";
import type { Client, ListedCall } from "../../../../src/client/client.js";
import { phoneParser, planReconcile, type ReconcileRequest } from "../../../../src/runs/plan/plan-reconcile.js";
import { readSeenList } from "../../../../src/runs/plan/seen-list.js";
import { aCallPage, aListedCall, aListedCallback } from "../../../support/cli/listed.js";
import { type Desk, openDesk } from "../../../support/replay/replay-desk.js";
import { countOpenFiles } from "../../../support/system.js";

const CALLBACK = aListedCallback({ id: "CB", name: "demo" });

const aCall = (id: string, over: Parameters<typeof aListedCall>[0] & { readonly date?: string } = {}): ListedCall => {
  const { date = "24/11/26 09:30", ...rest } = over;
  const call = aListedCall({ id, ...rest });
  const responseMessage = { ...call.response.responseMessage, date };
  return { ...call, response: { ...call.response, messageId: `message of ${id}`, responseMessage } };
};

const desks: Desk[] = [];
afterEach(async () => {
  for (const desk of desks.splice(0)) await desk.leave();
});

interface Listed {
  readonly pending?: CallPage;
  readonly all?: CallPage;
  /** What is counted first. */
  readonly count?: CallPage | null;
  readonly features?: readonly string[];
}

async function reconcile(list: string, listed: Listed, over: Partial<ReconcileRequest> = {}) {
  const { all = aCallPage([]), pending = aCallPage([]), count = all, features = ["exact-lists"] } = listed;
  const queries: ListCallsQuery[] = [];
  const client = {
    close: async () => undefined,
    capabilities: { has: (feature: string) => features.includes(feature), rowsPerPage: 20 },
    serviceNow: () => 4711,
    async *listCalls(_: string, query: ListCallsQuery) {
      queries.push(query);
      const page = query.limit === 1 ? count : query.filter.status === "PENDING" ? pending : all;
      if (page !== null) yield page;
    },
  } as unknown as Client;
  const desk = openDesk({ client });
  desks.push(desk);
  const request = { callback: CALLBACK, seen: readSeenList(list, "UTC"), timezone: "UTC", country: "AU", sendAmbiguous: false };
  const plan = await planReconcile({ ...request, ...over }, desk.deps);
  const toSend: string[] = [];
  for (const group of plan.replay.groups) for await (const id of plan.replay.callIds(group)) toSend.push(id);
  await plan.replay.discard();
  const { seen, ambiguous, failed, unmatched } = plan;
  return { balance: { seen, ambiguous: ambiguous.map(({ id }) => id), toSend, failed, unmatched }, plan, queries };
}

describe("a plan by what the receiver has", () => {
  const all = aCallPage([aCall("A"), aCall("B"), aCall("C", { status: "SUCCESS" }), aCall("D")]);
  const pending = aCallPage([aCall("E", { status: "PENDING" })]);

  it("marks what is seen, sends the rest, and leaves out what is ambiguous", async () => {
    const list = "A\nmessage-of-nobody\nC\n";
    const { balance, plan, queries } = await reconcile(list, { all, pending });
    expect(balance).toEqual({ seen: ["A"], ambiguous: [], toSend: ["D", "B"].sort(), failed: 3, unmatched: 1 });
    expect(plan).toMatchObject({ callback: CALLBACK, serviceListedAt: 4711, vague: 0, atOtherTimes: 0, unreadableNumbers: 0 });
    expect(queries).toEqual([
      { filter: {}, limit: 1 },
      { filter: { status: "PENDING" } },
      { filter: {}, withPending: true, oldestFirst: true },
    ]);
    const byMessage = JSON.stringify({ messageid: "message of A" });
    expect((await reconcile(byMessage, { all })).balance).toMatchObject({ seen: [], ambiguous: ["A"], toSend: ["B", "D"] });
    const sent = await reconcile(byMessage, { all }, { sendAmbiguous: true });
    expect(sent.balance).toMatchObject({ seen: [], ambiguous: [], toSend: ["A", "B", "D"] });
  });

  it("says first how many calls it compares, and in how many requests", async () => {
    const asked: unknown[] = [];
    const onCompare = (...numbers: unknown[]) => asked.push(numbers);
    const counts = [
      aCallPage([], { total: 40 }),
      aCallPage([], { total: 41 }),
      aCallPage([], { total: null }),
      aCallPage([], { total: 0 }),
      null,
    ];
    for (const count of counts) await reconcile("A\n", { all, count }, { onCompare });
    expect(asked).toEqual([
      [40, 3],
      [41, 4],
      [null, null],
      [0, 0],
      [0, 0],
    ]);
  });

  it("lists nothing where there is nothing", async () => {
    const { queries, balance, plan } = await reconcile("A\n", { all, count: aCallPage([]) });
    expect(queries).toHaveLength(1);
    expect(balance).toEqual({ seen: [], ambiguous: [], toSend: [], failed: 0, unmatched: 1 });
    expect(plan).toMatchObject({ mixesZones: false });
  });

  it("compares calls without an id, which can't be sent", async () => {
    const nameless = aCall("", { status: "FAILED" });
    const { balance, plan } = await reconcile(JSON.stringify({ messageid: "message of " }), {
      all: aCallPage([], { withoutId: [nameless], total: 1 }),
    });
    expect(balance).toEqual({ seen: [], ambiguous: [], toSend: [], failed: 0, unmatched: 0 });
    expect(plan.replay.withoutId).toBe(1);
  });

  it("doesn't begin if some calls can't be compared", async () => {
    const failsWith = async (listed: Listed): Promise<unknown> => reconcile("A\n", listed).catch((error: unknown) => error);
    const unlisted = { all: aCallPage([aCall("A")], { total: 3 }) };
    expect(await failsWith(unlisted)).toMatchObject({
      code: "unavailable",
      message: "2 calls of demo can't be compared",
      hint: "the service counts calls that it doesn't list, or lists some of another callback; nothing was marked or sent",
    });
    const ofOthers = { all: aCallPage([aCall("A")], { leftOut: 1, total: 2 }) };
    expect(await failsWith(ofOthers)).toMatchObject({ message: "1 call of demo can't be compared" });
    const hidden = { all, pending: aCallPage([aCall("E", { status: "PENDING" })], { total: 2 }) };
    expect(await failsWith({ ...hidden, features: [] })).toMatchObject({ message: "1 call of demo can't be compared" });
    expect(await failsWith(hidden)).toMatchObject({ balance: { seen: ["A"] } });
    const before = countOpenFiles();
    await failsWith(unlisted);
    expect(countOpenFiles()).toBe(before);
  });

  it("ends before calls with many readings fill the memory with the keys by which they are found", async () => {
    const odd = (text: string) => `<b>\b "é" ${text}`;
    const message = { channel: "SMS", kind: "reply", date: "24/11/26 \b09:30", content: odd("Yes") } as const;
    const aOddCall = (_: unknown, number: number): ListedCall => {
      const from = { mobile: "61491570140", voice: "61291570140", email: odd(`e${number}`), mri: odd(`r${number}`) };
      const call = aListedCall({ id: `odd${number}`, from });
      return { ...call, response: { ...call.response, messageId: odd(`m${number}`), responseMessage: message } };
    };
    const seen = readSeenList("message id\tcontent\nm0\tzz\n", "UTC");
    const plan = (calls: readonly ListedCall[]) => reconcile("", { all: aCallPage(calls) }, { seen, maxBytes: 12_000_000 });
    const plain = Array.from({ length: 1_000 }, (_, number) => aCall(`plain${number}`));
    expect((await plan(plain)).balance).toMatchObject({ failed: 1_000, seen: [] });
    await expect(plan(Array.from({ length: 1_000 }, aOddCall))).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("the list doesn't end: more than 12000000 bytes"),
    });
  });

  it("says that dates with a zone are compared with dates without one", async () => {
    const mixes = async (date: string, listed: string) => {
      const list = JSON.stringify({ callid: "A", acknowledged: listed });
      return (await reconcile(list, { all: aCallPage([aCall("A", { date })]) })).plan.mixesZones;
    };
    const [without, zoned] = ["24/11/26 09:30", "2026-11-24T09:30:00Z"];
    expect([await mixes(without, without), await mixes(zoned, zoned)]).toEqual([false, false]);
    expect([await mixes(without, zoned), await mixes(zoned, without)]).toEqual([true, true]);
  });

  it("counts the numbers that can't be parsed, each once, if the list has some", async () => {
    const calls = ["A", "B", "C"].map((id) => aCall(id, { from: { mobile: id === "C" ? "67890" : "12345" } }));
    const numbersOf = async (list: string) => (await reconcile(list, { all: aCallPage(calls) })).plan.unreadableNumbers;
    expect([await numbersOf("callid,mobile\nA,12345\n"), await numbersOf("A\n")]).toEqual([2, 0]);
  });
});

describe("phone numbers", () => {
  it("are read in local form of the country, and in international form with a plus, with 00 and without", async () => {
    const { parse, unreadable } = await phoneParser("AU");
    const spellings = ["0491 570 006", "+61491570006", "61491570006", "0061491570006", "61 491 570 006"];
    for (const text of spellings) expect([text, new Set(parse(text))]).toEqual([text, new Set(["+61491570006"])]);
    expect(parse("0491570006 ext. 5")).toEqual(["+61491570006;ext=5"]);
    expect([parse("12345"), parse("unknown"), [...unreadable]]).toEqual([[], [], ["12345", "unknown"]]);
  });

  it("have no local form without a country", async () => {
    const { parse } = await phoneParser(null);
    for (const text of ["tel:+61412345011", "whatsapp:+61 412 345 011"]) expect(parse(text)).toEqual(["+61412345011"]);
    for (const text of ["+61412345011 (not received)", "rejected +61412345011", "-+61412345011"]) expect(parse(text)).toEqual([]);
    expect([parse("0491570006"), parse("61491570006"), parse("+61491570006")]).toEqual([[], ["+61491570006"], ["+61491570006"]]);
  });

  it("must be of a known country", async () => {
    await expect(phoneParser("Oz")).rejects.toMatchObject({
      code: "config",
      message: 'the profile\'s country must be a code such as AU, not "Oz"',
    });
  });
});
