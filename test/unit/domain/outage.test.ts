import { describe, expect, it } from "vitest";
import { outageAfterFirstFailure, outageAfterSuccess, outageClosesAt } from "../../../src/domain/outage.js";

const POLICY = { intervalMs: 300, windowMs: 10_000, jitter: false };
const OPEN = { id: "A", startedAt: 100, failedCalls: 1, quietSince: null };
const newId = () => "NEW";

describe("an outage", () => {
  it("opens with a call's first failure and goes on with the next", () => {
    expect(outageAfterFirstFailure(null, 100, newId)).toEqual({ id: "NEW", startedAt: 100, failedCalls: 1, quietSince: null });
    expect(outageAfterFirstFailure(OPEN, 200, newId)).toEqual({ ...OPEN, failedCalls: 2 });
  });

  it("closes one interval after the success since which no first attempt failed", () => {
    const quiet = outageAfterSuccess(outageAfterSuccess(OPEN, 500), 600);
    expect(quiet?.quietSince).toBe(500);
    expect(quiet && outageClosesAt(quiet, "up", POLICY)).toBe(800);
    const again = quiet && outageAfterFirstFailure(quiet, 700, newId);
    expect(again && outageClosesAt(again, "up", POLICY)).toBe(10_100);
  });

  it("doesn't close while calls may be held, but one window after it opened in any case", () => {
    const quiet = { ...OPEN, quietSince: 500 };
    expect(outageClosesAt(quiet, "down", POLICY)).toBe(10_100);
    expect(outageClosesAt(quiet, "recovering", POLICY)).toBe(10_100);
    expect(outageClosesAt({ ...OPEN, quietSince: 10_000 }, "up", POLICY)).toBe(10_100);
  });
});
