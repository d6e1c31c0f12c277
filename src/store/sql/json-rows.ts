/** Rows are read as one JSON text: on SQLite, that takes half the time of row objects. */
import { type RawBuilder, sql } from "kysely";
import type { Db, Row, Schema } from "../schema.js";
import { inGivenOrder } from "./batches.js";
import { perDatabase } from "./per-database.js";
import { executeByIndex } from "./transactions.js";

/** `CellsOf` are what a row has in these columns, in their order. */
export type CellsOf<Table extends keyof Schema, Columns extends readonly unknown[]> = {
  readonly [Place in keyof Columns]: Columns[Place] extends keyof Row<Table> ? Row<Table>[Columns[Place]] : never;
};

/** `from` is FROM and the rest of a query that reads `table`. */
export function readRows<Table extends keyof Schema, const Columns extends readonly (keyof Row<Table> & string)[]>(
  db: Db,
  _table: Table,
  columns: Columns,
  from: RawBuilder<unknown>,
): Promise<readonly CellsOf<Table, Columns>[]> {
  return readJsonRows(db, { columns }, from);
}

export interface JsonColumns {
  readonly columns: readonly string[];
  /** The column has JSON. Its value and its bytes precede the other columns. A longer value is null, unread. */
  readonly json?: { readonly name: string; readonly maxBytes: RawBuilder<unknown> };
}

/** Does what `readRows` does, for rows whose type the caller knows. */
export async function readJsonRows<Cells>(db: Db, columns: JsonColumns, from: RawBuilder<unknown>): Promise<readonly Cells[]> {
  const { rows } = await sql<{ rows: string }>`${jsonRows(columns, from)}`.execute(db);
  return JSON.parse(rows[0]?.rows ?? "[]");
}

/** Does what `readJsonRows` does, for each row of the query `batch`, in its order. `from` may name its columns. */
export async function readJsonRowsOfEach<Cells>(
  db: Db,
  columns: JsonColumns,
  batch: RawBuilder<unknown>,
  from: RawBuilder<unknown>,
): Promise<readonly (readonly Cells[])[]> {
  const { rows } = await executeByIndex(
    db,
    sql<{ rows: string }>`
      WITH batch AS MATERIALIZED (${batch} ${inGivenOrder}) SELECT (${jsonRows(columns, from)}) AS rows FROM batch`,
  );
  return rows.map((row) => JSON.parse(row.rows));
}

function jsonRows({ columns, json }: JsonColumns, from: RawBuilder<unknown>): RawBuilder<unknown> {
  const cells = columns.join(", ");
  const { selected, sqlite, postgres } = json === undefined ? NO_JSON : jsonTerms(json);
  const rows = perDatabase({
    sqlite: sql.raw(`json_group_array(json_array(${sqlite}${cells}))`),
    postgres: () => sql.raw(`coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(${postgres}${cells})), '[]')::text`),
  });
  return sql`SELECT ${rows} AS rows FROM (SELECT ${selected}${sql.raw(cells)} ${from}) AS found`;
}

const NO_JSON = { selected: sql``, sqlite: "", postgres: "" };

function jsonTerms({ name, maxBytes }: NonNullable<JsonColumns["json"]>) {
  const size = `octet_length(${name})`;
  return {
    selected: sql`CASE WHEN ${sql.raw(size)} <= ${maxBytes} THEN ${sql.raw(`${name} END AS ${name}, ${size} AS ${name}_bytes, `)}`,
    sqlite: `json(${name}), ${name}_bytes, `,
    postgres: `${name}::json, ${name}_bytes, `,
  };
}
