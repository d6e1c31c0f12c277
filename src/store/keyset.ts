/** A page that continues behind a row costs the same anywhere in the list. */
import { type RawBuilder, type SqlBool, sql } from "kysely";
import { WhcbError } from "../domain/errors.js";

/** Each key is a column of ORDER BY, and the last one must be unique. */
export interface SortKey {
  readonly column: string;
  readonly descending: boolean;
  /** The index has it in place of the column. */
  readonly expression?: RawBuilder<unknown>;
}

/** There is one value per sort key. */
export type Values = readonly (string | number)[];

export interface Position {
  readonly values: Values;
  /** So many rows precede the next page. */
  readonly offset: number;
  /** `total` is counted once per listing. */
  readonly total: { readonly count: number; readonly isExact: boolean } | null;
}

export function orderBy(keys: readonly SortKey[]): RawBuilder<unknown> {
  return sql.join(keys.map((key) => (key.descending ? sql`${termOf(key)} DESC` : termOf(key))));
}

function termOf({ column, expression }: SortKey): RawBuilder<unknown> {
  return expression ?? sql.ref(column);
}

export function isAfter(keys: readonly SortKey[], values: Values): RawBuilder<SqlBool> {
  return sql`(${sql.join(rangesOf({ keys, from: values, to: null }), sql` OR `)})`;
}

/** The range is after `from`, up to and including `to`, in an index's order. null means the start, or the end. */
export interface KeyRange {
  readonly keys: readonly SortKey[];
  readonly from: Values | null;
  readonly to: Values | null;
}

/** Returns one range, which PostgreSQL seeks to. The keys' directions must be the same. */
export function rowRangeOf({ keys, from, to }: KeyRange): RawBuilder<SqlBool> {
  const [after, upTo] = keys[0]?.descending ? [sql`<`, sql`>=`] : [sql`>`, sql`<=`];
  const row = sql.join(keys.map(termOf));
  const lower = from === null ? sql`true` : sql`(${row}) ${after} (${sql.join(from)})`;
  const upper = to === null ? sql`true` : sql`(${row}) ${upTo} (${sql.join(to)})`;
  return sql<SqlBool>`(${lower} AND ${upper})`;
}

/** Returns disjoint ranges, to each of which an index can seek. */
export function rangesOf({ keys: [key, ...rest], from, to }: KeyRange): RawBuilder<SqlBool>[] {
  if (key === undefined) return [sql<SqlBool>`true`];
  const isLast = rest.length === 0;
  const column = termOf(key);
  const [after, before] = key.descending ? [sql`<`, sql`>`] : [sql`>`, sql`<`];
  const among = (value: Values[number] | undefined, ranges: readonly RawBuilder<SqlBool>[]) =>
    ranges.map((range) => sql<SqlBool>`(${column} = ${value} AND ${range})`);
  if (!isLast && from && to && from[0] === to[0])
    return among(from[0], rangesOf({ keys: rest, from: from.slice(1), to: to.slice(1) }));
  const lower = from === null ? sql`true` : sql`${column} ${after} ${from[0]}`;
  const upper = to === null ? sql`true` : sql`${column} ${before}${isLast ? sql`=` : sql``} ${to[0]}`;
  return [
    ...(from === null || isLast ? [] : among(from[0], rangesOf({ keys: rest, from: from.slice(1), to: null }))),
    sql<SqlBool>`(${lower} AND ${upper})`,
    ...(to === null || isLast ? [] : among(to[0], rangesOf({ keys: rest, from: null, to: to.slice(1) }))),
  ];
}

/** Returns an opaque text, which is valid only for this order. */
export function writeCursor(keys: readonly SortKey[], { values, offset, total }: Position): string {
  const counted = total === null ? [null] : total.isExact ? [total.count] : [total.count, "or more"];
  return Buffer.from(JSON.stringify([orderSignature(keys), values, offset, ...counted])).toString("base64url");
}

/** Throws `invalid` for another order's cursor. */
export function readCursor(keys: readonly SortKey[], cursor: string): Position {
  const [order, values, offset, count, more, ...rest] = parseCursor(Buffer.from(cursor, "base64url").toString());
  if (order !== orderSignature(keys) || rest.length > 0 || !isRowCount(offset) || !(count === null || isRowCount(count)))
    throw invalidCursor();
  if (!Array.isArray(values) || values.length !== keys.length) throw invalidCursor();
  return {
    values: values.map((value, index) => requireSortValue(value, keys[index])),
    offset,
    total: count === null ? null : { count, isExact: more === undefined },
  };
}

function orderSignature(keys: readonly SortKey[]): string {
  return keys.map(({ column, descending }) => (descending ? `-${column}` : column)).join(",");
}

function parseCursor(text: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed)) return parsed;
  } catch {
    // It is reported below, without the parser's message.
  }
  throw invalidCursor();
}

const NUMBERS: ReadonlySet<string> = new Set([
  "seq",
  "at",
  "attempted_at",
  "started_at",
  "severity",
  "backlog",
  "failed",
  "waiting",
]);

function requireSortValue(value: unknown, key: SortKey | undefined): string | number {
  const isNumber = NUMBERS.has(key?.column ?? "");
  if (isNumber && typeof value === "number" && Number.isSafeInteger(value)) return value;
  if (!isNumber && typeof value === "string") return value;
  throw invalidCursor();
}

function isRowCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function invalidCursor(): WhcbError {
  return new WhcbError("invalid", "cursor isn't one that this list returned", {
    hint: "Follow a page's rel=next link unchanged, or start again without a cursor.",
  });
}
