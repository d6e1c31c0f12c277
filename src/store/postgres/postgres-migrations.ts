/** A released step never changes: a new one follows it. */
import { CompiledQuery, sql } from "kysely";
import { WhcbError } from "../../domain/errors.js";
import type { Db } from "../schema.js";
import { NODE_TABLES } from "./node-tables.js";

export interface PostgresMigration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  /** Nodes of the version before go on: it only adds what they don't use. Default: false, they stop. */
  readonly isCompatible?: boolean;
}

interface Target {
  /** For messages. */
  readonly name: string;
  /** Don't create the tables. */
  readonly mustExist: boolean;
}

/** Of the advisory lock: several nodes may start at once. */
const MIGRATION_LOCK = 0x77_68_63_62;
const OLDEST_SERVER = 140_000;

/**
 * One transaction. Returns the version that was found. Throws `config` for a newer version, another program's tables, or a server or encoding
 * that doesn't fit.
 */
export async function migratePostgres(
  db: Db,
  { name, mustExist }: Target,
  migrations: readonly PostgresMigration[] = POSTGRES_MIGRATIONS,
): Promise<number> {
  const latest = migrations.at(-1)?.version ?? 0;
  await checkServer(db, name);
  const found = await versionOf(db, name);
  if (found === latest) return latest;
  if (found === 0 && mustExist) {
    throw new WhcbError("config", `${name} has no data of whcb`, { hint: "Check its name, or start `whcb serve` on it once." });
  }
  return db.transaction().execute(async (trx) => {
    await sql`SET LOCAL statement_timeout = 0`.execute(trx);
    await sql`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(trx);
    // Again, under the lock.
    const version = await versionOf(trx, name);
    if (version > latest) throw newerError(name, version, latest);
    await sql`CREATE TABLE IF NOT EXISTS migrations (version integer PRIMARY KEY, name text NOT NULL)`.execute(trx);
    await sql`ALTER TABLE migrations ADD COLUMN IF NOT EXISTS is_compatible boolean NOT NULL DEFAULT false`.execute(trx);
    for (const step of migrations.filter((each) => each.version > version)) {
      await trx.executeQuery(CompiledQuery.raw(step.sql));
      await sql`INSERT INTO migrations (version, name, is_compatible)
        VALUES (${step.version}, ${step.name}, ${step.isCompatible ?? false})`.execute(trx);
    }
    return version;
  });
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
export async function requireCurrent(db: Db, name: string): Promise<void> {
  const version = await versionOf(db, name);
  if (version > LATEST_VERSION) throw newerError(name, version, LATEST_VERSION);
  if (version === LATEST_VERSION) return;
  throw new WhcbError("config", `${name} has database version ${version}, and this whcb has version ${LATEST_VERSION}`, {
    hint: "Migrate it: `whcb db migrate`.",
  });
}

/** 0 for a schema without tables. */
async function versionOf(db: Db, name: string): Promise<number> {
  const { rows: tables } = await sql<{ name: string }>`
    SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()`.execute(db);
  if (tables.length === 0) return 0;
  const ours = ["migrations", "callbacks", "calls"];
  if (!ours.every((table) => tables.some((each) => each.name === table))) {
    throw new WhcbError("config", `${name} has another program's tables`, {
      hint: "Create a database or a schema for whcb alone.",
    });
  }
  const { rows } = await sql<{ version: number | null }>`SELECT max(version)::bigint AS version FROM migrations`.execute(db);
  return rows[0]?.version ?? 0;
}

function newerError(name: string, version: number, latest: number): WhcbError {
  return new WhcbError(
    "config",
    `${name} was written by a newer whcb: it has database version ${version}, and this whcb knows versions up to ${latest}`,
    { hint: "Use the whcb that wrote it, or a newer one." },
  );
}

/*
 * As SQLite's schema (sqlite/migrations.ts). Text is compared byte by byte, as there. Every index on calls is partial, and ends with seq,
 * which is SQLite's rowid. Responses and outcomes are JSON in text columns: then their size is read without the text.
 *
 * Counters and endpoints are updated all the time, and no index has what changes: with room in each page their old versions are
 * removed without a vacuum. A call's indexes change with its state, so its table is vacuumed often. The thresholds are rows, not parts of
 * a table that may have millions.
 */
const FIRST = `
CREATE FUNCTION lower_case(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT lower($1 COLLATE "und-x-icu")';
CREATE FUNCTION upper_case(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT upper($1 COLLATE "und-x-icu")';
CREATE FUNCTION instr(text, text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT strpos($1, $2)::bigint';

CREATE TABLE callbacks (
  key bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  id text COLLATE "C" NOT NULL UNIQUE,
  name text COLLATE "C" NOT NULL,
  url text COLLATE "C" NOT NULL,
  auth_type text NOT NULL,
  auth_key bytea NOT NULL,
  content_type text NOT NULL,
  remove_html bigint NOT NULL,
  retries_enabled bigint NOT NULL,
  email text NOT NULL,
  on_reply bigint NOT NULL,
  on_undeliverable bigint NOT NULL,
  created_at bigint NOT NULL,
  repaired_at bigint NOT NULL,
  replay_requested_at bigint NOT NULL DEFAULT 0,
  deleted_at bigint,
  owner text COLLATE "C",
  fence bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX callbacks_name ON callbacks (name) WHERE deleted_at IS NULL;
CREATE INDEX callbacks_owned ON callbacks (owner) WHERE owner IS NOT NULL;

CREATE TABLE dispatchers (
  id text COLLATE "C" PRIMARY KEY,
  expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE endpoints (
  callback_key bigint PRIMARY KEY REFERENCES callbacks (key),
  state text COLLATE "C" NOT NULL,
  failures_in_row bigint NOT NULL,
  failed_calls text NOT NULL DEFAULT '[]',
  marked_outage text,
  down_since bigint,
  round_at bigint,
  round_began_at bigint,
  probe_at bigint,
  probe_step_ms bigint NOT NULL,
  in_flight_limit bigint NOT NULL,
  recovery bigint NOT NULL,
  recovering_since bigint
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE calls (
  seq bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  id text COLLATE "C" NOT NULL UNIQUE,
  callback_key bigint NOT NULL,
  accepted_at bigint NOT NULL,
  status text COLLATE "C" NOT NULL,
  attempt_count bigint NOT NULL,
  attempted_at bigint NOT NULL,
  status_code bigint,
  status_message text COLLATE "C",
  error text COLLATE "C",
  first_failed_at bigint,
  due_at bigint,
  due_cause text COLLATE "C",
  failed_in_recovery bigint NOT NULL,
  settled_by text COLLATE "C",
  changed_at bigint NOT NULL,
  message_id text COLLATE "C" NOT NULL,
  channel text COLLATE "C" NOT NULL,
  response text COLLATE "C" NOT NULL
) WITH (
  fillfactor = 85, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000
);
CREATE INDEX calls_pending ON calls (callback_key, (seq + 0)) WHERE status = 'PENDING';
CREATE INDEX calls_listed ON calls (callback_key, status, attempted_at, seq) WHERE status <> 'PENDING';
CREATE INDEX calls_due ON calls (callback_key, due_at, seq) WHERE status = 'FAILED' AND due_at IS NOT NULL;
CREATE INDEX calls_backlog ON calls (callback_key, failed_in_recovery, seq) WHERE status = 'FAILED' AND due_at IS NOT NULL;
CREATE INDEX calls_held ON calls (callback_key, (seq + 0)) WHERE status = 'FAILED' AND due_at IS NOT NULL AND attempt_count = 0;
CREATE INDEX calls_expiring ON calls (callback_key, first_failed_at) WHERE due_cause = 'retry';
CREATE INDEX calls_replays ON calls (callback_key, due_at, seq) WHERE due_cause = 'replay';

CREATE TABLE attempts (
  call_seq bigint NOT NULL,
  number bigint NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  PRIMARY KEY (call_seq, number)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000);

CREATE TABLE call_counts (
  callback_key bigint NOT NULL REFERENCES callbacks (key),
  status text COLLATE "C" NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (callback_key, status)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE failure_counts (
  callback_key bigint NOT NULL,
  failure text COLLATE "C" NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (callback_key, failure)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE outages (
  id text COLLATE "C" PRIMARY KEY,
  callback_key bigint NOT NULL REFERENCES callbacks (key),
  started_at bigint NOT NULL,
  failed_calls bigint NOT NULL,
  quiet_since bigint,
  ended_at bigint,
  notified_at bigint,
  notified_by text
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX outages_open ON outages (callback_key) WHERE ended_at IS NULL;
CREATE INDEX outages_by_callback ON outages (callback_key, started_at, id);
CREATE INDEX outages_by_start ON outages (started_at, id);

CREATE TABLE activity (
  callback_key bigint NOT NULL,
  minute bigint NOT NULL,
  accepted bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  replays_accepted bigint NOT NULL DEFAULT 0,
  replays_failed bigint NOT NULL DEFAULT 0,
  client_accepted bigint NOT NULL DEFAULT 0,
  client_failed bigint NOT NULL DEFAULT 0,
  pending_calls bigint,
  failed_calls bigint,
  PRIMARY KEY (callback_key, minute)
) WITH (fillfactor = 70);
CREATE INDEX activity_quiet ON activity (minute)
  WHERE failed = 0 AND replays_failed = 0 AND client_failed = 0 AND pending_calls IS NULL;

CREATE TABLE mails (
  outage_id text COLLATE "C" PRIMARY KEY,
  callback_key bigint NOT NULL REFERENCES callbacks (key),
  recipient text NOT NULL,
  subject text NOT NULL,
  text text NOT NULL,
  created_at bigint NOT NULL,
  tries bigint NOT NULL,
  next_try_at bigint,
  sent_at bigint,
  last_error text
);
CREATE INDEX mails_owed ON mails (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX mails_by_callback ON mails (callback_key);
CREATE INDEX mails_sent ON mails (sent_at) WHERE sent_at IS NOT NULL;

CREATE TABLE run_leases (
  callback_key bigint PRIMARY KEY,
  run text COLLATE "C" NOT NULL,
  holder text COLLATE "C" NOT NULL,
  done bigint NOT NULL,
  total bigint NOT NULL,
  expires_at bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE replays (
  callback_key bigint NOT NULL,
  requested_at bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  total bigint NOT NULL,
  succeeded bigint NOT NULL,
  failed bigint NOT NULL,
  waiting bigint NOT NULL,
  cancelled_at bigint,
  PRIMARY KEY (callback_key, requested_at)
);
CREATE UNIQUE INDEX replays_by_id ON replays (callback_key, id);
CREATE INDEX replays_running ON replays (callback_key, requested_at) WHERE waiting > 0;

CREATE TABLE changes (
  callback_id text COLLATE "C" PRIMARY KEY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX changes_by_xid ON changes (xid);

CREATE TABLE credentials (
  username text COLLATE "C" PRIMARY KEY,
  password_hash text NOT NULL,
  api_key_hash text NOT NULL,
  saved_at bigint NOT NULL,
  origin text NOT NULL
);

CREATE TABLE sessions (
  token_hash text COLLATE "C" PRIMARY KEY,
  username text COLLATE "C" NOT NULL,
  password_digest text NOT NULL,
  created_at bigint NOT NULL,
  used_at bigint NOT NULL
);

CREATE TABLE sign_in_codes (
  id text COLLATE "C" PRIMARY KEY,
  secret_hash text NOT NULL,
  username text COLLATE "C" NOT NULL,
  password_digest text NOT NULL,
  created_at bigint NOT NULL,
  tries_left bigint NOT NULL
);

CREATE TABLE settings (
  name text COLLATE "C" PRIMARY KEY,
  value bytea NOT NULL
);
`;

const NOTICES = `
CREATE TABLE notices (
  outage_id text COLLATE "C" NOT NULL,
  event text COLLATE "C" NOT NULL,
  destination text COLLATE "C" NOT NULL,
  callback_key bigint NOT NULL REFERENCES callbacks (key),
  created_at bigint NOT NULL,
  tries bigint NOT NULL,
  next_try_at bigint,
  sent_at bigint,
  last_error text,
  report text,
  PRIMARY KEY (outage_id, event, destination)
);
CREATE INDEX notices_queued ON notices (destination, next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX notices_by_callback ON notices (callback_key);
`;

export const POSTGRES_MIGRATIONS: readonly PostgresMigration[] = [
  { version: 1, name: "first tables", sql: FIRST },
  { version: 2, name: "nodes and shared limits", sql: NODE_TABLES },
  { version: 3, name: "notices of outages", sql: NOTICES },
];

export const LATEST_VERSION = POSTGRES_MIGRATIONS.at(-1)?.version ?? 0;
