/** One JSON parameter per batch: the statement's text is constant. SQLite only. */
import { type RawBuilder, sql } from "kysely";
import type { Db } from "../schema.js";

export type Cell = string | number | null | readonly Cell[] | Readonly<Record<string, string>>;

/** For FROM: a table `batch`, in order; read it with `cell` and `jsonCell`. */
export function batchOf(rows: readonly (readonly Cell[])[]): RawBuilder<unknown> {
  return sql`(SELECT value FROM json_each(${JSON.stringify(rows)})) AS batch`;
}

/** A number, text or null. */
export function cell(index: number): RawBuilder<unknown> {
  return sql`batch.value ->> ${sql.lit(index)}`;
}

/** JSON text: a list or object. */
export function jsonCell(index: number): RawBuilder<unknown> {
  return sql`batch.value -> ${sql.lit(index)}`;
}

/** For FROM: a table `batch` with a column `value`, in order. */
export function listOf(values: readonly (string | number)[]): RawBuilder<unknown> {
  return sql`(SELECT value FROM json_each(${JSON.stringify(values)})) AS batch`;
}

export interface JsonColumns {
  readonly columns: readonly string[];
  /** JSON columns; they come last, parsed. */
  readonly json?: readonly string[];
  /** A longer JSON cell is null, unread. */
  readonly maxJsonBytes?: RawBuilder<unknown>;
}

/** `from`: FROM and the rest of the query. One JSON text takes half the time of row objects. `Row` must be the columns' types. */
export async function readRows<Row>(db: Db, columns: JsonColumns, from: RawBuilder<unknown>): Promise<readonly Row[]> {
  const { rows } = await sql<{ rows: string }>`${jsonRows(columns, from)}`.execute(db);
  return JSON.parse(rows[0]?.rows ?? "[]");
}

/** As `readRows`, for each row of the query `batch`, in its order. `from` may name `batch` and its columns. */
export async function readRowsOfEach<Row>(
  db: Db,
  columns: JsonColumns,
  batch: RawBuilder<unknown>,
  from: RawBuilder<unknown>,
): Promise<readonly (readonly Row[])[]> {
  const { rows } = await sql<{ rows: string }>`
    WITH batch AS MATERIALIZED (${batch}) SELECT (${jsonRows(columns, from)}) AS rows FROM batch`.execute(db);
  return rows.map((row) => JSON.parse(row.rows));
}

function jsonRows({ columns, json = [], maxJsonBytes }: JsonColumns, from: RawBuilder<unknown>): RawBuilder<unknown> {
  const sizes = maxJsonBytes === undefined ? [] : json.map((column) => `${column}_bytes`);
  const cells = [...columns, ...json.map((column) => `json(${column})`), ...sizes];
  const bounded = (name: string): RawBuilder<unknown> => {
    const [column, size] = [sql.raw(name), sql.raw(`${name}_bytes`)];
    if (maxJsonBytes === undefined) return column;
    return sql`CASE WHEN octet_length(${column}) <= ${maxJsonBytes} THEN ${column} END AS ${column}, octet_length(${column}) AS ${size}`;
  };
  return sql`
    SELECT json_group_array(json_array(${sql.raw(cells.join(", "))})) AS rows
    FROM (SELECT ${sql.join([sql.raw(columns.join(", ")), ...json.map(bounded)])} ${from})`;
}
