import { expect, test } from "vitest";
import { DeadlineQueue } from "../../../src/delivery/deadline-queue.js";
import { ManualTimers } from "../../support/time/manual-timers.js";

function aQueue() {
  const time = new ManualTimers();
  const queue = new DeadlineQueue<{ readonly deadlineAt: number; expire(): void }>(time, time);
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
