import { beforeEach, expect, it } from "vitest";
import { fetchWork, type WorkRequest } from "../../../../src/dispatcher/endpoint/fetch-work.js";
import type { Call } from "../../../../src/domain/call.js";
import type { Callback } from "../../../../src/domain/callback.js";
import type { Store } from "../../../../src/store/open-store.js";
import { aCallback, accept, aReplay, attempt, hold, idsOf, MINUTE, NOW, POLICY } from "../../../contract/store-support.js";
import { storeFiles } from "../../../support/store/store-files.js";

const files = storeFiles();
let store: Store;
let callback: Callback;

beforeEach(async () => {
  store = await files.open(files.path());
  callback = await aCallback(store, { retriesEnabled: true });
});

function aRequest(over: Partial<WorkRequest> = {}): WorkRequest {
  return {
    callbackId: callback.id,
    fence: 0,
    generation: 0,
    busy: 0,
    batch: 5,
    maxBytes: 100_000,
    attemptedBefore: Number.POSITIVE_INFINITY,
    expireBefore: null,
    wantsPending: false,
    pendingFrom: 0,
    mayProbe: false,
    wantsHeld: false,
    failed: null,
    ...over,
  };
}

async function read(over: Partial<WorkRequest>, queue = store.queue) {
  const [batch] = await fetchWork([aRequest(over)], queue);
  if (batch === undefined) throw new Error("nothing was read");
  const { pending, held, failed, upcoming, request: _, ...more } = batch;
  return { pending: idsOf(pending), held: held?.id ?? null, failed: idsOf(failed), upcoming: idsOf(upcoming), ...more };
}

const NOTHING = {
  ...{ pending: [], hasMorePending: false, held: null },
  ...{ failed: [], hasMoreFailed: false, upcoming: [], hasMoreUpcoming: false },
};

/** The calls fail one minute after the other, so the first is due in five minutes, the next in six. */
async function failInTurn(...ids: readonly string[]): Promise<void> {
  await accept(store, callback, ids);
  for (const [index, id] of ids.entries()) await attempt(store, callback, [id], { startedAt: NOW + index * MINUTE });
}

/** Records which statements are run, with how many reads. */
function recorded(into: unknown[]): Store["queue"] {
  const calls = Object.entries(store.queue).map(([name, method]) => {
    const run = (...args: readonly unknown[]) => {
      into.push([name, Array.isArray(args[0]) ? args[0].length : 0]);
      return (method as (...args: readonly unknown[]) => unknown)(...args);
    };
    return [name, run];
  });
  return Object.fromEntries(calls) as Store["queue"];
}

it("nothing is read for a request that wants nothing", async () => {
  await failInTurn("A");
  await accept(store, callback, ["B"]);
  const statements: unknown[] = [];
  expect(await read({}, recorded(statements))).toEqual(NOTHING);
  expect(statements).toEqual([]);
});

it("new responses are read beyond those that are busy, and there may be more if as many were found", async () => {
  await accept(store, callback, ["A", "B", "C"]);
  expect(await read({ wantsPending: true, batch: 2 })).toEqual({ ...NOTHING, pending: ["A", "B"], hasMorePending: true });
  const all = { ...NOTHING, pending: ["A", "B", "C"] };
  expect(await read({ wantsPending: true, batch: 2, busy: 1 })).toEqual({ ...all, hasMorePending: true });
  expect(await read({ wantsPending: true, batch: 2, busy: 2 })).toEqual(all);
});

it("the oldest held response is read", async () => {
  await accept(store, callback, ["A", "B", "C"]);
  await hold(store, callback, ["B", "C"]);
  expect(await read({ wantsHeld: true })).toEqual({ ...NOTHING, held: "B" });
  await hold(store, callback, ["A"]);
  expect(await read({ wantsHeld: true })).toEqual({ ...NOTHING, held: "A" });
});

it("failed calls are read by when they are due, and what comes later only if that is all", async () => {
  await failInTurn("A", "B", "C");
  const due = { kind: "due", at: NOW + 6 * MINUTE } as const;
  const found = { ...NOTHING, failed: ["A", "B"] };
  expect(await read({ failed: due, batch: 2 })).toEqual({ ...found, hasMoreFailed: true });
  const upcoming = ["A", "B", "C"];
  expect(await read({ failed: due, batch: 3 })).toEqual({ ...found, upcoming, hasMoreUpcoming: true });
  expect(await read({ failed: due, batch: 2, busy: 1 })).toEqual({ ...found, upcoming });
  expect(await read({ failed: { ...due, at: NOW + 7 * MINUTE } })).toEqual({ ...NOTHING, failed: upcoming, upcoming });
  expect((await read({ failed: due, attemptedBefore: NOW })).failed).toEqual(["A"]);
});

it("a round has ten calls and one more beyond those that are busy, whenever they are due", async () => {
  const ids = Array.from({ length: 12 }, (_, index) => `call ${10 + index}`);
  await accept(store, callback, ids);
  await attempt(store, callback, ids);
  const round = { kind: "round" } as const;
  expect(await read({ failed: round, batch: 1 })).toEqual({ ...NOTHING, failed: ids.slice(0, 11), hasMoreFailed: true });
  expect(await read({ failed: round, batch: 1, busy: 1 })).toEqual({ ...NOTHING, failed: ids, hasMoreFailed: true });
  expect(await read({ failed: round, batch: 1, busy: 2 })).toEqual({ ...NOTHING, failed: ids, upcoming: ids });
  expect((await read({ failed: round, attemptedBefore: NOW - 1 })).failed).toEqual([]);
});

it("a backlog has the calls that haven't failed in this recovery, those that failed in earlier ones last", async () => {
  await accept(store, callback, ["A", "B", "C"]);
  await attempt(store, callback, ["A"], {}, 1);
  await attempt(store, callback, ["B"], {}, 2);
  await attempt(store, callback, ["C"], { startedAt: NOW + MINUTE });
  const backlog = { kind: "backlog", recovery: 2 } as const;
  expect((await read({ failed: backlog })).failed).toEqual(["C", "A"]);
  expect((await read({ failed: backlog, attemptedBefore: NOW })).failed).toEqual(["A"]);
  expect(await read({ failed: backlog, batch: 2 })).toMatchObject({ failed: ["C", "A"], hasMoreFailed: true });
});

it("requested replays come first, each once, and may be all that fits", async () => {
  await failInTurn("A", "B", "C", "D");
  await store.replays.request(callback.id, aReplay({ callIds: ["C", "D"] }), NOW + 4 * MINUTE);
  const due = { kind: "due", at: NOW + 6 * MINUTE } as const;
  expect(await read({ failed: due })).toMatchObject({ failed: ["C", "D", "A", "B"], hasMoreFailed: false });
  expect(await read({ failed: { ...due, at: NOW }, batch: 2 })).toMatchObject({ failed: ["C", "D"], hasMoreFailed: true });
  expect(await read({ failed: { ...due, at: NOW }, batch: 3 })).toMatchObject({ failed: ["C", "D"], hasMoreFailed: false });
});

it("a replay doesn't come before an earlier one because its call is older", async () => {
  await failInTurn("A", "B");
  await store.replays.request(callback.id, aReplay({ callIds: ["B"] }, { id: "R1" }), NOW + 2 * MINUTE);
  await store.replays.request(callback.id, aReplay({ callIds: ["A"] }, { id: "R2" }), NOW + 3 * MINUTE);
  const statements: unknown[] = [];
  const backlog = { kind: "backlog", recovery: 1 } as const;
  expect((await read({ failed: backlog, batch: 1 }, recorded(statements))).failed).toEqual(["B"]);
  expect(statements).toEqual([
    ["fetchReplays", 1],
    ["fetchBacklog", 1],
  ]);
});

it("a replay that is cancelled between the reads is there once", async () => {
  await failInTurn("A", "B");
  await store.replays.request(callback.id, aReplay({ callIds: ["B"] }), NOW + 2 * MINUTE);
  const fetchReplays: Store["queue"]["fetchReplays"] = async (reads) => {
    const found = await store.queue.fetchReplays(reads);
    const cancel = {
      replayId: "REPLAY",
      now: NOW + 3 * MINUTE,
      policy: POLICY,
      random: 0.5,
      begunCalls: () => new Set<number>(),
    };
    await store.replays.cancelChunk(callback.id, cancel);
    return found;
  };
  const due = { kind: "due", at: NOW + 6 * MINUTE } as const;
  expect((await read({ failed: due }, { ...store.queue, fetchReplays })).failed).toEqual(["B", "A"]);
});

it("retries whose window is over end before calls are read, in chunks", async () => {
  await failInTurn("A", "B");
  const due = { kind: "due", at: NOW + 6 * MINUTE } as const;
  expect((await read({ failed: due, expireBefore: NOW })).failed).toEqual(["A", "B"]);
  expect((await read({ failed: due, expireBefore: NOW + MINUTE })).failed).toEqual(["B"]);
  const ended: unknown[] = [];
  const expireRetries: Store["queue"]["expireRetries"] = async (expiries, limit) => {
    ended.push([expiries, limit]);
    return ended.length === 1 ? limit : 0;
  };
  await read({ expireBefore: 7, fence: 3 }, { ...store.queue, expireRetries });
  const chunk = [[{ callbackId: callback.id, fence: 3, firstFailedBefore: 7 }], 5_000];
  expect(ended).toEqual([chunk, chunk]);
});

it("large responses are left out, and all of what comes later", async () => {
  await failInTurn("A");
  await accept(store, callback, ["B", "C"]);
  await hold(store, callback, ["C"]);
  const isLeftOut = (call: Call | null | undefined) => call?.leftOutBytes !== undefined;
  const leftOut = async (maxBytes: number) => {
    const failed = { kind: "due", at: NOW + 5 * MINUTE } as const;
    const [batch] = await fetchWork([aRequest({ maxBytes, wantsPending: true, wantsHeld: true, failed })], store.queue);
    return [batch?.pending[0], batch?.held, batch?.failed[0], batch?.upcoming[0]].map(isLeftOut);
  };
  expect(await leftOut(100_000)).toEqual([false, false, false, true]);
  expect(await leftOut(1)).toEqual([true, true, true, true]);
});

it("one statement of each kind reads for all endpoints, and each gets what it wants", async () => {
  const other = await aCallback(store, { retriesEnabled: true });
  await failInTurn("A");
  await accept(store, other, ["B"]);
  await accept(store, callback, ["C"]);
  const requests = [
    aRequest({ failed: { kind: "due", at: NOW + 5 * MINUTE } }),
    aRequest({ callbackId: other.id, wantsPending: true }),
    aRequest({ wantsPending: true }),
  ];
  const statements: unknown[] = [];
  const batches = await fetchWork(requests, recorded(statements));
  expect(batches.map(({ request }) => request)).toEqual(requests);
  expect(batches.map(({ pending, failed }) => [idsOf(pending), idsOf(failed)])).toEqual([
    [[], ["A"]],
    [["B"], []],
    [["C"], []],
  ]);
  expect(statements).toEqual([
    ["fetchPending", 2],
    ["fetchReplays", 1],
    ["fetchDue", 1],
    ["fetchDue", 1],
  ]);
});
