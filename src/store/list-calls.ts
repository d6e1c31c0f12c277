/** A page of a callback's calls, by any filter and order (contract.md, lists). */
import { type RawBuilder, sql } from "kysely";
import type { Call } from "../domain/call.js";
import type { CallFilter } from "../domain/selection.js";
import { type CallCounts, readCounts } from "./call-counts.js";
import { conditionsOf } from "./call-filter-sql.js";
import { CALL_COLUMNS, type CallRow, toCall } from "./call-row.js";
import { isAfter, orderBy, readCursor, type SortKey, writeCursor } from "./keyset.js";
import { requireCallback } from "./require-callback.js";
import type { Db } from "./schema.js";
import { listOf } from "./sqlite/json-rows.js";
import type { CallQuery, Page } from "./store.js";

/**
 * A total that no counter holds is counted up to here: beyond it the figure means "at least", and nobody waits seconds for a page.
 */
export const COUNTED_AT_MOST = 100_000;

const COLUMN_OF = { attemptedDate: "attempted_at", status: "status", messageId: "message_id", id: "id" } as const;
const NEWEST_FIRST: CallQuery["sort"] = [{ field: "attemptedDate", descending: true }];

/**
 * In two steps: which calls (from the index alone, where the filter and the order allow it, so that even a deep offset reads no
 * rows), then the calls. By default and by attempted date, a page by cursor costs the same wherever it is; the other orders
 * sort what the filter means.
 */
export async function listCalls(db: Db, callbackId: string, query: CallQuery): Promise<Page<Call>> {
  const { key } = await requireCallback(db, callbackId);
  const { filter, limit } = query;
  const keys = sortKeys(query);
  const place = query.cursor === undefined ? null : readCursor(keys, query.cursor);
  const after = place === null ? sql`` : sql`AND ${isAfter(keys, place.values)}`;
  const { rows } = await sql<PlaceRow>`
    ${selectEach(filter, sql.raw([...new Set(["seq", ...keys.map(({ column }) => column)])].join(", ")), key, after)}
    ORDER BY ${orderBy(keys)} LIMIT ${limit + 1} OFFSET ${place === null ? query.offset : 0}`.execute(db);
  const shown = rows.slice(0, limit);
  const offset = place?.offset ?? query.offset;
  const counters = await readCounts(db, key);
  const counted = totalByCounters(filter, counters) ?? place?.total ?? (await countCalls(db, filter, key));
  const last = rows.length > limit ? shown.at(-1) : undefined;
  const end = { offset: offset + shown.length, total: totalByCounters(filter, counters) === null ? counted : null };
  return {
    items: await readCalls(db, callbackId, shown),
    total: counted,
    offset,
    nextCursor: last === undefined ? null : writeCursor(keys, { values: keys.map(({ column }) => last[column] ?? ""), ...end }),
  };
}

type PlaceRow = { readonly seq: number } & Readonly<Record<string, string | number>>;

/** The order asked for, made total by seq, which runs the way the first key does. */
function sortKeys({ sort, filter }: CallQuery): SortKey[] {
  const asked = (sort.length === 0 ? NEWEST_FIRST : sort).map(({ field, descending }) => ({
    column: COLUMN_OF[field],
    descending,
  }));
  const first = asked[0];
  const seq = { column: "seq", descending: first?.descending ?? true };
  // Nothing has happened to a PENDING call: by attempted date they are all level, and their own index has them by seq.
  if (filter.status === "PENDING" && first?.column === "attempted_at") return [seq];
  return [...asked.filter(({ column }, index) => asked.findIndex((other) => other.column === column) === index), seq];
}

/**
 * Statuses are written out, and said twice, because a partial index is used only where its condition stands in the query. Both
 * settled ones are two ranges of one index that SQLite merges in their order.
 */
function selectEach(
  filter: CallFilter,
  columns: RawBuilder<unknown>,
  callbackKey: number,
  more: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const range = (status: RawBuilder<unknown>) =>
    sql`SELECT ${columns} FROM calls WHERE callback_key = ${callbackKey} AND ${status} ${conditionsOf(filter)} ${more}`;
  const settled = (status: string) => range(sql`status = ${sql.lit(status)} AND status <> 'PENDING'`);
  if (filter.status === "PENDING") return range(sql`status = 'PENDING'`);
  if (filter.status !== undefined) return settled(filter.status);
  return sql`${settled("FAILED")} UNION ALL ${settled("SUCCESS")}`;
}

/** Null where the filter says more than a status. */
function totalByCounters(filter: CallFilter, counts: CallCounts): number | null {
  const { status, ...others } = filter;
  if (Object.values(others).some((value) => value !== undefined)) return null;
  return status === undefined ? counts.FAILED + counts.SUCCESS : counts[status];
}

async function countCalls(db: Db, filter: CallFilter, callbackKey: number): Promise<number> {
  const { rows } = await sql<{ total: number }>`
    SELECT count(*) AS total FROM (${selectEach(filter, sql`1`, callbackKey, sql``)} LIMIT ${COUNTED_AT_MOST})`.execute(db);
  return rows[0]?.total ?? 0;
}

async function readCalls(db: Db, callbackId: string, places: readonly PlaceRow[]): Promise<Call[]> {
  const { rows } = await sql<CallRow>`
    SELECT ${CALL_COLUMNS} FROM ${listOf(places.map(({ seq }) => seq))} CROSS JOIN calls ON calls.seq = batch.value`.execute(db);
  const bySeq = new Map(rows.map((row) => [row.seq, row]));
  return places.flatMap(({ seq }) => {
    const row = bySeq.get(seq);
    return row === undefined ? [] : [toCall(row, callbackId)];
  });
}
