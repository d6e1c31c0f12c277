import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DEFAULT_RETRY_POLICY,
  latestScheduledRetry,
  nextDueAt,
  paceMs,
  type RetryPolicy,
  retryUntil,
} from "../../../src/domain/retry-policy.js";

const POLICY: RetryPolicy = { intervalMs: 300_000, windowMs: 86_400_000, jitter: true };

describe("a call's scheduled retry", () => {
  it("comes one interval after the attempt began, give or take a tenth", () => {
    expect(nextDueAt(0, 1_000, POLICY, 0)).toBe(1_000 + 270_000);
    expect(nextDueAt(0, 1_000, POLICY, 0.5)).toBe(1_000 + 300_000);
    expect(nextDueAt(0, 1_000, POLICY, 0.75)).toBe(1_000 + 315_000);
    expect(latestScheduledRetry(1_000, POLICY)).toBe(1_000 + 330_000);
    expect(nextDueAt(0, 1_000, { ...POLICY, jitter: false }, 0)).toBe(1_000 + 300_000);
  });

  it("may be the window's last millisecond, and jitter doesn't carry it over", () => {
    const last = POLICY.windowMs - POLICY.intervalMs;
    expect(nextDueAt(0, last, POLICY, 0.999)).toBe(POLICY.windowMs);
    expect(nextDueAt(0, last, POLICY, 0)).toBe(last + 270_000);
    expect(nextDueAt(0, last + 1, POLICY, 0)).toBeGreaterThan(POLICY.windowMs);
  });

  it("is never past the window while an interval still fits into it", () => {
    fc.assert(
      fc.property(fc.nat(POLICY.windowMs), fc.double({ min: 0, max: 0.999999, noNaN: true }), (beganAt, random) => {
        const fits = beganAt + POLICY.intervalMs <= POLICY.windowMs;
        expect(nextDueAt(0, beganAt, POLICY, random) <= POLICY.windowMs).toBe(fits);
      }),
    );
  });
});

describe("the rules for retries", () => {
  it("are about every 5 minutes for 24 hours, as docs/dispatcher.md says", () => {
    expect(DEFAULT_RETRY_POLICY).toEqual({ intervalMs: 300_000, windowMs: 86_400_000, jitter: true });
    expect(retryUntil(1_000, POLICY)).toBe(86_401_000);
  });

  it("leave four fifths of an interval between two attempts", () => {
    expect(paceMs(POLICY)).toBe(240_000);
  });
});
