import { describe, expect, it } from "vitest";
import type { CallPage } from "../../../../src/client/call-requests.js";
import type { Client, ListedCall } from "../../../../src/client/client.js";
import { WhcbError } from "../../../../src/domain/errors.js";
import {
  callbacksOf,
  findAllById,
  findById,
  listMatchingCalls,
  listNamedCalls,
  nullIfGone,
} from "../../../../src/runs/plan/call-scope.js";
import { aListedCall, aListedCallback } from "../../../support/cli/listed.js";

const aPage = (ids: readonly string[], over: Partial<CallPage> = {}): CallPage => ({
  ...{ calls: ids.map((id) => aListedCall({ id })), withoutId: [], leftOut: 0, unclear: 0, total: ids.length },
  ...over,
});

const idsOf = (calls: readonly ListedCall[]): string[] => calls.map(({ id }) => id);

/** The client lists the passes one after another, and the last one for ever. */
function listing(...passes: readonly (readonly CallPage[])[]) {
  const requests: unknown[] = [];
  const listCalls: Client["listCalls"] = async function* (...request) {
    yield* passes[Math.min(requests.push(request), passes.length) - 1] ?? [];
  };
  return { client: { listCalls } as Client, requests };
}

async function listAll(passes: readonly (readonly CallPage[])[], over: { readonly onlyIfFiltered?: boolean } = {}) {
  const { client, requests } = listing(...passes);
  const taken: [calls: string[], withoutId: number][] = [];
  const events: unknown[] = [];
  const query = { callbackId: "CB", filter: { status: "FAILED" as const }, ...over };
  const unusable = await listMatchingCalls(
    client,
    query,
    async (calls, withoutId) => {
      taken.push([idsOf(calls), withoutId.length]);
    },
    (event) => events.push(event),
  );
  expect(requests).toEqual(Array.from(requests, () => ["CB", { filter: { status: "FAILED" } }]));
  return { taken, unusable, passes: requests.length, events };
}

const NONE = { leftOut: 0, withoutId: 0, unlisted: 0 };

describe("the calls that match a filter", () => {
  it("are taken once each, page by page", async () => {
    const pages = [aPage(["A", "B"], { total: 3 }), aPage(["C"], { total: 3 })];
    const { events, ...listed } = await listAll([pages]);
    const taken = [[["A", "B"], 0] as const, [["C"], 0] as const];
    expect(listed).toEqual({ taken, unusable: NONE, passes: 1 });
    expect(events).toEqual([2, 3].map((calls) => ({ type: "listed", callbackId: "CB", calls, total: 3 })));
    expect(await listAll([[]])).toEqual({ taken: [], unusable: NONE, passes: 1, events: [] });
  });

  it("are listed again until their number is right, at most four times", async () => {
    const moved = [aPage(["A"], { total: 3 }), aPage(["C"], { total: 3 })];
    const whole = [aPage(["A", "B"], { total: 3 }), aPage(["C"], { total: 3 })];
    expect(await listAll([moved, whole])).toMatchObject({
      taken: [
        [["A"], 0],
        [["C"], 0],
        [["B"], 0],
      ],
      unusable: NONE,
      passes: 2,
    });
    expect(await listAll([moved])).toMatchObject({ unusable: { ...NONE, unlisted: 1 }, passes: 4 });
    // A call that came in meanwhile makes up for none that was skipped.
    const grown = [aPage(["A"], { total: 3 }), aPage(["C", "D"], { total: 4 })];
    expect(await listAll([grown, [aPage(["A", "B", "C", "D"])]])).toMatchObject({ unusable: NONE, passes: 2 });
    const shrunk = [aPage(["A"], { total: 3 }), aPage(["C"], { total: 2 })];
    expect(await listAll([shrunk])).toMatchObject({ unusable: { ...NONE, unlisted: 1 }, passes: 4 });
  });

  it("are listed again without an exact total, until a pass has no new one, unless all are on one page", async () => {
    const unknown = { total: null };
    const one = [aPage(["A"], unknown), aPage(["B"], unknown)];
    expect(await listAll([[aPage(["A", "B"], unknown)]])).toMatchObject({ unusable: NONE, passes: 1 });
    expect(await listAll([one])).toMatchObject({ unusable: NONE, passes: 2 });
    expect(await listAll([one, [aPage(["A"], unknown), aPage(["C"], unknown)]])).toMatchObject({ unusable: NONE, passes: 3 });
    const vanished = [aPage(["A"], { total: 9 }), aPage(["B"], unknown)];
    expect(await listAll([vanished])).toMatchObject({ unusable: NONE, passes: 2 });
    const appeared = [aPage(["A"], unknown), aPage(["B"], { total: 9 })];
    expect(await listAll([appeared])).toMatchObject({ unusable: NONE, passes: 2 });
    // A link to a page promises a row.
    const promised = [aPage(["A"], unknown), aPage([], unknown)];
    expect(await listAll([promised])).toMatchObject({ unusable: { ...NONE, unlisted: 1 }, passes: 4 });
    expect(await listAll([[aPage([], unknown)]])).toMatchObject({ taken: [], unusable: NONE, passes: 1 });
  });

  it("are counted apart if they have no id, or don't match", async () => {
    const nameless = [aListedCall({ id: "" }), aListedCall({ id: "" })];
    const pages = [aPage(["A"], { withoutId: nameless, leftOut: 3, total: 7 }), aPage([], { leftOut: 1, total: 7 })];
    const { events: _, ...listed } = await listAll([pages]);
    expect(listed).toEqual({ taken: [[["A"], 2]], unusable: { leftOut: 4, withoutId: 2, unlisted: 0 }, passes: 1 });
    expect(await listAll([[aPage([], { withoutId: nameless, total: 2 })]])).toMatchObject({ taken: [[[], 2]] });
  });

  it("aren't read further if the service seems to ignore the filter, and only if that is asked for", async () => {
    const other = [aPage([], { leftOut: 2, total: 4 }), aPage(["C", "D"], { total: 4 })];
    const onlyIfFiltered = true;
    expect(await listAll([other], { onlyIfFiltered })).toEqual({
      ...{ taken: [], unusable: { ...NONE, leftOut: 2 }, passes: 1, events: [] },
    });
    expect(await listAll([other])).toMatchObject({ taken: [[["C", "D"], 0]], unusable: { ...NONE, leftOut: 2 } });
    const some = [aPage(["A"], { leftOut: 1, total: 4 }), aPage([], { leftOut: 2, total: 4 })];
    expect(await listAll([some], { onlyIfFiltered })).toMatchObject({ taken: [[["A"], 0]], unusable: { ...NONE, leftOut: 3 } });
    expect(await listAll([[aPage([])]], { onlyIfFiltered })).toMatchObject({ taken: [], unusable: NONE });
  });

  it("with long ids that are others each time the list is read are an error", async () => {
    let pages = 0;
    const listCalls: Client["listCalls"] = async function* () {
      yield aPage([`${++pages}${"x".repeat(80_000_000)}`], { total: 2 });
    };
    const listed = listMatchingCalls({ listCalls } as Client, { callbackId: "A", filter: {} }, async () => undefined);
    await expect(listed).rejects.toMatchObject({ code: "unavailable" });
    expect(pages).toBe(4);
  });
});

describe("calls that are named by id", () => {
  const [one, other] = [aListedCallback({ id: "ONE", name: "one" }), aListedCallback({ id: "OTHER", name: "" })];
  const generated = (digit: number): string => `01A21005625A7A0880E72DC908BEA${String(digit).padStart(3, "0")}`;

  async function listNamed(
    callIds: readonly string[],
    stored: Readonly<Record<string, readonly string[]>>,
    { single = true, isServe = true } = {},
  ) {
    const found: string[] = [];
    const [listed, asked]: [string[], string[][]] = [[], []];
    const client = {
      capabilities: { has: () => isServe },
      async *listCalls(callbackId: string, query: unknown) {
        expect(query).toEqual({ filter: { status: "FAILED" } });
        for (const id of stored[callbackId] ?? []) {
          listed.push(id);
          yield aPage([id], { total: 5 });
        }
      },
      async findCalls(callbackId: string, ids: readonly string[]) {
        asked.push([...ids]);
        const known = single ? (stored[callbackId] ?? []) : [];
        return known
          .filter((id) => ids.some((wanted) => wanted.toUpperCase() === id.toUpperCase()))
          .map((id) => aListedCall({ id }));
      },
    } as unknown as Client;
    const groups = [{ callback: one }, { callback: other }];
    const missing = await listNamedCalls({ client }, { groups, callIds, status: "FAILED" }, async (calls, { callback }) => {
      found.push(...idsOf(calls).map((id) => `${callback.id} ${id}`));
    });
    return { found, missing, listed, asked };
  }

  it("are requested one by one if they are few, and those of no callback are returned", async () => {
    const [a, b] = [generated(1), generated(2)];
    expect(await listNamed([a, "chosen", "nope", a], { ONE: [a], OTHER: [b, "chosen"] })).toEqual({
      found: [`ONE ${a}`, "OTHER chosen"],
      missing: ["nope"],
      listed: [],
      asked: [
        [a, "chosen", "nope"],
        ["chosen", "nope"],
      ],
    });
  });

  it("are looked for in the list first if they are more than fifty, until all are found", async () => {
    const ids = Array.from({ length: 51 }, (_, index) => generated(index));
    const { found, missing, listed, asked } = await listNamed(ids, { ONE: ["between", ...ids, "after"] });
    expect([found.length, missing, listed.length, asked]).toEqual([51, [], 52, [[], []]]);
    const fifty = await listNamed(ids.slice(1), { ONE: ids });
    expect([fifty.found.length, fifty.listed]).toEqual([50, []]);
    const [gone = "", ...rest] = ids;
    const partly = await listNamed(ids, { ONE: rest }, { single: false });
    expect([partly.found.length, partly.missing, partly.asked]).toEqual([50, [gone], [[gone], [gone]]]);
  });

  it("may be of one callback only, unless `whcb serve` generated the id, and it is spelled so", async () => {
    await expect(listNamed(["chosen"], { ONE: ["chosen"], OTHER: ["chosen"] })).rejects.toMatchObject({
      code: "usage",
      message: "one and OTHER both have a call chosen",
      hint: "name the callback before the ids",
    });
    const id = generated(1);
    await expect(listNamed([id.toLowerCase()], { ONE: [id], OTHER: [id] })).rejects.toMatchObject({ code: "usage" });
    expect(await listNamed([id.toLowerCase()], { OTHER: [id] })).toMatchObject({ found: [`OTHER ${id}`], missing: [] });
    // Those that `whcb serve` generates differ, so nobody asks the other callback.
    expect((await listNamed([id], { ONE: [id], OTHER: [id] })).asked).toEqual([[id], []]);
    await expect(listNamed([id], { ONE: [id], OTHER: [id] }, { isServe: false })).rejects.toMatchObject({ code: "usage" });
  });
});

describe("callbacks", () => {
  const byName = new Map(["A", "B"].flatMap((id) => [id, `name of ${id}`].map((key) => [key, aListedCallback({ id })] as const)));
  const client = {
    getAllCallbacks: async () => [aListedCallback({ id: "all" })],
    async getCallback(idOrName: string) {
      const callback = byName.get(idOrName);
      if (callback !== undefined) return callback;
      throw new WhcbError(idOrName === "broken" ? "unavailable" : "not-found", "no such callback");
    },
  } as Pick<Client, "getAllCallbacks" | "getCallback"> as Client;
  const calls = { callIds: [] };

  it("are all, or those that are named, once each", async () => {
    expect(await callbacksOf({ callbacks: null, calls }, client)).toMatchObject([{ id: "all" }]);
    expect(await callbacksOf({ callbacks: ["B", "name of A", "name of B", "A", "B"], calls }, client)).toMatchObject([
      { id: "B" },
      { id: "A" },
    ]);
    await expect(callbacksOf({ callbacks: ["A", "nope"], calls }, client)).rejects.toMatchObject({ code: "not-found" });
  });

  it("that take too much together are an error, named or found by id", async () => {
    const name = "x".repeat(60_000_000);
    const getCallback = async (id: string) => aListedCallback({ id, name });
    const large = { getCallback } as Pick<Client, "getCallback"> as Client;
    const ids = ["A", "B", "C", "D", "E"];
    const listed = [
      callbacksOf({ callbacks: ids, calls }, large),
      findAllById(
        ids.map((id) => ({ id })),
        large,
      ),
    ];
    for (const each of listed)
      expect(await each.then(({ length }) => `${length} callbacks`, String)).toContain("the list doesn't end: more than ");
  });

  it("that were deleted are left out, also if another one has the id as its name", async () => {
    expect(await findAllById([{ id: "B" }, { id: "nope" }, { id: "name of A" }, { id: "A" }], client)).toMatchObject([
      { id: "B" },
      { id: "A" },
    ]);
    expect(await findById("name of A", client)).toBeNull();
    await expect(findById("broken", client)).rejects.toMatchObject({ code: "unavailable" });
    expect(() => nullIfGone(new Error("other"))).toThrow("other");
  });
});
