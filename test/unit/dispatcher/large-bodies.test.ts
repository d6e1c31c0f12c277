/** Large responses: bounded memory, no endpoint starved, marks noticed in time (docs/dispatcher.md, Limits). */
import { afterEach, describe, expect, it } from "vitest";
import { CallSender } from "../../../src/dispatcher/call-sender.js";
import type { DispatchLimits } from "../../../src/dispatcher/dispatcher-deps.js";
import type { Callback } from "../../../src/domain/callback.js";
import type { MessageResponse } from "../../../src/domain/message-response.js";
import type { Store } from "../../../src/store/open-store.js";
import { ACCEPTED, aResponse, REFUSED_503 } from "../../support/builders.js";
import { MINUTE, Simulation, watchStore } from "../../support/dispatcher/simulation.js";

let sim: Simulation;

afterEach(() => sim.store.close());

const MIB = 1024 * 1024;

function ofSize(bytes: number, text = "x"): MessageResponse {
  const response = aResponse();
  return { ...response, responseMessage: { ...response.responseMessage, content: text.repeat(bytes) } };
}

/** Opens a simulation that notes the most bytes of bodies that were ever held. */
async function openWith(bodyBytes: number, limits: Partial<DispatchLimits> = {}): Promise<{ most: number }> {
  const held = { most: 0 };
  sim = await Simulation.open({
    limits: { ...limits, bodyBytes },
    dispatcherStore: (store) =>
      watchStore(store, async (_method, _, work) => {
        const result = await work();
        held.most = Math.max(held.most, sim.dispatcher.heldBytes);
        return result;
      }),
  });
  return held;
}

describe("bodies in memory", () => {
  it("stay within the budget, and five hanging endpoints don't starve five others", async () => {
    const held = await openWith(8 * MIB);
    const callbacks = await Promise.all(Array.from({ length: 10 }, (_, index) => sim.callback({ name: `c${index}` })));
    const hanging = new Set(callbacks.slice(0, 5).map(({ id }) => id));
    sim.endpoint = ({ callback }) =>
      hanging.has(callback.id) ? { result: REFUSED_503, afterMs: MINUTE } : { result: ACCEPTED, afterMs: 50 };
    for (const callback of callbacks) await sim.accept(callback, 4, ofSize(1.2 * MIB));
    await sim.runFor(10_000);
    const counts = await Promise.all(callbacks.map(({ id }) => sim.store.calls.count(id)));
    expect(counts.map(({ SUCCESS }) => SUCCESS)).toEqual([0, 0, 0, 0, 0, 4, 4, 4, 4, 4]);
    expect([...hanging].every((id) => (sim.inFlight.get(id) ?? 0) >= 1)).toBe(true);
    expect(held.most).toBeGreaterThan(4 * MIB);
    expect(held.most).toBeLessThanOrEqual(8 * MIB);
  });

  it("stay within the budget when ten endpoints have hundreds of calls of 250 KB", async () => {
    const held = await openWith(8 * MIB);
    const callbacks = await Promise.all(Array.from({ length: 10 }, (_, index) => sim.callback({ name: `c${index}` })));
    const response = ofSize(250_000);
    for (const callback of callbacks) await sim.accept(callback, 30, response);
    await sim.runFor(MINUTE);
    for (const { id } of callbacks) expect((await sim.store.calls.count(id)).SUCCESS).toBe(30);
    expect(held.most).toBeLessThanOrEqual(8 * MIB);
  });

  it("stay within the budget when an endpoint that hangs has many calls of 60 KB", async () => {
    const held = await openWith(4 * MIB, { batch: 16 });
    const callback = await sim.callback();
    const onWire = { most: 0 };
    sim.endpoint = () => {
      onWire.most = Math.max(onWire.most, sim.inFlight.get(callback.id) ?? 0);
      return { result: ACCEPTED, afterMs: 1_000 };
    };
    await sim.accept(callback, 80, ofSize(60_000));
    await sim.runFor(MINUTE);
    expect((await sim.store.calls.count(callback.id)).SUCCESS).toBe(80);
    expect(onWire.most).toBeGreaterThan(8);
    expect(onWire.most * 60_000).toBeLessThanOrEqual(4 * MIB);
    expect(held.most).toBeLessThanOrEqual(4 * MIB);
  });

  it("count as they are sent: escaped for XML, they may take five times what is stored", async () => {
    const held = await openWith(8 * MIB);
    const callbacks = await Promise.all(["one", "two"].map((name) => sim.callback({ name, contentType: "xml" })));
    let most = 0;
    sim.endpoint = () => {
      most = Math.max(
        most,
        [...sim.inFlight.values()].reduce((sum, count) => sum + count, 0),
      );
      return { result: ACCEPTED, afterMs: 50 };
    };
    for (const callback of callbacks) await sim.accept(callback, 3, ofSize(MIB, "&"));
    await sim.runFor(MINUTE);
    const counts = await Promise.all(callbacks.map(({ id }) => sim.store.calls.count(id)));
    expect(counts.map(({ SUCCESS }) => SUCCESS)).toEqual([3, 3]);
    expect([most, held.most > 5 * MIB, held.most <= 8 * MIB]).toEqual([1, true, true]);
  });

  it("of a size beyond the budget go one at a time", async () => {
    await openWith(MIB);
    const callback = await sim.callback();
    sim.endpoint = () => ({ result: ACCEPTED, afterMs: 50 });
    await sim.accept(callback, 4, ofSize(2 * MIB));
    await sim.runFor(MINUTE);
    expect([(await sim.store.calls.count(callback.id)).SUCCESS, sim.mostInFlight.get(callback.id)]).toEqual([4, 1]);
  });
});

describe("a call with a large body that is marked while it is read", () => {
  it.each([0, 501])("is not sent, however long the read takes (%d ms)", async (readMs) => {
    let marked = "";
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        watchStore(store, async (method, [callbackId, callId], work) => {
          if (method !== "calls.find" || marked !== "") return work();
          marked = String(callId);
          const before = await work();
          // Another process marks the call, without a notification.
          await sim.store.calls.mark(String(callbackId), [marked], "SUCCESS", sim.clock.now());
          sim.clock.advance(readMs);
          return readMs === 0 ? work() : before;
        }),
    });
    const callback = await sim.callback();
    const ids = await sim.accept(callback, 3, ofSize(300_000));
    await sim.runFor(MINUTE);
    expect(sim.sent.map(({ callId }) => callId)).toEqual(ids.filter((id) => id !== marked));
    expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 3, FAILED: 0 });
  });
});

describe("calls with large bodies whose callback another process changes while this one is stopped", () => {
  /** Changes the callback, and stops the process, as the first body is read. */
  function changeAtRead(store: Store, change: (callbackId: string) => Promise<unknown>): Store {
    let isChanged = false;
    return watchStore(store, async (method, [callbackId], work) => {
      const result = await work();
      if (method !== "calls.find" || isChanged) return result;
      isChanged = true;
      await change(String(callbackId));
      sim.clock.advance(1_001);
      return result;
    });
  }

  const pauseForMinute = (callbackId: string) => {
    const at = sim.clock.now();
    return sim.store.callbacks.setPause(callbackId, { at, until: at + MINUTE, by: null });
  };

  it("are sent after a pause", async () => {
    sim = await Simulation.open({ dispatcherStore: (store) => changeAtRead(store, pauseForMinute) });
    const callback = await sim.callback();
    const start = sim.clock.now();
    await sim.accept(callback, 2, ofSize(300_000));
    await sim.runFor(2 * MINUTE);
    expect(sim.sent.map(({ at }) => at - start)).toEqual([MINUTE, MINUTE]);
  });

  it.each([
    ["URL", { url: "http://127.0.0.1:9000/other" }],
    ["content type", { contentType: "xml" }],
    ["key", { auth: { type: "bearertoken", key: "another" } }],
  ] as const)("are sent with its new %s", async (_, over) => {
    const seen: Partial<Callback>[] = [];
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        changeAtRead(store, (id) => sim.store.callbacks.update(id, { ...callback, ...over }, sim.clock.now(), sim.policy)),
    });
    sim.endpoint = ({ callback: { url, contentType, auth } }) => {
      seen.push({ url, contentType, auth });
      return { result: ACCEPTED };
    };
    const callback = await sim.callback();
    await sim.accept(callback, 2, ofSize(300_000));
    await sim.runFor(MINUTE);
    expect(seen).toEqual([expect.objectContaining(over), expect.objectContaining(over)]);
  });

  it("aren't sent if it is deleted", async () => {
    sim = await Simulation.open({
      dispatcherStore: (store) => changeAtRead(store, (id) => sim.store.callbacks.delete(id, sim.clock.now())),
    });
    await sim.accept(await sim.callback(), 2, ofSize(300_000));
    await sim.runFor(MINUTE);
    expect(sim.sent).toEqual([]);
  });

  it("aren't sent by then either if they were only waiting to be read", async () => {
    sim = await Simulation.open();
    const callback = await sim.callback();
    const ids = await sim.accept(callback, 2, ofSize(300_000));
    const found = await Promise.all(ids.map((id) => sim.store.calls.find(callback.id, id)));
    const calls = found.filter((call) => call !== null);
    const store = changeAtRead(sim.store, pauseForMinute);
    const prepare = () => ({ bodyBytes: 0, send: async () => ACCEPTED });
    const sender = new CallSender({ clock: sim.clock, store, prepare });
    const readAll = () => Promise.all(calls.map((call) => sender.readAndPrepare(call, { callback })));
    expect(await readAll()).toEqual([null, null]);
    await sim.resume(callback);
    expect(await readAll()).not.toContain(null);
  });
});
