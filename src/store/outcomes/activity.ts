/** There is a row per callback and minute of what happened in it, written with the outcomes. */
import { sql } from "kysely";
import { isAccepted, type NewAttempt } from "../../domain/attempt.js";
import { MINUTE_MS } from "../../domain/duration.js";
import type { Clock } from "../../platform/clock.js";
import { requireCallback } from "../callbacks/callback-row.js";
import type { Db } from "../schema.js";
import { addedValues, batchOf, insertRows, newValues } from "../sql/batches.js";
import { type CellsOf, readRows } from "../sql/json-rows.js";
import { transact } from "../sql/transactions.js";

export interface ActivityQuery {
  /** The minute that has begun at this instant counts whole. */
  readonly since: number;
  /** Minutes that begin at this instant or later don't count. */
  readonly until: number;
  /** `maxPoints` is 2 or more. */
  readonly maxPoints: number;
}

export interface Activity {
  /** Minutes are merged into buckets of this width, whole in UTC. */
  readonly bucketMs: number;
  /** Buckets with attempts or a sample, by time. Others have no point. */
  readonly points: readonly ActivityPoint[];
}

/** An attempt belongs to the minute in which it began. */
export interface ActivityPoint {
  readonly at: number;
  /** `scheduled` are first attempts, retries and probes. */
  readonly scheduled: AttemptCounts;
  readonly serviceReplays: AttemptCounts;
  readonly clientReplays: AttemptCounts;
  /** `waiting` is the sample with most calls: one is taken each minute of an open outage, and at its ends. */
  readonly waiting: WaitingSample | null;
}

/** The sample was taken in the minute that began then. */
export interface WaitingSample {
  readonly at: number;
  readonly pending: number;
  readonly failed: number;
}

export interface AttemptCounts {
  readonly accepted: number;
  readonly failed: number;
}

export function activityStore(db: Db, clock: Clock) {
  return {
    /** Reads the points of a period. Throws `not-found`. */
    list: (callbackId: string, query: ActivityQuery): Promise<Activity> => listActivity(db, clock, callbackId, query),

    /**
     * Records how many calls of callbacks with an open outage wait, in the order of their keys, in one transaction. Reads on
     * after the key `after` (0: from the start), and resolves to the one for the next chunk, or to null when done.
     */
    sampleWaiting: (now: number, after: number, limit: number): Promise<number | null> => sampleWaiting(db, now, after, limit),
  };
}

export const minuteOf = (at: number): number => Math.floor(at / MINUTE_MS);

const COUNTS = ["accepted", "failed", "replays_accepted", "replays_failed", "client_accepted", "client_failed"] as const;

type Count = (typeof COUNTS)[number];

function countOf({ cause, sentFrom, result }: NewAttempt): Count {
  const outcome = isAccepted(result) ? "accepted" : "failed";
  if (cause !== "replay") return outcome;
  return sentFrom === undefined ? `replays_${outcome}` : `client_${outcome}`;
}

type MinuteRow = { readonly callback_key: number; readonly minute: number } & Record<Count, number>;

const NO_ATTEMPTS = { accepted: 0, failed: 0, replays_accepted: 0, replays_failed: 0, client_accepted: 0, client_failed: 0 };

/** Gathers the changes of a batch, which update few rows. */
export class ActivityChanges {
  readonly #rows = new Map<string, MinuteRow>();

  add(callbackKey: number, attempt: NewAttempt): void {
    const minute = minuteOf(attempt.startedAt);
    const key = `${callbackKey} ${minute}`;
    const row = this.#rows.get(key) ?? { callback_key: callbackKey, minute, ...NO_ATTEMPTS };
    this.#rows.set(key, row);
    row[countOf(attempt)] += 1;
  }

  async save(db: Db): Promise<void> {
    const rows = [...this.#rows.values()].sort(
      (one, other) => one.callback_key - other.callback_key || one.minute - other.minute,
    );
    await insertRows(db, "activity", rows, ADD_COUNTS);
  }
}

const ADD_COUNTS = sql`ON CONFLICT (callback_key, minute) DO UPDATE SET ${addedValues("activity", COUNTS)}`;

const SAMPLE = { callback_key: "bigint", minute: "bigint" } as const;

export type Sample = Readonly<Record<keyof typeof SAMPLE, number>>;

/** Keeps the last sample of a minute. */
export async function saveSamples(db: Db, samples: readonly Sample[]): Promise<void> {
  if (samples.length === 0) return;
  const latest = new Map(samples.map((sample) => [`${sample.callback_key} ${sample.minute}`, sample]));
  const current = (status: "PENDING" | "FAILED") => sql`
    coalesce((SELECT count FROM call_counts WHERE callback_key = batch.callback_key AND status = ${sql.lit(status)}), 0)`;
  await sql`
    INSERT INTO activity (callback_key, minute, pending_calls, failed_calls)
    SELECT callback_key, minute, ${current("PENDING")}, ${current("FAILED")} FROM ${batchOf(SAMPLE, [...latest.values()])} WHERE true
    ON CONFLICT (callback_key, minute) DO UPDATE SET ${newValues(["pending_calls", "failed_calls"])}`.execute(db);
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
  // This looks without the write lock, as usually no outage is open.
  if (open.length === 0) return null;
  const samples = open.map(({ callback_key }) => ({ callback_key, minute: minuteOf(now) }));
  await transact(db, (trx) => saveSamples(trx, samples));
  return open.length < limit ? null : (open.at(-1)?.callback_key ?? null);
}

/** Longer buckets are whole days. */
const BUCKET_MINUTES = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440] as const;
const DAY_MINUTES = 1_440;
const MINUTES_AT_ONCE = 10_080;

const COLUMNS = ["minute", ...COUNTS, "pending_calls", "failed_calls"] as const;

async function listActivity(
  db: Db,
  clock: Clock,
  callbackId: string,
  { since, until, maxPoints }: ActivityQuery,
): Promise<Activity> {
  const { key } = await requireCallback(db, callbackId);
  const [first, last] = [minuteOf(since), minuteOf(until - 1)];
  const width = bucketWidth(first, last, maxPoints);
  const points = new Map<number, ActivityPoint>();
  for (let from = first; from <= last; from += MINUTES_AT_ONCE) {
    if (from > first) await clock.nextTurn();
    const rows = await readRows(
      db,
      "activity",
      COLUMNS,
      sql`FROM activity WHERE callback_key = ${key} AND minute >= ${from} AND minute <= ${Math.min(last, from + MINUTES_AT_ONCE - 1)}
        ORDER BY minute`,
    );
    for (const row of rows) {
      const bucket = Math.floor(row[0] / width) * width;
      const point = toPoint(bucket, row);
      const before = points.get(bucket);
      points.set(bucket, before === undefined ? point : mergedPoint(before, point));
    }
  }
  return { bucketMs: width * MINUTE_MS, points: [...points.values()] };
}

function bucketWidth(first: number, last: number, maxPoints: number): number {
  const buckets = (width: number) => Math.floor(last / width) - Math.floor(first / width) + 1;
  const fitting = BUCKET_MINUTES.find((width) => buckets(width) <= maxPoints);
  if (fitting !== undefined) return fitting;
  let days = Math.max(1, Math.floor((last - first) / DAY_MINUTES / maxPoints));
  // One point may not be enough for a span across a bucket's border.
  while (buckets(days * DAY_MINUTES) > Math.max(maxPoints, 2)) days += 1;
  return days * DAY_MINUTES;
}

function mergedPoint(before: ActivityPoint, point: ActivityPoint): ActivityPoint {
  return {
    at: point.at,
    scheduled: sumOf(before.scheduled, point.scheduled),
    serviceReplays: sumOf(before.serviceReplays, point.serviceReplays),
    clientReplays: sumOf(before.clientReplays, point.clientReplays),
    waiting: largerSample(before.waiting, point.waiting),
  };
}

function largerSample(one: WaitingSample | null, other: WaitingSample | null): WaitingSample | null {
  if (one === null || other === null) return one ?? other;
  return other.pending + other.failed > one.pending + one.failed ? other : one;
}

function sumOf(one: AttemptCounts, other: AttemptCounts): AttemptCounts {
  return { accepted: one.accepted + other.accepted, failed: one.failed + other.failed };
}

function toPoint(bucket: number, cells: CellsOf<"activity", typeof COLUMNS>): ActivityPoint {
  const [minute, accepted, failed, replaysAccepted, replaysFailed, clientAccepted, clientFailed, pending, failedCalls] = cells;
  return {
    at: bucket * MINUTE_MS,
    scheduled: { accepted, failed },
    serviceReplays: { accepted: replaysAccepted, failed: replaysFailed },
    clientReplays: { accepted: clientAccepted, failed: clientFailed },
    waiting: pending === null || failedCalls === null ? null : { at: minute * MINUTE_MS, pending, failed: failedCalls },
  };
}
