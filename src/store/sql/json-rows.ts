/** Rows as one JSON text: on SQLite, half the time of row objects. */
import { type RawBuilder, sql } from "kysely";
import type { Db } from "../schema.js";
import { inGivenOrder } from "./batches.js";
import { perDatabase } from "./per-database.js";
import { executeByIndex } from "./transactions.js";

export interface JsonColumns {
  readonly columns: readonly string[];
  /** JSON columns; they come last, parsed. */
  readonly json?: readonly string[];
  /** A longer JSON cell is null, unread. */
  readonly maxJsonBytes?: RawBuilder<unknown>;
}

/** `from`: FROM and the rest of the query. `Row` must be the columns' types. */
export async function readRows<Row>(db: Db, columns: JsonColumns, from: RawBuilder<unknown>): Promise<readonly Row[]> {
  const { rows } = await sql<{ rows: string }>`${jsonRows(columns, from)}`.execute(db);
  return JSON.parse(rows[0]?.rows ?? "[]");
}

/** As `readRows`, for each row of the query `batch`, in its order: it reads a `batchOf` first. `from` may name `batch` and its columns. */
export async function readRowsOfEach<Row>(
  db: Db,
  columns: JsonColumns,
  batch: RawBuilder<unknown>,
  from: RawBuilder<unknown>,
): Promise<readonly (readonly Row[])[]> {
  const { rows } = await executeByIndex(
    db,
    sql<{ rows: string }>`
      WITH batch AS MATERIALIZED (${batch} ${inGivenOrder}) SELECT (${jsonRows(columns, from)}) AS rows FROM batch`,
  );
  return rows.map((row) => JSON.parse(row.rows));
}

function jsonRows({ columns, json = [], maxJsonBytes }: JsonColumns, from: RawBuilder<unknown>): RawBuilder<unknown> {
  const sizes = maxJsonBytes === undefined ? [] : json.map((column) => `${column}_bytes`);
  const cellsOf = (asJson: (column: string) => string) => sql.raw([...columns, ...json.map(asJson), ...sizes].join(", "));
  const bounded = (name: string): RawBuilder<unknown> => {
    const [column, size] = [sql.raw(name), sql.raw(`${name}_bytes`)];
    if (maxJsonBytes === undefined) return column;
    return sql`CASE WHEN octet_length(${column}) <= ${maxJsonBytes} THEN ${column} END AS ${column}, octet_length(${column}) AS ${size}`;
  };
  const rows = perDatabase({
    sqlite: sql`json_group_array(json_array(${cellsOf((column) => `json(${column})`)}))`,
    postgres: () =>
      sql`coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(${cellsOf((column) => `${column}::json`)})), '[]')::text`,
  });
  return sql`
    SELECT ${rows} AS rows
    FROM (SELECT ${sql.join([sql.raw(columns.join(", ")), ...json.map(bounded)])} ${from}) AS found`;
}
