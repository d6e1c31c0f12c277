import { afterEach, expect, it } from "vitest";
import { REFUSED_503 } from "../../support/builders.js";
import { MINUTE, Simulation, up } from "../../support/dispatcher/simulation.js";

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
