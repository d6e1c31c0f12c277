import { Kysely, sql } from "kysely";
import pg from "pg";
import { WhcbError } from "../../domain/errors.js";
import type { Migrated } from "../../domain/maintenance.js";
import { parseUrl } from "../../domain/mask.js";
import type { Db, Schema } from "../schema.js";
import { PostgresClient, type PostgresClientConfig } from "./postgres-client.js";
import { postgresDialect } from "./postgres-dialect.js";
import { isProtocolError } from "./postgres-error.js";
import { LATEST_VERSION } from "./postgres-migration-steps.js";
import { migratePostgres, requireNotNewer, requireUsable } from "./postgres-migrations.js";

export interface PostgresOptions {
  /** The URL is postgres://user:password@host:port/database. */
  readonly url: string;
  readonly mustExist: boolean;
}

/** A database and the path on which its connections find whcb's tables, which is `findSearchPath`'s. */
export interface OpenedPostgres {
  readonly db: Db;
  readonly searchPath: string | undefined;
}

/**
 * Opens the database and migrates it. Throws `config` for a database that can't be used, and `unavailable` for what may pass. No
 * message has the URL's password.
 */
export async function openPostgres(options: PostgresOptions): Promise<OpenedPostgres> {
  const searchPath = await findSearchPath(options.url);
  await migrateOn(searchPath, options);
  return { db: openDb(options.url, { searchPath, answerTimeoutMs: ANSWER_TIMEOUT_MS }), searchPath };
}

/** Throws as `openPostgres` does. */
export async function migratePostgresAt(options: PostgresOptions): Promise<Migrated> {
  return migrateOn(await findSearchPath(options.url), options);
}

async function migrateOn(searchPath: string | undefined, { url, mustExist }: PostgresOptions): Promise<Migrated> {
  // Another node's migration may take long, so this connection waits.
  const from = await askOnce(url, { searchPath }, (db) => migratePostgres(db, { name: nameOf(url), mustExist }));
  return { from, to: Math.max(from, LATEST_VERSION) };
}

/** Opens the database without migrating it, and without a limit of time. Throws as `openPostgres`, and `config` if older. */
export async function openPostgresAsIs(url: string): Promise<Db> {
  const searchPath = await findSearchPath(url);
  await askOnce(url, { searchPath }, (db) => requireUsable(db, nameOf(url)));
  return openDb(url, { searchPath });
}

/**
 * Returns the path on which connections find whcb's tables: one schema only, so that no other role can put another one before it.
 * Returns undefined if a pooler takes no such parameter and the user's own path begins with that schema. Throws `config` for a path that a
 * pooler keeps open, for one that leads to no schema, and for a schema with the user's name that somebody else has made.
 */
async function findSearchPath(url: string): Promise<string | undefined> {
  const name = nameOf(url);
  // It is qualified and has no operator, because the user's own path may lead to functions of others.
  const own = await askOnce(url, {}, async (db) => {
    const { rows } = await sql<{ schema: string | null; path: string }>`SELECT
      pg_catalog.quote_ident(pg_catalog.current_schema()) AS schema, pg_catalog.current_setting('search_path') AS path`.execute(
      db,
    );
    return rows[0];
  });
  const schema = own?.schema ?? null;
  if (schema === null) throw new WhcbError("config", `${name} has no schema to use`, { hint: "Check the user's search_path." });
  const searchPath = `${schema},pg_temp`;
  const found = await readPath(url, searchPath);
  if (found?.path !== searchPath) {
    if (own?.path.split(",")[0]?.trim() === schema) return undefined;
    throw new WhcbError(
      "config",
      `Another role could put a schema before ${schema} of ${name}, as a pooler takes no search_path`,
      {
        hint: `Set it for the user: ALTER ROLE … SET search_path = ${schema}`,
      },
    );
  }
  if (own?.path.includes("$user") && found.stranger !== null) {
    throw new WhcbError(
      "config",
      `The schema ${schema} of ${name} is of the role ${found.stranger}, which can change its tables`,
      {
        hint: "Drop it, or set the user's search_path to the schema to use: ALTER ROLE … SET search_path = …",
      },
    );
  }
  return searchPath;
}

/** Reads whose schema it is if it has the user's name, unless it is of who could replace the tables anyway. */
async function readPath(url: string, searchPath: string): Promise<{ path: string; stranger: string | null } | undefined> {
  try {
    return await askOnce(url, { searchPath }, async (db) => {
      const { rows } = await sql<{ path: string; stranger: string | null }>`SELECT current_setting('search_path') AS path, (
        SELECT quote_ident(pg_get_userbyid(nspowner)::text) FROM pg_namespace JOIN pg_database ON datname = current_database()
        WHERE nspname = current_schema() AND nspname = current_user
          AND nspowner NOT IN (SELECT oid FROM pg_roles WHERE rolsuper OR rolname = current_user UNION VALUES (datdba))) AS stranger`.execute(
        db,
      );
      return rows[0];
    });
  } catch (error) {
    if (isProtocolError(error)) return undefined;
    throw error;
  }
}

/** Asks what may not be our database yet: its answers are limited. */
async function askOnce<Answer>(url: string, options: PoolOptions, ask: (db: Db) => Promise<Answer>): Promise<Answer> {
  const db = openDb(url, { ...options, isForStart: true });
  try {
    return await ask(db);
  } finally {
    await db.destroy();
  }
}

function openDb(url: string, options: PoolOptions): Db {
  return new Kysely<Schema>({ dialect: postgresDialect(openPool(url, options)) });
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

/** Tells which schema of which database of which cluster it is. Returns null if the user may not read the cluster's id. */
export async function readPlace(db: Db): Promise<string | null> {
  const { rows: privileges } = await sql<{ mayRead: number }>`
    SELECT has_function_privilege('pg_control_system()', 'EXECUTE') AS "mayRead"`.execute(db);
  if (!privileges[0]?.mayRead) return null;
  const { rows } = await sql<{ place: string }>`
    SELECT pg_catalog.concat(system_identifier, ' ', pg_database.oid, ' ', pg_namespace.oid) AS place
    FROM pg_control_system(), pg_database, pg_namespace WHERE datname = current_database() AND nspname = current_schema()`.execute(
    db,
  );
  return rows[0]?.place ?? null;
}

/** Returns what `readPlace` does, whatever version the tables have. Throws as `openPostgres` does. */
export async function readPlaceAt(url: string): Promise<string | null> {
  return askOnce(url, { searchPath: await findSearchPath(url) }, readPlace);
}

export interface PoolOptions extends Pick<PostgresClientConfig, "searchPath" | "isForStart"> {
  readonly maxConnections?: number;
  /** The time for a free connection has this limit too. */
  readonly connectTimeoutMs?: number;
  /** A statement is given up after this time, in case the network hangs. By default it isn't. */
  readonly answerTimeoutMs?: number;
}

/** Opens its connections as they are needed. */
export function openPool(url: string, options: PoolOptions = {}): pg.Pool {
  const types = new pg.TypeOverrides();
  // Sums and counters stay below 2^53.
  types.setTypeParser(pg.types.builtins.INT8, Number);
  types.setTypeParser(pg.types.builtins.NUMERIC, Number);
  types.setTypeParser(pg.types.builtins.BOOL, (text) => (text === "t" ? 1 : 0));
  types.setTypeParser(pg.types.builtins.JSON, (text) => text);
  const config: pg.PoolConfig & PostgresClientConfig = {
    Client: PostgresClient,
    searchPath: options.searchPath,
    isForStart: options.isForStart ?? false,
    connectionString: url,
    types,
    max: options.maxConnections ?? MAX_CONNECTIONS,
    connectionTimeoutMillis: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    ...(options.answerTimeoutMs !== undefined && { query_timeout: options.answerTimeoutMs }),
    idleTimeoutMillis: IDLE_CONNECTION_MS,
    keepAlive: true,
    application_name: "whcb",
  };
  const pool = new pg.Pool(config);
  // A lost connection is reported by the statement that needs it, or replaced.
  pool.on("error", () => {});
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
