/** A released step never changes: a new one follows it. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/*
 * calls and attempts have no foreign keys: they would cost a check per row, and a scan of all calls for each deleted callback.
 * The transactions that write them have read the parent's row.
 *
 * Every index on calls is partial, so a call is only in those that its state needs; each ends with the rowid (seq).
 *   pending  fetchPending            due     fetchDue, firstDueAt            held     fetchHeld
 *   listed   listCalls, purge        backlog fetchBacklog, switching retries expiring expireRetries
 */
const TABLES_OF_0_1_0 = `
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

/**
 * Renaming and adding columns rewrites only the schema, no row. SQLite reads a null in `sent_at` without the response, which may be large
 * and is stored before it.
 *
 * What 0.1.0 was asked to replay becomes one replay per callback. Calls whose retries ended before count, but are in no notice.
 */
const TABLES_OF_1_0_0 = `
ALTER TABLE callbacks RENAME COLUMN mended_at TO repaired_at;
ALTER TABLE callbacks ADD COLUMN replay_requested_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE callbacks ADD COLUMN replay_probe_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE callbacks ADD COLUMN signing_secrets BLOB;
ALTER TABLE callbacks ADD COLUMN paused_at INTEGER;
ALTER TABLE callbacks ADD COLUMN paused_until INTEGER;
ALTER TABLE callbacks ADD COLUMN paused_by TEXT;

ALTER TABLE endpoints RENAME COLUMN tick_at TO round_at;
ALTER TABLE endpoints RENAME COLUMN tick_began_at TO round_began_at;
ALTER TABLE endpoints ADD COLUMN failed_calls TEXT NOT NULL DEFAULT '[]';
ALTER TABLE endpoints ADD COLUMN unrecovered_outage TEXT;
ALTER TABLE endpoints ADD COLUMN probe_began_at INTEGER NOT NULL DEFAULT 0;

ALTER TABLE calls RENAME COLUMN deferred TO failed_in_recovery;
ALTER TABLE calls ADD COLUMN sent_at INTEGER;
ALTER TABLE calls ADD COLUMN is_replayed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN outage_id TEXT;
ALTER TABLE calls ADD COLUMN settled_by_user TEXT;
DROP INDEX calls_held;
CREATE INDEX calls_held ON calls (callback_key)
  WHERE status = 'FAILED' AND due_at IS NOT NULL AND (attempt_count = 0 OR sent_at = -1);
CREATE INDEX calls_replays ON calls (callback_key, due_at) WHERE due_cause = 'replay';

ALTER TABLE outages ADD COLUMN notified_by TEXT;
ALTER TABLE credentials ADD COLUMN origin TEXT NOT NULL DEFAULT 'start';
CREATE INDEX mails_sent ON mails (sent_at) WHERE sent_at IS NOT NULL;

CREATE TABLE failure_counts (
  callback_key INTEGER NOT NULL,
  failure TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (callback_key, failure)
) WITHOUT ROWID;
INSERT INTO failure_counts (callback_key, failure, count)
  SELECT callback_key, coalesce(CAST(status_code AS TEXT), error, '') AS failure, count(*)
  FROM calls WHERE status = 'FAILED' AND status <> 'PENDING' GROUP BY callback_key, failure;

CREATE TABLE outage_counts (
  outage_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (outage_id, kind, name)
) WITHOUT ROWID;

CREATE TABLE notices (
  outage_id TEXT NOT NULL,
  event TEXT NOT NULL,
  destination TEXT NOT NULL,
  callback_key INTEGER NOT NULL REFERENCES callbacks (key),
  created_at INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  next_try_at INTEGER,
  sent_at INTEGER,
  last_error TEXT,
  report TEXT,
  PRIMARY KEY (outage_id, event, destination)
) WITHOUT ROWID;
CREATE INDEX notices_queued ON notices (destination, next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX notices_by_callback ON notices (callback_key);

CREATE TABLE expired_calls (
  call_seq INTEGER PRIMARY KEY,
  callback_key INTEGER NOT NULL,
  notice INTEGER NOT NULL,
  first_failed_at INTEGER NOT NULL
);
CREATE INDEX expired_calls_by_notice ON expired_calls (callback_key, notice, first_failed_at);
INSERT INTO expired_calls (call_seq, callback_key, notice, first_failed_at)
  SELECT seq, callback_key, 0, first_failed_at FROM calls JOIN callbacks ON callbacks.key = callback_key
  WHERE retries_enabled = 1 AND status = 'FAILED' AND due_at IS NULL AND settled_by IS NULL AND first_failed_at IS NOT NULL;

CREATE TABLE expiries (
  callback_key INTEGER PRIMARY KEY REFERENCES callbacks (key),
  calls INTEGER NOT NULL DEFAULT 0,
  notice INTEGER NOT NULL,
  is_owed INTEGER NOT NULL,
  noticed_at INTEGER
);
CREATE INDEX expiries_owed ON expiries (callback_key) WHERE is_owed = 1;
INSERT INTO expiries (callback_key, calls, notice, is_owed)
  SELECT callback_key, count(*), 1, 0 FROM expired_calls GROUP BY callback_key;

CREATE TABLE activity (
  callback_key INTEGER NOT NULL,
  minute INTEGER NOT NULL,
  accepted INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  replays_accepted INTEGER NOT NULL DEFAULT 0,
  replays_failed INTEGER NOT NULL DEFAULT 0,
  client_accepted INTEGER NOT NULL DEFAULT 0,
  client_failed INTEGER NOT NULL DEFAULT 0,
  pending_calls INTEGER,
  failed_calls INTEGER,
  PRIMARY KEY (callback_key, minute)
) WITHOUT ROWID;
CREATE INDEX activity_quiet ON activity (minute)
  WHERE failed = 0 AND replays_failed = 0 AND client_failed = 0 AND pending_calls IS NULL;

CREATE TABLE replays (
  callback_key INTEGER NOT NULL,
  requested_at INTEGER NOT NULL,
  id TEXT NOT NULL,
  total INTEGER NOT NULL,
  succeeded INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  waiting INTEGER NOT NULL,
  cancelled_at INTEGER,
  requested_by TEXT,
  selection TEXT,
  confirmed INTEGER,
  in_earlier INTEGER NOT NULL DEFAULT 0,
  collecting TEXT,
  PRIMARY KEY (callback_key, requested_at)
) WITHOUT ROWID;
CREATE UNIQUE INDEX replays_by_id ON replays (callback_key, id);
CREATE INDEX replays_running ON replays (callback_key, requested_at) WHERE waiting > 0;
CREATE INDEX replays_collecting ON replays (callback_key, requested_at) WHERE collecting IS NOT NULL AND cancelled_at IS NULL;
INSERT INTO replays (callback_key, requested_at, id, total, succeeded, failed, waiting)
  SELECT callback_key, min(due_at), hex(randomblob(8)), count(*), 0, 0, count(*)
  FROM calls WHERE due_cause = 'replay' GROUP BY callback_key;
UPDATE calls SET due_at = (SELECT requested_at FROM replays WHERE replays.callback_key = calls.callback_key)
  WHERE due_cause = 'replay';

CREATE TABLE replay_failures (
  callback_key INTEGER NOT NULL,
  requested_at INTEGER NOT NULL,
  failure TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (callback_key, requested_at, failure)
) WITHOUT ROWID;

CREATE TABLE run_leases (
  callback_key INTEGER PRIMARY KEY,
  run TEXT NOT NULL,
  holder TEXT NOT NULL,
  done INTEGER NOT NULL,
  total INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);

CREATE TABLE changes (seq INTEGER PRIMARY KEY AUTOINCREMENT, callback_id TEXT NOT NULL UNIQUE);

CREATE TABLE sessions (
  token_hash TEXT PRIMARY KEY,
  username TEXT NOT NULL,
  password_digest TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  used_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE sign_in_codes (
  id TEXT PRIMARY KEY,
  secret_hash TEXT NOT NULL,
  username TEXT NOT NULL,
  password_digest TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  tries_left INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  action TEXT NOT NULL,
  username TEXT,
  via TEXT NOT NULL,
  address TEXT,
  callback_id TEXT,
  callback_name TEXT,
  count INTEGER,
  details TEXT NOT NULL,
  sign_in_key TEXT
);
CREATE INDEX audit_by_time ON audit (at, seq);
CREATE UNIQUE INDEX audit_failed_sign_ins ON audit (sign_in_key) WHERE sign_in_key IS NOT NULL;
`;

/** Versions between these two were never released. */
export const MIGRATIONS: readonly Migration[] = [
  { version: 1, name: "first tables", sql: TABLES_OF_0_1_0 },
  { version: 21, name: "1.0.0", sql: TABLES_OF_1_0_0 },
];

export const LATEST_VERSION = MIGRATIONS.at(-1)?.version ?? 0;
