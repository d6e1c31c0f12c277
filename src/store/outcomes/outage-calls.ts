/** Counts the calls that failed in an outage by why they failed, and by what became of them. */
import { sql } from "kysely";
import type { Clock } from "../../platform/clock.js";
import { requireCallback } from "../callbacks/callback-row.js";
import { type FailureGroup, toFailureGroup } from "../calls/call-counts.js";
import { type CountLimit, scanCalls } from "../calls/scan-calls.js";
import type { Db } from "../schema.js";
import { jsonPart } from "../sql/per-database.js";
import { executeByIndex } from "../sql/transactions.js";

/** These calls first failed in an outage and are still stored. The first four numbers count each of them once. */
export interface OutageCalls {
  /** `retried` counts calls that were accepted at a retry. */
  readonly retried: number;
  /** `replayed` counts calls that a replay of the service or of a client delivered. */
  readonly replayed: number;
  /** `marked` counts calls that are successful by a mark, or were erased. */
  readonly marked: number;
  readonly failed: number;
  /** Each call counts for its first failure. Those with most calls come first. */
  readonly failures: readonly FailureGroup[];
  /** `isComplete` is false if there may be more. */
  readonly isComplete: boolean;
}

export interface CountedOutage {
  readonly callbackId: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly failedCalls: number;
}

type Fate = Exclude<keyof OutageCalls, "failures" | "isComplete">;

const CAUSE = jsonPart("outcome", 2);
/** A condition that holds if the attempt is not one that a client reported. */
const IS_OWN = sql`${CAUSE} NOT LIKE 'replay %'`;

/** None of them was last attempted before the outage began, so the list's index applies. */
export async function countOutageCalls(
  db: Db,
  clock: Clock,
  { callbackId, startedAt, endedAt, failedCalls }: CountedOutage,
  { budgetMs }: CountLimit,
): Promise<OutageCalls> {
  const { key } = await requireCallback(db, callbackId);
  const stopAt = clock.monotonicMs() + budgetMs;
  const fates: Record<Fate, number> = { retried: 0, replayed: 0, marked: 0, failed: 0 };
  const failures = new Map<string, number>();
  let isComplete = true;
  for await (const step of scanCalls(db, clock, { callbackKey: key, filter: { since: startedAt } })) {
    const columns = sql`seq, status, settled_by, first_failed_at`;
    const { rows } = await executeByIndex(
      db,
      sql<{ fate: Fate; failure: string; calls: number }>`
      SELECT count(*) AS calls,
        CASE WHEN status = 'FAILED' THEN 'failed' WHEN settled_by = 'user' THEN 'marked' WHEN settled_by = 'replay' THEN 'replayed'
          WHEN (SELECT ${CAUSE} FROM attempts WHERE call_seq = seq AND ${IS_OWN} ORDER BY number DESC LIMIT 1) = 'replay' THEN 'replayed'
          ELSE 'retried' END AS fate,
        coalesce((SELECT CAST(${jsonPart("outcome", 3)} AS TEXT) FROM attempts
          WHERE call_seq = seq AND ${IS_OWN} AND CAST(${jsonPart("outcome", 0)} AS bigint) <= first_failed_at
          ORDER BY number LIMIT 1), '') AS failure
      FROM (${step.select(columns)}) AS found
      WHERE first_failed_at >= ${startedAt} AND first_failed_at <= ${endedAt ?? Number.MAX_SAFE_INTEGER}
      GROUP BY fate, failure`,
    );
    for (const { fate, failure, calls } of rows) {
      fates[fate] += calls;
      failures.set(failure, (failures.get(failure) ?? 0) + calls);
    }
    const found = Object.values(fates).reduce((sum, calls) => sum + calls, 0);
    if (step.end === null || found >= failedCalls) break;
    isComplete = clock.monotonicMs() < stopAt;
    if (!isComplete) break;
  }
  const groups = Array.from(failures, ([failure, count]) => toFailureGroup(failure, count));
  return { ...fates, failures: groups.sort((one, other) => other.count - one.count), isComplete };
}
