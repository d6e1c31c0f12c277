/** Its transactions fit a file that two processes share. */
import { resolve } from "node:path";
import type { Database, Statement } from "better-sqlite3";
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
import { isBusy, translateSqliteError } from "./sqlite-error.js";

/** Another process's transaction is waited for so long. */
const LOCK_WAIT_MS = 5_000;
/** SQLite's own wait blocks the process, so it is short. */
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
  /** `file` is null for a database in memory, which has no other connection. */
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

/** The store has fewer usual queries. */
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
    run: (parameters) =>
      translateErrors(() => (isBatch(parameters) ? runBatch(statement, parameters) : statement.run(...parameters))),
    iterate: (parameters) => translateErrors(() => statement.iterate(...parameters)),
  };
}

/** A list has the parameters of one of many runs (sql/batches.ts), as no value is a list. */
function isBatch(parameters: readonly unknown[]): parameters is readonly unknown[][] {
  return Array.isArray(parameters[0]);
}

function runBatch(statement: Statement, rows: readonly unknown[][]): ReturnType<SqliteStatement["run"]> {
  let changes = 0;
  for (const row of rows) changes += statement.run(row).changes;
  return { changes, lastInsertRowid: 0 };
}

function translateErrors<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw translateSqliteError(error);
  }
}

// The write lock of SQLite is waited for without blocking the process.

const lastTurns = new Map<string, Promise<void>>();

/** Waits for this process's earlier writers, which SQLite's own wait would block. The returned function ends the turn. */
async function takeTurn(file: string): Promise<() => void> {
  const before = lastTurns.get(file);
  let end = (): void => {};
  const turn = new Promise<void>((resolve) => {
    end = resolve;
  });
  lastTurns.set(file, turn);
  await before;
  return () => {
    if (lastTurns.get(file) === turn) lastTurns.delete(file);
    end();
  };
}

/** After this long without a busy error, a new wait begins. */
const FORGET_AFTER_MS = 1_000;
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

/** Counts from the first busy error, not per transaction: queued ones fail as soon as the first. */
class LockRetry {
  readonly #clock: Clock;
  readonly #waitMs: number;
  #busySince = 0;
  #busyAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, waitMs: number) {
    this.#clock = clock;
    this.#waitMs = waitMs;
  }

  /** Rejects with the busy error after the wait. */
  async run(work: () => Promise<unknown>): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        await work();
        this.#busyAt = Number.NEGATIVE_INFINITY;
        return;
      } catch (error) {
        if (!isBusy(error) || this.#isOver()) throw error;
      }
      await this.#clock.sleepUntil(this.#clock.now() + pauseMs);
    }
  }

  #isOver(): boolean {
    const now = this.#clock.monotonicMs();
    if (now - this.#busyAt > FORGET_AFTER_MS) this.#busySince = now;
    this.#busyAt = now;
    return now - this.#busySince >= this.#waitMs;
  }
}
