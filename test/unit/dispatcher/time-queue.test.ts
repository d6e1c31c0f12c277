import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TimeQueue } from "../../../src/dispatcher/time-queue.js";

describe("a time queue", () => {
  it("gives what is due, the earliest first, and not what is due a millisecond later", () => {
    const queue = new TimeQueue<string>();
    queue.set("late", 30);
    queue.set("early", 10);
    queue.set("middle", 20);
    expect(queue.nextDueAt).toBe(10);
    expect(queue.takeDue(20)).toEqual(["early", "middle"]);
    expect([queue.takeDue(29), queue.nextDueAt]).toEqual([[], 30]);
    expect([queue.takeDue(30), queue.nextDueAt]).toEqual([["late"], null]);
  });

  it("keeps one time for each, the last that was set; null is none", () => {
    const queue = new TimeQueue<string>();
    queue.set("moved", 10);
    queue.set("moved", 40);
    queue.set("removed", 5);
    queue.set("removed", null);
    queue.set("unknown", null);
    expect([queue.takeDue(39), queue.takeDue(40), queue.size]).toEqual([[], ["moved"], 0]);
  });

  it("agrees with a sorted list", () => {
    const change = fc.tuple(fc.nat(20), fc.option(fc.nat(100)), fc.boolean());
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        const queue = new TimeQueue<number>();
        const times = new Map<number, number>();
        for (const [item, at, isTaken] of changes) {
          queue.set(item, at);
          if (at === null) times.delete(item);
          else times.set(item, at);
          if (!isTaken) continue;
          const due = [...times].filter(([, dueAt]) => dueAt <= 30);
          const taken = queue.takeDue(30);
          expect(taken.map((one) => times.get(one))).toEqual(due.map(([, dueAt]) => dueAt).sort((a, b) => a - b));
          for (const one of taken) times.delete(one);
          expect([queue.size, queue.nextDueAt ?? Number.POSITIVE_INFINITY]).toEqual([times.size, Math.min(...times.values())]);
        }
      }),
      { seed: 1 },
    );
  });
});
