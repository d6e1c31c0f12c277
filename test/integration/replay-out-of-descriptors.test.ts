import { expect, it } from "vitest";
import { WhcbError } from "../../src/domain/errors.js";
import { systemClock } from "../../src/platform/clock.js";
import { planReplay } from "../../src/runs/plan/plan-replay.js";
import { DEFAULT_REPLAY_OPTIONS } from "../../src/runs/run-options.js";
import { runReplay } from "../../src/runs/run-replay.js";
import { platformCalls, scriptedPlatform } from "../support/platform/scripted-platform.js";
import { openDesk } from "../support/replay/replay-desk.js";

it("a replay that runs out of file descriptors stops with that error, and no call counts as rejected by the endpoint", async () => {
  const calls = platformCalls(5);
  const callback = { id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "an-endpoint-s-key", calls };
  const platform = scriptedPlatform({ clock: systemClock, callbacks: [callback] });
  let delivered = 0;
  const deliverer = {
    async deliverIf() {
      delivered += 1;
      if (delivered > 2) throw new WhcbError("unavailable", "out of file descriptors (EMFILE)");
      return { result: { kind: "answered", statusCode: 200, statusMessage: "OK", body: "" } as const, retryAfterMs: null };
    },
  };
  const desk = openDesk({ transport: platform.transport(), over: { deliverer } });
  try {
    const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, desk.deps);
    const summary = await runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, concurrency: 1 }, desk.deps);
    expect(summary.error).toMatchObject({ code: "unavailable", message: "out of file descriptors (EMFILE)" });
    expect(summary.isResumable).toBe(true);
    expect(summary.counts).toMatchObject({ planned: 5, accepted: 2, rejected: 0 });
    expect(delivered).toBe(3);
  } finally {
    await desk.leave();
  }
});

it.each([null, "from"] as const)(
  "a replay whose last call in flight finds no file descriptor ends, serial by %s",
  async (serialBy) => {
    const calls = platformCalls(3, () => ({ from: { mobile: "61400000001" } }));
    const callback = { id: "00112233445566AA", name: "demo", url: "http://127.0.0.1:9/", key: "an-endpoint-s-key", calls };
    const platform = scriptedPlatform({ clock: systemClock, callbacks: [callback] });
    let delivered = 0;
    const deliverer = {
      async deliverIf() {
        const isLast = ++delivered === (serialBy === null ? 3 : 2);
        // Meanwhile the sender waits for a call that may be sent next.
        for (let turns = 0; turns < 20; turns++) await systemClock.nextTurn();
        if (isLast) throw new WhcbError("unavailable", "out of file descriptors (EMFILE)");
        return { result: { kind: "answered", statusCode: 200, statusMessage: "OK", body: "" } as const, retryAfterMs: null };
      },
    };
    const desk = openDesk({ transport: platform.transport(), over: { deliverer } });
    try {
      const plan = await planReplay({ callbacks: ["demo"], calls: { filter: {} }, skipRetrying: false }, desk.deps);
      const summary = await runReplay(plan, { ...DEFAULT_REPLAY_OPTIONS, serialBy }, desk.deps);
      expect(summary).toMatchObject({ error: { code: "unavailable" }, isResumable: true, counts: { rejected: 0, unknown: 0 } });
    } finally {
      await desk.leave();
    }
  },
);
