import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  type RawNode,
  type TransactionSettings,
} from "kysely";
import type { Pool, PoolClient } from "pg";
import type { VariantNode } from "../sql/per-database.js";
import { isReadOnly, translatePostgresError } from "./postgres-error.js";

export function postgresDialect(pool: Pool): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new PoolDriver(pool),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new VariantCompiler(),
  };
}

class VariantCompiler extends PostgresQueryCompiler {
  protected override visitRaw(node: RawNode): void {
    if (isVariant(node)) this.visitNode(node.postgres());
    else super.visitRaw(node);
  }
}

function isVariant(node: RawNode): node is VariantNode {
  return "postgres" in node;
}

/** A paused process, or one that is cut off, must not keep its locks. */
const TIMEOUTS = { statement_timeout: "30s", idle_in_transaction_session_timeout: "10s" };

/**
 * The settings are of this transaction, because a pooler in front of the database rejects them as startup parameters. Every query
 * finds its rows by an index, and compiling one (jit) takes longer than running it.
 */
const BEGIN = beginStatement("BEGIN", { ...TIMEOUTS, enable_seqscan: "off", jit: "off" });

/** Queries by an index, in its order, run with these settings. */
const BEGIN_READ_ONLY = beginStatement("BEGIN READ ONLY", {
  ...TIMEOUTS,
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  enable_sort: "off",
  jit: "off",
});

function beginStatement(statement: string, settings: Readonly<Record<string, string>>): string {
  const set = Object.entries(settings).map(([name, value]) => `SET LOCAL ${name} = '${value}'`);
  return [statement, ...set].join("; ");
}

class PoolDriver implements Driver {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<PooledConnection> {
    try {
      return new PooledConnection(await this.#pool.connect());
    } catch (error) {
      throw translatePostgresError(error);
    }
  }

  async beginTransaction(connection: PooledConnection, { accessMode }: TransactionSettings): Promise<void> {
    await connection.begin(accessMode === "read only" ? BEGIN_READ_ONLY : BEGIN);
  }

  async commitTransaction(connection: PooledConnection): Promise<void> {
    if ((await connection.run("COMMIT")) === "ROLLBACK")
      throw new Error("The transaction was rolled back: a statement had failed");
  }

  async rollbackTransaction(connection: PooledConnection): Promise<void> {
    await connection.rollBack();
  }

  async releaseConnection(connection: PooledConnection): Promise<void> {
    connection.release();
  }

  async destroy(): Promise<void> {
    await this.#pool.end();
  }
}

class PooledConnection implements DatabaseConnection {
  readonly #client: PoolClient;
  /** A statement may still be running on it, or its server isn't the primary any more. */
  #isBroken = false;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  /** Gives a statement no name: the next server connection of a pooler in transaction mode wouldn't know it. */
  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const { command, rowCount, rows } = await this.#query(sql, parameters.map(withoutNul));
    const hasChanged = command === "INSERT" || command === "UPDATE" || command === "DELETE";
    return hasChanged ? { rows, numAffectedRows: BigInt(rowCount ?? 0) } : { rows };
  }

  /** A transaction that has only half begun would stay open for the next user. */
  async begin(text: string): Promise<void> {
    try {
      await this.run(text);
    } catch (error) {
      this.#isBroken = true;
      throw error;
    }
  }

  /** A broken connection is closed, which ends its transaction: it would answer no sooner than the statement before. */
  async rollBack(): Promise<void> {
    if (!this.#isBroken) await this.run("ROLLBACK");
  }

  /** Returns the server's word for what it did. */
  async run(text: string): Promise<string> {
    return (await this.#query(text, [])).command;
  }

  // biome-ignore lint/correctness/useYield: not used
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error("Queries aren't streamed");
  }

  release(): void {
    this.#client.release(this.#isBroken);
  }

  async #query(text: string, values: unknown[]) {
    try {
      return await this.#client.query(text, values);
    } catch (error) {
      this.#isBroken ||= !isFromServer(error) || isReadOnly(error);
      throw translatePostgresError(error);
    }
  }
}

/** After such an error the connection can be used. */
function isFromServer(error: unknown): boolean {
  return error instanceof Error && "severity" in error && error.severity === "ERROR";
}

/** PostgreSQL's text can't contain U+0000. JSON escapes it. */
function withoutNul(value: unknown): unknown {
  if (typeof value === "string") return value.includes("\0") ? value.replaceAll("\0", "\ufffd") : value;
  return Array.isArray(value) ? value.map(withoutNul) : value;
}
