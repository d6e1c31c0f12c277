import { sql } from "kysely";
import { type Callback, type OldestWaiting, type Pause, runningPause } from "../../domain/callback.js";
import { type Endpoint, NEW_ENDPOINT } from "../../domain/endpoint.js";
import type { OpenOutage } from "../../domain/outage.js";
import type { Clock } from "../../platform/clock.js";
import { type CallbackRow, toCallback } from "../callbacks/callback-row.js";
import type { LiveCallbacks } from "../nodes/fences.js";
import { type Db, type Row, TABLES } from "../schema.js";
import type { KeyCipher } from "../secret-key.js";
import { inList, insertRows, newValues } from "../sql/batches.js";
import { executeByIndex } from "../sql/transactions.js";
import { readExpiredCounts } from "./expired-calls.js";
import type { ReadOldestWaiting } from "./oldest-waiting.js";

export interface EndpointRecord {
  readonly callback: Callback;
  /** `fence` grows whenever a dispatcher takes the callback, and is 0 on SQLite. */
  readonly fence: number;
  readonly endpoint: Endpoint;
  readonly outage: OpenOutage | null;
  /** `unrecoveredOutage` is the last outage, if it closed without a success since. */
  readonly unrecoveredOutage?: OpenOutage;
  readonly pendingCalls: number;
  /** The earliest FAILED call is due then. */
  readonly nextDueAt: number | null;
  /** A replay was cancelled of which calls wait or are in flight. */
  readonly hasCancelledReplay?: true;
}

/** What people and clients see of an endpoint derives from this (`endpointHealth`). */
export interface EndpointReport extends EndpointRecord {
  readonly oldestWaiting: OldestWaiting | null;
  /** So many FAILED calls aren't retried any more, as their window is over. */
  readonly expiredCalls: number;
  /** It isn't over. */
  readonly pause: Pause | null;
}

export interface EndpointChange {
  readonly callbackId: string;
  readonly endpoint: Endpoint;
  readonly outage: OpenOutage | null;
  readonly unrecoveredOutage?: OpenOutage | null;
}

/** The callback's earliest call is due then. LIMIT keeps PostgreSQL on the index. */
const firstDueAt = sql`
  (SELECT due_at FROM calls WHERE callback_key = callbacks.key AND status = 'FAILED' AND due_at IS NOT NULL
   ORDER BY due_at LIMIT 1)`;

/** A condition that holds if the callback may need the dispatcher. */
export const isActive = sql`(
  EXISTS (SELECT 1 FROM call_counts WHERE callback_key = callbacks.key AND status = 'PENDING' AND count > 0)
  OR ${firstDueAt} IS NOT NULL
  OR EXISTS (SELECT 1 FROM outages WHERE callback_key = callbacks.key AND ended_at IS NULL)
  OR EXISTS (SELECT 1 FROM endpoints WHERE callback_key = callbacks.key AND state = 'recovering'))`;

interface RecordRow extends CallbackRow, Nullable<Row<"endpoints">> {
  readonly fence?: number;
  readonly outage_id: string | null;
  readonly outage_started_at: number | null;
  readonly outage_failed_calls: number | null;
  readonly outage_quiet_since: number | null;
  readonly pending: number;
  readonly next_due_at: number | null;
  readonly has_cancelled_replay: number | boolean;
}

type Nullable<Joined> = { [Name in keyof Joined]: Joined[Name] | null };

const hasCancelledReplay = sql`
  EXISTS (SELECT 1 FROM replays WHERE callback_key = callbacks.key AND waiting > 0 AND cancelled_at IS NOT NULL)`;

export function endpointStore(db: Db, cipher: KeyCipher, clock: Clock, readOldestWaiting: ReadOldestWaiting) {
  return {
    /** Reads the endpoints that may need the dispatcher, or those of `callbackIds`, by a few index lookups each. */
    async list(callbackIds?: readonly string[]): Promise<readonly EndpointRecord[]> {
      return (await listEndpoints(db, cipher, callbackIds)).map(({ record }) => record);
    },

    /** Reads those of `callbackIds`, since when their calls wait, and how many aren't retried any more. */
    async listReports(callbackIds: readonly string[]): Promise<readonly EndpointReport[]> {
      const listed = await listEndpoints(db, cipher, callbackIds);
      const waiting = listed.filter(({ record }) => record.pendingCalls > 0).map(({ key }) => key);
      const oldest = await readOldestWaiting(waiting);
      const expired = await readExpiredCounts(
        db,
        listed.map(({ key }) => key),
      );
      const now = clock.now();
      return listed.map(({ key, record }) => ({
        ...record,
        oldestWaiting: oldest.get(key) ?? null,
        expiredCalls: expired.get(key) ?? 0,
        pause: runningPause(record.callback, now),
      }));
    },

    /** Resolves to the ids of those that may need the dispatcher. Reads no settings and no state. */
    async listActive(): Promise<readonly string[]> {
      const active = sql<{ id: string }>`SELECT id FROM callbacks WHERE deleted_at IS NULL AND ${isActive}`;
      const { rows } = await executeByIndex(db, active);
      return rows.map(({ id }) => id);
    },
  };
}

interface ListedEndpoint {
  readonly key: number;
  readonly record: EndpointRecord;
}

async function listEndpoints(db: Db, cipher: KeyCipher, callbackIds?: readonly string[]): Promise<ListedEndpoint[]> {
  const which = callbackIds === undefined ? sql`` : sql`AND callbacks.id ${inList(callbackIds, "text")}`;
  const { rows } = await executeByIndex(
    db,
    sql<RecordRow>`
    SELECT * FROM (
      SELECT callbacks.*, endpoints.*,
        outages.id AS outage_id, outages.started_at AS outage_started_at,
        outages.failed_calls AS outage_failed_calls, outages.quiet_since AS outage_quiet_since,
        coalesce(call_counts.count, 0) AS pending,
        ${firstDueAt} AS next_due_at,
        ${hasCancelledReplay} AS has_cancelled_replay
      FROM callbacks
      LEFT JOIN endpoints ON endpoints.callback_key = callbacks.key
      LEFT JOIN outages ON outages.callback_key = callbacks.key AND outages.ended_at IS NULL
      LEFT JOIN call_counts ON call_counts.callback_key = callbacks.key AND call_counts.status = 'PENDING'
      WHERE deleted_at IS NULL ${which}
    ) AS records
    WHERE ${sql.lit(callbackIds !== undefined)} OR pending > 0 OR next_due_at IS NOT NULL OR outage_id IS NOT NULL OR state = 'recovering'
    ORDER BY key`,
  );
  return rows.map((row) => ({ key: row.key, record: recordOf(row, cipher) }));
}

function recordOf(row: RecordRow, cipher: KeyCipher): EndpointRecord {
  return {
    callback: toCallback(row, cipher),
    fence: row.fence ?? 0,
    endpoint: endpointOf(row),
    outage: outageOf(row),
    ...(row.unrecovered_outage !== null && { unrecoveredOutage: JSON.parse(row.unrecovered_outage) }),
    pendingCalls: row.pending,
    nextDueAt: row.next_due_at,
    ...(Boolean(row.has_cancelled_replay) && { hasCancelledReplay: true as const }),
  };
}

export async function saveEndpoints(db: Db, changes: readonly EndpointChange[], callbacks: LiveCallbacks): Promise<void> {
  const rows = changes.flatMap((change) => {
    const callback = callbacks.get(change.callbackId);
    return callback === undefined ? [] : [endpointRow(callback.key, change)];
  });
  await insertRows(db, "endpoints", rows, REPLACE_STATE);
}

const STATE_COLUMNS = Object.keys(TABLES.endpoints).filter((name) => name !== "callback_key");
const REPLACE_STATE = sql`ON CONFLICT (callback_key) DO UPDATE SET ${newValues(STATE_COLUMNS)}`;

function endpointRow(callbackKey: number, { endpoint, unrecoveredOutage }: EndpointChange) {
  return {
    callback_key: callbackKey,
    state: endpoint.state,
    failures_in_row: endpoint.failedCalls.length,
    failed_calls: JSON.stringify(endpoint.failedCalls),
    unrecovered_outage: unrecoveredOutage ? JSON.stringify(unrecoveredOutage) : null,
    down_since: endpoint.downSince,
    round_at: endpoint.roundAt,
    round_began_at: endpoint.roundBeganAt,
    probe_at: endpoint.probeAt,
    probe_step_ms: endpoint.probeStepMs,
    probe_began_at: endpoint.probeBeganAt,
    in_flight_limit: endpoint.limit,
    recovery: endpoint.recovery,
    recovering_since: endpoint.recoveringSince,
  };
}

function endpointOf(row: RecordRow): Endpoint {
  if (row.state === null) return NEW_ENDPOINT;
  return {
    state: row.state,
    failedCalls: JSON.parse(row.failed_calls ?? "[]"),
    downSince: row.down_since,
    roundAt: row.round_at,
    roundBeganAt: row.round_began_at,
    probeAt: row.probe_at,
    probeStepMs: row.probe_step_ms ?? NEW_ENDPOINT.probeStepMs,
    probeBeganAt: row.probe_began_at ?? NEW_ENDPOINT.probeBeganAt,
    limit: row.in_flight_limit ?? NEW_ENDPOINT.limit,
    recovery: row.recovery ?? NEW_ENDPOINT.recovery,
    recoveringSince: row.recovering_since,
  };
}

function outageOf({
  outage_id,
  outage_started_at,
  outage_failed_calls,
  outage_quiet_since,
}: RecordRow): EndpointRecord["outage"] {
  if (outage_id === null || outage_started_at === null || outage_failed_calls === null) return null;
  return { id: outage_id, startedAt: outage_started_at, failedCalls: outage_failed_calls, quietSince: outage_quiet_since };
}
