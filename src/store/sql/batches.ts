/** Many rows are passed in few parameters, so the statement's text is constant. */
import { CompiledQuery, type Insertable, type RawBuilder, sql } from "kysely";
import { replaceCharacters } from "../../platform/unsafe-characters.js";
import { type CellType, type Db, type Json, type Schema, TABLES } from "../schema.js";
import { isPostgres, perDatabase } from "./per-database.js";

export type Cell = string | number | null | Json;

/** Returns, for FROM, a table `batch` with these columns. */
export function batchOf<Name extends string>(
  types: Readonly<Record<Name, CellType>>,
  rows: readonly Readonly<Record<Name, Cell>>[],
): RawBuilder<unknown> {
  const named = Object.entries<CellType>(types);
  return batchOfCells(named, cellsOf(named, rows));
}

type NamedTypes = readonly (readonly [name: string, type: CellType])[];

function cellsOf(types: NamedTypes, rows: readonly Readonly<Record<string, Cell>>[]): readonly (readonly Cell[])[] {
  return rows.map((row) => types.map(([name]) => row[name] ?? null));
}

/** Names are part of the text, as a node of each would cost as much as the statement itself. */
function batchOfCells(types: NamedTypes, rows: readonly (readonly Cell[])[]): RawBuilder<unknown> {
  const [first] = rows;
  if (first !== undefined && rows.length === 1 && first.some(isLong)) return batchOfOne(types, first);
  const cells = types.map(([name, type], index) => `value ${type === "json" ? "->" : "->>"} ${index} AS "${name}"`);
  return perDatabase({
    sqlite: sql`(SELECT ${sql.raw(cells.join(", "))} FROM json_each(${JSON.stringify(rows)})) AS batch`,
    postgres: () => {
      const columns = types.map(([, type], index) =>
        unnest(
          rows.map((row) => row[index] ?? null),
          type,
        ),
      );
      const names = types.map(([name]) => `"${name}"`);
      return sql`ROWS FROM (${sql.join(columns)}) WITH ORDINALITY AS batch(${sql.raw(names.join(", "))}, place)`;
    },
  });
}

/** A text of many MB has a row of its own (accept-calls.ts), and JSON, or an array's text, would multiply it. */
function batchOfOne(types: NamedTypes, row: readonly Cell[]): RawBuilder<unknown> {
  const cells = types.map(([name, type], index) => {
    const value = row[index] ?? null;
    const cell = type === "json" && value !== null ? JSON.stringify(value) : value;
    return sql`CAST(${cell} AS ${sql.raw(type === "bigint" ? "bigint" : "text")}) AS ${sql.raw(`"${name}"`)}`;
  });
  return sql`(SELECT ${sql.join(cells)}, 1 AS place) AS batch`;
}

/**
 * Inserts the rows, which all have the same columns, by one statement, and does nothing without a row. `rest` is the end of the statement:
 * ON CONFLICT, or RETURNING, whose columns this resolves to.
 */
export async function insertRows<Table extends keyof Schema, Given extends InsertedRow<Table>, Returned = unknown>(
  db: Db,
  table: Table,
  rows: readonly Given[],
  rest: RawBuilder<Returned>,
): Promise<readonly Returned[]> {
  const [first] = rows;
  if (first === undefined) return [];
  const types = Object.keys(first).map((name) => [name, cellType(table, name)] as const);
  const names = sql.raw(types.map(([name]) => `"${name}"`).join(", "));
  const batch = batchOfCells(types, cellsOf(types, rows));
  const inserted = await sql<Returned>`
    INSERT INTO ${sql.raw(table)} (${names}) SELECT ${names} FROM ${batch} WHERE true ${rest}`.execute(db);
  return inserted.rows;
}

/** Inserting costs SQLite least by statements of so many rows: two thirds of a JSON parameter with all of them (docs/adr/0011). */
const ROWS_A_STATEMENT = 8;

type CallCells = Readonly<Record<string, string | number>>;

/** Inserts those of the calls whose id is new, and resolves to their number. All have the cells in `same`, besides their own. */
export async function insertNewCalls(db: Db, same: CallCells, rows: readonly CallCells[]): Promise<number> {
  const [first] = rows;
  if (first === undefined) return 0;
  const names = Object.keys(first);
  const into = `INSERT INTO calls (${[...Object.keys(same), ...names].join(", ")})`;
  const unlessStored = "ON CONFLICT (id) DO NOTHING";
  const sameCells = Object.values(same);
  if (isPostgres(db)) {
    const types = names.map((name) => [name, cellType("calls", name)] as const);
    const { numAffectedRows } = await sql`
      ${sql.raw(into)} SELECT ${sql.join(sameCells)}, ${sql.raw(names.join(", "))}
      FROM ${batchOfCells(types, cellsOf(types, rows))} WHERE true ${sql.raw(unlessStored)}`.execute(db);
    return Number(numAffectedRows ?? 0n);
  }
  const row = `(${[...sameCells, ...names].map(() => "?").join(", ")})`;
  const insert = async (rowsEach: number, some: readonly CallCells[]): Promise<number> => {
    if (some.length === 0) return 0;
    const groups: (string | number)[][] = [];
    for (const [index, given] of some.entries()) {
      if (index % rowsEach === 0) groups.push([]);
      groups.at(-1)?.push(...sameCells, ...Object.values(given));
    }
    const values = Array<string>(rowsEach).fill(row).join(", ");
    const { numAffectedRows } = await db.executeQuery(CompiledQuery.raw(`${into} VALUES ${values} ${unlessStored}`, groups));
    return Number(numAffectedRows ?? 0n);
  };
  const rest = rows.length % ROWS_A_STATEMENT;
  return (await insert(ROWS_A_STATEMENT, rows.slice(0, rows.length - rest))) + (await insert(1, rows.slice(rows.length - rest)));
}

type InsertedRow<Table extends keyof Schema> = Insertable<Schema[Table]> & Readonly<Record<string, Cell>>;

function cellType(table: keyof Schema, name: string): CellType {
  const columns: Readonly<Record<string, { readonly type: CellType | "bytea" }>> = TABLES[table];
  const type = columns[name]?.type;
  if (type === undefined || type === "bytea") throw new TypeError(`${table}.${name} can't be a cell of a batch`);
  return type;
}

/** Returns, for DO UPDATE SET, what gives these columns their new values. */
export function newValues(names: readonly string[]): RawBuilder<unknown> {
  return sql.raw(names.map((name) => `${name} = excluded.${name}`).join(", "));
}

/** Returns, for DO UPDATE SET, what adds these columns' new values to what they have. */
export function addedValues(table: keyof Schema, names: readonly string[]): RawBuilder<unknown> {
  return sql.raw(names.map((name) => `${name} = ${table}.${name} + excluded.${name}`).join(", "));
}

/** Returns, for FROM, a table `batch` with a column `value`. */
export function valueList(values: readonly (string | number)[], type: "bigint" | "text"): RawBuilder<unknown> {
  return perDatabase({
    sqlite: sql`(SELECT value FROM json_each(${JSON.stringify(values)})) AS batch`,
    postgres: () => sql`${unnest(values, type)} WITH ORDINALITY AS batch(value, place)`,
  });
}

/** Returns a condition on the term before it: its value is one of these. */
export function inList(values: readonly (string | number)[], type: "bigint" | "text"): RawBuilder<unknown> {
  return sql`IN (SELECT batch.value FROM ${valueList(values, type)})`;
}

/** The order is that in which a batch or list was given. SQLite joins it first, so it needs no sort. */
export const inGivenOrder = perDatabase({ sqlite: sql``, postgres: () => sql`ORDER BY batch.place` });

function unnest(values: readonly Cell[], type: CellType): RawBuilder<unknown> {
  if (type === "bigint") return sql`pg_catalog.unnest(${values}::bigint[])`;
  const texts = values.map((value) => (value === null ? null : type === "json" ? JSON.stringify(value) : String(value)));
  return sql`pg_catalog.unnest(${arrayText(texts)}::text[])`;
}

const LONG = 65_536;
const isLong = (cell: Cell): boolean => typeof cell === "string" && cell.length > LONG;

const ESCAPED_IN_ARRAYS = /[\\"]/g;

/** Returns PostgreSQL's text of an array. The driver's own takes hundreds of MB for a long value of quotes or line breaks. */
function arrayText(values: readonly (string | null)[]): string {
  const items = values.map((value) => {
    if (value === null) return "NULL";
    const escaped =
      value.length > LONG
        ? replaceCharacters(value, ESCAPED_IN_ARRAYS, (character) => `\\${character}`)
        : value.replace(ESCAPED_IN_ARRAYS, "\\$&");
    return `"${escaped}"`;
  });
  return `{${items.join()}}`;
}

/**
 * Sets these columns of calls. A row has the columns' values, then the call's seq. On SQLite a statement per row is cheaper than a JSON
 * parameter with the rows (docs/adr/0011).
 */
export async function updateCalls(
  db: Db,
  columns: readonly (keyof Schema["calls"] & string)[],
  rows: readonly (readonly (string | number | null)[])[],
): Promise<void> {
  if (rows.length === 0) return;
  if (isPostgres(db)) {
    const types = [...columns, "seq" as const].map((name) => [name, cellType("calls", name)] as const);
    const sets = columns.map((column) => sql`${sql.ref(column)} = batch.${sql.ref(column)}`);
    await sql`
      UPDATE calls SET ${sql.join(sets)} FROM ${batchOfCells(types, rows)} WHERE calls.seq = batch.seq`.execute(db);
  } else {
    const sets = columns.map((column) => `${column} = ?`).join(", ");
    await db.executeQuery(CompiledQuery.raw(`UPDATE calls SET ${sets} WHERE seq = ?`, [...rows]));
  }
}
