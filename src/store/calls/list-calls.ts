/** Reads a page of calls (docs/contract.md, Lists). */
import { type RawBuilder, sql } from "kysely";
import type { Call } from "../../domain/call.js";
import type { CallFilter } from "../../domain/call-filter.js";
import type { Clock } from "../../platform/clock.js";
import { requireCallback } from "../callbacks/callback-row.js";
import { isAfter, orderBy, type Position, readCursor, type SortKey, type Values, writeCursor } from "../keyset.js";
import type { Page, PageQuery, Sort } from "../paging.js";
import type { Db } from "../schema.js";
import { inGivenOrder, inList, valueList } from "../sql/batches.js";
import { crossJoin, least } from "../sql/per-database.js";
import { executeByIndex } from "../sql/transactions.js";
import { ATTEMPT_BYTES, LISTED_BYTES } from "./attempts.js";
import { readCalls } from "./call-row.js";
import {
  conditionsOf,
  countByCounters,
  countMatching,
  type InTurn,
  periodOf,
  readSeqs,
  readsResponses,
  scanCalls,
  selectByStatus,
  selectPage,
  seqKey,
} from "./scan-calls.js";

export interface CallPage extends Page<Call> {
  /** In the same list in the opposite order, it leads to what precedes the first item. It is null if there is no item. */
  readonly previousCursor: string | null;
}

export interface CallQuery extends PageQuery {
  readonly filter: CallFilter;
  readonly sort: readonly Sort<"attemptedDate" | "status" | "messageId" | "id">[];
  /** With it, attempts count for the page's size. */
  readonly withAttempts?: boolean;
  /** A page of large calls is shorter than its limit: their stored responses are counted. */
  readonly maxPageBytes?: number;
  /** `beforeRead` is called with the bytes that are read next, and may throw. */
  readonly beforeRead?: (bytes: number) => void | Promise<void>;
  /** Larger responses are left out of the page. */
  readonly maxResponseBytes?: number;
  /** After reading what doesn't match for this long, the page ends, perhaps empty, with a cursor. By default it doesn't end. */
  readonly budgetMs?: number;
  /** Runs what reads more than the page. `beforeRead` is never called in it. */
  readonly inTurn?: InTurn;
}

/** Counting the total of a filtered list may take this long. */
const COUNT_BUDGET_MS = 5;

export const PAGE_BYTES = 16 * 1024 * 1024;

const COLUMN_OF = { attemptedDate: "attempted_at", status: "status", messageId: "message_id", id: "id" } as const;
const NEWEST_FIRST: CallQuery["sort"] = [{ field: "attemptedDate", descending: true }];

export function callLists(db: Db, clock: Clock) {
  return {
    /**
     * Reads one page. By attempted date any page costs the same; other orders sort all matches. Reading responses that don't
     * match leaves the event loop free. Throws `not-found` for the callback.
     */
    list: (callbackId: string, query: CallQuery): Promise<CallPage> => listCalls(db, clock, callbackId, query),
  };
}

/** Reads the positions of the calls first, from the index alone if possible. */
async function listCalls(db: Db, clock: Clock, callbackId: string, query: CallQuery): Promise<CallPage> {
  const { key } = await requireCallback(db, callbackId);
  const { filter, limit, inTurn } = query;
  const keys = sortKeys(query);
  const position = query.cursor === undefined ? null : readCursor(keys, query.cursor);
  const { rows, readTo } = await findPositions(db, clock, { callbackKey: key, query, keys, position });
  const shown = rows.slice(0, await countFitting(db, rows.slice(0, limit), query));
  const offset = position?.offset ?? query.offset;
  const isCut = shown.length < rows.length;
  const [first, last] = [shown.at(0), shown.at(-1)];
  const valuesOf = (row: PositionRow): Values => keys.map(({ column }) => row[column] ?? "");
  const end = offset + shown.length;
  const byCounters = await countByCounters(db, key, filter);
  // After a cursor that leads back, the offset isn't known.
  const isWhole = position === null && !isCut && readTo === null && (shown.length > 0 || offset === 0);
  const { count, isExact } =
    byCounters !== null || isWhole
      ? { count: byCounters ?? end, isExact: true }
      : (position?.total ?? (await countMatching(db, clock, callbackId, filter, { budgetMs: COUNT_BUDGET_MS, inTurn })));
  const total = byCounters === null ? { count, isExact } : null;
  const next = isCut ? last && valuesOf(last) : readTo;
  return {
    items: await readPositions(db, callbackId, shown, query.maxResponseBytes),
    total: isExact ? count : Math.max(count, end),
    ...(!isExact && { isTotalExact: false }),
    offset,
    nextCursor: next ? writeCursor(keys, { values: next, offset: end, total }) : null,
    previousCursor: first ? writeCursor(reversedKeys(keys), { values: valuesOf(first), offset: 0, total }) : null,
  };
}

interface PageSearch {
  readonly callbackKey: number;
  readonly query: CallQuery;
  readonly keys: readonly SortKey[];
  readonly position: Position | null;
}

/** There is one row more than the page has, if it isn't the last. `readTo` is null at the end, or behind the rows. */
interface FoundPositions {
  readonly rows: readonly PositionRow[];
  readonly readTo: Values | null;
}

async function findPositions(db: Db, clock: Clock, { callbackKey, query, keys, position }: PageSearch): Promise<FoundPositions> {
  const { filter, limit, budgetMs = Number.POSITIVE_INFINITY, inTurn = (step) => step() } = query;
  const columns = positionColumns(keys);
  const skipped = position === null ? query.offset : 0;
  const isByIndex = filter.status === "PENDING" ? keys.length === 1 : keys.length === 2 && keys[0]?.column === "attempted_at";
  if (!isByIndex || isOnlyPeriod(filter)) {
    const { first, last } = periodOf(filter, keys);
    const from = position?.values ?? first;
    const page = { limit: limit + 1, offset: skipped };
    if (isByIndex) {
      const range = { keys, from, to: last };
      const read = () => executeByIndex(db, sql<PositionRow>`${selectPage(callbackKey, filter, { columns, range }, page)}`);
      const { rows } = await (skipped === 0 ? read() : inTurn(read));
      return { rows, readTo: null };
    }
    const conditions = readsResponses(filter) ? await conditionOfFound(db, clock, callbackKey, query) : conditionsOf(filter);
    const matching = sql`${conditions} ${from === null ? sql`` : sql`AND ${isAfter(keys, from)}`}`;
    const sorted = sql<PositionRow>`
      ${sql.join(selectByStatus(callbackKey, filter, columns, [matching]), sql` UNION ALL `)}
      ORDER BY ${orderBy(keys)} LIMIT ${page.limit} OFFSET ${page.offset}`;
    const { rows } = await inTurn(() => sorted.execute(db));
    return { rows, readTo: null };
  }
  const end = clock.monotonicMs() + budgetMs;
  const found: PositionRow[] = [];
  for await (const step of scanCalls(db, clock, { callbackKey, filter, keys, after: position?.values ?? null, inTurn })) {
    const wanted = skipped + limit + 1 - found.length;
    const { rows } = await executeByIndex(db, sql<PositionRow>`${step.selectFirst(columns, wanted)}`);
    found.push(...rows);
    if (rows.length === wanted) break;
    if (step.end !== null && found.length >= skipped && clock.monotonicMs() >= end)
      return { rows: found.slice(skipped), readTo: step.end };
  }
  return { rows: found.slice(skipped), readTo: null };
}

/** A seq is kept as a number, and as a text of the statement. */
const SEQ_BYTES = 32;

/** Begins with AND. The calls are found in steps, as one statement would read all responses at once. */
async function conditionOfFound(
  db: Db,
  clock: Clock,
  callbackKey: number,
  { filter, beforeRead, inTurn = (step) => step() }: CallQuery,
): Promise<RawBuilder<unknown>> {
  const seqs: number[] = [];
  // Who has a turn doesn't wait for anything else.
  const inTurnWithRoom: InTurn = async (step) => {
    await beforeRead?.(seqs.length * SEQ_BYTES);
    return inTurn(step);
  };
  for await (const step of scanCalls(db, clock, { callbackKey, filter, inTurn: inTurnWithRoom }))
    for (const seq of await readSeqs(db, step)) seqs.push(seq);
  return sql`AND seq ${inList(seqs, "bigint")}`;
}

/** Every call that the index holds of such a period matches. */
function isOnlyPeriod({ status, since, until, ...others }: CallFilter): boolean {
  return Object.values(others).every((value) => value === undefined);
}

const BYTES_OF_ATTEMPTS = sql`
  + (SELECT ${least(sql`coalesce(sum(${ATTEMPT_BYTES}), 0)`, LISTED_BYTES)} FROM attempts WHERE attempts.call_seq = calls.seq)`;

/** Counts how many fit, at least one. Reads sizes, not texts. */
async function countFitting(
  db: Db,
  positions: readonly PositionRow[],
  { withAttempts = false, maxPageBytes = PAGE_BYTES, maxResponseBytes = PAGE_BYTES, beforeRead }: CallQuery,
): Promise<number> {
  if (positions.length === 0 || (positions.length === 1 && beforeRead === undefined)) return positions.length;
  const { rows } = await sql<{ bytes: number }>`
    SELECT ${least(sql`octet_length(calls.response)`, maxResponseBytes)} ${withAttempts ? BYTES_OF_ATTEMPTS : sql``} AS bytes
    FROM ${valueList(seqsOf(positions), "bigint")} ${crossJoin} calls ON calls.seq = batch.value ${inGivenOrder}`.execute(db);
  let total = 0;
  const tooMany = rows.findIndex(({ bytes }, index) => {
    if (index > 0 && total + bytes > maxPageBytes) return true;
    total += bytes;
    return false;
  });
  await beforeRead?.(total);
  return tooMany === -1 ? positions.length : tooMany;
}

type PositionRow = { readonly seq: number } & Readonly<Record<string, string | number>>;

/** The last key is seq, which makes them unique. */
function sortKeys({ sort, filter }: CallQuery): SortKey[] {
  const requested = sort.length === 0 ? NEWEST_FIRST : sort;
  const keys = requested
    .filter(({ field }, index) => requested.findIndex((other) => other.field === field) === index)
    // PENDING calls have no attempted date, and their index is by seq.
    .filter(({ field }) => filter.status !== "PENDING" || field !== "attemptedDate")
    .map(({ field, descending }) => ({ column: COLUMN_OF[field], descending }));
  const descending = requested[0]?.descending ?? true;
  // No index has it behind other keys.
  return [...keys, keys.length === 0 ? seqKey(filter.status, descending) : { column: "seq", descending }];
}

function seqsOf(positions: readonly PositionRow[]): number[] {
  return positions.map(({ seq }) => seq);
}

function reversedKeys(keys: readonly SortKey[]): SortKey[] {
  return keys.map((key) => ({ ...key, descending: !key.descending }));
}

function positionColumns(keys: readonly SortKey[]): RawBuilder<unknown> {
  return sql.raw([...new Set(["seq", ...keys.map(({ column }) => column)])].join(", "));
}

async function readPositions(
  db: Db,
  callbackId: string,
  positions: readonly PositionRow[],
  maxResponseBytes?: number,
): Promise<Call[]> {
  const from = sql`FROM ${valueList(seqsOf(positions), "bigint")} ${crossJoin} calls ON calls.seq = batch.value`;
  const bySeq = new Map((await readCalls(db, callbackId, from, maxResponseBytes)).map((call) => [call.seq, call]));
  return positions.flatMap(({ seq }) => bySeq.get(seq) ?? []);
}
