import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countTicks, timeTicks } from "../../../../../src/server/console/components/chart-scales.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const at = (time: string) => Date.parse(`2026-11-26T${time}Z`);
const times = (ticks: readonly number[]) => ticks.map((tick) => new Date(tick).toISOString().slice(5, 16));

describe("ticks of counts", () => {
  it("are round, and go beyond what is shown", () => {
    expect(countTicks(0, 58, 2)).toEqual([0, 50, 100]);
    expect(countTicks(-24, 219, 4)).toEqual([-100, 0, 100, 200, 300]);
    expect(countTicks(-7, 0, 4)).toEqual([-8, -6, -4, -2, 0]);
    expect(countTicks(0, 1_760_000, 2)).toEqual([0, 1_000_000, 2_000_000]);
  });

  it("are whole calls, also for a few or none", () => {
    expect(countTicks(0, 1, 4)).toEqual([0, 1]);
    expect(countTicks(0, 0, 4)).toEqual([0]);
  });

  it("include 0 and both ends, and are few", () => {
    fc.assert(
      fc.property(fc.nat(1e9), fc.nat(1e9), fc.integer({ min: 1, max: 8 }), (below, above, wanted) => {
        const ticks = countTicks(-below, above, wanted);
        expect(ticks.some((tick) => tick === 0)).toBe(true);
        expect(ticks[0]).toBeLessThanOrEqual(-below);
        expect(ticks.at(-1)).toBeGreaterThanOrEqual(above);
        expect(ticks.length).toBeLessThanOrEqual(wanted + 2);
      }),
    );
  });
});

describe("ticks of time", () => {
  it("are whole minutes, hours or days in UTC", () => {
    expect(times(timeTicks(at("09:58:13"), at("10:04:00"), 8))).toEqual(
      ["09:59", "10:00", "10:01", "10:02", "10:03", "10:04"].map((time) => `11-26T${time}`),
    );
    expect(times(timeTicks(at("08:10:00"), at("12:40:00"), 8))).toEqual(
      ["09:00", "10:00", "11:00", "12:00"].map((time) => `11-26T${time}`),
    );
    expect(times(timeTicks(at("10:00:00"), at("10:00:00") + 24 * HOUR, 8))).toHaveLength(4);
    expect(times(timeTicks(at("10:00:00"), at("10:00:00") + 7 * 24 * HOUR, 8))).toEqual(
      ["11-27", "11-28", "11-29", "11-30", "12-01", "12-02", "12-03"].map((day) => `${day}T00:00`),
    );
  });

  it("are inside the span and at most as many as wanted; with a clock that was set back, none", () => {
    fc.assert(
      fc.property(fc.nat(2e12), fc.nat(4e10), fc.integer({ min: 2, max: 12 }), (from, length, most) => {
        const ticks = timeTicks(from, from + length, most);
        expect(ticks.length).toBeLessThanOrEqual(most);
        for (const tick of ticks) expect(tick >= from && tick <= from + length && tick % MINUTE === 0).toBe(true);
        if (length >= 2 * MINUTE) expect(ticks).not.toEqual([]);
      }),
    );
    expect(timeTicks(at("10:00:00"), at("09:00:00"), 8)).toEqual([]);
  });
});
