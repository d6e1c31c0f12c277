import { sql } from "kysely";
import type { Callback } from "../../domain/callback.js";
import type { KeyCipher } from "../key-cipher.js";
import { isAfter, orderBy, readCursor, type SortKey, writeCursor } from "../keyset.js";
import type { Db } from "../schema.js";
import type { CallbackQuery, Page } from "../store.js";
import { type CallbackRow, toCallback } from "./callback-row.js";

/** By name unless told otherwise; the id settles ties. */
export async function listCallbacks(db: Db, cipher: KeyCipher, query: CallbackQuery): Promise<Page<Callback>> {
  const sort = query.sort.length === 0 ? [{ field: "name" as const, descending: false }] : query.sort;
  const keys: SortKey[] = sort.map(({ field, descending }) => ({ column: field, descending }));
  if (!keys.some(({ column }) => column === "id")) keys.push({ column: "id", descending: keys[0]?.descending ?? false });
  const place = query.cursor === undefined ? null : readCursor(keys, query.cursor);
  const { rows } = await sql<CallbackRow>`
    SELECT * FROM callbacks WHERE deleted_at IS NULL ${place === null ? sql`` : sql`AND ${isAfter(keys, place.values)}`}
    ORDER BY ${orderBy(keys)} LIMIT ${query.limit + 1} OFFSET ${place === null ? query.offset : 0}`.execute(db);
  const { total } = await db
    .selectFrom("callbacks")
    .select((eb) => eb.fn.countAll<number>().as("total"))
    .where("deleted_at", "is", null)
    .executeTakeFirstOrThrow();
  const offset = place?.offset ?? query.offset;
  const shown = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? shown.at(-1) : undefined;
  return {
    items: shown.map((row) => toCallback(row, cipher)),
    total,
    offset,
    nextCursor:
      last === undefined ? null : writeCursor(keys, { values: valuesOf(last, keys), offset: offset + shown.length, total: null }),
  };
}

function valuesOf(row: CallbackRow, keys: readonly SortKey[]): string[] {
  return keys.map(({ column }) => (column === "name" ? row.name : row.id));
}
