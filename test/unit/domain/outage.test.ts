import { describe, expect, it } from "vitest";
import {
  howOutageEnded,
  outageAfterFirstFailure,
  outageAfterHolding,
  outageAfterSuccess,
  outageByClock,
  outageClosesAt,
  outageWithoutHoldings,
} from "../../../src/domain/outage.js";

const POLICY = { intervalMs: 300, windowMs: 10_000, jitter: false };
const OPEN = { id: "A", startedAt: 100, failedCalls: 1, quietSince: null };
const newId = () => "NEW";
/** The attempt began at `beganAt` and failed at once, unless it ended `at` a later instant. */
const failed = (beganAt: number, at = beganAt) => ({ beganAt, at });

describe("an outage", () => {
  it("opens with a call's first failure, which owes an e-mail, and continues with the next", () => {
    expect(outageAfterFirstFailure(null, failed(100), newId, null, POLICY)).toEqual({
      outage: { id: "NEW", startedAt: 100, failedCalls: 1, quietSince: null },
      isNew: true,
    });
    expect(outageAfterFirstFailure(OPEN, failed(200), newId, null, POLICY)).toEqual({
      outage: { ...OPEN, failedCalls: 2 },
      isNew: false,
    });
  });

  it("began with the earliest of its first failures, whichever was reported first", () => {
    const { outage } = outageAfterFirstFailure(OPEN, failed(90), newId, null, POLICY);
    expect(outage).toEqual({ ...OPEN, startedAt: 90, failedCalls: 2 });
  });

  it("reopens without an e-mail if its calls were marked by hand, within one window of its start", () => {
    expect(outageAfterFirstFailure(null, failed(10_099), newId, OPEN, POLICY)).toEqual({
      outage: { ...OPEN, failedCalls: 2 },
      isNew: false,
    });
    expect(outageAfterFirstFailure(null, failed(10_100), newId, OPEN, POLICY)).toMatchObject({
      outage: { id: "NEW", startedAt: 10_100 },
      isNew: true,
    });
    expect(outageAfterFirstFailure(null, failed(10_000, 10_100), newId, OPEN, POLICY)).toMatchObject({
      outage: { id: "NEW", startedAt: 10_000 },
      isNew: true,
    });
    const open = { ...OPEN, id: "B", startedAt: 150 };
    expect(outageAfterFirstFailure(open, failed(200), newId, OPEN, POLICY).outage.id).toBe("B");
  });

  it("counts the responses that are held in it, without those whose holding was skipped", () => {
    const quiet = { ...OPEN, quietSince: 150 };
    expect(outageAfterHolding(quiet)).toEqual({ ...OPEN, failedCalls: 2 });
    expect(outageWithoutHoldings({ ...OPEN, failedCalls: 3 }, 2)).toEqual(OPEN);
    expect(outageWithoutHoldings(OPEN, 2)).toEqual(OPEN);
    expect(outageWithoutHoldings(null, 2)).toBeNull();
    expect(outageWithoutHoldings(quiet, 0)).toBe(quiet);
  });

  it("closes one interval after the success since which no first attempt failed", () => {
    const quiet = outageAfterSuccess(outageAfterSuccess(OPEN, 500), 600);
    expect(quiet?.quietSince).toBe(500);
    expect(outageAfterSuccess(null, 500)).toBeNull();
    expect(quiet && outageClosesAt(quiet, "up", POLICY)).toBe(800);
    const again = quiet && outageAfterFirstFailure(quiet, failed(700), newId, null, POLICY);
    expect(again && outageClosesAt(again.outage, "up", POLICY)).toBe(10_100);
  });

  it("doesn't close while calls may be held, but one window after it opened in any case", () => {
    const quiet = { ...OPEN, quietSince: 500 };
    expect(outageClosesAt(quiet, "down", POLICY)).toBe(10_100);
    expect(outageClosesAt(quiet, "recovering", POLICY)).toBe(10_100);
    expect(outageClosesAt({ ...OPEN, quietSince: 10_000 }, "up", POLICY)).toBe(10_100);
  });

  it("isn't in the future after the clock was set back", () => {
    const quiet = { ...OPEN, quietSince: 200 };
    for (const outage of [quiet, OPEN]) expect(outageByClock(outage, 200)).toBe(outage);
    expect(outageByClock(quiet, 199)).toEqual({ ...OPEN, quietSince: 199 });
    expect(outageByClock(quiet, 50)).toEqual({ ...OPEN, startedAt: 50, quietSince: 50 });
    expect(outageByClock(OPEN, 99)).toEqual({ ...OPEN, startedAt: 99 });
    expect(outageByClock(OPEN, 100)).toBe(OPEN);
    expect(outageByClock(null, 50)).toBeNull();
  });

  it("has recovered only by a success since the last failure; else its calls were marked, or some are still FAILED", () => {
    const how = (quietSince: number | null, stillFailed: number) =>
      howOutageEnded({ ...OPEN, quietSince }, { delivered: 1, marked: 0, stillFailed, isComplete: true });
    expect([how(5, 1), how(5, 0)]).toEqual(["recovered", "recovered"]);
    expect([how(null, 1), how(null, 0)]).toEqual(["unrecovered", "marked"]);
  });
});
