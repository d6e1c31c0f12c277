import { type RawBuilder, sql } from "kysely";
import { isAfter, orderBy, readCursor, type SortKey, type Values, writeCursor } from "./keyset.js";
import type { Db } from "./schema.js";

export interface PageQuery {
  readonly limit: number;
  readonly offset: number;
  readonly cursor?: string;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly total: number;
  /** `isTotalExact` is false if there may be more. */
  readonly isTotalExact?: false;
  /** The first item has this place in the list, from 0. */
  readonly offset: number;
  readonly nextCursor: string | null;
}

export interface Sort<Field> {
  readonly field: Field;
  readonly descending: boolean;
}

interface PagedRows<Listed> {
  /** The query begins with this: SELECT … FROM …. */
  readonly select: RawBuilder<Listed>;
  readonly table: RawBuilder<unknown>;
  readonly matching: RawBuilder<unknown>;
  readonly keys: readonly SortKey[];
  readonly valuesOf: (row: Listed) => Values;
}

/** Throws `invalid` for another order's cursor. */
export async function readPage<Listed>(db: Db, query: PageQuery, paged: PagedRows<Listed>): Promise<Page<Listed>> {
  const { select, table, matching, keys, valuesOf } = paged;
  const { limit, cursor } = query;
  const position = cursor === undefined ? null : readCursor(keys, cursor);
  const { rows } = await sql<Listed>`
    ${select} WHERE ${matching} ${position === null ? sql`` : sql`AND ${isAfter(keys, position.values)}`}
    ORDER BY ${orderBy(keys)} LIMIT ${limit + 1} OFFSET ${position === null ? query.offset : 0}`.execute(db);
  const counted = await sql<{ total: number }>`SELECT count(*) AS total FROM ${table} WHERE ${matching}`.execute(db);
  const offset = position?.offset ?? query.offset;
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  return {
    items,
    total: counted.rows[0]?.total ?? 0,
    offset,
    nextCursor: last ? writeCursor(keys, { values: valuesOf(last), offset: offset + items.length, total: null }) : null,
  };
}
