/** The shape of the database on SQLite, step by step. A step that has been released is never changed: a new one follows it. */

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/*
 * calls and attempts have no foreign keys: a check per row on the hot path, and a scan of all calls at each removed callback.
 * The transactions that write them have the parent's row in hand.
 *
 * Every index of calls is partial, so that a call pays only for what it waits for; the rowid (seq) ends each of them by itself.
 *   pending  fetchPending            due     fetchDue, nextDueAt        held     fetchHeld
 *   listed   listCalls, purge        backlog fetchBacklog, toggling     expiring expireRetries
 */
const FIRST = `
CREATE TABLE callbacks (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  url TEXT NOT NULL,
  auth_type TEXT NOT NULL,
  auth_key BLOB NOT NULL,
  content_type TEXT NOT NULL,
  remove_html INTEGER NOT NULL,
  retries_enabled INTEGER NOT NULL,
  email TEXT NOT NULL,
  on_reply INTEGER NOT NULL,
  on_undeliverable INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  mended_at INTEGER NOT NULL,
  deleted_at INTEGER
);
CREATE UNIQUE INDEX callbacks_name ON callbacks (name) WHERE deleted_at IS NULL;

CREATE TABLE endpoints (
  callback_key INTEGER PRIMARY KEY REFERENCES callbacks (key),
  state TEXT NOT NULL,
  failures_in_row INTEGER NOT NULL,
  down_since INTEGER,
  tick_at INTEGER,
  tick_began_at INTEGER,
  probe_at INTEGER,
  probe_step_ms INTEGER NOT NULL,
  in_flight_limit INTEGER NOT NULL,
  recovery INTEGER NOT NULL,
  recovering_since INTEGER
);

CREATE TABLE calls (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  callback_key INTEGER NOT NULL,
  accepted_at INTEGER NOT NULL,
  status TEXT NOT NULL,
  attempt_count INTEGER NOT NULL,
  attempted_at INTEGER NOT NULL,
  status_code INTEGER,
  status_message TEXT,
  error TEXT,
  first_failed_at INTEGER,
  due_at INTEGER,
  due_cause TEXT,
  deferred INTEGER NOT NULL,
  settled_by TEXT,
  changed_at INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  channel TEXT NOT NULL,
  response TEXT NOT NULL
);
CREATE INDEX calls_pending ON calls (callback_key) WHERE status = 'PENDING';
CREATE INDEX calls_listed ON calls (callback_key, status, attempted_at) WHERE status <> 'PENDING';
CREATE INDEX calls_due ON calls (callback_key, due_at) WHERE status = 'FAILED' AND due_at IS NOT NULL;
CREATE INDEX calls_backlog ON calls (callback_key, deferred) WHERE status = 'FAILED' AND due_at IS NOT NULL;
CREATE INDEX calls_held ON calls (callback_key) WHERE status = 'FAILED' AND due_at IS NOT NULL AND attempt_count = 0;
CREATE INDEX calls_expiring ON calls (callback_key, first_failed_at) WHERE due_cause = 'retry';

CREATE TABLE attempts (
  call_seq INTEGER NOT NULL,
  number INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  PRIMARY KEY (call_seq, number)
) WITHOUT ROWID;

CREATE TABLE call_counts (
  callback_key INTEGER NOT NULL REFERENCES callbacks (key),
  status TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (callback_key, status)
) WITHOUT ROWID;

CREATE TABLE outages (
  id TEXT PRIMARY KEY,
  callback_key INTEGER NOT NULL REFERENCES callbacks (key),
  started_at INTEGER NOT NULL,
  failed_calls INTEGER NOT NULL,
  quiet_since INTEGER,
  ended_at INTEGER,
  notified_at INTEGER
) WITHOUT ROWID;
CREATE UNIQUE INDEX outages_open ON outages (callback_key) WHERE ended_at IS NULL;
CREATE INDEX outages_by_callback ON outages (callback_key, started_at, id);
CREATE INDEX outages_by_start ON outages (started_at, id);

CREATE TABLE mails (
  outage_id TEXT PRIMARY KEY,
  callback_key INTEGER NOT NULL REFERENCES callbacks (key),
  recipient TEXT NOT NULL,
  subject TEXT NOT NULL,
  text TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  next_try_at INTEGER,
  sent_at INTEGER,
  last_error TEXT
);
CREATE INDEX mails_owed ON mails (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX mails_by_callback ON mails (callback_key);

CREATE TABLE credentials (
  username TEXT PRIMARY KEY,
  password_hash TEXT NOT NULL,
  api_key_hash TEXT NOT NULL,
  saved_at INTEGER NOT NULL
);

CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
);
`;

/** Columns are named as the code names them. SQLite rewrites the schema only, indexes included: no row is touched. */
const STANDARD_TERMS = `
ALTER TABLE callbacks RENAME COLUMN mended_at TO repaired_at;
ALTER TABLE endpoints RENAME COLUMN tick_at TO round_at;
ALTER TABLE endpoints RENAME COLUMN tick_began_at TO round_began_at;
ALTER TABLE calls RENAME COLUMN deferred TO failed_in_recovery;
`;

export const MIGRATIONS: readonly Migration[] = [
  { version: 1, name: "first tables", sql: FIRST },
  { version: 2, name: "columns in standard terms", sql: STANDARD_TERMS },
];
