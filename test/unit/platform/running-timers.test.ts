import { describe, expect, it } from "vitest";
import { type RealTime, RunningTimers, systemTimers } from "../../../src/platform/running-timers.js";

/** It is an event loop that turns once a millisecond, while a test lets it run. */
class Loop implements RealTime {
  #now = 0;
  readonly #timers = new Set<{ readonly at: number; readonly handler: () => void }>();
  #waiting: (() => void)[] = [];
  /** Sockets bring this in each turn. */
  poll = (): void => undefined;

  monotonicMs(): number {
    return this.#now;
  }

  nextTurn(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  after(delayMs: number, handler: () => void): () => void {
    const timer = { at: this.#now + delayMs, handler };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  stop(ms: number): void {
    this.#now += ms;
  }

  /** Node has this order too: due timers, then sockets, then what waits for the next turn. */
  async run(ms: number): Promise<void> {
    for (const end = this.#now + ms; this.#now < end; this.#now += 1) await this.turn();
    await this.turn();
  }

  async turn(): Promise<void> {
    for (const timer of this.#timers) {
      if (timer.at <= this.#now && this.#timers.delete(timer)) timer.handler();
    }
    this.poll();
    for (const proceed of this.#waiting.splice(0)) proceed();
    for (let microtasks = 0; microtasks < 5; microtasks++) await Promise.resolve();
  }
}

function start() {
  const loop = new Loop();
  const timers = new RunningTimers(loop);
  const ended: number[] = [];
  const limit = (ms: number) => timers.after(ms, () => void ended.push(loop.monotonicMs()));
  return { loop, timers, ended, limit };
}

/** A stop counts at most this much too short. */
const TICK_MS = 50;

describe("a time limit", () => {
  it("ends after its time and not a millisecond before, unless it is cancelled", async () => {
    const { loop, ended, limit } = start();
    limit(5_000);
    limit(1_000)();
    await loop.run(4_999);
    expect(ended).toEqual([]);
    await loop.run(1);
    expect(ended).toEqual([5_000]);
  });

  it("is longer by the time for which the process didn't run, all stops together", async () => {
    const { loop, timers, ended, limit } = start();
    limit(5_000);
    const cancel = limit(9_000);
    cancel();
    cancel();
    for (let stops = 0; stops < 3; stops++) {
      await loop.run(1_010);
      loop.stop(6_000);
    }
    await loop.run(10_000);
    expect(ended[0]).toBeGreaterThan(23_000 - 3 * TICK_MS);
    expect(ended[0]).toBeLessThanOrEqual(23_001);
    expect(timers.stoppedMs()).toBeGreaterThan(18_000 - 3 * TICK_MS);
    expect(timers.runningMs() + timers.stoppedMs()).toBe(loop.monotonicMs());
  });

  it.each([
    [200, 0],
    [251, 251],
  ])("is longer by a turn of %d ms: %d", async (turnMs, countedMs) => {
    const { loop, ended, limit } = start();
    limit(5_000);
    await loop.run(1_010);
    loop.stop(turnMs);
    await loop.run(5_000);
    expect(ended[0]).toBeGreaterThan(5_000 + countedMs - TICK_MS);
    expect(ended[0]).toBeLessThanOrEqual(5_000 + countedMs + 1);
  });

  it("that is due after a stop doesn't end before what has arrived is read", async () => {
    const { loop, ended, limit } = start();
    const cancel = limit(100);
    await loop.run(99);
    loop.stop(6_000);
    loop.poll = cancel;
    await loop.run(1_000);
    expect(ended).toEqual([]);
  });

  it("that begins before the loop has turned after a stop isn't longer", async () => {
    const { loop, ended, limit } = start();
    limit(60_000);
    await loop.run(1_010);
    loop.stop(6_000);
    limit(1_000);
    await loop.run(1_001);
    expect(ended).toHaveLength(1);
  });

  it("ends in a process that stops in each turn", async () => {
    const { loop, ended, limit } = start();
    limit(5_000);
    for (let turns = 0; turns <= 5_000 / TICK_MS; turns++) {
      await loop.turn();
      loop.stop(1_000);
    }
    await loop.turn();
    expect(ended).toHaveLength(1);
  });
});

it("needs one timer for all limits besides their own, and none without a limit", async () => {
  const { loop, limit } = start();
  const cancels = Array.from({ length: 1_000 }, () => limit(5_000));
  await loop.run(1_000);
  expect(loop.timerCount).toBe(1_001);
  for (const cancel of cancels) {
    cancel();
    cancel();
  }
  await loop.run(TICK_MS);
  expect(loop.timerCount).toBe(0);
});

describe("a system timer", () => {
  it("calls its handler once, unless it is cancelled", async () => {
    const called: string[] = [];
    const cancel = systemTimers.after(1, () => called.push("cancelled"));
    cancel();
    systemTimers.after(1, () => called.push("first"));
    await new Promise<void>((resolve) => systemTimers.after(5, resolve));
    expect(called).toEqual(["first"]);
  });
});
