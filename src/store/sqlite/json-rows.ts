/**
 * A batch of rows as one JSON parameter: one statement a batch, and its text doesn't vary with the batch's size. These
 * pieces of SQL are SQLite's own.
 */
import { type RawBuilder, sql } from "kysely";
import type { Db } from "../schema.js";

export type Cell = string | number | null | readonly Cell[] | Readonly<Record<string, string>>;

/** For FROM: a table named `batch` with a row for each of these, in their order. */
export function batchOf(rows: readonly (readonly Cell[])[]): RawBuilder<unknown> {
  return sql`(SELECT value FROM json_each(${JSON.stringify(rows)})) AS batch`;
}

/** The n-th cell of the batch's row, a number, a text or null. */
export function cell(index: number): RawBuilder<unknown> {
  return sql`batch.value ->> ${sql.lit(index)}`;
}

/** The n-th cell as JSON text: a list or an object. */
export function jsonCell(index: number): RawBuilder<unknown> {
  return sql`batch.value -> ${sql.lit(index)}`;
}

/** For FROM: a table named `batch` whose `value` is each of these, in their order. */
export function listOf(values: readonly (string | number)[]): RawBuilder<unknown> {
  return sql`(SELECT value FROM json_each(${JSON.stringify(values)})) AS batch`;
}

export interface JsonColumns {
  readonly columns: readonly string[];
  /** Columns that hold JSON; they come last, parsed. */
  readonly json?: readonly string[];
  /** A JSON column longer than this isn't read: its cell is null. */
  readonly mostJsonBytes?: number;
}

/**
 * The rows of `from` (FROM and all that follows it, ORDER BY and LIMIT included), in its order, each as the list of its cells.
 * They come over as one JSON text, which takes half the time that row objects take. `Row` must be the columns' types.
 */
export async function readRows<Row>(
  db: Db,
  { columns, json = [], mostJsonBytes }: JsonColumns,
  from: RawBuilder<unknown>,
): Promise<readonly Row[]> {
  const cells = [...columns, ...json.map((column) => `json(${column})`)];
  const inBounds = (column: string): string =>
    mostJsonBytes === undefined
      ? column
      : `CASE WHEN octet_length(${column}) <= ${mostJsonBytes} THEN ${column} END AS ${column}`;
  const { rows } = await sql<{ rows: string }>`
    SELECT json_group_array(json_array(${sql.raw(cells.join(", "))})) AS rows
    FROM (SELECT ${sql.raw([...columns, ...json.map(inBounds)].join(", "))} ${from})`.execute(db);
  return JSON.parse(rows[0]?.rows ?? "[]");
}
