/** What users change while a call's connection opens, or before it is sent again (docs/dispatcher.md, A call, Rules 6 and 8). */
import { afterEach, describe, expect, it } from "vitest";
import type { Callback } from "../../../src/domain/callback.js";
import { MINUTE, Simulation, watchStore } from "../../support/dispatcher/simulation.js";

let sim: Simulation;

afterEach(() => sim.store.close());

const OTHER_URL = "http://127.0.0.1:9000/other";

interface Connecting {
  /** Happens once, as the connection of the last of three calls opens. */
  readonly meanwhile: (callback: Callback, id: string) => Promise<unknown>;
  /** Its connection opens so long after that. */
  readonly afterMs: number;
}

/** Returns the URLs to which the third call was sent. */
async function sendThird({ meanwhile, afterMs }: Connecting): Promise<readonly string[]> {
  const callback = await sim.callback();
  await sim.accept(callback, 2);
  await sim.settle();
  const [id = ""] = await sim.accept(callback, 1);
  sim.connect = async () => {
    sim.connect = () => null;
    await meanwhile(callback, id);
    sim.clock.advance(afterMs);
    return 0;
  };
  await sim.runFor(MINUTE);
  return sim.requestsFor(id).map(({ url }) => url);
}

/** What this process does, or another one without a notification. */
const CHANGES: readonly [string, readonly string[], Connecting["meanwhile"]][] = [
  ["a mark", [], (callback, id) => sim.mark(callback, [id], "SUCCESS")],
  ["a mark by another process", [], ({ id }, callId) => sim.store.calls.mark(id, [callId], "SUCCESS", sim.clock.now())],
  ["a deletion", [], (callback) => sim.remove(callback)],
  ["a deletion by another process", [], ({ id }) => sim.store.callbacks.delete(id, sim.clock.now())],
  ["another URL", [OTHER_URL], (callback) => sim.update(callback, { url: OTHER_URL })],
  [
    "another URL, by another process",
    [OTHER_URL],
    (callback) => sim.store.callbacks.update(callback.id, { ...callback, url: OTHER_URL }, sim.clock.now(), sim.policy),
  ],
];

describe("a call whose connection opens over a second after", () => {
  it.each(CHANGES)("%s isn't sent as it was", async (_, urls, meanwhile) => {
    // Another process's write changes the counter.
    let counter = 0;
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        watchStore(store, async (method, __, work) => (method === "changes.readCounter" ? String(counter) : work())),
    });
    const change: Connecting["meanwhile"] = (callback, id) => {
      counter += 1;
      return meanwhile(callback, id);
    };
    expect(await sendThird({ meanwhile: change, afterMs: 1_001 })).toEqual(urls);
  });
});

it("is sent, and read from the store once, if only another call was marked", async () => {
  const finds: unknown[] = [];
  sim = await Simulation.open({
    dispatcherStore: (store) =>
      watchStore(store, (method, args, work) => {
        if (method === "calls.find") finds.push(args[2]);
        return work();
      }),
  });
  const mark: Connecting["meanwhile"] = async (callback) => {
    const [other = ""] = await sim.accept(callback, 1);
    await sim.mark(callback, [other], "SUCCESS");
  };
  expect(await sendThird({ meanwhile: mark, afterMs: 4_000 })).toHaveLength(1);
  expect(finds).toEqual([0]);
});

it("is sent without reading the store if its connection opens within half a second", async () => {
  const finds: string[] = [];
  sim = await Simulation.open({
    dispatcherStore: (store) =>
      watchStore(store, (method, _, work) => {
        if (method === "calls.find" || method === "callbacks.find") finds.push(method);
        return work();
      }),
  });
  expect(await sendThird({ meanwhile: async () => undefined, afterMs: 500 })).toHaveLength(1);
  expect(finds).toEqual([]);
});

it("is sent later, and nothing fails, if the store doesn't answer then", async () => {
  let isAsked = false;
  sim = await Simulation.open({
    dispatcherStore: (store) =>
      watchStore(store, async (method, _, work) => {
        if (method !== "calls.find") return work();
        isAsked = true;
        throw new Error("The store can't be read.");
      }),
  });
  expect(await sendThird({ meanwhile: async () => undefined, afterMs: 4_000 })).toHaveLength(1);
  expect(isAsked).toBe(true);
});
