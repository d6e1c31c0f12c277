import { describe, expect, it } from "vitest";
import {
  type BacklogSample,
  backlogOf,
  barText,
  chartSpan,
  describeChart,
  largestBacklog,
  type OutageChartView,
  shownBacklog,
  widthText,
} from "../../../../../src/server/console/components/outage-figures.js";
import type { ActivityPoint } from "../../../../../src/store/outcomes/activity.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOON = Date.UTC(2026, 10, 26, 12);
const NONE = { accepted: 0, failed: 0 };

const aPoint = (minute: number, over: Partial<ActivityPoint> = {}): ActivityPoint => ({
  at: NOON + minute * MINUTE,
  scheduled: NONE,
  serviceReplays: NONE,
  clientReplays: NONE,
  waiting: null,
  ...over,
});
const waiting = (minute: number, failed: number) =>
  aPoint(minute, { waiting: { at: NOON + minute * MINUTE, pending: 0, failed } });
const OUTAGE = { startedAt: NOON + 10 * MINUTE, endedAt: NOON + 40 * MINUTE };
const aView = (over: Partial<OutageChartView> = {}): OutageChartView => ({
  from: NOON,
  to: NOON + HOUR,
  bucketMs: MINUTE,
  points: [],
  outage: OUTAGE,
  backlog: [],
  ...over,
});

describe("the time shown", () => {
  const minutes = ({ from, to }: { from: number; to: number }) => [(from - NOON) / MINUTE, (to - NOON) / MINUTE];
  const ended = { startedAt: NOON, endedAt: NOON + 100 * MINUTE };

  it("begins before the outage, and goes on after its end until now", () => {
    expect(minutes(chartSpan(ended, NOON + 500 * MINUTE, null))).toEqual([-15, 140]);
    expect(minutes(chartSpan(ended, NOON + 110 * MINUTE, null))).toEqual([-15, 110]);
    expect(minutes(chartSpan({ ...ended, endedAt: null }, NOON + 60 * MINUTE, null))).toEqual([-9, 60]);
  });

  it("can be a whole day or week, until now at the latest, with the beginning of the outage", () => {
    expect(minutes(chartSpan(ended, NOON + 9 * 24 * HOUR, 24 * HOUR))).toEqual([-15, 1425]);
    expect(minutes(chartSpan(ended, NOON + 2 * HOUR, 24 * HOUR))).toEqual([-1320, 120]);
    expect(minutes(chartSpan({ ...ended, endedAt: null }, NOON + 24 * HOUR, 24 * HOUR))).toEqual([-120, 1320]);
  });

  it("is some minutes for an outage of a moment, and of a clock that was set back", () => {
    expect(minutes(chartSpan({ startedAt: NOON, endedAt: NOON + 1 }, NOON + 1, null))[0]).toBe(-5);
    expect(minutes(chartSpan({ startedAt: NOON, endedAt: null }, NOON - HOUR, null))).toEqual([-5, 0]);
    expect(minutes(chartSpan({ startedAt: NOON, endedAt: NOON - HOUR }, NOON - HOUR, null))).toEqual([-5, 0]);
  });
});

describe("the backlog", () => {
  const seen = (samples: readonly BacklogSample[]) => samples.map(({ at, calls }) => [(at - NOON) / MINUTE, calls]);

  it("is of the outage only, and at its end of its end", () => {
    const points = [waiting(5, 1), waiting(10, 2), waiting(25, 30), waiting(40, 4), waiting(41, 9)];
    expect(seen(backlogOf([...points, aPoint(26)], OUTAGE))).toEqual([
      [10, 2],
      [25, 30],
      [40, 4],
    ]);
  });

  it("is largest at one of its samples, which are taken as a minute begins", () => {
    const samples = backlogOf([waiting(10, 2), waiting(25, 30), waiting(26, 30), waiting(40, 4)], OUTAGE);
    expect(largestBacklog(samples)).toEqual({ at: NOON + 25 * MINUTE, calls: 30 });
    expect(largestBacklog([])).toBeNull();
  });

  it("is shown with the largest sample of each bucket, and the last", () => {
    const samples = backlogOf([waiting(10, 31), waiting(25, 93), waiting(29, 40), waiting(30, 5), waiting(40, 4)], OUTAGE);
    expect(seen(shownBacklog(samples, HOUR, NOON + 9 * HOUR))).toEqual([
      [25, 93],
      [40, 4],
    ]);
    expect(seen(shownBacklog(samples, 15 * MINUTE, NOON + 29 * MINUTE))).toEqual([
      [10, 31],
      [25, 93],
      [29, 40],
    ]);
  });

  it("of an outage shorter than a minute isn't known: its one sample is of its end", () => {
    const outage = { startedAt: NOON, endedAt: NOON + 30_000 };
    expect(backlogOf([waiting(0, 0)], outage)).toEqual([]);
    expect(backlogOf([waiting(0, 7)], { ...outage, endedAt: null })).toHaveLength(1);
  });
});

describe("in words", () => {
  it("a bar says its time, its attempts, and those of replays if there are any", () => {
    const point = aPoint(5, { scheduled: { accepted: 1200, failed: 3 }, waiting: { at: NOON, pending: 2, failed: 5 } });
    expect(barText(point, 5 * MINUTE)).toBe(
      "2026-11-26 12:05 UTC, 5 minutes: 1\u202f200 successful, 3 failed; most in the backlog: 7",
    );
    expect(barText({ ...point, waiting: null, clientReplays: { accepted: 4, failed: 1 } }, MINUTE)).toBe(
      "2026-11-26 12:05 UTC, minute: 1\u202f200 successful, 3 failed; by replays 4 successful, 1 failed",
    );
  });

  it("the chart says when it was down, how large the backlog was, and what the replays did", () => {
    const points = [
      waiting(20, 12),
      aPoint(30, {
        scheduled: { accepted: 1, failed: 12 },
        serviceReplays: { accepted: 5, failed: 1 },
        clientReplays: { accepted: 2, failed: 0 },
      }),
    ];
    const view = aView({ points, backlog: backlogOf(points, OUTAGE) });
    expect(describeChart(view, points)).toBe(
      "2026-11-26 12:00 UTC to 2026-11-26 13:00 UTC. The outage began at 2026-11-26 12:10 UTC and ended at 2026-11-26 12:40 UTC. " +
        "The largest backlog shown is 12. Attempts: 1 successful, 12 failed. By replays: 7 successful, 1 failed. " +
        "The table below has all numbers.",
    );
    expect(describeChart(aView({ outage: { startedAt: NOON, endedAt: null } }), [])).toContain(
      "is open. The largest backlog shown is 0.",
    );
  });

  it("a bar's width is minutes, hours or days", () => {
    expect([1, 2, 60, 180, 1440, 2880].map((minutes) => widthText(minutes * MINUTE))).toEqual([
      "minute",
      "2 minutes",
      "hour",
      "3 hours",
      "day",
      "2 days",
    ]);
  });
});
