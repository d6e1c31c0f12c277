import { sql } from "kysely";
import type { OpenOutage, Outage, OutageProgress } from "../../domain/outage.js";
import { ATTEMPT_ENDED_AT, IS_ACCEPTED_REPLAY } from "../calls/attempts.js";
import { orderBy } from "../keyset.js";
import type { LiveCallbacks } from "../nodes/fences.js";
import { type Page, type PageQuery, readPage } from "../paging.js";
import type { Db, Row } from "../schema.js";
import { batchOf, inGivenOrder, insertRows, newValues, valueList } from "../sql/batches.js";
import { crossJoin, least } from "../sql/per-database.js";
import { executeByIndex } from "../sql/transactions.js";
import type { EndpointChange } from "./endpoints.js";
import { type OutageCalls, readOutageCalls } from "./outage-calls.js";

export interface OutageRead {
  readonly callbackId: string;
  readonly since: number;
}

export interface ClosedOutage extends OpenOutage {
  readonly callbackId: string;
  readonly endedAt: number;
}

export function outageStore(db: Db) {
  return {
    /** Reads a page, newest first. */
    list: (query: PageQuery & { readonly callbackId?: string }): Promise<Page<Outage>> => listOutages(db, query),

    async find(callbackId: string, outageId: string): Promise<Outage | null> {
      const { rows } = await sql<OutageRow>`
        SELECT outages.*, callbacks.id AS callback_id, ${MAIL_ERROR} FROM outages ${crossJoin} callbacks ON callbacks.key = outages.callback_key
        WHERE outages.id = ${outageId} AND callbacks.id = ${callbackId} AND deleted_at IS NULL`.execute(db);
      return rows[0] === undefined ? null : toOutage(rows[0]);
    },

    /** Resolves to the newest outage of each callback that has one, by callback id. */
    async findLast(callbackIds: readonly string[]): Promise<ReadonlyMap<string, Outage>> {
      const { rows } = await sql<OutageRow>`
        SELECT outages.*, callbacks.id AS callback_id, ${MAIL_ERROR} FROM ${valueList(callbackIds, "text")}
        ${crossJoin} callbacks ON callbacks.id = batch.value AND deleted_at IS NULL
        ${crossJoin} outages ON outages.id = (SELECT last.id FROM outages AS last WHERE last.callback_key = callbacks.key
          ORDER BY ${orderBy(NEWEST_FIRST)} LIMIT 1)`.execute(db);
      return new Map(rows.map((row) => [row.callback_id, toOutage(row)]));
    },

    /** Looks at calls that first failed at or after `since`. Resolves to the progress of each outage, in their order. */
    readProgress: (outages: readonly OutageRead[]): Promise<readonly OutageProgress[]> => readProgress(db, outages),

    /** Reads why the calls of an outage failed and what became of them, in one state. */
    readCalls: (outageId: string): Promise<OutageCalls> => readOutageCalls(db, outageId),
  };
}

export async function saveOpenOutages(db: Db, changes: readonly EndpointChange[], callbacks: LiveCallbacks): Promise<void> {
  const rows = changes.flatMap(({ callbackId, outage }) => {
    const callback = callbacks.get(callbackId);
    return callback === undefined || outage === null ? [] : [outageRow(callback.key, outage, null)];
  });
  await insertRows(db, "outages", rows, REPLACE_OUTAGE);
}

function outageRow(callbackKey: number, { id, startedAt, failedCalls, quietSince }: OpenOutage, endedAt: number | null) {
  const progress = { started_at: startedAt, failed_calls: failedCalls, quiet_since: quietSince, ended_at: endedAt };
  return { id, callback_key: callbackKey, ...progress };
}

const REPLACE_OUTAGE = sql`
  ON CONFLICT (id) DO UPDATE SET ${newValues(["started_at", "failed_calls", "quiet_since", "ended_at"])}`;

/**
 * The list's index applies, as the last attempt isn't before the first failure. A call that a client's replay has delivered was accepted at the
 * end of the attempt that is reported, however late it was marked, or else when it was marked.
 */
async function readProgress(db: Db, outages: readonly OutageRead[]): Promise<OutageProgress[]> {
  const isOfOutage = sql`callback_key = batch.key AND status <> 'PENDING' AND attempted_at >= batch.since AND first_failed_at >= batch.since`;
  const hasFailed = sql`EXISTS (SELECT 1 FROM calls WHERE status = 'FAILED' AND ${isOfOutage})`;
  const acceptedAt = least(sql`calls.changed_at`, sql`coalesce(${ATTEMPT_ENDED_AT}, calls.changed_at)`);
  const hasDelivered = sql`EXISTS (
    SELECT 1 FROM calls LEFT JOIN attempts ON call_seq = seq AND ${IS_ACCEPTED_REPLAY}
    WHERE status = 'SUCCESS' AND ${isOfOutage} AND settled_by = 'replay' AND NOT EXISTS (
      SELECT 1 FROM calls AS later WHERE later.callback_key = batch.key AND later.status <> 'PENDING'
        AND later.attempted_at > ${acceptedAt} AND later.first_failed_at > ${acceptedAt}))`;
  const reads = outages.map(({ callbackId, since }) => ({ callback_id: callbackId, since }));
  const { rows } = await executeByIndex(
    db,
    sql<{ failed: number; delivered: number }>`
    WITH batch AS MATERIALIZED (
      SELECT callbacks.key, since
      FROM ${batchOf({ callback_id: "text", since: "bigint" }, reads)} LEFT JOIN callbacks ON callbacks.id = callback_id ${inGivenOrder})
    SELECT ${hasFailed} AS failed, CASE WHEN ${hasFailed} THEN FALSE ELSE ${hasDelivered} END AS delivered FROM batch`,
  );
  return rows.map(({ failed, delivered }) => ({ hasFailed: failed === 1, hasDelivered: delivered === 1 }));
}

/** Writes outages whole, as one may have opened in this group too. Resolves to the ids of those that were open, or new. */
export async function closeOutages(
  db: Db,
  closed: readonly ClosedOutage[],
  callbacks: LiveCallbacks,
): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  const rows = closed.flatMap((outage) => {
    const callback = callbacks.get(outage.callbackId);
    // An outage that closed again was written by the first.
    if (callback === undefined || seen.has(outage.id)) return [];
    seen.add(outage.id);
    return [outageRow(callback.key, outage, outage.endedAt)];
  });
  const rest = sql<{ id: string }>`${REPLACE_OUTAGE} WHERE outages.ended_at IS NULL RETURNING id`;
  return new Set((await insertRows(db, "outages", rows, rest)).map(({ id }) => id));
}

const NEWEST_FIRST = [
  { column: "started_at", descending: true },
  { column: "id", descending: true },
];

type OutageRow = Row<"outages"> & { callback_id: string; mail_error: string | null };

const MAIL_ERROR = sql`(SELECT last_error FROM mails WHERE mails.outage_id = outages.id AND sent_at IS NULL) AS mail_error`;

async function listOutages(db: Db, query: PageQuery & { readonly callbackId?: string }): Promise<Page<Outage>> {
  const { callbackId } = query;
  const whose = callbackId === undefined ? sql`` : sql`AND callback_key = (SELECT key FROM callbacks WHERE id = ${callbackId})`;
  const page = await readPage(db, query, {
    select: sql<OutageRow>`
      SELECT *, (SELECT callbacks.id FROM callbacks WHERE key = callback_key) AS callback_id, ${MAIL_ERROR} FROM outages`,
    table: sql`outages`,
    matching: sql`(SELECT deleted_at FROM callbacks WHERE key = callback_key) IS NULL ${whose}`,
    keys: NEWEST_FIRST,
    valuesOf: ({ started_at, id }) => [started_at, id],
  });
  return { ...page, items: page.items.map(toOutage) };
}

function toOutage(row: OutageRow): Outage {
  return {
    id: row.id,
    callbackId: row.callback_id,
    startedAt: row.started_at,
    failedCalls: row.failed_calls,
    quietSince: row.quiet_since,
    endedAt: row.ended_at,
    notifiedAt: row.notified_at,
    notifiedBy: row.notified_by,
    mailError: row.mail_error,
  };
}
