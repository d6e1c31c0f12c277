/** A page costs the same anywhere in the list. */
import { type RawBuilder, type SqlBool, sql } from "kysely";
import { WhcbError } from "../domain/errors.js";

/** A column of ORDER BY; the last must be unique. */
export interface SortKey {
  readonly column: string;
  readonly descending: boolean;
}

export interface Position {
  /** One per sort key. */
  readonly values: readonly (string | number)[];
  /** Rows up to the end of the page. */
  readonly offset: number;
  /** Counted once per listing. */
  readonly total: number | null;
}

export function orderBy(keys: readonly SortKey[]): RawBuilder<unknown> {
  return sql.join(keys.map(({ column, descending }) => (descending ? sql`${sql.ref(column)} DESC` : sql.ref(column))));
}

export function isAfter(keys: readonly SortKey[], values: readonly (string | number)[]): RawBuilder<SqlBool> {
  return sql`(${sql.join(rangesAfter(keys, values), sql` OR `)})`;
}

/** As disjoint ranges that an index can seek to. */
export function rangesAfter(keys: readonly SortKey[], values: readonly (string | number)[]): RawBuilder<SqlBool>[] {
  return keys.map(({ column, descending }, index) => {
    const equal = keys.slice(0, index).map((key, nth) => sql`${sql.ref(key.column)} = ${values[nth]}`);
    return sql`(${sql.join([...equal, sql`${sql.ref(column)} ${descending ? sql`<` : sql`>`} ${values[index]}`], sql` AND `)})`;
  });
}

/** Opaque; valid only for this order. */
export function writeCursor(keys: readonly SortKey[], { values, offset, total }: Position): string {
  return Buffer.from(JSON.stringify([signature(keys), values, offset, total])).toString("base64url");
}

/** Throws `invalid` for another order's cursor. */
export function readCursor(keys: readonly SortKey[], cursor: string): Position {
  const [order, values, offset, total, ...rest] = parseList(Buffer.from(cursor, "base64url").toString());
  if (order !== signature(keys) || rest.length > 0 || !isCount(offset) || !(total === null || isCount(total)))
    throw invalidCursor();
  if (!Array.isArray(values) || values.length !== keys.length) throw invalidCursor();
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
    // Reported below, without the parser's message.
  }
  throw invalidCursor();
}

function sortValue(value: unknown): string | number {
  if (typeof value === "string" || (typeof value === "number" && Number.isFinite(value))) return value;
  throw invalidCursor();
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function invalidCursor(): WhcbError {
  return new WhcbError("invalid", "cursor isn't one that this list returned", {
    hint: "Follow a page's rel=next link unchanged, or start again without a cursor.",
  });
}
