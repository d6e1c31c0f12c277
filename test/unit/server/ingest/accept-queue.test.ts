import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/platform/clock.js";
import { AcceptQueue } from "../../../../src/server/ingest/accept-queue.js";
import { NO_METRICS } from "../../../../src/server/operations/metrics.js";
import type { NewCall } from "../../../../src/store/calls/accept-calls.js";
import { openStore, type Store } from "../../../../src/store/open-store.js";
import { CALLBACK_SETTINGS, serverDeps } from "../../../support/server/server-fixture.js";
import { fetchPending } from "../../../support/store/waiting-calls.js";

const ID = "0123456789ABCDEF";
const OTHER = "FEDCBA9876543210";

function aCall(id: string): NewCall {
  const from = { name: "", mri: "", mobile: "", email: "", voice: "" };
  const responseMessage = { channel: "SMS", kind: "reply", date: "09/01/26 13:22", content: "" } as const;
  return { id, response: { messageId: "M", messageLocation: "", from, responseMessage, customParameters: {} } };
}

describe("AcceptQueue", () => {
  let store: Store;
  let commits: number;
  let counted: number[];
  let notified: string[];
  let queue: AcceptQueue;

  beforeEach(async () => {
    store = await openStore({ url: ":memory:", clock: systemClock, secretKey: randomBytes(32) });
    await store.callbacks.create(ID, CALLBACK_SETTINGS, 0);
    await store.callbacks.create(OTHER, { ...CALLBACK_SETTINGS, name: "other" }, 0);
    commits = 0;
    counted = [];
    notified = [];
    const calls: Store["calls"] = {
      ...store.calls,
      accept(...args) {
        commits += 1;
        return store.calls.accept(...args);
      },
    };
    const deps = serverDeps({ ...store, calls }, { onWork: (callbackId) => void notified.push(callbackId) });
    queue = new AcceptQueue(deps, { ...NO_METRICS, accepted: (count) => void counted.push(count) });
  });
  afterEach(() => store.close());

  const accepted = async (id = ID) => (await fetchPending(store, id, 10_000)).map((call) => call.id);

  it("commits requests that arrive together in one transaction, in order", async () => {
    const ids = Array.from({ length: 64 }, (_, index) => `C${index}`);
    await Promise.all(ids.map((id) => queue.accept(ID, [aCall(id)], 0)));
    expect([commits, await accepted(), counted, notified]).toEqual([1, ids, [64], [ID]]);
  });

  it("commits requests for different callbacks that arrive together in one transaction", async () => {
    const counts = await Promise.all([
      queue.accept(ID, [aCall("A")], 0),
      queue.accept(OTHER, [aCall("B"), aCall("C")], 0),
      queue.accept(ID, [aCall("D")], 0),
    ]);
    expect([commits, counts, await accepted(), await accepted(OTHER), counted, notified]).toEqual([
      1,
      [1, 2, 1],
      ["A", "D"],
      ["B", "C"],
      [2, 2],
      [ID, OTHER],
    ]);
  });

  it("counts an id once, in the request that stored it, whether the repeats are in one group or not", async () => {
    const together = await Promise.all([
      queue.accept(ID, [aCall("A"), aCall("B"), aCall("A")], 0),
      queue.accept(ID, [aCall("B"), aCall("C")], 0),
    ]);
    expect([together, await queue.accept(ID, [aCall("A"), aCall("D")], 0), counted]).toEqual([[2, 1], 1, [3, 1]]);
  });

  it("answers each request only when its calls are on disk", async () => {
    await Promise.all(
      ["A", "B", "C"].map(async (id) => {
        await queue.accept(ID, [aCall(id)], 0);
        expect(await accepted()).toContain(id);
      }),
    );
  });

  it("rejects the request with an id of another callback, and stores the others", async () => {
    await queue.accept(OTHER, [aCall("X")], 0);
    const results = await Promise.allSettled([
      queue.accept(ID, [aCall("A")], 0),
      queue.accept(ID, [aCall("B"), aCall("X")], 0),
      queue.accept(ID, [aCall("C")], 0),
    ]);
    expect([results.map(({ status }) => status), await accepted()]).toEqual([
      ["fulfilled", "rejected", "fulfilled"],
      ["A", "C"],
    ]);
  });

  it("rejects each request for a deleted callback, and continues with the others", async () => {
    await store.callbacks.delete(ID, 1);
    const results = await Promise.allSettled([
      queue.accept(ID, [aCall("A")], 0),
      queue.accept(ID, [aCall("B")], 0),
      queue.accept(OTHER, [aCall("C")], 0),
    ]);
    expect([results.map(({ status }) => status), await accepted(OTHER)]).toEqual([["rejected", "rejected", "fulfilled"], ["C"]]);
  });

  it("groups at most 4 MiB of requests, unless one has more", async () => {
    const sizes = { a: 2, b: 2, c: 2, d: 9, e: 1 };
    await Promise.all(Object.entries(sizes).map(([id, mebibytes]) => queue.accept(ID, [aCall(id)], mebibytes * 1024 * 1024)));
    // The transactions are a and b, then c, d and e.
    expect([commits, await accepted()]).toEqual([4, ["a", "b", "c", "d", "e"]]);
  });

  it("groups at most 2 000 calls, unless one request has more", async () => {
    const many = (prefix: string) => Array.from({ length: 900 }, (_, index) => aCall(`${prefix}${index}`));
    await Promise.all(["a", "b", "c", "d", "e"].map((prefix) => queue.accept(ID, many(prefix), 0)));
    expect([commits, (await accepted()).length]).toEqual([3, 4500]);
  });
});
