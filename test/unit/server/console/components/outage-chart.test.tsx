import fc from "fast-check";
import { render } from "preact-render-to-string";
import { describe, expect, it } from "vitest";
import { OutageChart, OutageTable } from "../../../../../src/server/console/components/outage-chart.js";
import type { OutageChartView } from "../../../../../src/server/console/components/outage-figures.js";
import type { ActivityPoint } from "../../../../../src/store/outcomes/activity.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOON = Date.UTC(2026, 10, 26, 12);
const NONE = { accepted: 0, failed: 0 };

const aPoint = (at: number, over: Partial<ActivityPoint> = {}): ActivityPoint => ({
  at,
  scheduled: NONE,
  serviceReplays: NONE,
  clientReplays: NONE,
  waiting: null,
  ...over,
});
const aView = (over: Partial<OutageChartView> = {}): OutageChartView => ({
  from: NOON,
  to: NOON + HOUR,
  bucketMs: MINUTE,
  points: [],
  outage: { startedAt: NOON + 15 * MINUTE, endedAt: NOON + 45 * MINUTE },
  backlog: [],
  ...over,
});
const draw = (over: Partial<OutageChartView> = {}) => render(<OutageChart {...aView(over)} />);

/** Returns the rectangles of a class in the drawing, without its legend. */
function rectangles(html: string, name: string): Record<string, string>[] {
  const drawing = html.split("<figcaption>")[0]?.replace(/<defs>.*<\/defs>/s, "") ?? "";
  const elements = drawing.match(new RegExp(`<rect class="${name}"[^>]*>`, "g")) ?? [];
  return elements.map((element) =>
    Object.fromEntries([...element.matchAll(/(\S+)="([^"]*)"/g)].map(([, key, value]) => [key, value])),
  );
}

describe("the chart", () => {
  it("without attempts and samples says so", () => {
    const html = draw();
    expect(html).toContain("no attempts in this time");
    expect(draw({ outage: { startedAt: NOON, endedAt: null } })).toContain("not counted yet");
    expect(rectangles(html, "chart-accepted")).toEqual([]);
  });

  it("shades the outage from its first to its last instant, below each title; an open one until now", () => {
    const outage = { startedAt: NOON + 15 * MINUTE + 18_000, endedAt: NOON + 44 * MINUTE + 42_000 };
    const place = { x: "25.5%", width: "49%" };
    const shaded = rectangles(draw({ outage, bucketMs: 5 * MINUTE }), "chart-outage");
    expect(shaded).toMatchObject([place, place]);
    const titles = [...draw({ outage }).matchAll(/class="chart-title" x="0" y="(\d+)"/g)].map(([, y]) => Number(y));
    expect(titles).toHaveLength(2);
    for (const title of titles) {
      for (const { y, height } of shaded) expect(title < Number(y) || title > Number(y) + Number(height) + 10).toBe(true);
    }
    const open = draw({ outage: { ...outage, endedAt: null } });
    expect(rectangles(open, "chart-outage")).toMatchObject([{ width: "74.5%" }, { width: "74.5%" }]);
    expect(draw({ outage }).match(/class="chart-edge"/g)).toHaveLength(4);
    expect(open.match(/class="chart-edge"/g)).toHaveLength(2);
  });

  it("draws accepted attempts up from 0 and failed ones down, to the same scale", () => {
    const html = draw({ points: [aPoint(NOON + 30 * MINUTE, { scheduled: { accepted: 40, failed: 20 } })] });
    const [accepted] = rectangles(html, "chart-accepted");
    const [failed] = rectangles(html, "chart-failed");
    expect(accepted).toMatchObject({ x: "50.17%", width: "1.33%" });
    expect(Number(accepted?.y) + Number(accepted?.height)).toBeCloseTo(Number(failed?.y));
    expect(Number(accepted?.height)).toBeCloseTo(2 * Number(failed?.height), 1);
    expect(html).toContain("2026-11-26 12:30 UTC, minute: 40 successful, 20 failed</title>");
  });

  it("marks attempts of replays by a pattern, on top of the others, and names it in the legend", () => {
    const replays = { serviceReplays: { accepted: 10, failed: 4 }, clientReplays: { accepted: 5, failed: 1 } };
    const html = draw({ points: [aPoint(NOON, { scheduled: { accepted: 30, failed: 5 }, ...replays })] });
    const [others] = rectangles(html, "chart-accepted");
    const [ofReplays] = rectangles(html, "chart-accepted-replays");
    expect(ofReplays?.fill).toBe("url(#hatch-accepted)");
    expect(Number(ofReplays?.y) + Number(ofReplays?.height)).toBeCloseTo(Number(others?.y));
    expect(Number(ofReplays?.height)).toBeCloseTo(Number(others?.height) / 2, 1);
    expect(rectangles(html, "chart-failed-replays")).toMatchObject([{ fill: "url(#hatch-failed)" }]);
    expect(html).toContain("successful, sent by a replay");
  });

  it("shows a single attempt among thousands", () => {
    const points = [
      aPoint(NOON, { scheduled: { accepted: 100_000, failed: 0 } }),
      aPoint(NOON + MINUTE, { scheduled: { accepted: 0, failed: 1 } }),
    ];
    expect(rectangles(draw({ points }), "chart-failed")).toMatchObject([{ height: "2" }]);
  });

  it("draws the backlog of the outage as a line, also of one sample", () => {
    const sample = (minute: number, calls: number) => ({ at: NOON + minute * MINUTE, calls });
    const html = draw({ backlog: [sample(15, 50), sample(29, 100), sample(44, 0)] });
    expect(html).toContain('class="chart-line" d="M250 66L483.33 26L733.33 106"');
    expect(draw({ backlog: [sample(20, 7)] })).toMatch(/class="chart-line" d="M333.33 [\d.]+h1"/);
  });

  it("has a title and a description for screen readers, and times with their zone and day", () => {
    const html = draw();
    expect(html).toContain('role="img" aria-labelledby="chart-title chart-text"');
    expect(html).toContain("The outage began at 2026-11-26 12:15 UTC");
    expect(html).toContain(">12:10<");
    expect(html.match(/>26 Nov UTC</g)).toHaveLength(1);
    const overnight = draw({ from: NOON + 11 * HOUR, to: NOON + 14 * HOUR });
    expect(overnight).toContain(">27 Nov<");
  });

  it("stays inside its frame, whatever the numbers and the clock", () => {
    const aCount = fc.nat(3_000_000);
    const counts = fc.record({ accepted: aCount, failed: aCount });
    const aTime = fc.integer({ min: NOON - 30 * HOUR, max: NOON + 60 * HOUR });
    const point = fc.record({
      at: aTime,
      scheduled: counts,
      serviceReplays: counts,
      clientReplays: counts,
      waiting: fc.option(fc.record({ at: aTime, pending: aCount, failed: aCount })),
    });
    const view = fc.record({
      from: aTime,
      to: aTime,
      bucketMs: fc.constantFrom(MINUTE, 15 * MINUTE, 24 * HOUR),
      points: fc.array(point, { maxLength: 72 }),
      outage: fc.record({ startedAt: aTime, endedAt: fc.option(aTime) }),
      backlog: fc.array(fc.record({ at: aTime, calls: aCount }), { maxLength: 72 }),
    });
    fc.assert(
      fc.property(view, (any) => {
        const html = draw(any);
        expect(html).not.toMatch(/NaN|Infinity|undefined/);
        expect(html).not.toMatch(/ (?:width|height)="-/);
        for (const [, percent] of html.matchAll(/ (?:x|x1|x2|width)="([\d.]+)%"/g))
          expect(Number(percent)).toBeLessThanOrEqual(100);
        for (const { y, height } of ["chart-accepted", "chart-failed"].flatMap((name) => rectangles(html, name))) {
          expect(Number(y)).toBeGreaterThanOrEqual(130);
          expect(Number(y) + Number(height)).toBeLessThanOrEqual(270);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("the table", () => {
  it("says that its backlog is the largest of each bucket", () => {
    expect(render(<OutageTable {...aView({ bucketMs: 3 * HOUR })} />)).toContain("Backlog, most in the 3 hours");
  });

  it("has the same numbers, with the replays apart", () => {
    const points = [
      aPoint(NOON + 20 * MINUTE, {
        scheduled: { accepted: 1, failed: 2 },
        serviceReplays: { accepted: 3, failed: 0 },
        clientReplays: { accepted: 4, failed: 5 },
        waiting: { at: NOON + 20 * MINUTE, pending: 6, failed: 7 },
      }),
      aPoint(NOON + 2 * HOUR, { scheduled: { accepted: 99, failed: 0 } }),
    ];
    const rows = render(<OutageTable {...aView({ points })} />).match(/<tbody>.*<\/tbody>/s)?.[0] ?? "";
    expect(
      rows
        .replace(/<[^>]+>/g, " ")
        .trim()
        .split(/ {2,}/),
    ).toEqual(["2026-11-26 12:20:00 UTC", "1", "2", "7", "5", "13"]);
  });
});
