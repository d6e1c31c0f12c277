/** SQLite and PostgreSQL share their statements, but for what is here. */
import { type OperationNode, PostgresAdapter, type RawBuilder, type RawNode, sql } from "kysely";
import type { Db } from "../schema.js";

export interface Variants {
  readonly sqlite: RawBuilder<unknown>;
  readonly postgres: () => RawBuilder<unknown>;
}

/** SQLite's compiler sees its own variant; postgres-dialect.ts takes the other one. */
export interface VariantNode extends RawNode {
  readonly postgres: () => OperationNode;
}

export function perDatabase({ sqlite, postgres }: Variants): RawBuilder<unknown> {
  const node = { ...sqlite.toOperationNode(), postgres: () => postgres().toOperationNode() };
  return sql`${{ expressionType: undefined, toOperationNode: () => node }}`;
}

export function isPostgres(db: Db): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter;
}

/** ON follows it. SQLite then reads the tables in this order. */
export const crossJoin = perDatabase({ sqlite: sql`CROSS JOIN`, postgres: () => sql`JOIN` });

/** Rows that are read to be changed are locked, so that other transactions wait. SQLite has one writer. */
export const lockRows = perDatabase({ sqlite: sql``, postgres: () => sql`FOR NO KEY UPDATE` });

/** Rows that are read to be removed are locked, without those that another transaction changes. */
export function lockFreeRows(table: "callbacks" | "calls"): RawBuilder<unknown> {
  return perDatabase({ sqlite: sql``, postgres: () => sql`FOR UPDATE OF ${sql.table(table)} SKIP LOCKED` });
}

/**
 * Waiting calls are in this order. On PostgreSQL their indexes have this term and not the column: otherwise the planner could
 * take the primary key in their place, and read all older calls.
 */
export const seqOfWaiting = perDatabase({ sqlite: sql`seq`, postgres: () => sql`(seq + 0)` });

/** Returns the smaller of two that aren't null. */
export function least(one: RawBuilder<unknown>, other: RawBuilder<unknown> | number): RawBuilder<unknown> {
  return perDatabase({ sqlite: sql`min(${one}, ${other})`, postgres: () => sql`least(${one}, ${other})` });
}

/**
 * Returns a part of a JSON list in a column. On PostgreSQL it is text, which can't contain U+0000. Backslashes are in E'…', whose
 * meaning doesn't depend on a setting of the database.
 */
export function jsonPart(column: "response" | "outcome", index: number): RawBuilder<unknown> {
  const [text, place] = [sql.ref(column), sql.lit(index)];
  return perDatabase({
    sqlite: sql`(${text} ->> ${place})`,
    postgres: () => sql`(replace(${text}, E'\\\\u0000', E'\\\\ufffd')::json ->> ${place})`,
  });
}
