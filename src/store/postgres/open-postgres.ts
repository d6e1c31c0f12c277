import { Kysely, sql } from "kysely";
import pg from "pg";
import { WhcbError } from "../../domain/errors.js";
import type { Migrated } from "../../domain/maintenance.js";
import { parseUrl } from "../../domain/mask.js";
import type { Db, Schema } from "../schema.js";
import { PostgresClient } from "./postgres-client.js";
import { postgresDialect } from "./postgres-dialect.js";
import { LATEST_VERSION } from "./postgres-migration-steps.js";
import { migratePostgres, requireNotNewer, requireUsable } from "./postgres-migrations.js";

export interface PostgresOptions {
  /** The URL is postgres://user:password@host:port/database. */
  readonly url: string;
  readonly mustExist: boolean;
}

/**
 * Opens the database and migrates it. Throws `config` for a database that can't be used, and `unavailable` for what may pass. No
 * message has the URL's password.
 */
export async function openPostgres(options: PostgresOptions): Promise<Db> {
  await migratePostgresAt(options);
  return new Kysely<Schema>({ dialect: postgresDialect(openPool(options.url, { answerTimeoutMs: ANSWER_TIMEOUT_MS })) });
}

/** Throws as `openPostgres` does. */
export async function migratePostgresAt({ url, mustExist }: PostgresOptions): Promise<Migrated> {
  const name = nameOf(url);
  // Another node's migration may take long, so this connection waits.
  const patient = new Kysely<Schema>({ dialect: postgresDialect(openPool(url)) });
  try {
    const from = await migratePostgres(patient, { name, mustExist });
    return { from, to: Math.max(from, LATEST_VERSION) };
  } finally {
    await patient.destroy();
  }
}

/** Opens the database without migrating it, and without a limit of time. Throws as `openPostgres`, and `config` if older. */
export async function openPostgresAsIs(url: string): Promise<Db> {
  const name = nameOf(url);
  const db = new Kysely<Schema>({ dialect: postgresDialect(openPool(url)) });
  try {
    await requireUsable(db, name);
    return db;
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

/** Throws `config` for a newer version, even if this one's statements fit it. */
export function requireNotNewerAt(url: string, db: Db): Promise<void> {
  return requireNotNewer(db, nameOf(url));
}

const MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 10_000;
/** `ANSWER_TIMEOUT_MS` is longer than statement_timeout. */
const ANSWER_TIMEOUT_MS = 40_000;
const IDLE_CONNECTION_MS = 60_000;

/** Tells which database of which cluster it is. Returns null if the user may not read the cluster's id. */
export async function readPlace(db: Db): Promise<string | null> {
  const { rows: privileges } = await sql<{ mayRead: number }>`
    SELECT has_function_privilege('pg_control_system()', 'EXECUTE') AS "mayRead"`.execute(db);
  if (!privileges[0]?.mayRead) return null;
  const { rows } = await sql<{ place: string }>`
    SELECT pg_catalog.concat(system_identifier, ' ', oid) AS place
    FROM pg_control_system(), pg_database WHERE datname = current_database()`.execute(db);
  return rows[0]?.place ?? null;
}

export interface PoolLimits {
  readonly maxConnections?: number;
  /** The time for a free connection has this limit too. */
  readonly connectTimeoutMs?: number;
  /** A statement is given up after this time, in case the network hangs. By default it isn't. */
  readonly answerTimeoutMs?: number;
}

/** Opens its connections as they are needed. */
export function openPool(url: string, limits: PoolLimits = {}): pg.Pool {
  const types = new pg.TypeOverrides();
  // Sums and counters stay below 2^53.
  types.setTypeParser(pg.types.builtins.INT8, Number);
  types.setTypeParser(pg.types.builtins.NUMERIC, Number);
  types.setTypeParser(pg.types.builtins.BOOL, (text) => (text === "t" ? 1 : 0));
  types.setTypeParser(pg.types.builtins.JSON, (text) => text);
  const pool = new pg.Pool({
    Client: PostgresClient,
    connectionString: url,
    types,
    max: limits.maxConnections ?? MAX_CONNECTIONS,
    connectionTimeoutMillis: limits.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    ...(limits.answerTimeoutMs !== undefined && { query_timeout: limits.answerTimeoutMs }),
    idleTimeoutMillis: IDLE_CONNECTION_MS,
    keepAlive: true,
    application_name: "whcb",
  });
  // A lost connection is reported by the statement that needs it, or replaced.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

/** Returns host and database without user and password. Throws `config` for an invalid URL. */
function nameOf(url: string): string {
  const parsed = parseUrl(url);
  if (parsed === null) {
    throw new WhcbError("config", "The database's URL is invalid", { hint: "Write it as postgres://user@host:5432/database" });
  }
  return `${parsed.host}${parsed.pathname}`;
}
