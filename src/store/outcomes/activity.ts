/** What happened per minute: a row per callback and minute, written with the outcomes. */
import { sql } from "kysely";
import { isAccepted, type NewAttempt } from "../../domain/attempt.js";
import type { Clock } from "../../platform/clock.js";
import { requireCallback } from "../callbacks/callback-row.js";
import type { Db } from "../schema.js";
import { batchOf, cell } from "../sql/batches.js";
import { readRows } from "../sql/json-rows.js";
import { transact } from "../sql/transactions.js";

export interface ActivityQuery {
  /** Epoch ms, inclusive; a minute that has begun counts whole. */
  readonly since: number;
  /** Exclusive. */
  readonly until: number;
  /** 2 or more. */
  readonly maxPoints: number;
}

export interface Activity {
  /** Minutes are merged into buckets of this width, whole in UTC. */
  readonly bucketMs: number;
  /** Those with attempts or a sample, by time. */
  readonly points: readonly ActivityPoint[];
}

/** Attempts by the minute in which they began. */
export interface ActivityPoint {
  /** The bucket's beginning. */
  readonly at: number;
  /** First attempts, retries and probes. */
  readonly scheduled: AttemptCounts;
  readonly serviceReplays: AttemptCounts;
  readonly clientReplays: AttemptCounts;
  /** The bucket's last sample: calls that aren't delivered. Taken while an outage is open: each minute, as it opens and as it closes. */
  readonly waiting: { readonly pending: number; readonly failed: number } | null;
}

export interface AttemptCounts {
  readonly accepted: number;
  readonly failed: number;
}

export function activityStore(db: Db, clock: Clock) {
  return {
    /** Throws `not-found`. */
    list: (callbackId: string, query: ActivityQuery): Promise<Activity> => listActivity(db, clock, callbackId, query),

    /**
     * Atomic. Records how many calls of callbacks with an open outage wait, in the order of their keys. `after`: where to read on (0: from the
     * start). Resolves to it for the next chunk; null: done.
     */
    sampleWaiting: (now: number, after: number, limit: number): Promise<number | null> => sampleWaiting(db, now, after, limit),
  };
}

const MINUTE_MS = 60_000;

export const minuteOf = (at: number): number => Math.floor(at / MINUTE_MS);

const COUNTS = ["accepted", "failed", "replays_accepted", "replays_failed", "client_accepted", "client_failed"] as const;

const TYPES = ["bigint", "bigint", ...COUNTS.map(() => "bigint" as const)] as const;

/** In the order of COUNTS. */
type Counts = [number, number, number, number, number, number];

function indexOf({ cause, sentFrom, result }: NewAttempt): 0 | 1 | 2 | 3 | 4 | 5 {
  const failed = isAccepted(result) ? 0 : 1;
  if (cause !== "replay") return failed;
  return sentFrom === undefined ? (failed ? 3 : 2) : failed ? 5 : 4;
}

/** A batch updates few rows. */
export class ActivityChanges {
  readonly #byCallback = new Map<number, Map<number, Counts>>();

  add(callbackKey: number, attempt: NewAttempt): void {
    const minute = minuteOf(attempt.startedAt);
    const minutes = this.#byCallback.get(callbackKey) ?? new Map<number, Counts>();
    if (minutes.size === 0) this.#byCallback.set(callbackKey, minutes);
    const counts: Counts = minutes.get(minute) ?? [0, 0, 0, 0, 0, 0];
    if (!minutes.has(minute)) minutes.set(minute, counts);
    counts[indexOf(attempt)] += 1;
  }

  async save(db: Db): Promise<void> {
    const rows: number[][] = [];
    for (const [key, minutes] of this.#byCallback) {
      for (const [minute, counts] of minutes) rows.push([key, minute, ...counts]);
    }
    if (rows.length === 0) return;
    rows.sort(([key = 0, minute = 0], [other = 0, next = 0]) => key - other || minute - next);
    await sql`
      INSERT INTO activity (callback_key, minute, ${sql.raw(COUNTS.join(", "))})
      SELECT ${sql.join(TYPES.map((_, index) => cell(index)))} FROM ${batchOf(rows, TYPES)} WHERE true
      ON CONFLICT (callback_key, minute) DO UPDATE SET
        ${sql.raw(COUNTS.map((name) => `${name} = activity.${name} + excluded.${name}`).join(", "))}`.execute(db);
  }
}

export type Sample = readonly [callbackKey: number, minute: number];

/** A minute's last sample stays. */
export async function saveSamples(db: Db, samples: readonly Sample[]): Promise<void> {
  if (samples.length === 0) return;
  const latest = new Map(samples.map((sample) => [sample.join(), sample]));
  const countOf = (status: "PENDING" | "FAILED") => sql`
    coalesce((SELECT count FROM call_counts WHERE callback_key = ${cell(0)} AND status = ${sql.lit(status)}), 0)`;
  await sql`
    INSERT INTO activity (callback_key, minute, pending_calls, failed_calls)
    SELECT ${cell(0)}, ${cell(1)}, ${countOf("PENDING")}, ${countOf("FAILED")} FROM ${batchOf([...latest.values()], ["bigint", "bigint"])} WHERE true
    ON CONFLICT (callback_key, minute) DO UPDATE SET
      pending_calls = excluded.pending_calls, failed_calls = excluded.failed_calls`.execute(db);
}

async function sampleWaiting(db: Db, now: number, after: number, limit: number): Promise<number | null> {
  const open = await db
    .selectFrom("outages")
    .select("callback_key")
    .where("ended_at", "is", null)
    .where("callback_key", ">", after)
    .orderBy("callback_key")
    .limit(limit)
    .execute();
  // Without the write lock: usually none is open.
  if (open.length === 0) return null;
  const samples = open.map(({ callback_key }): Sample => [callback_key, minuteOf(now)]);
  await transact(db, (trx) => saveSamples(trx, samples));
  return open.length < limit ? null : (open.at(-1)?.callback_key ?? null);
}

/** Minutes in a bucket; longer ones are whole days. */
const WIDTHS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440] as const;
const DAY = 1_440;
/** Minutes. */
const READ_AT_ONCE = 10_080;

type Row = readonly [minute: number, ...Counts, pending: number | null, failed: number | null];

async function listActivity(
  db: Db,
  clock: Clock,
  callbackId: string,
  { since, until, maxPoints }: ActivityQuery,
): Promise<Activity> {
  const { key } = await requireCallback(db, callbackId);
  const [first, last] = [minuteOf(since), minuteOf(until - 1)];
  const width = bucketWidth(first, last, maxPoints);
  const points = new Map<number, Row>();
  for (let from = first; from <= last; from += READ_AT_ONCE) {
    if (from > first) await clock.nextTurn();
    const rows = await readRows<Row>(
      db,
      { columns: ["minute", ...COUNTS, "pending_calls", "failed_calls"] },
      sql`FROM activity WHERE callback_key = ${key} AND minute >= ${from} AND minute <= ${Math.min(last, from + READ_AT_ONCE - 1)}
        ORDER BY minute`,
    );
    for (const row of rows) {
      const bucket = Math.floor(row[0] / width) * width;
      points.set(bucket, merged(points.get(bucket), row));
    }
  }
  return { bucketMs: width * MINUTE_MS, points: Array.from(points, ([bucket, row]) => toPoint(bucket, row)) };
}

function bucketWidth(first: number, last: number, maxPoints: number): number {
  const buckets = (width: number) => Math.floor(last / width) - Math.floor(first / width) + 1;
  const fitting = WIDTHS.find((width) => buckets(width) <= maxPoints);
  if (fitting !== undefined) return fitting;
  let days = Math.max(1, Math.floor((last - first) / DAY / maxPoints));
  // One point may not be enough for a span across a bucket's border.
  while (buckets(days * DAY) > Math.max(maxPoints, 2)) days += 1;
  return days * DAY;
}

/** Sums, and the last sample. */
function merged(before: Row | undefined, row: Row): Row {
  if (before === undefined) return row;
  const [a, b] = [before, row];
  const sample = b[7] === null ? ([a[7], a[8]] as const) : ([b[7], b[8]] as const);
  return [a[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4], a[5] + b[5], a[6] + b[6], ...sample];
}

function toPoint(bucket: number, row: Row): ActivityPoint {
  const [, accepted, failed, replaysAccepted, replaysFailed, clientAccepted, clientFailed, pending, failedCalls] = row;
  return {
    at: bucket * MINUTE_MS,
    scheduled: { accepted, failed },
    serviceReplays: { accepted: replaysAccepted, failed: replaysFailed },
    clientReplays: { accepted: clientAccepted, failed: clientFailed },
    waiting: pending === null || failedCalls === null ? null : { pending, failed: failedCalls },
  };
}
