/** A page of calls (docs/contract.md, Lists). */
import { type RawBuilder, type SqlBool, sql } from "kysely";
import type { Call } from "../../domain/call.js";
import type { CallFilter } from "../../domain/call-filter.js";
import { requireCallback } from "../callbacks/callback-row.js";
import { isAfter, orderBy, type Position, rangesAfter, readCursor, type SortKey, writeCursor } from "../keyset.js";
import type { Db } from "../schema.js";
import { listOf } from "../sqlite/json-rows.js";
import type { CallPage, CallQuery } from "../store.js";
import { readCalls } from "./call-row.js";
import { countByCounters, selectEach } from "./scan-calls.js";

/** Beyond it a total means "at least": a page never takes seconds. */
export const MAX_COUNTED = 100_000;

/** With attempts. A page of large calls is shorter than its limit. */
export const PAGE_BYTES = 16 * 1024 * 1024;

const COLUMN_OF = { attemptedDate: "attempted_at", status: "status", messageId: "message_id", id: "id" } as const;
const NEWEST_FIRST: CallQuery["sort"] = [{ field: "attemptedDate", descending: true }];

/** Reads positions first, from the index alone if possible. By attempted date, any page costs the same; other orders sort all matches. */
export async function listCalls(db: Db, callbackId: string, query: CallQuery): Promise<CallPage> {
  const { key } = await requireCallback(db, callbackId);
  const { filter, limit } = query;
  const keys = sortKeys(query);
  const position = query.cursor === undefined ? null : readCursor(keys, query.cursor);
  const { rows } = await sql<PositionRow>`
    ${selectEach(key, filter, { columns: positionColumns(keys), ranges: rangesOf(keys, position) })}
    ORDER BY ${orderBy(keys)} LIMIT ${limit + 1} OFFSET ${position === null ? query.offset : 0}`.execute(db);
  const shown = rows.slice(0, await countFitting(db, rows.slice(0, limit), query.withAttempts ?? false));
  const offset = position?.offset ?? query.offset;
  const byCounters = await countByCounters(db, key, filter);
  const isLast = shown.length === rows.length && (shown.length > 0 || offset === 0);
  const total = byCounters ?? position?.total ?? (isLast ? offset + shown.length : await countCalls(db, key, filter));
  const last = isLast ? undefined : shown.at(-1);
  const counted = byCounters === null ? total : null;
  const cursorAt = (row: PositionRow, order: readonly SortKey[], end: number) => {
    return writeCursor(order, { values: keys.map(({ column }) => row[column] ?? ""), offset: end, total: counted });
  };
  const [first] = shown;
  return {
    items: await readPositions(db, callbackId, shown),
    total,
    offset,
    nextCursor: last === undefined ? null : cursorAt(last, keys, offset + shown.length),
    previousCursor: first === undefined ? null : cursorAt(first, reversed(keys), 0),
  };
}

/** Names add about 200 bytes to an attempt's row. */
const ATTEMPT_BYTES = sql`
  + (SELECT coalesce(sum(octet_length(outcome) + 200), 0) FROM attempts WHERE attempts.call_seq = calls.seq)`;

/** At least one. Reads sizes, not texts. */
async function countFitting(db: Db, positions: readonly PositionRow[], withAttempts: boolean): Promise<number> {
  if (positions.length <= 1) return positions.length;
  const { rows } = await sql<{ bytes: number }>`
    SELECT octet_length(calls.response) ${withAttempts ? ATTEMPT_BYTES : sql``} AS bytes
    FROM ${listOf(positions.map(({ seq }) => seq))} CROSS JOIN calls ON calls.seq = batch.value`.execute(db);
  let room = PAGE_BYTES;
  const tooMany = rows.findIndex(({ bytes }, index) => {
    room -= bytes;
    return room < 0 && index > 0;
  });
  return tooMany === -1 ? positions.length : tooMany;
}

type PositionRow = { readonly seq: number } & Readonly<Record<string, string | number>>;

/** Unique by seq. */
function sortKeys({ sort, filter }: CallQuery): SortKey[] {
  const requested = sort.length === 0 ? NEWEST_FIRST : sort;
  const keys = requested
    .filter(({ field }, index) => requested.findIndex((other) => other.field === field) === index)
    // PENDING calls have no attempted date; their index is by seq.
    .filter(({ field }) => filter.status !== "PENDING" || field !== "attemptedDate")
    .map(({ field, descending }) => ({ column: COLUMN_OF[field], descending }));
  return [...keys, { column: "seq", descending: requested[0]?.descending ?? true }];
}

function reversed(keys: readonly SortKey[]): SortKey[] {
  return keys.map(({ column, descending }) => ({ column, descending: !descending }));
}

function positionColumns(keys: readonly SortKey[]): RawBuilder<unknown> {
  return sql.raw([...new Set(["seq", ...keys.map(({ column }) => column)])].join(", "));
}

/** In index order: ranges that SQLite can seek to. */
function rangesOf(keys: readonly SortKey[], position: Position | null): readonly RawBuilder<SqlBool>[] {
  if (position === null) return [sql<SqlBool>`true`];
  return keys[0]?.column === "attempted_at" && keys[1]?.column === "seq"
    ? rangesAfter(keys, position.values)
    : [isAfter(keys, position.values)];
}

async function countCalls(db: Db, callbackKey: number, filter: CallFilter): Promise<number> {
  const { rows } = await sql<{ total: number }>`
    SELECT count(*) AS total FROM (
      ${selectEach(callbackKey, filter, { columns: sql`1`, ranges: [sql<SqlBool>`true`] })} LIMIT ${MAX_COUNTED})`.execute(db);
  return rows[0]?.total ?? 0;
}

async function readPositions(db: Db, callbackId: string, positions: readonly PositionRow[]): Promise<Call[]> {
  const from = sql`FROM ${listOf(positions.map(({ seq }) => seq))} CROSS JOIN calls ON calls.seq = batch.value`;
  const bySeq = new Map((await readCalls(db, callbackId, from)).map((call) => [call.seq, call]));
  return positions.flatMap(({ seq }) => bySeq.get(seq) ?? []);
}
