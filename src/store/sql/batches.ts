/** Many rows in few parameters: the statement's text is constant. */
import { CompiledQuery, type RawBuilder, sql } from "kysely";
import type { Db } from "../schema.js";
import { isPostgres, perDatabase } from "./per-database.js";

export type Cell = string | number | null | readonly Cell[] | Readonly<Record<string, string>>;

/** json: a list or object, as JSON text. */
export type CellType = "bigint" | "text" | "json";

/** For FROM: a table `batch`; read it with `cell` and `jsonCell`. */
export function batchOf(rows: readonly (readonly Cell[])[], types: readonly CellType[]): RawBuilder<unknown> {
  return perDatabase({
    sqlite: sql`(SELECT value FROM json_each(${JSON.stringify(rows)})) AS batch`,
    postgres: () => {
      const columns = types.map((type, index) =>
        unnest(
          rows.map((row) => row[index] ?? null),
          type,
        ),
      );
      const names = types.map((_, index) => sql.raw(`c${index}`));
      return sql`ROWS FROM (${sql.join(columns)}) WITH ORDINALITY AS batch(${sql.join(names)}, place)`;
    },
  });
}

/** A number, text or null. */
export function cell(index: number): RawBuilder<unknown> {
  return cellAt(CELLS, index);
}

/** JSON text. */
export function jsonCell(index: number): RawBuilder<unknown> {
  return cellAt(JSON_CELLS, index);
}

const MAX_CELLS = 16;
/** Made once: a batch in a hot path has a dozen. */
const [CELLS, JSON_CELLS] = [makeCells("->>"), makeCells("->")];

function makeCells(operator: "->>" | "->"): readonly RawBuilder<unknown>[] {
  return Array.from({ length: MAX_CELLS }, (_, index) =>
    perDatabase({ sqlite: sql.raw(`batch.value ${operator} ${index}`), postgres: () => sql.raw(`batch.c${index}`) }),
  );
}

function cellAt(cells: readonly RawBuilder<unknown>[], index: number): RawBuilder<unknown> {
  const found = cells[index];
  if (found === undefined) throw new RangeError(`A batch has at most ${MAX_CELLS} cells a row`);
  return found;
}

/** For FROM: a table `batch` with a column `value`. */
export function listOf(values: readonly (string | number)[], type: "bigint" | "text"): RawBuilder<unknown> {
  return perDatabase({
    sqlite: sql`(SELECT value FROM json_each(${JSON.stringify(values)})) AS batch`,
    postgres: () => sql`${unnest(values, type)} WITH ORDINALITY AS batch(value, place)`,
  });
}

/** In the order in which a batch or list was given: SQLite joins it first, so it needs no sort. */
export const inGivenOrder = perDatabase({ sqlite: sql``, postgres: () => sql`ORDER BY batch.place` });

function unnest(values: readonly Cell[], type: CellType): RawBuilder<unknown> {
  if (type !== "json") return sql`pg_catalog.unnest(${values}::${sql.raw(type)}[])`;
  return sql`pg_catalog.unnest(${values.map((value) => (value === null ? null : JSON.stringify(value)))}::text[])`;
}

/**
 * Sets `columns` of the row with this key, for every row: the columns' values, then the key. On SQLite a statement per row, cheaper than a
 * JSON parameter with the rows (docs/adr/0011).
 */
export async function updateEach(
  db: Db,
  { table, columns, types, key }: Update,
  rows: readonly (readonly (string | number | null)[])[],
): Promise<void> {
  if (rows.length === 0) return;
  if (isPostgres(db)) {
    const sets = columns.map((column, index) => sql`${sql.ref(column)} = ${cell(index)}`);
    await sql`
      UPDATE ${sql.table(table)} SET ${sql.join(sets)} FROM ${batchOf(rows, [...types, "bigint"])}
      WHERE ${sql.ref(`${table}.${key}`)} = ${cell(columns.length)}`.execute(db);
  } else {
    const sets = columns.map((column) => `${column} = ?`).join(", ");
    await db.executeQuery(CompiledQuery.raw(`UPDATE ${table} SET ${sets} WHERE ${key} = ?`, [...rows]));
  }
}

export interface Update {
  readonly table: string;
  readonly columns: readonly string[];
  readonly types: readonly CellType[];
  readonly key: string;
}
