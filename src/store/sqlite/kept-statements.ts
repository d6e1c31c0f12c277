/** A better-sqlite3 database as Kysely wants to see it: statements kept prepared, errors in the product's words. */
import type { Database } from "better-sqlite3";
import type { SqliteDatabase, SqliteStatement } from "kysely";
import { translateSqliteError } from "./sqlite-error.js";

/** More than the store has queries; only listings by many combinations of filters could go beyond it. */
const MOST_STATEMENTS = 256;

/** The least recently used statement is given up first: preparing one costs more than most of them take to run. */
export function keepStatements(database: Database): SqliteDatabase {
  const kept = new Map<string, SqliteStatement>();
  return {
    prepare(sql) {
      const statement = kept.get(sql) ?? translated(() => prepare(database, sql));
      kept.delete(sql);
      kept.set(sql, statement);
      if (kept.size > MOST_STATEMENTS) dropOldest(kept);
      return statement;
    },
    close: () => void database.close(),
  };
}

function prepare(database: Database, sql: string): SqliteStatement {
  const statement = database.prepare<unknown[]>(sql);
  return {
    reader: statement.reader,
    all: (parameters) => translated(() => statement.all(...parameters)),
    run: (parameters) => translated(() => statement.run(...parameters)),
    iterate: (parameters) => translated(() => statement.iterate(...parameters)),
  };
}

function translated<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw translateSqliteError(error);
  }
}

function dropOldest(statements: Map<string, SqliteStatement>): void {
  for (const sql of statements.keys()) {
    statements.delete(sql);
    return;
  }
}
