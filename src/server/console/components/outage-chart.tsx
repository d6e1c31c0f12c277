/**
 * The chart of an outage has the backlog above, and below it the attempts: accepted ones go up, failed ones down. Widths are per
 * cent and heights are pixels, so text has its size at any width.
 */
import type { VNode } from "preact";
import type { ActivityPoint } from "../../../store/outcomes/activity.js";
import { countTicks, timeTicks } from "./chart-scales.js";
import { Count, Table, Time } from "./data.js";
import {
  type BacklogSample,
  barText,
  dayOf,
  describeChart,
  type OutageChartView,
  pointsInSpan,
  replaysOf,
  widthText,
} from "./outage-figures.js";

const BACKLOG = { top: 26, bottom: 106 };
const ATTEMPTS = { top: 142, bottom: 266 };
const HEIGHT = 306;
const MOST_TIMES = 8;
/** No bar is invisible. */
const LEAST_BAR_HEIGHT = 2;

export function OutageChart(view: OutageChartView): VNode {
  const points = pointsInSpan(view);
  return (
    <figure class="chart">
      <svg width="100%" height={HEIGHT} role="img" aria-labelledby="chart-title chart-text">
        <title id="chart-title">Backlog and attempts of an outage</title>
        <desc id="chart-text" data-instants="">
          {describeChart(view, points)}
        </desc>
        <defs>
          <Hatch kind="accepted" />
          <Hatch kind="failed" />
        </defs>
        <TimeAxis {...view} />
        <Backlog {...view} />
        <Attempts {...view} points={points} />
      </svg>
      <figcaption>
        <ul class="legend">
          <LegendKey kind="backlog">{`backlog: failed and waiting calls, most in the ${widthText(view.bucketMs)}`}</LegendKey>
          <LegendKey kind="accepted">successful (up)</LegendKey>
          <LegendKey kind="failed">failed (down)</LegendKey>
          <LegendKey kind="accepted" isReplay>
            successful, sent by a replay
          </LegendKey>
          <LegendKey kind="failed" isReplay>
            failed, sent by a replay
          </LegendKey>
          <LegendKey kind="outage">outage</LegendKey>
        </ul>
      </figcaption>
    </figure>
  );
}

/** The table has the same numbers. */
export function OutageTable(view: OutageChartView): VNode {
  const rows = pointsInSpan(view);
  const counts = (title: string, countOf: (point: ActivityPoint) => number) =>
    ({ title, kind: "number", cell: (point: ActivityPoint) => <Count value={countOf(point)} /> }) as const;
  return (
    <Table
      caption={`Attempts and backlog per ${widthText(view.bucketMs)}`}
      rows={rows}
      keyOf={({ at }) => at}
      columns={[
        { title: "From", cell: ({ at }) => <Time at={at} /> },
        counts("Successful", ({ scheduled }) => scheduled.accepted),
        counts("Failed", ({ scheduled }) => scheduled.failed),
        counts("Successful, by a replay", (point) => replaysOf(point).accepted),
        counts("Failed, by a replay", (point) => replaysOf(point).failed),
        {
          title: `Backlog, most in the ${widthText(view.bucketMs)}`,
          kind: "number",
          cell: ({ waiting }) => (waiting === null ? "" : <Count value={waiting.pending + waiting.failed} />),
        },
      ]}
    />
  );
}

/** Shades the outage in both panels, and draws the axis of time. */
function TimeAxis({ from, to, outage }: OutageChartView): VNode {
  const x = percentScale(from, to);
  const start = x(outage.startedAt);
  const end = Math.max(start, outage.endedAt === null ? 100 : x(outage.endedAt));
  const { bottom } = ATTEMPTS;
  const ticks = timeTicks(from, to, MOST_TIMES);
  // Every other one is left out on narrow screens.
  const before = (index: number) => ticks[index - (index % 2 === 0 ? 2 : 1)];
  return (
    <g>
      {[BACKLOG, ATTEMPTS].map((panel) => (
        <g key={panel.top}>
          <rect
            class="chart-outage"
            x={percent(start)}
            width={percent(end - start)}
            y={panel.top - 6}
            height={panel.bottom - panel.top + 6}
          />
          {[start, ...(outage.endedAt === null ? [] : [end])].map((edge) => (
            <line key={edge} class="chart-edge" x1={percent(edge)} x2={percent(edge)} y1={panel.top - 6} y2={panel.bottom} />
          ))}
        </g>
      ))}
      {ticks.map((at, index) => (
        <g key={at} class={index % 2 === 0 ? undefined : "chart-extra"}>
          <line class="chart-tick" x1={percent(x(at))} x2={percent(x(at))} y1={bottom} y2={bottom + 5} />
          <text class="chart-time" x={percent(x(at))} y={bottom + 18} data-tick={at}>
            {new Date(at).toISOString().slice(11, 16)}
          </text>
          {/* In another zone, a day begins elsewhere. */}
          <text class="chart-time" x={percent(x(at))} y={bottom + 33} data-tick-day={at} data-tick-before={before(index)}>
            {index === 0 ? `${dayOf(at)} UTC` : dayOf(at) !== dayOf(before(index) ?? 0) && dayOf(at)}
          </text>
        </g>
      ))}
    </g>
  );
}

function Backlog({ backlog: samples, ...view }: OutageChartView): VNode {
  const ticks = countTicks(0, Math.max(1, ...samples.map(({ calls }) => calls)), 2);
  const y = heightScale(ticks, BACKLOG);
  // Points are per mille of the width, and scaled to it.
  const place = ({ at, calls }: BacklogSample) =>
    `${twoDecimals(percentScale(view.from, view.to)(at) * 10)} ${twoDecimals(y(calls))}`;
  const [first, last] = [samples[0], samples.at(-1)];
  return (
    <g>
      <text class="chart-title" x="0" y={BACKLOG.top - 12}>
        Backlog
      </text>
      <Grid ticks={ticks} y={y} />
      {first === undefined || last === undefined ? (
        <text class="chart-empty" x="50%" y={(BACKLOG.top + BACKLOG.bottom) / 2}>
          {view.outage.endedAt === null ? "not counted yet" : "not counted: it was shorter than a minute"}
        </text>
      ) : (
        <svg width="100%" height={HEIGHT} viewBox={`0 0 1000 ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          <path class="chart-area" d={`M${[{ ...first, calls: 0 }, ...samples, { ...last, calls: 0 }].map(place).join("L")}Z`} />
          <path class="chart-line" d={`M${samples.map(place).join("L")}${samples.length === 1 ? "h1" : ""}`} />
        </svg>
      )}
    </g>
  );
}

function Attempts({ points, from, to, bucketMs }: OutageChartView): VNode {
  const x = percentScale(from, to);
  const totals = points.map((point) => {
    const replays = replaysOf(point);
    return { accepted: point.scheduled.accepted + replays.accepted, failed: point.scheduled.failed + replays.failed };
  });
  const most = (kind: "accepted" | "failed") => Math.max(0, ...totals.map((total) => total[kind]));
  const ticks = countTicks(-most("failed"), Math.max(most("accepted"), most("failed") === 0 ? 1 : 0), 4);
  const y = heightScale(ticks, ATTEMPTS);
  return (
    <g>
      <text class="chart-title" x="0" y={ATTEMPTS.top - 12}>
        {`Attempts per ${widthText(bucketMs)}`}
      </text>
      <Grid ticks={ticks} y={y} />
      {points.map((point) => {
        const [left, right] = [Math.max(0, x(point.at)), Math.min(100, x(point.at + bucketMs))];
        const at = { x: percent(left + (right - left) * 0.1), width: percent((right - left) * 0.8) };
        return (
          <g key={point.at}>
            <title data-instants="">{barText(point, bucketMs)}</title>
            <AttemptStack {...at} kind="accepted" point={point} y={y} />
            <AttemptStack {...at} kind="failed" point={point} y={y} />
          </g>
        );
      })}
      {points.length === 0 && (
        <text class="chart-empty" x="50%" y={(ATTEMPTS.top + ATTEMPTS.bottom) / 2}>
          no attempts in this time
        </text>
      )}
    </g>
  );
}

type Scale = (value: number) => number;

/** Stacks scheduled attempts from 0 away, then those of replays. */
function AttemptStack({
  kind,
  point,
  y,
  ...at
}: {
  kind: "accepted" | "failed";
  point: ActivityPoint;
  y: Scale;
  x: string;
  width: string;
}): VNode {
  const sign = kind === "accepted" ? 1 : -1;
  const [scheduled, replays] = [point.scheduled[kind], replaysOf(point)[kind]];
  const bar = (from: number, count: number) => {
    const [begin, end] = [y(sign * from), y(sign * (from + count))];
    const height = Math.max(LEAST_BAR_HEIGHT, Math.abs(end - begin));
    return { ...at, y: twoDecimals(sign === 1 ? begin - height : begin), height: twoDecimals(height) };
  };
  return (
    <>
      {scheduled > 0 && <rect class={`chart-${kind}`} {...bar(0, scheduled)} />}
      {replays > 0 && <rect class={`chart-${kind}-replays`} fill={`url(#hatch-${kind})`} {...bar(scheduled, replays)} />}
    </>
  );
}

function Grid({ ticks, y }: { ticks: readonly number[]; y: Scale }): VNode {
  return (
    <>
      {ticks.map((tick) => (
        <g key={tick}>
          <line class={tick === 0 ? "chart-zero" : "chart-grid"} x1="0" x2="100%" y1={y(tick)} y2={y(tick)} />
          <text class="chart-count" x="-8" y={y(tick) + 4}>
            {shortCount(Math.abs(tick))}
          </text>
        </g>
      ))}
    </>
  );
}

function Hatch({ kind, id = `hatch-${kind}` }: { kind: "accepted" | "failed"; id?: string }): VNode {
  return (
    <pattern id={id} width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
      <rect class="chart-hatch" width="5" height="5" />
      <rect class={`chart-${kind}`} width="2.5" height="5" />
    </pattern>
  );
}

function LegendKey({
  kind,
  isReplay = false,
  children,
}: {
  kind: "backlog" | "accepted" | "failed" | "outage";
  isReplay?: boolean;
  children: string;
}): VNode {
  const shape =
    kind === "backlog" ? (
      <path class="chart-line" d="M0 7h14" />
    ) : (
      <rect
        class={kind === "outage" ? "chart-outage chart-edge" : isReplay ? `chart-${kind}-replays` : `chart-${kind}`}
        fill={isReplay ? `url(#hatch-${kind})` : undefined}
        x="1"
        y="1"
        width="12"
        height="12"
      />
    );
  return (
    <li>
      <svg width="14" height="14" aria-hidden="true">
        {shape}
      </svg>
      {children}
    </li>
  );
}

/** Returns the place in per cent of the width, never outside it. */
function percentScale(from: number, to: number): Scale {
  return (at) => Math.min(100, Math.max(0, ((at - from) / Math.max(1, to - from)) * 100));
}

function heightScale(ticks: readonly number[], { top, bottom }: { top: number; bottom: number }): Scale {
  const [low = 0, high = 1] = [ticks[0], ticks.at(-1)];
  return (value) => twoDecimals(bottom - ((value - low) / (high - low)) * (bottom - top));
}

function shortCount(count: number): string {
  if (count < 10_000) return String(count);
  return count < 1_000_000 ? `${twoDecimals(count / 1_000)}k` : `${twoDecimals(count / 1_000_000)}M`;
}

function percent(value: number): string {
  return `${twoDecimals(value)}%`;
}

function twoDecimals(value: number): number {
  return Math.round(value * 100) / 100;
}
