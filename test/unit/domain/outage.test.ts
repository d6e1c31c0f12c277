import { describe, expect, it } from "vitest";
import {
  outageAfterFirstFailure,
  outageAfterHolding,
  outageAfterSuccess,
  outageClosesAt,
  outageWithoutHoldings,
} from "../../../src/domain/outage.js";

const POLICY = { intervalMs: 300, windowMs: 10_000, jitter: false };
const OPEN = { id: "A", startedAt: 100, failedCalls: 1, quietSince: null };
const newId = () => "NEW";

describe("an outage", () => {
  it("opens with a call's first failure, which owes an e-mail, and continues with the next", () => {
    expect(outageAfterFirstFailure(null, 100, newId, null, POLICY)).toEqual({
      outage: { id: "NEW", startedAt: 100, failedCalls: 1, quietSince: null },
      isNew: true,
    });
    expect(outageAfterFirstFailure(OPEN, 200, newId, null, POLICY)).toEqual({
      outage: { ...OPEN, failedCalls: 2 },
      isNew: false,
    });
  });

  it("began with the earliest of its first failures, whichever was reported first", () => {
    const { outage } = outageAfterFirstFailure(OPEN, 90, newId, null, POLICY);
    expect(outage).toEqual({ ...OPEN, startedAt: 90, failedCalls: 2 });
  });

  it("reopens without an e-mail if its calls were marked by hand, within one window of its start", () => {
    expect(outageAfterFirstFailure(null, 10_099, newId, OPEN, POLICY)).toEqual({
      outage: { ...OPEN, failedCalls: 2 },
      isNew: false,
    });
    expect(outageAfterFirstFailure(null, 10_100, newId, OPEN, POLICY)).toMatchObject({
      outage: { id: "NEW", startedAt: 10_100 },
      isNew: true,
    });
  });

  it("counts the responses that are held in it, without those whose holding was skipped", () => {
    const quiet = { ...OPEN, quietSince: 150 };
    expect(outageAfterHolding(quiet)).toEqual({ ...OPEN, failedCalls: 2 });
    expect(outageWithoutHoldings({ ...OPEN, failedCalls: 3 }, 2)).toEqual(OPEN);
    expect(outageWithoutHoldings(OPEN, 2)).toEqual(OPEN);
    expect(outageWithoutHoldings(null, 2)).toBeNull();
  });

  it("closes one interval after the success since which no first attempt failed", () => {
    const quiet = outageAfterSuccess(outageAfterSuccess(OPEN, 500), 600);
    expect(quiet?.quietSince).toBe(500);
    expect(quiet && outageClosesAt(quiet, "up", POLICY)).toBe(800);
    const again = quiet && outageAfterFirstFailure(quiet, 700, newId, null, POLICY);
    expect(again && outageClosesAt(again.outage, "up", POLICY)).toBe(10_100);
  });

  it("doesn't close while calls may be held, but one window after it opened in any case", () => {
    const quiet = { ...OPEN, quietSince: 500 };
    expect(outageClosesAt(quiet, "down", POLICY)).toBe(10_100);
    expect(outageClosesAt(quiet, "recovering", POLICY)).toBe(10_100);
    expect(outageClosesAt({ ...OPEN, quietSince: 10_000 }, "up", POLICY)).toBe(10_100);
  });
});
