import { expect, test } from "vitest";
import { DeadlineQueue, ResponseSizeGuard } from "../../../src/delivery/exchange-limits.js";
import { ManualTimers } from "../../support/time/manual-timers.js";

function aQueue() {
  const time = new ManualTimers();
  const queue = new DeadlineQueue<{ readonly deadlineAt: number; expire(): void }>(time);
  const expired: string[] = [];
  const begin = (name: string) => {
    const item = { deadlineAt: time.monotonicMs() + 100, expire: () => void expired.push(`${name} at ${time.monotonicMs()}`) };
    queue.add(item);
    return item;
  };
  return { time, queue, expired, begin };
}

test("each item expires at its own deadline, and not a millisecond before", () => {
  const { time, expired, begin } = aQueue();
  begin("one");
  time.advance(30);
  begin("two");
  time.advance(69);
  expect(expired).toEqual([]);
  time.advance(1);
  expect(expired).toEqual(["one at 100"]);
  time.advance(29);
  expect(expired).toEqual(["one at 100"]);
  time.advance(1);
  expect(expired).toEqual(["one at 100", "two at 130"]);
});

test("a deleted item doesn't expire, and a thousand items need one timer", () => {
  const { time, queue, expired, begin } = aQueue();
  const items = Array.from({ length: 1_000 }, (_, number) => begin(String(number)));
  expect(time.count).toBe(1);
  for (const item of items) queue.delete(item);
  time.advance(1_000);
  expect([expired, time.count]).toEqual([[], 0]);
  begin("late");
  time.advance(100);
  expect(expired).toEqual(["late at 1100"]);
});

const MIB = 1024 * 1024;

test("aborts an exchange that reads over 1 MiB, not counting what its connection had read before", () => {
  const time = new ManualTimers();
  const aborted: string[] = [];
  const anItem = (where: string, bytesRead: number | null) => ({ where, bytesRead, abort: () => void aborted.push(where) });
  const old = anItem("an old connection", 500 * MIB);
  const endless = anItem("an endless answer", 0);
  const waiting = anItem("one that waits for a connection", null);
  const inFlight = new Set([old, endless, waiting]);
  const guard = new ResponseSizeGuard(() => inFlight, time);

  guard.startChecks();
  guard.startChecks();
  expect(time.count).toBe(1);
  time.advance(1_000);
  endless.bytesRead = MIB;
  time.advance(1_000);
  expect(aborted).toEqual([]);
  endless.bytesRead = MIB + 1;
  time.advance(1_000);
  expect(aborted).toEqual(["an endless answer"]);
});

test("has no timer while nothing is in flight", () => {
  const time = new ManualTimers();
  const guard = new ResponseSizeGuard(() => [], time);
  guard.startChecks();
  time.advance(1_000);
  expect(time.count).toBe(0);
});
