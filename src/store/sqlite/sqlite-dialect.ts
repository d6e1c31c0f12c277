/** Transactions fit a file shared by two processes. */
import { resolve } from "node:path";
import type { Database } from "better-sqlite3";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type SqliteStatement,
} from "kysely";
import type { Clock } from "../../platform/clock.js";
import { translateSqliteError } from "./sqlite-error.js";
import { LockRetry, takeTurn } from "./write-lock.js";

/** For another process's transaction. */
const LOCK_WAIT_MS = 5_000;
/** The process blocks meanwhile. */
const BLOCKING_WAIT_MS = 10;

export function sqliteDialect(database: Database, clock: Clock, { lockWaitMs = LOCK_WAIT_MS } = {}): Dialect {
  database.pragma(`busy_timeout = ${BLOCKING_WAIT_MS}`);
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new WritingDriver(database, clock, lockWaitMs),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

class WritingDriver extends SqliteDriver {
  readonly #database: Database;
  readonly #lock: LockRetry;
  /** null: in memory, no other connection. */
  readonly #file: string | null;
  #endTurn: () => void = () => {};

  constructor(database: Database, clock: Clock, lockWaitMs: number) {
    super({ database: cacheStatements(database) });
    this.#lock = new LockRetry(clock, lockWaitMs);
    this.#database = database;
    this.#file = database.memory ? null : resolve(database.name);
  }

  /** Takes the write lock first: SQLite rejects a stale snapshot's write at once, whatever the timeout. */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    const endTurn = this.#file === null ? () => {} : await takeTurn(this.#file);
    try {
      await this.#lock.run(() => connection.executeQuery(CompiledQuery.raw("BEGIN IMMEDIATE")));
      this.#endTurn = endTurn;
    } catch (error) {
      endTurn();
      throw error;
    }
  }

  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("COMMIT"));
    this.#endTurn();
  }

  /** A full disk has ended the transaction: ROLLBACK would hide the reason. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      if (this.#database.inTransaction) await connection.executeQuery(CompiledQuery.raw("ROLLBACK"));
    } finally {
      this.#endTurn();
    }
  }
}

/** More than the store's usual queries. */
const MAX_STATEMENTS = 256;

/** Least recently used ones go first. */
function cacheStatements(database: Database): SqliteDatabase {
  const cache = new Map<string, SqliteStatement>();
  return {
    prepare(sql) {
      const statement = cache.get(sql) ?? translateErrors(() => prepare(database, sql));
      cache.delete(sql);
      cache.set(sql, statement);
      if (cache.size > MAX_STATEMENTS) {
        const [oldest = ""] = cache.keys();
        cache.delete(oldest);
      }
      return statement;
    },
    close: () => void database.close(),
  };
}

function prepare(database: Database, sql: string): SqliteStatement {
  const statement = database.prepare<unknown[]>(sql);
  return {
    reader: statement.reader,
    all: (parameters) => translateErrors(() => statement.all(...parameters)),
    run: (parameters) => translateErrors(() => statement.run(...parameters)),
    iterate: (parameters) => translateErrors(() => statement.iterate(...parameters)),
  };
}

function translateErrors<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw translateSqliteError(error);
  }
}
