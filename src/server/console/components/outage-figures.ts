import { HOUR_MS, MINUTE_MS } from "../../../domain/duration.js";
import type { Activity, ActivityPoint, AttemptCounts } from "../../../store/outcomes/activity.js";
import { countText } from "./data.js";

export interface OutageChartView extends Activity {
  readonly from: number;
  readonly to: number;
  readonly outage: OutageTimes;
  /** `backlog` has the largest sample of each bucket, and the last one, by time. */
  readonly backlog: readonly BacklogSample[];
}

interface OutageTimes {
  readonly startedAt: number;
  readonly endedAt: number | null;
}

const DAY_FORMAT = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** Shows some time before and after the outage. With `spanMs` the span is that long, and ends at `now` at the latest. */
export function chartSpan(
  { startedAt, endedAt }: OutageTimes,
  now: number,
  spanMs: number | null,
): { readonly from: number; readonly to: number } {
  const duration = Math.max(0, (endedAt ?? now) - startedAt);
  const from = startedAt - clamp(duration * 0.15, 5 * MINUTE_MS, 2 * HOUR_MS);
  if (spanMs !== null) {
    const to = Math.max(Math.min(now, from + spanMs), startedAt);
    return { from: to - spanMs, to };
  }
  const after = endedAt === null ? Number.POSITIVE_INFINITY : endedAt + clamp(duration * 0.4, 15 * MINUTE_MS, 6 * HOUR_MS);
  const to = Math.min(now, after);
  return { from, to: Math.max(to, from + 5 * MINUTE_MS) };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** Adds those of the service and those from a command line. */
export function replaysOf({ serviceReplays, clientReplays }: ActivityPoint): AttemptCounts {
  return {
    accepted: serviceReplays.accepted + clientReplays.accepted,
    failed: serviceReplays.failed + clientReplays.failed,
  };
}

export interface BacklogSample {
  readonly at: number;
  readonly calls: number;
}

/** Samples are taken as each minute of the outage begins, and at its end. A shorter outage has only that of its end, which says nothing. */
export function backlogOf(points: readonly ActivityPoint[], { startedAt, endedAt }: OutageTimes): BacklogSample[] {
  if (endedAt !== null && endedAt - startedAt < MINUTE_MS) return [];
  const end = endedAt ?? Number.POSITIVE_INFINITY;
  return points.flatMap(({ waiting }) => {
    if (waiting === null || waiting.at + MINUTE_MS <= startedAt || waiting.at > end) return [];
    const at = waiting.at + MINUTE_MS > end ? end : Math.max(startedAt, waiting.at);
    return [{ at, calls: waiting.pending + waiting.failed }];
  });
}

/** Returns null if it wasn't counted. */
export function largestBacklog(samples: readonly BacklogSample[]): BacklogSample | null {
  return samples.reduce<BacklogSample | null>(
    (most, sample) => (most === null || sample.calls > most.calls ? sample : most),
    null,
  );
}

/** Returns the largest sample of each bucket until `to`, and the last one, where the line ends. */
export function shownBacklog(samples: readonly BacklogSample[], bucketMs: number, to: number): BacklogSample[] {
  const shown = samples.filter(({ at }) => at <= to);
  const largest = new Map<number, BacklogSample>();
  for (const sample of shown) {
    const bucket = Math.floor(sample.at / bucketMs);
    if (sample.calls > (largest.get(bucket)?.calls ?? -1)) largest.set(bucket, sample);
  }
  return [...new Set([...largest.values(), ...shown.slice(-1)])];
}

export function pointsInSpan({ points, bucketMs, from, to }: OutageChartView): ActivityPoint[] {
  return points.filter(({ at }) => at + bucketMs > from && at < to);
}

export function describeChart({ from, to, outage, backlog }: OutageChartView, points: readonly ActivityPoint[]): string {
  const total = (countOf: (point: ActivityPoint) => number) => countText(points.reduce((sum, point) => sum + countOf(point), 0));
  const most = largestBacklog(backlog)?.calls ?? 0;
  return [
    `${timeText(from)} to ${timeText(to)}.`,
    `The outage began at ${timeText(outage.startedAt)} and ${outage.endedAt === null ? "is open" : `ended at ${timeText(outage.endedAt)}`}.`,
    `The largest backlog shown is ${countText(most)}.`,
    `Attempts: ${total(({ scheduled }) => scheduled.accepted)} successful, ${total(({ scheduled }) => scheduled.failed)} failed.`,
    `By replays: ${total((point) => replaysOf(point).accepted)} successful, ${total((point) => replaysOf(point).failed)} failed.`,
    "The table below has all numbers.",
  ].join(" ");
}

export function barText(point: ActivityPoint, bucketMs: number): string {
  const { accepted, failed } = point.scheduled;
  const replays = replaysOf(point);
  const texts = [`${timeText(point.at)}, ${widthText(bucketMs)}: ${countText(accepted)} successful, ${countText(failed)} failed`];
  if (replays.accepted + replays.failed > 0)
    texts.push(`by replays ${countText(replays.accepted)} successful, ${countText(replays.failed)} failed`);
  if (point.waiting !== null) texts.push(`most in the backlog: ${countText(point.waiting.pending + point.waiting.failed)}`);
  return texts.join("; ");
}

export function widthText(bucketMs: number): string {
  const minutes = Math.round(bucketMs / 60_000);
  if (minutes % 1_440 === 0) return minutes === 1_440 ? "day" : `${minutes / 1_440} days`;
  if (minutes % 60 === 0) return minutes === 60 ? "hour" : `${minutes / 60} hours`;
  return minutes === 1 ? "minute" : `${minutes} minutes`;
}

/** Headings have the time to the minute. */
export function timeText(at: number): string {
  const iso = new Date(at).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

/** Returns "26 Nov". */
export function dayOf(at: number): string {
  return DAY_FORMAT.format(at);
}
