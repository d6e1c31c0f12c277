import { describe, expect, it } from "vitest";
import { createPacer } from "../../../src/platform/pacer.js";
import { passTime } from "../../support/time/pass-time.js";
import { VirtualClock } from "../../support/time/virtual-clock.js";

async function startsOf(rate: number, count: number): Promise<number[]> {
  const clock = new VirtualClock();
  const pacer = createPacer(rate, clock);
  const starts: number[] = [];
  const take = async (): Promise<void> => {
    await pacer.take();
    starts.push(clock.monotonicMs());
  };
  await passTime(clock, Promise.all(Array.from({ length: count }, take)));
  return starts;
}

function mostInAnySecond(starts: readonly number[]): number {
  return Math.max(...starts.map((start) => starts.filter((other) => other >= start && other <= start + 1_000).length));
}

describe("the pacer", () => {
  it("starts at most the plan's requests in any second, whenever it begins", async () => {
    for (const rate of [1, 5, 10, 30]) expect(mostInAnySecond(await startsOf(rate, rate * 4))).toBe(rate);
  });

  it("uses nearly all that the plan allows", async () => {
    const starts = await startsOf(5, 51);
    expect(starts.at(-1)).toBeLessThanOrEqual(10 * 1_050);
  });

  it("can pace to less than one a second", async () => {
    expect(await startsOf(0.5, 3)).toEqual([0, 2_100, 4_200]);
  });

  it("is first come, first served", async () => {
    const clock = new VirtualClock();
    const pacer = createPacer(2, clock);
    const order: number[] = [];
    const work = Promise.all([0, 1, 2, 3, 4].map((index) => pacer.take().then(() => order.push(index))));
    await passTime(clock, work);
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  it("delays nothing without a rate", async () => {
    const pacer = createPacer(null, new VirtualClock());
    await Promise.all(Array.from({ length: 1_000 }, () => pacer.take()));
  });

  it("stops waiting when the signal is aborted", async () => {
    const clock = new VirtualClock();
    const pacer = createPacer(1, clock);
    const stop = new AbortController();
    await pacer.take();
    const waiting = pacer.take(stop.signal);
    stop.abort();
    await waiting;
    expect(clock.monotonicMs()).toBe(0);
  });
});
