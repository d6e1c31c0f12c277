import { beforeEach, describe, expect, it } from "vitest";
import { DeliveryBudget } from "../../../src/dispatcher/delivery-budget.js";

const MIB = 1024 * 1024;
const [one, two, three] = [{ name: "one" }, { name: "two" }, { name: "three" }];

let offered: { name: string }[];
let budget: DeliveryBudget<{ name: string }>;

beforeEach(() => {
  offered = [];
  budget = new DeliveryBudget(64 * MIB, (owner) => void offered.push(owner));
});

describe("the budget for bodies", () => {
  it("holds as many as fit, and makes the next one wait", () => {
    expect([1, 2, 3].map(() => budget.tryHold(one, 20 * MIB))).toEqual([true, true, true]);
    expect([budget.tryHold(one, 5 * MIB), budget.heldBytes]).toEqual([false, 60 * MIB]);
    budget.release(one, 20 * MIB);
    expect([offered, budget.tryHold(one, 5 * MIB)]).toEqual([[one], true]);
  });

  it("lets one body go whatever its size", () => {
    expect([budget.tryHold(one, 100 * MIB), budget.tryHold(two, 1)]).toEqual([true, false]);
  });

  it("counts what is prefetched, which may take up to half of it", () => {
    expect(budget.prefetchRoom).toBe(32 * MIB);
    budget.setPrefetched(one, 30 * MIB);
    expect(budget.prefetchRoom).toBe(2 * MIB);
    expect([budget.tryHold(two, 30 * MIB), budget.tryHold(two, 10 * MIB)]).toEqual([true, false]);
    budget.setPrefetched(one, 0);
    expect([offered, budget.tryHold(two, 10 * MIB)]).toEqual([[two], true]);
  });

  it("serves those who wait in their order", () => {
    budget.tryHold(one, 60 * MIB);
    expect([budget.tryHold(two, 8 * MIB), budget.tryHold(three, MIB)]).toEqual([false, false]);
    budget.release(one, 60 * MIB);
    expect([budget.tryHold(three, MIB), budget.tryHold(two, 8 * MIB), budget.tryHold(three, MIB)]).toEqual([false, true, true]);
    expect(offered).toEqual([two, three]);
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

  it("forgets an owner that has nothing to send any more", () => {
    budget.tryHold(one, 60 * MIB);
    budget.tryHold(two, 10 * MIB);
    budget.tryHold(three, 10 * MIB);
    budget.release(one, 60 * MIB);
    budget.leave(two);
    expect([offered, budget.tryHold(three, 10 * MIB)]).toEqual([[two, three], true]);
  });
});
