import { CompiledQuery, sql } from "kysely";
import { advise, WhcbError } from "../../domain/errors.js";
import { newerError, olderError, requireReleased } from "../database-version.js";
import type { Db } from "../schema.js";
import { transact } from "../sql/transactions.js";
import { LATEST_VERSION, POSTGRES_MIGRATIONS } from "./postgres-migration-steps.js";

interface Target {
  /** Messages name the database so. */
  readonly name: string;
  readonly mustExist: boolean;
}

const OLDEST_SERVER = 140_000;

/**
 * Migrates in one transaction, and resolves to the version that was found, which may be a newer, compatible one. Throws `config`
 * for one that isn't compatible, another program's tables, or a server or encoding that doesn't fit.
 */
export async function migratePostgres(db: Db, { name, mustExist }: Target): Promise<number> {
  await checkServer(db, name);
  const found = await versionOf(db, name);
  if (found === 0 && mustExist) throw emptyError(name);
  if (found >= LATEST_VERSION) {
    await requireCompatible(db, name, found);
    return found;
  }
  return transact(db, async (trx) => {
    await sql`SET LOCAL statement_timeout = 0`.execute(trx);
    return applyMigrations(trx, name);
  });
}

/** Does what `migratePostgres` does, in a transaction. */
export async function applyMigrations(trx: Db, name: string): Promise<number> {
  const version = await lockVersion(trx, name);
  await requireCompatible(trx, name, version);
  for (const step of POSTGRES_MIGRATIONS.filter((each) => each.version > version)) {
    await trx.executeQuery(CompiledQuery.raw(step.sql));
    await sql`INSERT INTO migrations (version, name, is_compatible)
      VALUES (${step.version}, ${step.name}, ${step.isCompatible ?? false})`.execute(trx);
  }
  return version;
}

/** Locks the version, so that nobody else migrates until the end of the transaction. */
async function lockVersion(trx: Db, name: string): Promise<number> {
  // PostgreSQL lets one of several that create it at the same time go on; the others wait here, fail, and run again.
  await sql`CREATE TABLE IF NOT EXISTS migrations (
    version integer PRIMARY KEY, name text NOT NULL, is_compatible boolean NOT NULL DEFAULT false)`.execute(trx);
  await requireTrustedOwner(trx, name);
  await lockMigrations(trx);
  return readVersion(trx);
}

/**
 * Lets one transaction at a time continue, until its end. A role that may only connect can hold any advisory lock, and weaker
 * locks of our tables, which this mode lets pass and the next stronger one doesn't.
 */
export async function lockMigrations(trx: Db): Promise<void> {
  await sql`LOCK TABLE migrations IN SHARE UPDATE EXCLUSIVE MODE`.execute(trx);
}

async function checkServer(db: Db, name: string): Promise<void> {
  const { rows } = await sql<{ version: number; release: string; encoding: string }>`
    SELECT current_setting('server_version_num')::bigint AS version, current_setting('server_version') AS release,
      current_setting('server_encoding') AS encoding`.execute(db);
  const { version = 0, release = "", encoding = "" } = rows[0] ?? {};
  if (version < OLDEST_SERVER) {
    throw new WhcbError("config", `${name} is PostgreSQL ${release}: whcb needs 14 or newer`, { hint: "Upgrade the server." });
  }
  if (encoding !== "UTF8") {
    throw new WhcbError("config", `${name} is encoded as ${encoding}`, {
      hint: "Create a database with ENCODING 'UTF8' TEMPLATE template0.",
    });
  }
}

/** Throws `config` for a database that this version's statements don't fit. */
export async function requireUsable(db: Db, name: string): Promise<void> {
  const version = await versionOf(db, name);
  if (version === 0) throw emptyError(name);
  if (version >= LATEST_VERSION) return requireCompatible(db, name, version);
  throw olderError(name, version, LATEST_VERSION);
}

/** Checks for what must know all that is stored. Throws `config` for a newer version, compatible or not. */
export async function requireNotNewer(db: Db, name: string): Promise<void> {
  const version = await versionOf(db, name);
  if (version > LATEST_VERSION) throw newerError(name, version, LATEST_VERSION);
}

async function requireCompatible(db: Db, name: string, version: number): Promise<void> {
  if ((await readNewer(db)) === "incompatible") throw newerError(name, version, LATEST_VERSION);
}

/** Looks at the steps that this version doesn't know. */
export async function readNewer(db: Db): Promise<"none" | "compatible" | "incompatible"> {
  const { rows } = await sql<{ are_compatible: number | null }>`
    SELECT bool_and(is_compatible) AS are_compatible FROM migrations WHERE version > ${LATEST_VERSION}`.execute(db);
  const areCompatible = rows[0]?.are_compatible ?? null;
  if (areCompatible === null) return "none";
  return areCompatible === 1 ? "compatible" : "incompatible";
}

/** Resolves to 0 for a schema without tables. Throws `config` for another program's, a stranger's, or a version that no release wrote. */
async function versionOf(db: Db, name: string): Promise<number> {
  const { rows: tables } = await sql<{ name: string }>`
    SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()`.execute(db);
  if (tables.length === 0) return 0;
  if (!OURS.every((table) => tables.some((each) => each.name === table))) {
    throw new WhcbError("config", `${name} has another program's tables`, {
      hint: "Create a database or a schema for whcb alone.",
    });
  }
  await requireTrustedOwner(db, name);
  const version = await readVersion(db);
  requireReleased(name, version, POSTGRES_MIGRATIONS);
  return version;
}

/** A migration creates the others, and fails if somebody else has made one. */
const OURS = ["migrations", "callbacks", "calls"];

/**
 * An owner may add triggers, and read all. Trusted are this role and who could replace the tables anyway: the owners of schema and
 * database, and superusers. Not a role that this one is a member of: up to PostgreSQL 14 each role may make others its members. Throws
 * `config` for another owner.
 */
async function requireTrustedOwner(db: Db, name: string): Promise<void> {
  const { rows } = await sql<{ owner: string; schema: string }>`
    SELECT quote_ident(pg_get_userbyid(relowner)::text) AS owner, quote_ident(nspname::text) AS schema
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace JOIN pg_database ON datname = current_database()
    WHERE nspname = current_schema() AND relname IN (${sql.join(OURS.map((table) => sql.lit(table)))})
      AND relowner NOT IN (SELECT oid FROM pg_roles WHERE rolsuper OR rolname = current_user UNION VALUES (nspowner), (datdba))
    LIMIT 1`.execute(db);
  const [found] = rows;
  if (found === undefined) return;
  const { owner, schema } = found;
  throw new WhcbError("config", `${name} has tables of the role ${owner}, which can change what they hold and do`, {
    hint: `Start on an empty database or schema. If that role is to migrate it for this user: ALTER SCHEMA ${schema} OWNER TO ${owner}`,
  });
}

async function readVersion(db: Db): Promise<number> {
  const { rows } = await sql<{ version: number | null }>`SELECT max(version)::bigint AS version FROM migrations`.execute(db);
  return rows[0]?.version ?? 0;
}

function emptyError(name: string): WhcbError {
  const serve = { command: "whcb serve", when: "to create the data" };
  return new WhcbError("config", `${name} has no data of whcb`, advise`Check its name, or start ${serve} on it once.`);
}
