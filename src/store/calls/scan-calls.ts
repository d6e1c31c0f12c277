/** Many calls are read in short steps, and the event loop turns between them. */
import { type RawBuilder, type SqlBool, sql } from "kysely";
import { type CallStatus, idKey } from "../../domain/call.js";
import {
  type CallFilter,
  FAILURE_REASONS,
  MAX_REASON_TEXT,
  matchesStatusCode,
  NO_MESSAGE,
  quoteReason,
  type StatusCodePattern,
} from "../../domain/call-filter.js";
import type { Clock } from "../../platform/clock.js";
import { requireCallback } from "../callbacks/callback-row.js";
import { type KeyRange, orderBy, rangesOf, rowRangeOf, type SortKey, type Values } from "../keyset.js";
import type { Db } from "../schema.js";
import { isPostgres, jsonPart, perDatabase, seqOfWaiting } from "../sql/per-database.js";
import { executeByIndex } from "../sql/transactions.js";
import { ANSWER } from "./attempts.js";
import { readCounts, readFailures } from "./call-counts.js";
import { CONTENT_INDEX, SENDER_ADDRESS } from "./call-row.js";

export interface Scan {
  readonly callbackKey: number;
  readonly filter: CallFilter;
  /** The order is that of an index: by attempted date, or by seq for PENDING. By default it is ascending. */
  readonly keys?: readonly SortKey[];
  /** An earlier scan ended here. By default a scan begins at the start. */
  readonly after?: Values | null;
  /** A step reads so many rows, whether they match or not; the first one `firstRows`. */
  readonly maxRows?: number;
  readonly firstRows?: number;
  /** `readsResponses` is true if what is selected needs the responses. */
  readonly readsResponses?: boolean;
  readonly inTurn?: InTurn | undefined;
}

/** Runs each step of a reading, once the event loop and others have had their turn. It may throw instead, which ends the reading. */
export type InTurn = <Result>(step: () => Promise<Result>) => Promise<Result>;

export interface ScanStep {
  /** Selects the calls that match, in no order. */
  select(columns: RawBuilder<unknown>): RawBuilder<unknown>;
  /** Selects the first of them. */
  selectFirst(columns: RawBuilder<unknown>, limit: number): RawBuilder<unknown>;
  /** `end` is null after the last step. */
  readonly end: Values | null;
}

export interface CountLimit {
  readonly inTurn?: InTurn | undefined;
  /** Counting ends after this elapsed time. With Infinity it counts all. */
  readonly budgetMs: number;
}

export interface CallCount {
  readonly count: number;
  /** `isExact` is false if there are more. */
  readonly isExact: boolean;
}

const FIRST_ROWS = 1_024;
const MIN_ROWS = 64;
const MAX_ROWS = 32_768;
/** SQLite lets nothing else run meanwhile. A slow machine takes some times as long. */
const STEP_MS = 5;
/** A step has three round trips, and what they take must not make it smaller. */
const POSTGRES_STEP_MS = 30;
/** A step reads so much of responses, if the filter needs them. One larger response may exceed it. */
const STEP_BYTES = 512 * 1024;

/** Yields steps over the calls. One that is attempted meanwhile moves to the end by attempted date, so it may be met again. */
export async function* scanCalls(db: Db, clock: Clock, scan: Scan): AsyncGenerator<ScanStep> {
  const { callbackKey, filter, keys = indexKeys(filter), after = null, maxRows = MAX_ROWS, firstRows = FIRST_ROWS } = scan;
  const { first, last } = periodOf(filter, keys);
  let from = after ?? first;
  for (let rows = firstRows; ; await clock.nextTurn()) {
    const endTurn = scan.inTurn && (await beginTurn(scan.inTurn));
    try {
      const began = clock.monotonicMs();
      const end = await findStepEnd(db, scan, { keys, from, to: last }, Math.min(rows, maxRows));
      const range = { keys, from, to: end ?? last };
      yield {
        select: (columns) => selectEach(callbackKey, filter, { columns, range }),
        selectFirst: (columns, limit) => selectPage(callbackKey, filter, { columns, range }, { limit, offset: 0 }),
        end,
      };
      if (end === null) return;
      const tookMs = clock.monotonicMs() - began;
      const stepMs = isPostgres(db) ? POSTGRES_STEP_MS : STEP_MS;
      const factor = Math.min(Math.max(stepMs / Math.max(tookMs, 1), 0.25), 2);
      rows = Math.min(Math.max(Math.round(rows * factor), MIN_ROWS), MAX_ROWS);
      from = end;
    } finally {
      endTurn?.();
    }
  }
}

/** Resolves to what ends the turn. */
function beginTurn(inTurn: InTurn): Promise<() => void> {
  return new Promise((resolve, reject) => {
    inTurn(() => new Promise<void>((end) => resolve(end))).catch(reject);
  });
}

export async function readSeqs(db: Db, step: ScanStep): Promise<number[]> {
  const { rows } = await executeByIndex(db, sql<{ seq: number }>`${step.select(sql`seq`)}`);
  return rows.map(({ seq }) => seq);
}

interface Period {
  readonly first: Values | null;
  readonly last: Values | null;
}

/**
 * Returns the filter's period as bounds of the keys, because an index seeks to only one of two conditions on a column. A call
 * without an attempted date is in no period.
 */
export function periodOf({ since, until }: CallFilter, keys: readonly SortKey[]): Period {
  const isByDate = keys[0]?.column === "attempted_at";
  if (!isByDate || (since === undefined && until === undefined)) return { first: null, last: null };
  // Every seq is larger than -1.
  const lower = [Math.ceil(Math.max(since ?? 0, 0)), -1] as const;
  const upper = until === undefined ? null : [Math.ceil(Math.max(until, lower[0])), -1];
  return keys[0]?.descending ? { first: upper, last: lower } : { first: lower, last: upper };
}

/** The filter looks at the responses themselves. */
export function readsResponses({ from, text }: CallFilter): boolean {
  return from !== undefined || text !== undefined;
}

/** Resolves to null if fewer rows are left. Reads only an index, or sizes too. */
async function findStepEnd(
  db: Db,
  { callbackKey, filter, readsResponses: areRead = readsResponses(filter) }: Scan,
  range: KeyRange,
  rows: number,
): Promise<Values | null> {
  const { status } = filter;
  const { keys } = range;
  const names = keys.map(({ column }) => column).join(", ");
  const columns = sql.raw(areRead ? `${names}, octet_length(response) AS bytes` : names);
  const offset = areRead ? 0 : rows - 1;
  const page = { limit: rows - offset, offset };
  const each = selectPage(callbackKey, status === undefined ? {} : { status }, { columns, range }, page);
  const found = await executeByIndex(db, sql<Readonly<Record<string, number>>>`${each}`);
  const last = found.rows[areRead ? findFullRow(found.rows, rows) : 0];
  return last === undefined ? null : keys.map(({ column }) => last[column] ?? 0);
}

/** Returns the row with which a step is full, or -1. */
function findFullRow(sizes: readonly Readonly<Record<string, number>>[], rows: number): number {
  let room = STEP_BYTES;
  const full = sizes.findIndex(({ bytes = 0 }) => {
    room -= bytes;
    return room <= 0;
  });
  return full === -1 && sizes.length === rows ? rows - 1 : full;
}

/** Counts the calls that match. A call that is attempted meanwhile may be counted twice. Throws `not-found` for the callback. */
export async function countMatching(
  db: Db,
  clock: Clock,
  callbackId: string,
  filter: CallFilter,
  { budgetMs, inTurn }: CountLimit,
): Promise<CallCount> {
  const { key } = await requireCallback(db, callbackId);
  const counted = await countByCounters(db, key, filter);
  if (counted !== null) return { count: counted, isExact: true };
  const end = clock.monotonicMs() + budgetMs;
  let count = 0;
  for await (const step of scanCalls(db, clock, { callbackKey: key, filter, inTurn })) {
    const matching = step.select(sql`1`);
    const { rows } = await executeByIndex(db, sql<{ calls: number }>`SELECT count(*) AS calls FROM (${matching}) AS matching`);
    count += rows[0]?.calls ?? 0;
    if (step.end !== null && clock.monotonicMs() >= end) return { count, isExact: false };
  }
  return { count, isExact: true };
}

/** Resolves to null if the counters don't know it. */
export async function countByCounters(db: Db, callbackKey: number, filter: CallFilter): Promise<number | null> {
  const { status, statusCodes, ...others } = filter;
  if (Object.values(others).some((value) => value !== undefined)) return null;
  if (statusCodes === undefined) {
    const counts = await readCounts(db, callbackKey);
    return status === undefined ? counts.FAILED + counts.SUCCESS : counts[status];
  }
  if (status !== "FAILED") return null;
  const failures = await readFailures(db, callbackKey);
  const matching = failures.filter(({ statusCode }) => statusCodes.some((pattern) => matchesStatusCode(statusCode, pattern)));
  return matching.reduce((sum, { count }) => sum + count, 0);
}

/** The oldest attempt comes first. PENDING calls have none, and their index is by seq. */
export function indexKeys({ status }: CallFilter): SortKey[] {
  if (status === "PENDING") return [seqKey(status, false)];
  return [{ column: "attempted_at", descending: false }, seqKey(status, false)];
}

export function seqKey(status: CallStatus | undefined, descending: boolean): SortKey {
  return { column: "seq", descending, ...(status === "PENDING" && { expression: seqOfWaiting }) };
}

interface Selection {
  readonly columns: RawBuilder<unknown>;
  readonly range: KeyRange;
}

interface PageBounds {
  readonly limit: number;
  readonly offset: number;
}

function selectEach(callbackKey: number, filter: CallFilter, { columns, range }: Selection): RawBuilder<unknown> {
  const matching = sql`${conditionsOf(filter, true)}`;
  const select = (ranges: readonly RawBuilder<SqlBool>[]) =>
    sql.join(
      selectByStatus(
        callbackKey,
        filter,
        columns,
        ranges.map((each) => sql`${matching} AND ${each}`),
      ),
      sql` UNION ALL `,
    );
  return perDatabase({ sqlite: select(rangesOf(range)), postgres: () => select([rowRangeOf(range)]) });
}

/** Selects in the order of the range. PostgreSQL reads the index in order only within one status. */
export function selectPage(
  callbackKey: number,
  filter: CallFilter,
  { columns, range }: Selection,
  { limit, offset }: PageBounds,
): RawBuilder<unknown> {
  const ordered = sql`ORDER BY ${orderBy(range.keys)}`;
  const page = sql`${ordered} LIMIT ${limit} OFFSET ${offset}`;
  return perDatabase({
    sqlite: sql`${selectEach(callbackKey, filter, { columns, range })} ${page}`,
    postgres: () => {
      const matching = sql`${conditionsOf(filter, true)} AND ${rowRangeOf(range)}`;
      const selects = selectByStatus(callbackKey, filter, columns, [matching]);
      if (selects.length === 1) return sql`${selects[0]} ${page}`;
      return sql`${sql.join(
        selects.map((select) => sql`(${select} ${ordered} LIMIT ${limit + offset})`),
        sql` UNION ALL `,
      )} ${page}`;
    },
  });
}

/**
 * Returns a SELECT for each status and condition, which begins with AND. Statuses are literals, and given twice, because a
 * partial index needs its condition in the query.
 */
export function selectByStatus(
  callbackKey: number,
  filter: CallFilter,
  columns: RawBuilder<unknown>,
  conditions: readonly RawBuilder<unknown>[],
): RawBuilder<unknown>[] {
  const statuses = filter.status === undefined ? (["FAILED", "SUCCESS"] as const) : [filter.status];
  return statuses.flatMap((status) =>
    conditions.map((condition) => {
      const indexed = status === "PENDING" ? sql`` : sql`AND status <> 'PENDING'`;
      return sql`
        SELECT ${columns} FROM calls
        WHERE callback_key = ${callbackKey} AND status = ${sql.lit(status)} ${indexed} ${condition}`;
    }),
  );
}

/** Each condition begins with AND, and must match domain/call-filter.ts. NEVER is in no period. */
export function conditionsOf(filter: CallFilter, isByIndex = false): RawBuilder<unknown> {
  const attemptedAt = isByIndex ? sql`+attempted_at` : sql`attempted_at`;
  const { since, until, changedBefore, markedAt, statusCodes, reason, channel, messageId, from, text, answer } = filter;
  const conditions: RawBuilder<SqlBool>[] = [];
  if (since !== undefined) conditions.push(sql`${attemptedAt} >= ${Math.ceil(Math.max(since, 0))}`);
  if (until !== undefined) conditions.push(sql`${attemptedAt} >= 0 AND ${attemptedAt} < ${Math.ceil(until)}`);
  if (changedBefore !== undefined) conditions.push(sql`changed_at <= ${changedBefore}`);
  if (markedAt !== undefined) conditions.push(sql`changed_at = ${markedAt} AND settled_by = 'user'`);
  if (statusCodes !== undefined) conditions.push(codeCondition(statusCodes));
  if (reason !== undefined) conditions.push(sql`${REASON} = ${reason}`);
  if (channel !== undefined) conditions.push(sql`channel = ${channel}`);
  if (messageId !== undefined) conditions.push(sql`${MESSAGE_KEY} = ${idKey(messageId)}`);
  if (from !== undefined) conditions.push(sql`${SENDER_ADDRESS} = ${from}`);
  if (text !== undefined)
    conditions.push(sql`instr(lower_case(${jsonPart("response", CONTENT_INDEX)}), ${text.toLowerCase()}) > 0`);
  if (answer !== undefined) conditions.push(sql`instr(lower_case(coalesce(${ANSWER}, '')), ${answer.toLowerCase()}) > 0`);
  return sql.join(
    conditions.map((condition) => sql`AND ${condition}`),
    sql` `,
  );
}

/** `MESSAGE_KEY` must match `idKey`. */
export const MESSAGE_KEY = perDatabase({
  sqlite: sql`
    CASE WHEN (length(message_id) = 32 OR message_id GLOB '????????-????-????-????-????????????')
      AND length(replace(message_id, '-', '')) = 32 AND replace(message_id, '-', '') NOT GLOB '*[^0-9A-Fa-f]*'
    THEN upper(replace(message_id, '-', '')) ELSE message_id END`,
  postgres: () => sql`
    CASE WHEN message_id ~* E'^[0-9a-f]{8}(-?)[0-9a-f]{4}\\\\1[0-9a-f]{4}\\\\1[0-9a-f]{4}\\\\1[0-9a-f]{12}$'
    THEN upper(replace(message_id, '-', '')) ELSE message_id END`,
});

/** An empty text is null. */
export function nonEmptyText(text: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`nullif(substr(${text}, 1, ${sql.lit(MAX_REASON_TEXT)}), '')`;
}

const QUOTED_REASONS = FAILURE_REASONS.map((one) => sql`WHEN status_message = ${sql.lit(one)} THEN ${sql.lit(quoteReason(one))}`);

/** `REASON` must match `reasonText`. */
export const REASON = sql`
  CASE WHEN status_code IS NULL THEN coalesce(error, 'not-sent')
  ${sql.join(QUOTED_REASONS, sql` `)}
  ELSE coalesce(${nonEmptyText(sql`status_message`)}, ${sql.lit(NO_MESSAGE)}) END`;

function codeCondition(patterns: readonly StatusCodePattern[]): RawBuilder<SqlBool> {
  if (patterns.length === 0) return sql`false`;
  const alternatives = patterns.map((pattern) => {
    if ("none" in pattern) return sql`status_code IS NULL`;
    if ("code" in pattern) return sql`status_code = ${pattern.code}`;
    return sql`(status_code >= ${pattern.class * 100} AND status_code < ${pattern.class * 100 + 100})`;
  });
  return sql`(${sql.join(alternatives, sql` OR `)})`;
}
