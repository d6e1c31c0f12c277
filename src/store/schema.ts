/** The types of rows, what a batch casts its cells to, and what a copy copies derive from this list of both databases' tables. */
import type { ColumnType, Generated, Kysely, Selectable } from "kysely";
import type { UnreachableReason } from "../domain/attempt.js";
import type { AuditAction, Way } from "../domain/audit/audit-entry.js";
import type { CallStatus, Due, SettledBy } from "../domain/call.js";
import type { AuthType, BodyFormat } from "../domain/callback.js";
import type { EndpointStatus } from "../domain/endpoint.js";
import type { NoticeChannel, NoticeEvent } from "../domain/outage.js";

/** A column that holds JSON text is given as a value in a batch. */
export type CellType = "bigint" | "text" | "json";

export type Json = readonly unknown[] | Readonly<Record<string, unknown>>;

interface Column<Value> {
  readonly type: CellType | "bytea";
  /** This only carries the type: no column has it. */
  readonly value?: Value;
}

/** Instants are epoch ms, and booleans are 0 or 1. */
const integer: Column<number> = { type: "bigint" };
/** `generated` may be left out of an INSERT. */
const generated: Column<Generated<number>> = { type: "bigint" };
const text: Column<string> = { type: "text" };
const json: Column<ColumnType<string, Json, string>> = { type: "json" };
const bytes: Column<Uint8Array> = { type: "bytea" };

function oneOf<Value extends string>(): Column<Value> {
  return { type: "text" };
}

function nullable<Value>({ type }: Column<Value>): Column<Value | null> {
  return { type };
}

/** A copy needs this order: a table comes after those that its foreign keys refer to. */
export const TABLES = {
  callbacks: {
    /** Other tables refer to it, as its index entries are short. */
    key: generated,
    id: text,
    name: text,
    url: text,
    auth_type: oneOf<AuthType>(),
    /** `auth_key` is encrypted, and empty once the callback is deleted. */
    auth_key: bytes,
    /** `signing_secrets` is encrypted JSON, and null unless deliveries are signed. */
    signing_secrets: nullable(bytes),
    content_type: oneOf<BodyFormat>(),
    remove_html: integer,
    retries_enabled: integer,
    email: text,
    on_reply: integer,
    on_undeliverable: integer,
    created_at: integer,
    repaired_at: integer,
    replay_requested_at: integer,
    replay_probe_at: integer,
    /** `paused_at` is null if it isn't paused, and then so are the next two. */
    paused_at: nullable(integer),
    paused_until: nullable(integer),
    paused_by: nullable(text),
    deleted_at: nullable(integer),
  },
  endpoints: {
    callback_key: integer,
    state: oneOf<EndpointStatus>(),
    failures_in_row: integer,
    /** `failed_calls` is a JSON list of seqs. */
    failed_calls: text,
    /** `unrecovered_outage` is an OpenOutage as JSON. */
    unrecovered_outage: nullable(text),
    down_since: nullable(integer),
    round_at: nullable(integer),
    round_began_at: nullable(integer),
    probe_at: nullable(integer),
    probe_step_ms: integer,
    probe_began_at: integer,
    in_flight_limit: integer,
    recovery: integer,
    recovering_since: nullable(integer),
  },
  calls: {
    seq: generated,
    id: text,
    callback_key: integer,
    accepted_at: integer,
    status: oneOf<CallStatus>(),
    attempt_count: integer,
    /** `attempted_at` is NEVER if there is none, as databases sort null differently. */
    attempted_at: integer,
    /** The service's own last attempt began then (NEVER if there is none). It is null if that is `attempted_at`. */
    sent_at: nullable(integer),
    status_code: nullable(integer),
    status_message: nullable(text),
    error: nullable(oneOf<UnreachableReason>()),
    first_failed_at: nullable(integer),
    due_at: nullable(integer),
    due_cause: nullable(oneOf<Due["cause"]>()),
    failed_in_recovery: integer,
    settled_by: nullable(oneOf<SettledBy>()),
    /** It is valid only if `settled_by` says that the call was marked. */
    settled_by_user: nullable(text),
    is_replayed: generated,
    outage_id: nullable(text),
    changed_at: integer,
    message_id: text,
    channel: text,
    /** `response` is a StoredResponse (call-row.ts) as JSON. */
    response: text,
  },
  /** Only all attempts of a call are read. */
  attempts: {
    call_seq: integer,
    number: integer,
    /** `outcome` is a StoredOutcome (attempts.ts). */
    outcome: json,
  },
  call_counts: {
    callback_key: integer,
    status: oneOf<CallStatus>(),
    count: integer,
  },
  /** FAILED calls are counted, so the sum is their count in call_counts. */
  failure_counts: {
    callback_key: integer,
    /** `failure` is a status code, an UnreachableReason, or "". */
    failure: text,
    count: integer,
  },
  outages: {
    id: text,
    callback_key: integer,
    started_at: integer,
    failed_calls: integer,
    quiet_since: nullable(integer),
    ended_at: nullable(integer),
    notified_at: nullable(integer),
    notified_by: nullable(oneOf<NoticeChannel>()),
  },
  outage_counts: {
    outage_id: text,
    /** `name` is a status code, an UnreachableReason or "" of a `failure`, or what became of a call: a `fate`. */
    kind: oneOf<"failure" | "fate">(),
    name: text,
    count: integer,
  },
  mails: {
    outage_id: text,
    callback_key: integer,
    recipient: text,
    subject: text,
    text,
    created_at: integer,
    tries: integer,
    /** `next_try_at` is null once the mail is sent. */
    next_try_at: nullable(integer),
    sent_at: nullable(integer),
    last_error: nullable(text),
  },
  notices: {
    /** An `expired` notice is about no outage, and has an id of its own here. */
    outage_id: text,
    event: oneOf<NoticeEvent>(),
    destination: text,
    callback_key: integer,
    created_at: integer,
    tries: integer,
    /** `next_try_at` is null once the notice is sent, or too old. */
    next_try_at: nullable(integer),
    sent_at: nullable(integer),
    last_error: nullable(text),
    /** `report` is an OutageReport or ExpiryReport as JSON, or null until the notice of an outage is first sent. */
    report: nullable(text),
  },
  /** Calls that aren't retried any more, as their window is over, until they are settled. */
  expired_calls: {
    call_seq: integer,
    callback_key: integer,
    /** The call is in the callback's notice with this number. */
    notice: integer,
    first_failed_at: integer,
  },
  /** A callback has a row once a call of it has expired. */
  expiries: {
    callback_key: integer,
    /** So many rows in `expired_calls` are of the callback. */
    calls: generated,
    /** The number of the next notice. */
    notice: integer,
    /** Whether a call has expired since the last notice. */
    is_owed: integer,
    noticed_at: nullable(integer),
  },
  activity: {
    callback_key: integer,
    /** Minutes are counted since the epoch. An attempt belongs to the one in which it began. */
    minute: integer,
    accepted: generated,
    failed: generated,
    /** These two count replays by the service. */
    replays_accepted: generated,
    replays_failed: generated,
    client_accepted: generated,
    client_failed: generated,
    /** These two are samples of call_counts, null while no outage is open. */
    pending_calls: nullable(integer),
    failed_calls: nullable(integer),
  },
  /** The service was asked for these replays. */
  replays: {
    callback_key: integer,
    /** `requested_at` is unique in its callback, as it is the `due_at` of its calls. */
    requested_at: integer,
    id: text,
    total: integer,
    succeeded: integer,
    failed: integer,
    waiting: integer,
    cancelled_at: nullable(integer),
    /** A user, or a run's user@host. */
    requested_by: nullable(text),
    /** `selection` is a ReplaySelection as JSON, or null if it isn't known. */
    selection: nullable(text),
    /** `confirmed` is how many calls were to be replayed, if a set of calls was confirmed. */
    confirmed: nullable(integer),
    /** So many of them waited for an earlier replay, and stayed with it. */
    in_earlier: generated,
    /** `collecting` is a Collecting (collect-replays.ts) as JSON until all calls are in the replay. */
    collecting: nullable(text),
  },
  /** Failed calls of replays are counted by `failure`, as in failure_counts. Those of older versions aren't. */
  replay_failures: {
    callback_key: integer,
    requested_at: integer,
    failure: text,
    count: integer,
  },
  credentials: {
    username: text,
    password_hash: text,
    api_key_hash: text,
    saved_at: integer,
    origin: oneOf<"start" | "added">(),
  },
  /** A console's session is valid as long as the user's password hash has this digest. */
  sessions: {
    token_hash: text,
    username: text,
    password_digest: text,
    created_at: integer,
    used_at: integer,
  },
  sign_in_codes: {
    id: text,
    secret_hash: text,
    username: text,
    password_digest: text,
    created_at: integer,
    tries_left: integer,
  },
  /** It has no keys of callbacks, as it stays when they are deleted. */
  audit: {
    seq: generated,
    at: integer,
    action: oneOf<AuditAction>(),
    username: nullable(text),
    via: oneOf<Way>(),
    address: nullable(text),
    callback_id: nullable(text),
    callback_name: nullable(text),
    count: nullable(integer),
    /** `details` is an AuditDetails as JSON. */
    details: text,
    /** Failed sign-ins of one minute and address have one row, which this names. */
    sign_in_key: nullable(text),
  },
  /** Each row says something about the database itself. */
  settings: {
    name: text,
    value: bytes,
  },
  run_leases: {
    callback_key: integer,
    run: text,
    holder: text,
    done: integer,
    total: integer,
    expires_at: integer,
  },
};

type Tables = typeof TABLES;

export type Schema = {
  [Table in keyof Tables]: {
    [Name in keyof Tables[Table]]: Tables[Table][Name] extends Column<infer Value> ? Value : never;
  };
};

/** `Db` is the database, or one of its transactions. */
export type Db = Kysely<Schema>;

export type Row<Table extends keyof Schema> = Selectable<Schema[Table]>;

/** `NEVER` stands for an instant in a column that can't be null: the call was neither attempted nor held. */
export const NEVER = -1;
