/** Pages by the last row's sort keys instead of by counting: the page after it costs the same wherever it is in the list. */
import { type RawBuilder, type SqlBool, sql } from "kysely";
import { WhcbError } from "../domain/errors.js";

/** A column of the list's ORDER BY. The last one of an order is unique, so that no two rows are level. */
export interface SortKey {
  readonly column: string;
  readonly descending: boolean;
}

/** Where a page ended. */
export interface Place {
  /** The last row's values, one for each sort key. */
  readonly values: readonly (string | number)[];
  /** How many rows stood up to it. */
  readonly offset: number;
  /** How many there were in all, where that isn't a counter: counted once a listing. */
  readonly total: number | null;
}

export function orderBy(keys: readonly SortKey[]): RawBuilder<unknown> {
  return sql.join(keys.map(({ column, descending }) => (descending ? sql`${sql.ref(column)} DESC` : sql.ref(column))));
}

/** Rows that come after these values. */
export function isAfter(keys: readonly SortKey[], values: readonly (string | number)[]): RawBuilder<SqlBool> {
  return sql`(${sql.join(rangesAfter(keys, values), sql` OR `)})`;
}

/**
 * The same as ranges that don't overlap, each of which an index of these keys can seek to: those that are level with the row up
 * to one key and further on in it.
 */
export function rangesAfter(keys: readonly SortKey[], values: readonly (string | number)[]): RawBuilder<SqlBool>[] {
  return keys.map(({ column, descending }, index) => {
    const level = keys.slice(0, index).map((key, place) => sql`${sql.ref(key.column)} = ${values[place]}`);
    return sql`(${sql.join([...level, sql`${sql.ref(column)} ${descending ? sql`<` : sql`>`} ${values[index]}`], sql` AND `)})`;
  });
}

/** Opaque to whoever follows it; bound to the order that it was made for. */
export function writeCursor(keys: readonly SortKey[], { values, offset, total }: Place): string {
  return Buffer.from(JSON.stringify([signature(keys), values, offset, total])).toString("base64url");
}

/** Throws `invalid` for text that `writeCursor` didn't write for this order. */
export function readCursor(keys: readonly SortKey[], cursor: string): Place {
  const [order, values, offset, total, ...rest] = parseList(Buffer.from(cursor, "base64url").toString());
  if (order !== signature(keys) || rest.length > 0 || !isCount(offset) || !(total === null || isCount(total))) throw notACursor();
  if (!Array.isArray(values) || values.length !== keys.length) throw notACursor();
  return { values: values.map(sortValue), offset, total };
}

function signature(keys: readonly SortKey[]): string {
  return keys.map(({ column, descending }) => (descending ? `-${column}` : column)).join(",");
}

function parseList(text: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed)) return parsed;
  } catch {
    // Told below, in words that mean something to whoever followed the link.
  }
  throw notACursor();
}

function sortValue(value: unknown): string | number {
  if (typeof value === "string" || (typeof value === "number" && Number.isFinite(value))) return value;
  throw notACursor();
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function notACursor(): WhcbError {
  return new WhcbError("invalid", "cursor is none that this list gave", {
    hint: "Follow a page's rel=next link as it is, or begin again without it.",
  });
}
