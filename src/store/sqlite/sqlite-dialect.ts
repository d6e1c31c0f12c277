/** Kysely on one better-sqlite3 connection, with transactions that fit a file shared by two processes. */
import { resolve } from "node:path";
import type { Database } from "better-sqlite3";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  SqliteAdapter,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { keepStatements } from "./kept-statements.js";
import { LockPatience } from "./lock-patience.js";
import { takeTurn } from "./write-turns.js";

/** How long a transaction waits for another process's, unless said otherwise. */
const LOCK_WAIT_MS = 5_000;
/** A statement alone hardly meets a lock; while SQLite itself waits for one, the whole process does. */
const BLOCKING_WAIT_MS = 10;

export function sqliteDialect(database: Database, { lockWaitMs = LOCK_WAIT_MS } = {}): Dialect {
  database.pragma(`busy_timeout = ${BLOCKING_WAIT_MS}`);
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new WritingDriver(database, lockWaitMs),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

class WritingDriver extends SqliteDriver {
  readonly #database: Database;
  readonly #patience: LockPatience;
  /** Null for a database in memory, which nobody else can see. */
  readonly #file: string | null;
  #endTurn: () => void = () => {};

  constructor(database: Database, lockWaitMs: number) {
    super({ database: keepStatements(database) });
    this.#patience = new LockPatience(lockWaitMs);
    this.#database = database;
    this.#file = database.memory ? null : resolve(database.name);
  }

  /**
   * All transactions of the store write. One that began by reading could not wait for another process's write lock: its
   * snapshot would be old by then, and SQLite refuses that at once, busy timeout or not.
   */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    const endTurn = this.#file === null ? () => {} : await takeTurn(this.#file);
    try {
      await this.#patience.through(() => connection.executeQuery(CompiledQuery.raw("BEGIN IMMEDIATE")));
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

  /** A full disk or a failed write has ended the transaction already: another ROLLBACK would fail and hide the reason. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      if (this.#database.inTransaction) await connection.executeQuery(CompiledQuery.raw("ROLLBACK"));
    } finally {
      this.#endTurn();
    }
  }
}
