import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { RunLoop } from "../../../src/dispatcher/run-loop.js";
import { VirtualClock } from "../../support/time/virtual-clock.js";

const POLL_MS = 500;

/** A loop whose steps do what the list says, and then what its last entry says; `at` are the times of the steps. */
function aLoop(steps: readonly (() => Promise<number | null>)[]) {
  const clock = new VirtualClock(0);
  const at: number[] = [];
  const errors: unknown[] = [];
  const step = async () => {
    const index = Math.min(at.length, steps.length - 1);
    at.push(clock.now());
    return (await steps[index]?.()) ?? null;
  };
  const loop = new RunLoop(step, { clock, pollMs: POLL_MS, onError: (error) => errors.push(error) });
  const runUntil = async (end: number) => {
    await turn();
    for (let next = clock.nextWakeAt; next !== null && next <= end; next = clock.nextWakeAt) {
      clock.set(next);
      await turn();
    }
    clock.set(end);
    await turn();
  };
  return { clock, loop, at, errors, runUntil };
}

const idle = async () => null;
const failing = async () => Promise.reject(new Error("no store"));

describe("a run loop", () => {
  it("sleeps until the next thing is due, and polls where that is far off or nothing is", async () => {
    const { loop, at, runUntil } = aLoop([async () => 120, async () => 90_000, idle]);
    loop.start();
    await runUntil(1_200);
    expect(at).toEqual([0, 120, 620, 1_120]);
    await loop.stop();
  });

  it("continues after errors: it waits 100 ms, 200 ms … at most 5 s, and starts small again after a success", async () => {
    const { loop, at, errors, runUntil } = aLoop([...Array(8).fill(failing), async () => 20_000, failing, idle]);
    loop.start();
    await runUntil(17_500);
    const waits = at.slice(1).map((one, index) => one - (at[index] ?? 0));
    expect(waits.slice(0, 8)).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    expect(waits.slice(8, 10)).toEqual([500, 100]);
    expect(errors).toHaveLength(9);
    await loop.stop();
  });

  it("takes another step if it is woken during one", async () => {
    const { loop, at, runUntil } = aLoop([
      async () => {
        loop.wake();
        return null;
      },
      idle,
    ]);
    loop.start();
    await runUntil(10);
    expect(at).toEqual([0, 0]);
    await loop.stop();
  });

  it("isn't put off by a clock that is set back while it sleeps", async () => {
    const { clock, loop, at, runUntil } = aLoop([idle]);
    loop.start();
    await runUntil(200);
    clock.jump(-3_600_000);
    await runUntil(clock.now() + 400);
    expect(at).toHaveLength(2);
    await loop.stop();
  });

  it("stops once the present step has ended", async () => {
    let isDone = false;
    const clock = new VirtualClock(0);
    const step = async () => {
      await clock.sleepUntil(50);
      isDone = true;
      return null;
    };
    const loop = new RunLoop(step, { clock, pollMs: POLL_MS, onError: () => undefined });
    loop.start();
    await turn();
    const stopped = loop.stop().then(() => isDone);
    clock.set(50);
    expect(await stopped).toBe(true);
  });
});
