/**
 * A batch of rows as one JSON parameter: one statement a batch, and its text doesn't vary with the batch's size. These
 * pieces of SQL are SQLite's own.
 */
import { type RawBuilder, sql } from "kysely";

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

/**
 * For SELECT: all rows as one JSON list of lists, named `rows`. A batch comes over in a third of the time that it takes row by
 * row. Their order is the caller's affair.
 */
export function rowsAsJson(columns: readonly string[]): RawBuilder<unknown> {
  return sql`json_group_array(json_array(${sql.join(columns.map((column) => sql.ref(column)))})) AS rows`;
}

/** For FROM: a table named `batch` whose `value` is each of these, in their order. */
export function listOf(values: readonly (string | number)[]): RawBuilder<unknown> {
  return sql`(SELECT value FROM json_each(${JSON.stringify(values)})) AS batch`;
}
