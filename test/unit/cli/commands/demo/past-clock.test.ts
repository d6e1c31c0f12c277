import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { PastClock } from "../../../../../src/cli/commands/demo/past-clock.js";
import { VirtualClock } from "../../../../support/time/virtual-clock.js";

const HOUR = 3_600_000;

let present: VirtualClock;
let clock: PastClock;
let hasWoken: boolean;

beforeEach(() => {
  present = new VirtualClock();
  clock = new PastClock(present, 6 * HOUR);
  hasWoken = false;
});

function sleepFor(ms: number, signal?: AbortSignal): Promise<void> {
  return clock.sleepUntil(clock.now() + ms, signal).then(() => {
    hasWoken = true;
  });
}

test("is behind, and passes at the same speed", async () => {
  expect(present.now() - clock.now()).toBe(6 * HOUR);
  const slept = sleepFor(HOUR);
  present.advance(HOUR - 1);
  await turn();
  expect(hasWoken).toBe(false);
  present.advance(1);
  await slept;
  expect(present.now() - clock.now()).toBe(6 * HOUR);
});

test("wakes who sleeps until the instant that it is moved to, and nobody else", async () => {
  const slept = sleepFor(HOUR);
  clock.setBehind(5 * HOUR + 1);
  await turn();
  expect(hasWoken).toBe(false);
  clock.setBehind(5 * HOUR);
  await slept;
  const later = sleepFor(HOUR);
  clock.setBehind(0);
  await later;
  expect(clock.now()).toBe(present.now());
});

test("lets go of a sleeper at its signal, moved or not", async () => {
  const stop = new AbortController();
  const slept = sleepFor(HOUR, stop.signal);
  clock.setBehind(5.5 * HOUR);
  await turn();
  stop.abort();
  await slept;
  expect(clock.now()).toBe(present.now() - 5.5 * HOUR);
});
