import { type RawBuilder, sql } from "kysely";
import type { UnreachableReason } from "../../domain/attempt.js";
import type { Call, CallProgress, CallStatus, SettledBy } from "../../domain/call.js";
import type { GivenMembers, MessageResponse, ResponseKind } from "../../domain/message-response.js";
import { type Db, NEVER } from "../schema.js";
import { type CellType, listOf } from "../sql/batches.js";
import { readRows, readRowsOfEach } from "../sql/json-rows.js";
import { jsonPart, perDatabase } from "../sql/per-database.js";

/** In the order of PROGRESS_COLUMNS. */
export type ProgressCells = readonly [
  status: CallStatus,
  attemptCount: number,
  attemptedAt: number,
  statusCode: number | null,
  statusMessage: string | null,
  error: UnreachableReason | null,
  firstFailedAt: number | null,
  dueAt: number | null,
  dueCause: "retry" | "replay" | null,
  failedInRecovery: number,
  settledBy: SettledBy | null,
  changedAt: number,
  sentAt: number | null,
];

export const PROGRESS_COLUMNS = [
  ...["status", "attempt_count", "attempted_at", "status_code", "status_message", "error", "first_failed_at"],
  ...["due_at", "due_cause", "failed_in_recovery", "settled_by", "changed_at", "sent_at"],
];

/** In the order of PROGRESS_COLUMNS. */
export const PROGRESS_TYPES: readonly CellType[] = [
  ...(["text", "bigint", "bigint", "bigint", "text", "text", "bigint"] as const),
  ...(["bigint", "text", "bigint", "text", "bigint", "bigint"] as const),
];

type CallRow = readonly [
  seq: number,
  id: string,
  acceptedAt: number,
  messageId: string,
  channel: string,
  ...progress: ProgressCells,
  response: StoredResponse | null,
  responseBytes?: number,
];

/** In the order of CallRow. */
const COLUMNS = ["seq", "id", "accepted_at", "message_id", "channel", ...PROGRESS_COLUMNS];

/** Shown in outage e-mails. */
const LEFT_OUT: StoredResponse = ["", "", "", "", "", "", "reply", "", "(too large to be shown here)", {}];

/** `from`: FROM and the rest of the query, for this callback only. Responses over `maxBytes` are left out. */
export async function readCalls(db: Db, callbackId: string, from: RawBuilder<unknown>, maxBytes?: number): Promise<Call[]> {
  const bounds = maxBytes === undefined ? {} : { maxJsonBytes: sql`${maxBytes}` };
  const rows = await readRows<CallRow>(db, { columns: COLUMNS, json: ["response"], ...bounds }, from);
  return rows.map((row) => toCall(row, callbackId));
}

/** For each row of `batch`, a query with a column `max_bytes`, the calls of one callback, as `readCalls`. */
export async function readCallsOfEach(
  db: Db,
  callbacks: readonly { readonly callbackId: string }[],
  batch: RawBuilder<unknown>,
  from: RawBuilder<unknown>,
): Promise<Call[][]> {
  const columns = { columns: COLUMNS, json: ["response"], maxJsonBytes: sql`batch.max_bytes` };
  const lists = await readRowsOfEach<CallRow>(db, columns, batch, from);
  return callbacks.map(({ callbackId }, index) => (lists[index] ?? []).map((row) => toCall(row, callbackId)));
}

function toCall([seq, id, acceptedAt, messageId, channel, ...more]: CallRow, callbackId: string): Call {
  const [response, responseBytes] = [more[13], more[14]];
  return {
    seq,
    id,
    callbackId,
    response: decodeResponse(messageId, channel, response ?? LEFT_OUT),
    ...(response === null && responseBytes !== undefined && { leftOutBytes: responseBytes }),
    acceptedAt,
    ...toProgress(more),
  };
}

export function toProgress(cells: readonly [...ProgressCells, ...unknown[]]): CallProgress {
  const [status, attemptCount, attemptedAt, statusCode, statusMessage, error, firstFailedAt, dueAt, dueCause, ...more] = cells;
  const [failedInRecovery, settledBy, changedAt, sentAt] = more;
  return {
    status,
    attemptCount,
    attemptedAt: instantOf(attemptedAt),
    statusCode,
    statusMessage,
    error,
    firstFailedAt,
    due: dueAt === null || dueCause === null ? null : { at: dueAt, cause: dueCause },
    failedInRecovery,
    settledBy,
    changedAt,
    sentAt: sentAt === null ? sentAsShown(attemptCount, attemptedAt) : instantOf(sentAt),
  };
}

/** Unless a client has reported attempts, the service's last attempt is the one shown. */
function sentAsShown(attemptCount: number, attemptedAt: number): number | null {
  return attemptCount === 0 ? null : attemptedAt;
}

function instantOf(cell: number): number | null {
  return cell === NEVER ? null : cell;
}

/** A condition: the service has made no attempt. */
export const UNSENT = sql`(attempt_count = 0 OR sent_at = ${sql.lit(NEVER)})`;

export function progressCells(progress: CallProgress): ProgressCells {
  const attemptedAt = progress.attemptedAt ?? NEVER;
  const { sentAt } = progress;
  return [
    progress.status,
    progress.attemptCount,
    attemptedAt,
    progress.statusCode,
    progress.statusMessage,
    progress.error,
    progress.firstFailedAt,
    progress.due?.at ?? null,
    progress.due?.cause ?? null,
    progress.failedInRecovery,
    progress.settledBy,
    progress.changedAt,
    sentAt === sentAsShown(progress.attemptCount, attemptedAt) ? null : (sentAt ?? NEVER),
  ];
}

/** Field names would be half of the text. `messageId` and `channel` have columns. 0.1.0 didn't store `given`. */
export type StoredResponse = readonly [
  messageLocation: string,
  name: string,
  mri: string,
  mobile: string,
  email: string,
  voice: string,
  kind: ResponseKind,
  date: string,
  content: string,
  customParameters: Readonly<Record<string, string>>,
  given?: GivenMembers,
];

/** Indexes in StoredResponse. */
export const SENDER_INDEXES = [1, 2, 3, 4, 5] as const;
/** Mobile, email, voice, mri and name. */
const ADDRESS_INDEXES = [3, 4, 5, 2, 1] as const;
export const CONTENT_INDEX = 8;
const PARAMETERS_INDEX = 9;
const GIVEN_INDEX = 10;

/** The SQL of `senderAddress`. */
export const SENDER = sql`coalesce(${sql.join(ADDRESS_INDEXES.map((index) => sql`nullif(${jsonPart("response", index)}, '')`))})`;

export function encodeResponse(response: MessageResponse): StoredResponse {
  const { messageLocation, from, responseMessage, customParameters, given } = response;
  const { name, mri, mobile, email, voice } = from;
  const { kind, date, content } = responseMessage;
  const stored = [messageLocation, name, mri, mobile, email, voice, kind, date, content, customParameters] as const;
  return given === undefined ? stored : [...stored, given];
}

/** Kind, channel, date, message id and location stay. */
export async function eraseResponses(db: Db, seqs: readonly number[]): Promise<void> {
  const empty = [...SENDER_INDEXES, CONTENT_INDEX];
  const paths = sql.join(empty.map((index) => sql`${sql.lit(`$[${index}]`)}, ''`));
  const erased = perDatabase({
    sqlite: sql`
      json_remove(json_set(response, ${paths}, ${sql.lit(`$[${PARAMETERS_INDEX}]`)}, json('{}')), ${sql.lit(`$[${GIVEN_INDEX}]`)})`,
    postgres: () => sql`
      (SELECT pg_catalog.json_agg(CASE WHEN place - 1 IN (${sql.join(empty.map((index) => sql.lit(index)))}) THEN '""'::json
        WHEN place - 1 = ${sql.lit(PARAMETERS_INDEX)} THEN '{}'::json ELSE part END ORDER BY place)::text
       FROM json_array_elements(response::json) WITH ORDINALITY AS parts(part, place) WHERE place <= ${sql.lit(GIVEN_INDEX)})`,
  });
  await sql`
    UPDATE calls SET response = ${erased}
    WHERE seq IN (SELECT batch.value FROM ${listOf(seqs, "bigint")})`.execute(db);
}

function decodeResponse(messageId: string, channel: string, stored: StoredResponse): MessageResponse {
  const [messageLocation, name, mri, mobile, email, voice, kind, date, content, customParameters, given] = stored;
  return {
    messageId,
    messageLocation,
    from: { name, mri, mobile, email, voice },
    responseMessage: { channel, kind, date, content },
    customParameters,
    ...(given !== undefined && { given }),
  };
}
