/** Instants are epoch ms; booleans are 0 or 1. */
import type { Generated, Kysely } from "kysely";
import type { UnreachableReason } from "../domain/attempt.js";
import type { CallStatus } from "../domain/call.js";
import type { AuthType, BodyFormat } from "../domain/callback.js";
import type { EndpointState } from "../domain/endpoint.js";
import type { NoticeChannel, OutageEvent } from "../domain/outage.js";

export interface Schema {
  callbacks: CallbackTable;
  endpoints: EndpointTable;
  calls: CallTable;
  attempts: AttemptTable;
  outages: OutageTable;
  activity: ActivityTable;
  mails: MailTable;
  notices: NoticeTable;
  call_counts: CallCountTable;
  failure_counts: FailureCountTable;
  run_leases: RunLeaseTable;
  replays: ReplayTable;
  credentials: CredentialTable;
  sessions: SessionTable;
  sign_in_codes: SignInCodeTable;
  settings: SettingTable;
}

/** Or a transaction. */
export type Db = Kysely<Schema>;

/** Other tables refer to `key`: short index entries. */
export interface CallbackTable {
  key: Generated<number>;
  id: string;
  name: string;
  url: string;
  auth_type: AuthType;
  /** Encrypted; empty once deleted. */
  auth_key: Uint8Array;
  content_type: BodyFormat;
  remove_html: number;
  retries_enabled: number;
  email: string;
  on_reply: number;
  on_undeliverable: number;
  created_at: number;
  repaired_at: number;
  replay_requested_at: number;
  replay_probe_at: number;
  deleted_at: number | null;
}

export interface EndpointTable {
  callback_key: number;
  state: EndpointState;
  failures_in_row: number;
  /** JSON list of seqs. */
  failed_calls: string;
  /** An OpenOutage as JSON. */
  marked_outage: string | null;
  down_since: number | null;
  round_at: number | null;
  round_began_at: number | null;
  probe_at: number | null;
  probe_step_ms: number;
  probe_began_at: number;
  in_flight_limit: number;
  recovery: number;
  recovering_since: number | null;
}

export interface CallTable {
  seq: Generated<number>;
  id: string;
  callback_key: number;
  accepted_at: number;
  status: CallStatus;
  attempt_count: number;
  /** NEVER if none: databases sort null differently. */
  attempted_at: number;
  /** When the service's own last attempt began (NEVER if none); null if that is `attempted_at`. */
  sent_at: number | null;
  status_code: number | null;
  status_message: string | null;
  error: UnreachableReason | null;
  first_failed_at: number | null;
  due_at: number | null;
  due_cause: "retry" | "replay" | null;
  failed_in_recovery: number;
  settled_by: "dispatcher" | "user" | "replay" | null;
  changed_at: number;
  message_id: string;
  channel: string;
  /** JSON StoredResponse (call-row.ts). */
  response: string;
}

/** Neither attempted nor held. */
export const NEVER = -1;

/** Only read whole, by call. */
export interface AttemptTable {
  call_seq: number;
  number: number;
  /** JSON StoredOutcome (attempts.ts). */
  outcome: string;
}

export interface OutageTable {
  id: string;
  callback_key: number;
  started_at: number;
  failed_calls: number;
  quiet_since: number | null;
  ended_at: number | null;
  notified_at: number | null;
  notified_by: NoticeChannel | null;
}

/** Attempts that began in this minute (since the epoch). */
export interface ActivityTable {
  callback_key: number;
  minute: number;
  accepted: Generated<number>;
  failed: Generated<number>;
  /** By the service. */
  replays_accepted: Generated<number>;
  replays_failed: Generated<number>;
  client_accepted: Generated<number>;
  client_failed: Generated<number>;
  /** Samples of call_counts; null: no outage was open. */
  pending_calls: number | null;
  failed_calls: number | null;
}

export interface MailTable {
  outage_id: string;
  callback_key: number;
  recipient: string;
  subject: string;
  text: string;
  created_at: number;
  tries: number;
  /** Null once sent. */
  next_try_at: number | null;
  sent_at: number | null;
  last_error: string | null;
}

export interface NoticeTable {
  outage_id: string;
  event: OutageEvent;
  destination: string;
  callback_key: number;
  created_at: number;
  tries: number;
  /** Null once sent, or too old. */
  next_try_at: number | null;
  sent_at: number | null;
  last_error: string | null;
  /** JSON OutageReport; null until it is first sent. */
  report: string | null;
}

export interface CallCountTable {
  callback_key: number;
  status: CallStatus;
  count: number;
}

/** FAILED calls; sums to their count in call_counts. */
export interface FailureCountTable {
  callback_key: number;
  /** A status code, an UnreachableReason, or "". */
  failure: string;
  count: number;
}

export interface RunLeaseTable {
  callback_key: number;
  run: string;
  holder: string;
  done: number;
  total: number;
  expires_at: number;
}

/** Requested of the service. `requested_at` is unique in its callback: the `due_at` of its calls. */
export interface ReplayTable {
  callback_key: number;
  requested_at: number;
  id: string;
  total: number;
  succeeded: number;
  failed: number;
  waiting: number;
  cancelled_at: number | null;
}

export interface CredentialTable {
  username: string;
  password_hash: string;
  api_key_hash: string;
  saved_at: number;
  origin: "start" | "added";
}

/** Of the console. Valid as long as the user's password hash has this digest. */
export interface SessionTable {
  token_hash: string;
  username: string;
  password_digest: string;
  created_at: number;
  used_at: number;
}

export interface SignInCodeTable {
  id: string;
  secret_hash: string;
  username: string;
  password_digest: string;
  created_at: number;
  tries_left: number;
}

/** About the database itself, by name. */
export interface SettingTable {
  name: string;
  value: Uint8Array;
}
