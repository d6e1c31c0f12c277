/** Counts calls by what they have in common. */
import { type RawBuilder, sql } from "kysely";
import { type CallFilter, MAX_REASON_TEXT } from "../../domain/call-filter.js";
import {
  addRetried,
  answerStart,
  type CallGroup,
  CallGroups,
  type GroupKey,
  type GroupValues,
  NONE_RETRIED,
  type RetriedCalls,
} from "../../domain/call-groups.js";
import { HOUR_MS } from "../../domain/duration.js";
import type { Clock } from "../../platform/clock.js";
import { requireCallback } from "../callbacks/callback-row.js";
import { readCursor, type Values, writeCursor } from "../keyset.js";
import { type Db, NEVER } from "../schema.js";
import { valueList } from "../sql/batches.js";
import { crossJoin } from "../sql/per-database.js";
import { executeByIndex } from "../sql/transactions.js";
import { ANSWER } from "./attempts.js";
import { FAILURE, type FailureGroup, toFailureGroup } from "./call-counts.js";
import { instantOf, SENDER_ADDRESS } from "./call-row.js";
import {
  type CountLimit,
  countByCounters,
  indexKeys,
  MESSAGE_KEY,
  nonEmptyText,
  REASON,
  type ScanStep,
  scanCalls,
} from "./scan-calls.js";

export interface GroupQuery extends CountLimit {
  readonly filter: CallFilter;
  /** There is at least one key, and each is there once. */
  readonly by: readonly GroupKey[];
  readonly cursor?: string;
}

export interface GroupPage {
  /** The groups with most calls come first. */
  readonly groups: readonly CallGroup[];
  /** Earlier pages have this many calls. */
  readonly offset: number;
  /** These groups have this many calls. */
  readonly count: number;
  /** `until` is the latest first failure: the window begins there. */
  readonly retried: RetriedCalls;
  readonly total: number;
  /** `isTotalExact` is false if more calls may match. */
  readonly isTotalExact?: false;
  readonly nextCursor: string | null;
}

/** A page ends with the step in which its groups have become so many, or their texts so long. */
const MAX_GROUPS = 2_000;
const MAX_TEXT = 256 * 1024;
/** A step reads so few rows because each may be a group. */
const MAX_STEP_ROWS = 512;
/** A page has at most so many bytes of JSON: five texts of 256 characters that take six bytes each are the longest group. */
export const GROUPS_BYTES = 5 * 1024 * 1024;

export function callGroups(db: Db, clock: Clock) {
  return {
    /**
     * Groups the calls that it reads within its budget. The next page reads other calls, whose groups may be the same. The oldest
     * attempt comes first, so a call that is attempted meanwhile may be counted twice. Throws `not-found` for the callback.
     */
    group: (callbackId: string, query: GroupQuery): Promise<GroupPage> => groupCalls(db, clock, callbackId, query),
    /** Counts the FAILED calls that match as `listFailures` does, by reading them. Throws `not-found` for the callback. */
    countFailures: (callbackId: string, filter: CallFilter, limit: CountLimit): Promise<CountedFailures> =>
      countFailures(db, clock, callbackId, filter, limit),
  };
}

async function groupCalls(db: Db, clock: Clock, callbackId: string, query: GroupQuery): Promise<GroupPage> {
  const { filter, by, budgetMs, inTurn } = query;
  const { key } = await requireCallback(db, callbackId);
  const keys = indexKeys(filter);
  const position = query.cursor === undefined ? null : readCursor(keys, query.cursor);
  const end = clock.monotonicMs() + budgetMs;
  const groups = new CallGroups(by, Number.POSITIVE_INFINITY);
  const scan = { callbackKey: key, filter, keys, after: position?.values ?? null, inTurn };
  const bounds = { maxRows: MAX_STEP_ROWS, readsResponses: by.includes("from") };
  let readTo: Values | null = null;
  let retried = NONE_RETRIED;
  for await (const step of scanCalls(db, clock, { ...scan, ...bounds })) {
    for (const row of await readGroups(db, by, step)) {
      groups.add(groupOf(row, by));
      retried = addRetried(retried, { calls: row.due, nextAt: row.next_due_at, until: row.last_failed_at });
    }
    if (step.end === null || (clock.monotonicMs() < end && groups.size < MAX_GROUPS && groups.textLength < MAX_TEXT)) continue;
    readTo = step.end;
    break;
  }
  const offset = position?.offset ?? 0;
  const total = await countByCounters(db, key, filter);
  const counted = offset + groups.calls;
  return {
    groups: await withExamples(db, groups.sorted()),
    offset,
    count: groups.calls,
    retried,
    total: total ?? counted,
    ...(total === null && readTo !== null && { isTotalExact: false }),
    nextCursor: readTo === null ? null : writeCursor(keys, { values: readTo, offset: counted, total: null }),
  };
}

export interface CountedFailures {
  readonly failures: readonly FailureGroup[];
  /** `isExact` is false if there may be more. */
  readonly isExact: boolean;
}

async function countFailures(
  db: Db,
  clock: Clock,
  callbackId: string,
  filter: CallFilter,
  { budgetMs, inTurn }: CountLimit,
): Promise<CountedFailures> {
  const { key } = await requireCallback(db, callbackId);
  const end = clock.monotonicMs() + budgetMs;
  const counts = new Map<string, number>();
  let isExact = true;
  for await (const step of scanCalls(db, clock, { callbackKey: key, filter: { ...filter, status: "FAILED" }, inTurn })) {
    const each = step.select(sql`${FAILURE} AS failure`);
    const { rows } = await executeByIndex(
      db,
      sql<{ failure: string; calls: number }>`SELECT failure, count(*) AS calls FROM (${each}) AS matching GROUP BY failure`,
    );
    for (const { failure, calls } of rows) counts.set(failure, (counts.get(failure) ?? 0) + calls);
    isExact = step.end === null || clock.monotonicMs() < end;
    if (!isExact) break;
  }
  const failures = Array.from(counts, ([failure, calls]) => toFailureGroup(failure, calls));
  return { failures: failures.sort((one, other) => other.count - one.count), isExact };
}

interface GroupRow extends GroupValues {
  readonly calls: number;
  readonly first: number;
  readonly last: number;
  readonly seq: number;
  /** So many are due, now or later. */
  readonly due: number;
  readonly next_due_at: number | null;
  readonly last_failed_at: number | null;
}

/** Takes a seq as each group's example. */
async function readGroups(db: Db, by: readonly GroupKey[], step: ScanStep): Promise<readonly GroupRow[]> {
  const names = sql.join(by.map((key) => sql.ref(key)));
  const values = sql.join(by.map((key) => sql`${VALUE_OF[key]} AS ${sql.ref(key)}`));
  // A call that was never attempted is in no span of time.
  const { rows } = await executeByIndex(
    db,
    sql<GroupRow>`
      SELECT ${names}, count(*) AS calls, coalesce(min(nullif(attempted_at, ${NEVER})), ${NEVER}) AS first,
        max(attempted_at) AS last, max(seq) AS seq, sum(CASE WHEN due_at IS NOT NULL THEN 1 ELSE 0 END) AS due, min(due_at) AS next_due_at,
        max(CASE WHEN due_at IS NOT NULL THEN first_failed_at END) AS last_failed_at
      FROM (${step.select(sql`${values}, attempted_at, seq, due_at, first_failed_at`)}) AS matching GROUP BY ${names}`,
  );
  return rows;
}

function groupOf(row: GroupRow, by: readonly GroupKey[]): CallGroup {
  return {
    values: Object.fromEntries(by.map((key) => [key, key === "answer" ? answerStart(row.answer ?? "") : row[key]])),
    count: row.calls,
    firstAttemptedAt: instantOf(row.first),
    lastAttemptedAt: instantOf(row.last),
    exampleId: String(row.seq),
  };
}

/** `VALUE_OF` must match domain/call-groups.ts. */
const VALUE_OF: Readonly<Record<GroupKey, RawBuilder<unknown>>> = {
  statusCode: sql`status_code`,
  reason: REASON,
  // One more character shows that it is cut.
  answer: sql`substr(${ANSWER}, 1, ${sql.lit(MAX_REASON_TEXT + 1)})`,
  hour: sql`CASE WHEN attempted_at >= 0 THEN attempted_at - attempted_at % CAST(${sql.lit(HOUR_MS)} AS bigint) END`,
  from: nonEmptyText(SENDER_ADDRESS),
  messageId: sql`nullif(${MESSAGE_KEY}, '')`,
  channel: nonEmptyText(sql`channel`),
};

async function withExamples(db: Db, groups: readonly CallGroup[]): Promise<CallGroup[]> {
  const seqs = groups.map(({ exampleId }) => Number(exampleId));
  const { rows } = await sql<{ seq: number; id: string }>`
    SELECT seq, id FROM ${valueList(seqs, "bigint")} ${crossJoin} calls ON calls.seq = batch.value`.execute(db);
  const ids = new Map(rows.map(({ seq, id }) => [String(seq), id]));
  return groups.map((group) => ({ ...group, exampleId: ids.get(group.exampleId ?? "") ?? null }));
}
