/** A page of a callback's calls, by any filter and order (contract.md, lists). */
import { type RawBuilder, type SqlBool, sql } from "kysely";
import type { Call } from "../../domain/call.js";
import type { CallFilter } from "../../domain/call-filter.js";
import { requireCallback } from "../callbacks/require-callback.js";
import { isAfter, orderBy, type Place, rangesAfter, readCursor, type SortKey, writeCursor } from "../keyset.js";
import type { Db } from "../schema.js";
import { listOf } from "../sqlite/json-rows.js";
import type { CallQuery, Page } from "../store.js";
import { type CallCounts, readCounts } from "./call-counts.js";
import { conditionsOf } from "./call-filter-sql.js";
import { readCalls } from "./call-row.js";

/**
 * A total that no counter holds is counted up to here: beyond it the figure means "at least", and nobody waits seconds for a page.
 */
export const COUNTED_AT_MOST = 100_000;

/** Of what the calls of a page carry. A page of the largest responses is shorter than was asked for; rel=next goes on behind it. */
export const PAGE_BYTES = 16 * 1024 * 1024;

const COLUMN_OF = { attemptedDate: "attempted_at", status: "status", messageId: "message_id", id: "id" } as const;
const NEWEST_FIRST: CallQuery["sort"] = [{ field: "attemptedDate", descending: true }];

/**
 * In two steps: which calls (from the index alone, where the filter and the order allow it, so that even a deep offset reads no
 * rows), then the calls. By attempted date, a page by cursor costs the same wherever it is; the other orders sort what the
 * filter means.
 */
export async function listCalls(db: Db, callbackId: string, query: CallQuery): Promise<Page<Call>> {
  const { key } = await requireCallback(db, callbackId);
  const { filter, limit } = query;
  const keys = sortKeys(query);
  const place = query.cursor === undefined ? null : readCursor(keys, query.cursor);
  const { rows } = await sql<PlaceRow>`
    ${selectEach(key, filter, { columns: placeColumns(keys), after: rangesOf(keys, place) })}
    ORDER BY ${orderBy(keys)} LIMIT ${limit + 1} OFFSET ${place === null ? query.offset : 0}`.execute(db);
  const shown = rows.slice(0, await countFitting(db, rows.slice(0, limit)));
  const offset = place?.offset ?? query.offset;
  const byCounters = totalByCounters(filter, await readCounts(db, key));
  const isLast = shown.length === rows.length && (shown.length > 0 || offset === 0);
  const total = byCounters ?? place?.total ?? (isLast ? offset + shown.length : await countCalls(db, key, filter));
  const last = isLast ? undefined : shown.at(-1);
  const end = { offset: offset + shown.length, total: byCounters === null ? total : null };
  return {
    items: await readPlaces(db, callbackId, shown),
    total,
    offset,
    nextCursor: last === undefined ? null : writeCursor(keys, { values: keys.map(({ column }) => last[column] ?? ""), ...end }),
  };
}

/** How many of these, from the first on, make a page that can be held and sent: at least one. Their sizes are read, not their texts. */
async function countFitting(db: Db, places: readonly PlaceRow[]): Promise<number> {
  if (places.length <= 1) return places.length;
  const { rows } = await sql<{ bytes: number }>`
    SELECT octet_length(calls.response) AS bytes
    FROM ${listOf(places.map(({ seq }) => seq))} CROSS JOIN calls ON calls.seq = batch.value`.execute(db);
  let room = PAGE_BYTES;
  const tooMany = rows.findIndex(({ bytes }, index) => {
    room -= bytes;
    return room < 0 && index > 0;
  });
  return tooMany === -1 ? places.length : tooMany;
}

type PlaceRow = { readonly seq: number } & Readonly<Record<string, string | number>>;

/** The order asked for, made total by seq, which runs the way the first key does. */
function sortKeys({ sort, filter }: CallQuery): SortKey[] {
  const asked = sort.length === 0 ? NEWEST_FIRST : sort;
  const keys = asked
    .filter(({ field }, index) => asked.findIndex((other) => other.field === field) === index)
    // Nothing has happened to a PENDING call: by attempted date they are all level, and their own index has them by seq.
    .filter(({ field }) => filter.status !== "PENDING" || field !== "attemptedDate")
    .map(({ field, descending }) => ({ column: COLUMN_OF[field], descending }));
  return [...keys, { column: "seq", descending: asked[0]?.descending ?? true }];
}

function placeColumns(keys: readonly SortKey[]): RawBuilder<unknown> {
  return sql.raw([...new Set(["seq", ...keys.map(({ column }) => column)])].join(", "));
}

/** What comes after the cursor's place. In the order of the index, its ranges are read one after the other and sought to. */
function rangesOf(keys: readonly SortKey[], place: Place | null): readonly RawBuilder<SqlBool>[] {
  if (place === null) return [sql<SqlBool>`true`];
  return keys[0]?.column === "attempted_at" && keys[1]?.column === "seq"
    ? rangesAfter(keys, place.values)
    : [isAfter(keys, place.values)];
}

interface Selection {
  readonly columns: RawBuilder<unknown>;
  readonly after: readonly RawBuilder<SqlBool>[];
}

/**
 * Statuses are written out, and said twice, because a partial index is used only where its condition stands in the query. Both
 * settled ones, and what lies beyond a place, are ranges of one index, which SQLite merges in their order.
 */
function selectEach(callbackKey: number, filter: CallFilter, { columns, after }: Selection): RawBuilder<unknown> {
  const statuses = filter.status === undefined ? (["FAILED", "SUCCESS"] as const) : [filter.status];
  const selects = statuses.flatMap((status) =>
    after.map((range) => {
      const indexed = status === "PENDING" ? sql`` : sql`AND status <> 'PENDING'`;
      return sql`
        SELECT ${columns} FROM calls
        WHERE callback_key = ${callbackKey} AND status = ${sql.lit(status)} ${indexed} ${conditionsOf(filter)} AND ${range}`;
    }),
  );
  return sql.join(selects, sql` UNION ALL `);
}

/** Null where the filter says more than a status. */
function totalByCounters(filter: CallFilter, counts: CallCounts): number | null {
  const { status, ...others } = filter;
  if (Object.values(others).some((value) => value !== undefined)) return null;
  return status === undefined ? counts.FAILED + counts.SUCCESS : counts[status];
}

async function countCalls(db: Db, callbackKey: number, filter: CallFilter): Promise<number> {
  const { rows } = await sql<{ total: number }>`
    SELECT count(*) AS total FROM (
      ${selectEach(callbackKey, filter, { columns: sql`1`, after: [sql<SqlBool>`true`] })} LIMIT ${COUNTED_AT_MOST})`.execute(db);
  return rows[0]?.total ?? 0;
}

async function readPlaces(db: Db, callbackId: string, places: readonly PlaceRow[]): Promise<Call[]> {
  const from = sql`FROM ${listOf(places.map(({ seq }) => seq))} CROSS JOIN calls ON calls.seq = batch.value`;
  const bySeq = new Map((await readCalls(db, callbackId, from)).map((call) => [call.seq, call]));
  return places.flatMap(({ seq }) => bySeq.get(seq) ?? []);
}
