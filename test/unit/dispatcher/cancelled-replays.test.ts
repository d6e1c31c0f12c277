import { afterEach, describe, expect, it } from "vitest";
import type { Callback } from "../../../src/domain/callback.js";
import { aResponse, REFUSED_503 } from "../../support/builders.js";
import { MINUTE, Simulation, StoreFailure, up, watchStore } from "../../support/dispatcher/simulation.js";

let sim: Simulation;

afterEach(() => sim.store.close());

it.each(["goes on", "dies"])(
  "takes all calls out of a cancelled replay, if a first part was and the process %s",
  async (what) => {
    sim = await Simulation.open();
    sim.endpoint = () => ({ result: REFUSED_503, afterMs: 1 });
    const callback = await sim.callback({ retriesEnabled: false });
    await sim.accept(callback, 3_500);
    await sim.runFor(MINUTE);
    sim.endpoint = up;
    await sim.replay(callback, { filter: { status: "FAILED" } });
    await sim.cancelReplays(callback);
    if (what === "dies") sim.crash();
    await sim.runFor(MINUTE);
    const [replay] = await sim.store.replays.list(callback.id, 1);
    expect(replay).toMatchObject({ total: 3_500, succeeded: 0, failed: 0, cancelled: 3_500, left: 0 });
    expect(await sim.store.calls.count(callback.id)).toEqual({ PENDING: 0, SUCCESS: 0, FAILED: 3_500 });
  },
);

describe("a call of a replay that is cancelled while the call is on its way", () => {
  /** The call has failed, and its replay is requested. Without retries, nothing else may send it again. */
  async function failOne(response = aResponse()) {
    sim.endpoint = () => ({ result: REFUSED_503 });
    const callback = await sim.callback({ retriesEnabled: false });
    await sim.accept(callback, 1, response);
    await sim.runFor(MINUTE);
    sim.endpoint = up;
    await sim.replay(callback, { filter: { status: "FAILED" } });
    return callback;
  }

  async function expectWithdrawn(callback: Callback) {
    expect(sim.sent).toHaveLength(1);
    const [replay] = await sim.store.replays.list(callback.id, 1);
    expect(replay).toMatchObject({ total: 1, succeeded: 0, failed: 0, cancelled: 1, left: 0 });
  }

  /** Cancels the replays of a callback, and resolves once the dispatcher has withdrawn all but what it has begun. */
  async function openCancelling(onRead: () => Promise<unknown> = async () => undefined) {
    let withdrawn: () => void = () => undefined;
    const isWithdrawn = new Promise<void>((resolve) => {
      withdrawn = resolve;
    });
    sim = await Simulation.open({
      dispatcherStore: (store) =>
        watchStore(store, async (method, _, work) => {
          if (method === "calls.find") await onRead();
          return method === "replays.cancelChunk" ? work().finally(withdrawn) : work();
        }),
    });
    const cancelling = async (callback: Callback) => {
      await sim.cancelReplays(callback);
      await isWithdrawn;
    };
    return { cancelling };
  }

  it.each(["first", "second"])("isn't sent later if the egress proxy fails it at its %s trial", async (trial) => {
    sim = await Simulation.open();
    const callback = await failOne();
    sim.shortage = { afterMs: 5_000 };
    await sim.runFor(trial === "first" ? 1_000 : 7_000);
    expect(sim.dispatcher.inFlight).toBe(1);
    await sim.cancelReplays(callback);
    await sim.runFor(MINUTE);
    sim.shortage = null;
    await sim.runFor(10 * MINUTE);
    await expectWithdrawn(callback);
  });

  it("isn't sent later if the process was stopped as it was to be sent", async () => {
    const { cancelling } = await openCancelling();
    const callback = await failOne();
    sim.connect = async () => {
      sim.connect = () => null;
      await cancelling(callback);
      return 2_000;
    };
    await sim.runFor(10 * MINUTE);
    await expectWithdrawn(callback);
  });

  it("isn't sent later if the store fails as its large body is read", async () => {
    const content = "x".repeat(300_000);
    let read = async () => undefined as unknown;
    const { cancelling } = await openCancelling(() => read());
    const callback = await failOne(aResponse({ responseMessage: { ...aResponse().responseMessage, content } }));
    read = async () => {
      read = async () => undefined;
      await cancelling(callback);
      throw new StoreFailure("disk I/O error");
    };
    await sim.runFor(10 * MINUTE);
    await expectWithdrawn(callback);
  });
});
