import { afterEach, describe, expect, it } from "vitest";
import type { CallPage, ListCallsQuery } from "../../../../src/client/call-requests.js";
import type { Client, ListedCall } from "../../../../src/client/client.js";
import { WhcbError } from "../../../../src/domain/errors.js";
import { planReplay, previewReplay, type ReplayScope } from "../../../../src/runs/plan/plan-replay.js";
import type { ReplayPlan } from "../../../../src/runs/plan/replay-plan.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../../../src/runs/run-options.js";
import { aCallPage, aListedCall, aListedCallback } from "../../../support/cli/listed.js";
import { type Desk, openDesk } from "../../../support/replay/replay-desk.js";
import { countOpenFiles } from "../../../support/system.js";

const CALLBACKS = ["ONE", "TWO"].map((id) => aListedCallback({ id, name: id.toLowerCase(), url: `http://${id}.example/hook` }));

/** The calls are in the order of their ids' first letters when they are sent. */
const aCall = (id: string, over: Partial<ListedCall> = {}): ListedCall => {
  const call = aListedCall({ id, attemptedAt: Date.UTC(2026, 0, 1) + id.charCodeAt(0), ...over });
  return { ...call, response: { ...call.response, responseMessage: { ...call.response.responseMessage, date: "" } } };
};

const desks: Desk[] = [];
afterEach(async () => {
  for (const desk of desks.splice(0)) await desk.leave();
});

function openDeskOver(pages: Readonly<Record<string, CallPage | Error>>) {
  const filters: unknown[] = [];
  const client = {
    close: async () => undefined,
    capabilities: { has: () => true },
    getAllCallbacks: async () => CALLBACKS,
    getCallback: async (name: string) => CALLBACKS.find((callback) => callback.name === name),
    async *listCalls(callbackId: string, { filter }: ListCallsQuery) {
      filters.push(filter);
      const page = pages[callbackId] ?? aCallPage([]);
      if (page instanceof Error) throw page;
      yield page;
    },
    async findCalls(callbackId: string, ids: readonly string[]) {
      const page = pages[callbackId];
      return page === undefined || page instanceof Error ? [] : page.calls.filter(({ id }) => ids.includes(id));
    },
  } as unknown as Client;
  const desk = openDesk({ client });
  desks.push(desk);
  return { desk, filters };
}

async function idsOf(plan: ReplayPlan): Promise<Record<string, string[]>> {
  const ids: Record<string, string[]> = {};
  for (const group of plan.groups) {
    const own: string[] = [];
    for await (const id of plan.callIds(group)) own.push(id);
    ids[group.callback.id] = own;
  }
  return ids;
}

const scope = (over: Partial<ReplayScope> = {}): ReplayScope => ({
  ...{ callbacks: null, calls: { filter: { statusCodes: [{ code: 503 }] } }, skipRetrying: false },
  ...over,
});

describe("a plan of a replay", () => {
  const retried = { nextAttemptAt: 1 };
  const pages = {
    ONE: aCallPage([aCall("C"), aCall("A", retried), aCall("B")], { withoutId: [aCall("")], leftOut: 2, total: 7 }),
    TWO: aCallPage([aCall("D", { status: "SUCCESS" }), aCall("E", retried)], { leftOut: 1, total: 3 }),
  };
  const counted = ({ leftOut, withoutId, unlisted, notFailed, skippedRetrying, missing, calls }: ReplayPlan) => {
    return { leftOut, withoutId, unlisted, notFailed, skippedRetrying, missing, calls };
  };

  it("has the FAILED calls that match, and counts what is left out", async () => {
    const { desk, filters } = openDeskOver(pages);
    const events: unknown[] = [];
    const plan = await planReplay(scope(), desk.deps, (event) => events.push(event));
    expect(await idsOf(plan)).toEqual({ ONE: ["A", "B", "C"], TWO: ["E"] });
    expect(counted(plan)).toEqual({
      ...{ leftOut: 3, withoutId: 1, unlisted: 1, notFailed: 1, skippedRetrying: 0, missing: [], calls: 4 },
    });
    expect(new Set(filters)).toEqual(new Set([{ statusCodes: [{ code: 503 }], status: "FAILED" }]));
    expect(events[0]).toEqual({ type: "listed", callbackId: "ONE", calls: 3, total: 7 });
    expect(plan.runId).toMatch(/^\d{8}-\d{6}-/);
    await plan.discard();
  });

  it("may leave out what is still retried, and have the oldest of each callback", async () => {
    const { desk } = openDeskOver(pages);
    const without = await planReplay(scope({ skipRetrying: true }), desk.deps);
    expect([await idsOf(without), counted(without)]).toMatchObject([{ ONE: ["B", "C"] }, { skippedRetrying: 2, calls: 2 }]);
    const one = await planReplay(scope({ limit: 1 }), desk.deps);
    expect(await idsOf(one)).toEqual({ ONE: ["A"], TWO: ["E"] });
    for (const plan of [without, one]) await plan.discard();
  });

  it("may be of calls that are named, some of which are missing or not FAILED", async () => {
    const { desk, filters } = openDeskOver(pages);
    const plan = await planReplay(scope({ calls: { callIds: ["B", "D", "nope"] } }), desk.deps);
    expect([await idsOf(plan), filters]).toEqual([{ ONE: ["B"] }, []]);
    expect(counted(plan)).toMatchObject({ notFailed: 1, missing: ["nope"], calls: 1, leftOut: 0 });
    await plan.discard();
  });

  it("has the callbacks and the run that are locked, as they were", async () => {
    const { desk } = openDeskOver(pages);
    const callbacks = CALLBACKS.slice(1);
    const plan = await planReplay(scope({ locked: { runId: "RUN-7", callbacks } }), desk.deps);
    expect([plan.runId, await idsOf(plan)]).toEqual(["RUN-7", { TWO: ["E"] }]);
    await plan.discard();
    const named = await planReplay(scope({ callbacks: ["two"] }), desk.deps);
    expect(await idsOf(named)).toEqual({ TWO: ["E"] });
    await named.discard();
  });

  it("leaves nothing behind if the calls can't be listed", async () => {
    const { desk } = openDeskOver({ ONE: pages.ONE, TWO: new WhcbError("unavailable", "no answer") });
    await expect(planReplay(scope(), desk.deps)).rejects.toMatchObject({ message: "no answer" });
    const before = countOpenFiles();
    await expect(planReplay(scope(), desk.deps)).rejects.toMatchObject({ message: "no answer" });
    expect(countOpenFiles()).toBe(before);
  });

  it("shows the requests of its calls, with a placeholder for a key that isn't known", async () => {
    const { desk } = openDeskOver(pages);
    const callbacks = CALLBACKS.map((callback) => ({ ...callback, isSigned: true, auth: { ...callback.auth, key: null } }));
    const plan = await planReplay(scope({ locked: { runId: "RUN-7", callbacks } }), desk.deps);
    const shown = async (options: Partial<Parameters<typeof previewReplay>[1]>) => {
      const requests = [];
      for await (const each of previewReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, ...options }, desk.deps)) requests.push(each);
      return requests;
    };
    const requests = await shown({ keys: new Map([["TWO", "k-2"]]) });
    const [ofOne, , , ofTwo] = requests;
    expect(requests.map(({ callbackId, callId, url }) => [callbackId, callId, url])).toEqual([
      ...["A", "B", "C"].map((id) => ["ONE", id, "http://ONE.example/hook"]),
      ["TWO", "E", "http://TWO.example/hook"],
    ]);
    expect(JSON.stringify(ofOne?.request.headers)).toContain("WHCB-CALLBACK-KEY");
    expect(JSON.stringify(ofTwo?.request.headers)).toContain("k-2");
    expect(JSON.stringify(requests.map(({ request }) => request.headers))).not.toMatch(/signature/i);
    expect(JSON.parse(String(ofOne?.request.body))).toMatchObject({ responseMessage: { content: "Yes, I can come" } });
    expect((await shown({ to: "http://127.0.0.1:1/" })).map(({ url }) => url)).toEqual(
      Array.from({ length: 4 }, () => "http://127.0.0.1:1/"),
    );
    await plan.discard();
  });
});
