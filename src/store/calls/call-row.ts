import { type RawBuilder, sql } from "kysely";
import type { Call, CallProgress } from "../../domain/call.js";
import type { GivenMembers, Members, MessageResponse, ResponseKind } from "../../domain/message-response.js";
import { type Db, NEVER } from "../schema.js";
import { inList } from "../sql/batches.js";
import { type CellsOf, type JsonColumns, readJsonRows, readJsonRowsOfEach } from "../sql/json-rows.js";
import { jsonPart, perDatabase } from "../sql/per-database.js";

export const PROGRESS_COLUMNS = [
  ...(["status", "attempt_count", "attempted_at", "status_code", "status_message", "error", "first_failed_at"] as const),
  ...(["due_at", "due_cause", "failed_in_recovery", "settled_by", "changed_at", "sent_at"] as const),
  ...(["is_replayed", "outage_id"] as const),
] as const;

type ProgressCells = CellsOf<"calls", typeof PROGRESS_COLUMNS>;

const CALL_COLUMNS = ["seq", "id", "accepted_at", "message_id", "channel", ...PROGRESS_COLUMNS] as const;

type CallCells = readonly [response: StoredResponse | null, responseBytes: number, ...CellsOf<"calls", typeof CALL_COLUMNS>];

/** Outage e-mails show this in place of a response that was left out. */
const LEFT_OUT_RESPONSE: StoredResponse = ["", "", "", "", "", "", "reply", "", "(too large to be shown here)", {}];

/** No value in a database is larger, and octet_length has 32 bits. */
const LARGEST_BYTES = 2 ** 31 - 1;

/** `from` is FROM and the rest of a query of this callback's calls. Responses over `maxBytes` are left out. */
export async function readCalls(
  db: Db,
  callbackId: string,
  from: RawBuilder<unknown>,
  maxBytes = LARGEST_BYTES,
): Promise<Call[]> {
  const rows = await readJsonRows<CallCells>(db, callColumns(sql`${maxBytes}`), from);
  return rows.map((row) => toCall(row, callbackId));
}

/** Does what `readCalls` does, for each row of the query `batch`, which has a column `max_bytes`: the calls of one callback. */
export async function readCallsOfEach(
  db: Db,
  callbacks: readonly { readonly callbackId: string }[],
  batch: RawBuilder<unknown>,
  from: RawBuilder<unknown>,
): Promise<Call[][]> {
  const lists = await readJsonRowsOfEach<CallCells>(db, callColumns(sql`batch.max_bytes`), batch, from);
  return callbacks.map(({ callbackId }, index) => (lists[index] ?? []).map((row) => toCall(row, callbackId)));
}

function callColumns(maxBytes: RawBuilder<unknown>): JsonColumns {
  return { columns: CALL_COLUMNS, json: { name: "response", maxBytes } };
}

function toCall(cells: CallCells, callbackId: string): Call {
  const [response, responseBytes, seq, id, acceptedAt, messageId, channel, ...progress] = cells;
  return {
    seq,
    id,
    callbackId,
    response: decodeResponse(messageId, channel, response ?? LEFT_OUT_RESPONSE),
    acceptedAt,
    ...toProgress(progress),
    ...(response === null && { leftOutBytes: responseBytes }),
  };
}

export function toProgress(cells: ProgressCells): CallProgress {
  const [status, attemptCount, attemptedAt, statusCode, statusMessage, error, firstFailedAt, dueAt, dueCause, ...more] = cells;
  const [failedInRecovery, settledBy, changedAt, sentAt, isReplayed, outageId] = more;
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
    isReplayed: isReplayed === 1,
    outageId,
    changedAt,
    sentAt: sentAt === null ? sentAsShown(attemptCount, attemptedAt) : instantOf(sentAt),
  };
}

/** Unless a client has reported attempts, the service's last attempt is the one shown. */
function sentAsShown(attemptCount: number, attemptedAt: number): number | null {
  return attemptCount === 0 ? null : attemptedAt;
}

export function instantOf(cell: number): number | null {
  return cell === NEVER ? null : cell;
}

/** A condition that holds if the service has made no attempt. */
const IS_UNSENT = sql`(attempt_count = 0 OR sent_at = ${sql.lit(NEVER)})`;

/** Is `laterChange` of domain/call.ts. */
export function laterChangeAt(now: number): RawBuilder<number> {
  return sql`CASE WHEN changed_at < ${now} THEN ${now} ELSE changed_at + 1 END`;
}

/** A condition that holds if the call was held, and the service hasn't attempted it since. */
export const IS_HELD = sql`status = 'FAILED' AND due_at IS NOT NULL AND ${IS_UNSENT}`;

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
    progress.isReplayed ? 1 : 0,
    progress.outageId,
  ];
}

/** Field names would be half of the text. `messageId` and `channel` have columns. Version 0.1.0 didn't store `given`. */
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
  given?: GivenMembers | string,
];

/** Most responses have members of these names only, with the fields' values. Their places are stored then, as in `01234 024 013`. */
const GIVEN_NAMES = {
  response: ["messageId", "messageLocation", "from", "responseMessage", "customParameters"],
  from: ["name", "mri", "mobile", "email", "voice"],
  responseMessage: ["channel", "acknowledged", "undeliverable", "content"],
} as const satisfies { readonly [Part in keyof GivenMembers]: Members };

/** `SENDER_INDEXES` are indexes in a StoredResponse. */
export const SENDER_INDEXES = [1, 2, 3, 4, 5] as const;
/** `ADDRESS_INDEXES` are in the order of preference: mobile, email, voice, mri and name. */
const ADDRESS_INDEXES = [3, 4, 5, 2, 1] as const;
/** A mobile and a voice number. */
export const NUMBER_INDEXES = [3, 5] as const;
export const EMAIL_INDEX = 4;
export const CONTENT_INDEX = 8;
const PARAMETERS_INDEX = 9;
const GIVEN_INDEX = 10;

/** `SENDER_ADDRESS` must match `senderAddress`. */
export const SENDER_ADDRESS = sql`coalesce(${sql.join(ADDRESS_INDEXES.map((index) => sql`nullif(${jsonPart("response", index)}, '')`))})`;

export function encodeResponse(response: MessageResponse): StoredResponse {
  const { messageLocation, from, responseMessage, customParameters, given } = response;
  const { name, mri, mobile, email, voice } = from;
  const { kind, date, content } = responseMessage;
  const stored = [messageLocation, name, mri, mobile, email, voice, kind, date, content, customParameters] as const;
  return given === undefined ? stored : [...stored, encodeGiven(given)];
}

function encodeGiven(given: GivenMembers): GivenMembers | string {
  const response = placesOf(given.response, GIVEN_NAMES.response);
  const from = placesOf(given.from, GIVEN_NAMES.from);
  const responseMessage = placesOf(given.responseMessage, GIVEN_NAMES.responseMessage);
  return response === null || from === null || responseMessage === null ? given : `${response} ${from} ${responseMessage}`;
}

/** Returns null if a member has a value of its own or another name. */
function placesOf(members: Members, names: Members): string | null {
  let places = "";
  for (const member of members) {
    const place = names.indexOf(member);
    if (place < 0) return null;
    places += place;
  }
  return places;
}

function decodeGiven(given: GivenMembers | string): GivenMembers {
  if (typeof given !== "string") return given;
  const [response = "", from = "", responseMessage = ""] = given.split(" ");
  return {
    response: namesAt(response, GIVEN_NAMES.response),
    from: namesAt(from, GIVEN_NAMES.from),
    responseMessage: namesAt(responseMessage, GIVEN_NAMES.responseMessage),
  };
}

function namesAt(places: string, names: Members): Members {
  return Array.from(places, (place) => names[Number(place)] ?? "");
}

/** Erases responses but for their kind, channel, date, message id and location. */
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
    WHERE seq ${inList(seqs, "bigint")}`.execute(db);
}

function decodeResponse(messageId: string, channel: string, stored: StoredResponse): MessageResponse {
  const [messageLocation, name, mri, mobile, email, voice, kind, date, content, customParameters, given] = stored;
  return {
    messageId,
    messageLocation,
    from: { name, mri, mobile, email, voice },
    responseMessage: { channel, kind, date, content },
    customParameters,
    given: given === undefined ? undefined : decodeGiven(given),
  };
}
