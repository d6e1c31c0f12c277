import { sql } from "kysely";
import type { CallFilter } from "../../domain/call-filter.js";
import type { Clock } from "../../platform/clock.js";
import { requireCallback } from "../callbacks/callback-row.js";
import type { Db } from "../schema.js";
import { executeByIndex } from "../sql/transactions.js";
import { FAILURE, type FailureGroup, toFailureGroup } from "./call-counts.js";
import { instantOf } from "./call-row.js";
import { type MatchingCalls, type ScanStep, scanCalls } from "./scan-calls.js";

export interface CallSummary extends MatchingCalls {
  /** `seqs` has them only if they were asked for. */
  readonly count: number;
  /** Counts by status code or reason, most calls first. */
  readonly failures: readonly FailureGroup[];
  /** The last attempts began between these. They are null if there is none. */
  readonly firstAt: number | null;
  readonly lastAt: number | null;
}

interface Group {
  readonly failure: string;
  readonly calls: number;
  readonly first_at: number;
  readonly last_at: number;
}

/** Exact, however long it takes; the event loop turns between steps. With `hasSeqs`, counts each call once. Throws `not-found`. */
export async function summarizeMatching(
  db: Db,
  clock: Clock,
  callbackId: string,
  filter: CallFilter,
  hasSeqs: boolean,
): Promise<CallSummary> {
  const { key } = await requireCallback(db, callbackId);
  const seqs = new Set<number>();
  const failures = new Map<string, number>();
  let [count, firstAt, lastAt] = [0, Number.POSITIVE_INFINITY, -1];
  for await (const step of scanCalls(db, clock, { callbackKey: key, filter })) {
    for (const { failure, calls, first_at, last_at } of await (hasSeqs ? readNew(db, step, seqs) : readGroups(db, step))) {
      count += calls;
      failures.set(failure, (failures.get(failure) ?? 0) + calls);
      firstAt = Math.min(firstAt, first_at);
      lastAt = Math.max(lastAt, last_at);
    }
  }
  return {
    filter,
    seqs: [...seqs],
    count,
    failures: [...failures].sort(([, one], [, other]) => other - one).map(([failure, calls]) => toFailureGroup(failure, calls)),
    firstAt: count === 0 ? null : instantOf(firstAt),
    lastAt: count === 0 ? null : instantOf(lastAt),
  };
}

async function readGroups(db: Db, step: ScanStep): Promise<readonly Group[]> {
  const matching = step.select(sql`${FAILURE} AS failure, attempted_at`);
  const { rows } = await executeByIndex(
    db,
    sql<Group>`
    SELECT failure, count(*) AS calls, min(attempted_at) AS first_at, max(attempted_at) AS last_at
    FROM (${matching}) AS matching GROUP BY failure`,
  );
  return rows;
}

/** Adds the calls that aren't in it to `seqs`. */
async function readNew(db: Db, step: ScanStep, seqs: Set<number>): Promise<readonly Group[]> {
  const matching = step.select(sql`seq, ${FAILURE} AS failure, attempted_at AS first_at, attempted_at AS last_at, 1 AS calls`);
  const { rows } = await executeByIndex(db, sql<Group & { readonly seq: number }>`${matching}`);
  const found = rows.filter(({ seq }) => !seqs.has(seq));
  for (const { seq } of found) seqs.add(seq);
  return found;
}
