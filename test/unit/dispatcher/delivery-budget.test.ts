import { beforeEach, describe, expect, it } from "vitest";
import { DeliveryBudget } from "../../../src/dispatcher/delivery-budget.js";

const MIB = 1024 * 1024;
const [one, two, three, other] = [{ name: "one" }, { name: "two" }, { name: "three" }, { name: "other" }];

let budget: DeliveryBudget<{ name: string }>;

beforeEach(() => {
  budget = new DeliveryBudget(64 * MIB);
});

describe("the budget for bodies", () => {
  it("holds as many as fit, and makes the next one wait", () => {
    expect([1, 2, 3].map(() => budget.tryHold(one, 20 * MIB))).toEqual([true, true, true]);
    expect([budget.tryHold(one, 5 * MIB), budget.heldBytes]).toEqual([false, 60 * MIB]);
    budget.release(one, 20 * MIB);
    expect([budget.takeOffered(), budget.tryHold(one, 5 * MIB)]).toEqual([[one], true]);
  });

  it("lets one body go whatever its size", () => {
    expect([budget.tryHold(one, 100 * MIB), budget.tryHold(two, 300_000)]).toEqual([true, false]);
  });

  it("counts what is prefetched, which may take up to half of it", () => {
    expect(budget.prefetchRoom).toBe(32 * MIB);
    budget.setPrefetched(other, 30 * MIB);
    expect(budget.prefetchRoom).toBe(2 * MIB);
    expect([budget.tryHold(two, 30 * MIB), budget.tryHold(two, 10 * MIB)]).toEqual([true, false]);
    budget.setPrefetched(other, 0);
    expect([budget.takeOffered(), budget.tryHold(two, 10 * MIB)]).toEqual([[two], true]);
  });

  it("serves those who wait in their order", () => {
    budget.tryHold(one, 60 * MIB);
    expect([budget.tryHold(two, 8 * MIB), budget.tryHold(three, MIB)]).toEqual([false, false]);
    budget.release(one, 60 * MIB);
    expect([budget.tryHold(three, MIB), budget.tryHold(two, 8 * MIB), budget.tryHold(three, MIB)]).toEqual([false, true, true]);
    expect(budget.takeOffered()).toEqual([two, three]);
  });

  it("lets an owner hold one large body while others wait, and any number when none do", () => {
    budget.tryHold(one, 30 * MIB);
    budget.tryHold(one, 30 * MIB);
    expect(budget.tryHold(two, 10 * MIB)).toBe(false);
    budget.release(one, 30 * MIB);
    expect([budget.tryHold(one, 10 * MIB), budget.tryHold(two, 10 * MIB)]).toEqual([false, true]);
    budget.release(one, 30 * MIB);
    expect([budget.tryHold(one, 10 * MIB), budget.tryHold(one, 10 * MIB)]).toEqual([true, true]);
  });

  it("skips an owner that waits for a second large body", () => {
    budget.tryHold(one, 40 * MIB);
    budget.tryHold(two, 20 * MIB);
    expect([budget.tryHold(one, 10 * MIB), budget.tryHold(three, 10 * MIB)]).toEqual([false, false]);
    budget.release(two, 20 * MIB);
    expect([budget.tryHold(one, 10 * MIB), budget.tryHold(three, 10 * MIB)]).toEqual([false, true]);
  });

  it("lets small bodies pass those that wait, in the sixteenth that large ones leave", () => {
    const small = 256 * 1024;
    expect([budget.tryHold(one, 50 * MIB), budget.tryHold(two, 11 * MIB)]).toEqual([true, false]);
    budget.setPrefetched(other, 14 * MIB - small);
    expect([budget.prefetchRoom, budget.tryHold(three, small), budget.tryHold(three, small)]).toEqual([small, true, false]);
    budget.release(three, small);
    expect([budget.takeOffered(), budget.tryHold(three, small)]).toEqual([[two, three], true]);
  });

  /** Hanging endpoints of graded sizes leave no room at all. */
  function fill(): void {
    budget.tryHold(one, 60 * MIB);
    for (const size of [250 * 1024, 10]) while (budget.tryHold(one, size));
    budget.stopWaiting(one);
  }

  it("lets an owner that holds nothing hold a small body, however full it is, and grow up to that when it is built", () => {
    fill();
    expect([budget.tryHold(two, 257 * 1024), budget.tryHold(two, 200 * 1024), budget.tryHold(two, 11)]).toEqual([
      false,
      true,
      false,
    ]);
    expect([budget.tryResize(two, 200 * 1024, 257 * 1024), budget.tryResize(two, 200 * 1024, 256 * 1024)]).toEqual([false, true]);
    budget.release(two, 256 * 1024);
    expect([budget.takeOffered(), budget.tryHold(two, 11)]).toEqual([[two], true]);
  });

  it("limits what is held so to a quarter, and then to 16 KiB for each, or twice that when it is built", () => {
    fill();
    const others = Array.from({ length: 63 }, (_, number) => ({ name: `${number}` }));
    expect(others.filter((each) => budget.tryHold(each, 256 * 1024)).length).toBe(63);
    expect(budget.heldBytes).toBeLessThanOrEqual((64 + 16) * MIB);
    expect([budget.tryHold(two, 16 * 1024 + 11), budget.tryHold(two, 16 * 1024), budget.tryHold(two, 11)]).toEqual([
      false,
      true,
      false,
    ]);
    expect([budget.tryResize(two, 16 * 1024, 32 * 1024), budget.tryResize(two, 32 * 1024, 64 * 1024)]).toEqual([true, false]);
    budget.release(two, 32 * 1024);
    expect([budget.tryHold(two, 20_000), budget.tryHold(three, 30_000), budget.takeOffered()]).toEqual([false, false, [two]]);
    for (const each of others) budget.release(each, 256 * 1024);
    expect([budget.takeOffered(), budget.tryHold(two, 20_000), budget.tryHold(three, 30_000)]).toEqual([[two], true, true]);
  });

  it("offers room to the first small body that fits: it doesn't queue behind a larger one", () => {
    budget.tryHold(one, 63 * MIB);
    for (const owner of [two, three]) budget.tryHold(owner, 1);
    budget.setPrefetched(other, MIB - 2);
    expect([budget.tryHold(two, 200_000), budget.tryHold(three, 20_000)]).toEqual([false, false]);
    budget.setPrefetched(other, MIB - 20_002);
    expect([budget.takeOffered(), budget.tryHold(three, 20_000)]).toEqual([[three], true]);
  });

  it("offers room to another small body if the first needs more by now", () => {
    budget.tryHold(one, 63 * MIB);
    for (const owner of [two, three]) budget.tryHold(owner, 1);
    budget.setPrefetched(other, MIB - 2);
    expect([budget.tryHold(two, 20_000), budget.tryHold(three, 20_000)]).toEqual([false, false]);
    budget.setPrefetched(other, MIB - 20_002);
    expect([budget.tryHold(two, 25_000), budget.takeOffered()]).toEqual([false, [two, three]]);
  });

  it("counts only what a prefetched body takes beyond what it took before", () => {
    budget.tryHold(one, 60 * MIB);
    budget.tryHold(two, 1);
    budget.setPrefetched(other, 4 * MIB - 20_001);
    expect([budget.tryHold(two, 100_000, 79_999), budget.tryHold(two, 100_000, 80_000)]).toEqual([false, true]);
  });

  it("counts a body at its built size, if that fits or no other is held", () => {
    budget.tryHold(one, 20 * MIB);
    budget.tryHold(two, 20 * MIB);
    expect([budget.tryResize(one, 20 * MIB, 45 * MIB), budget.heldBytes]).toEqual([false, 40 * MIB]);
    expect([budget.tryResize(one, 20 * MIB, 44 * MIB), budget.heldBytes]).toEqual([true, 64 * MIB]);
    budget.release(one, 44 * MIB);
    expect([budget.tryResize(two, 20 * MIB, 90 * MIB), budget.tryResize(two, 90 * MIB, MIB), budget.heldBytes]).toEqual([
      true,
      true,
      MIB,
    ]);
  });

  it("forgets an owner that has nothing to send any more", () => {
    budget.tryHold(one, 60 * MIB);
    budget.tryHold(two, 10 * MIB);
    budget.tryHold(three, 10 * MIB);
    budget.release(one, 60 * MIB);
    budget.stopWaiting(two);
    expect([budget.takeOffered(), budget.tryHold(three, 10 * MIB)]).toEqual([[two, three], true]);
  });
});
