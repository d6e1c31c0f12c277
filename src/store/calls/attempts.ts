import { sql } from "kysely";
import type { Attempt, AttemptCause, DeliveryResult, NewAttempt, UnreachableReason } from "../../domain/attempt.js";
import type { Db, Row } from "../schema.js";
import { batchOf, inList, insertRows, valueList } from "../sql/batches.js";
import { crossJoin, jsonPart, perDatabase } from "../sql/per-database.js";

/** A column for each part would double the cost of the most frequent row. */
type StoredOutcome = readonly [startedAt: number, durationMs: number, cause: StoredCause, ...result: Answered | Unreachable];
/** A client's replay includes `sentFrom`. */
type StoredCause = AttemptCause | `replay ${string}`;
type Answered = readonly [
  statusCode: number,
  statusMessage: string,
  body: string,
  ...(Resent | [0 | 1, retryAfterMs: number] | [0 | 1, retryAfterMs: number | null, isCut: 1]),
];
type Unreachable = readonly [reason: UnreachableReason, detail: string, ...Resent];
/** The number is 1 if the request was resent. */
type Resent = [] | [1];

export interface RecordedAttempt {
  readonly callSeq: number;
  readonly number: number;
  readonly attempt: NewAttempt;
}

export async function saveAttempts(db: Db, recorded: readonly RecordedAttempt[]): Promise<void> {
  const rows = recorded.map(({ callSeq, number, attempt }) => ({ call_seq: callSeq, number, outcome: encodeOutcome(attempt) }));
  await insertRows(db, "attempts", rows, sql`ON CONFLICT (call_seq, number) DO NOTHING`);
}

/** Resolves to those that are stored already. Answers aren't compared, as they may have been erased. */
export async function findRecorded<Sent extends NewAttempt>(
  db: Db,
  sent: readonly { readonly callSeq: number; readonly attempt: Sent }[],
): Promise<ReadonlySet<Sent>> {
  if (sent.length === 0) return new Set();
  const rows = sent.map(({ callSeq, attempt }, index) => {
    const [startedAt, durationMs, cause] = encodeOutcome(attempt);
    return { sent: index, call_seq: callSeq, started_at: startedAt, duration_ms: durationMs, cause };
  });
  const seqs = [...new Set(sent.map(({ callSeq }) => callSeq))];
  const found = await sql<{ sent: number }>`
    WITH stored AS MATERIALIZED (
      SELECT call_seq, ${jsonPart("outcome", 0)} AS started_at, ${jsonPart("outcome", 1)} AS duration_ms, ${jsonPart("outcome", 2)} AS cause
      FROM attempts WHERE call_seq ${inList(seqs, "bigint")})
    SELECT batch.sent FROM ${batchOf(SENT, rows)}
    ${crossJoin} stored ON stored.call_seq = batch.call_seq AND stored.started_at = batch.started_at
      AND stored.duration_ms = batch.duration_ms AND stored.cause = batch.cause`.execute(db);
  const indexes = new Set(found.rows.map((row) => row.sent));
  return new Set(sent.filter((_, index) => indexes.has(index)).map(({ attempt }) => attempt));
}

/**
 * Resolves to the calls of these that have an attempt after this instant which wasn't a retry: a user had asked for a replay, or released them.
 * The attempt that a client reports doesn't count, nor what it had sent before.
 */
export async function findSentAnew(
  db: Db,
  calls: readonly { readonly callSeq: number; readonly reported: NewAttempt | undefined }[],
  since: number,
): Promise<readonly number[]> {
  if (calls.length === 0) return [];
  const rows = calls.map(({ callSeq, reported }) => {
    const [startedAt, , cause] = reported === undefined ? [0, 0, ""] : encodeOutcome(reported);
    return { call_seq: callSeq, started_at: startedAt, cause };
  });
  const found = await sql<{ call_seq: number }>`
    SELECT DISTINCT attempts.call_seq FROM ${batchOf({ call_seq: "bigint", started_at: "bigint", cause: "text" }, rows)}
    ${crossJoin} attempts ON attempts.call_seq = batch.call_seq
    WHERE CAST(${jsonPart("outcome", 0)} AS bigint) > ${since} AND ${jsonPart("outcome", 2)} <> 'retry'
      AND NOT (${jsonPart("outcome", 2)} = batch.cause AND CAST(${jsonPart("outcome", 0)} AS bigint) <= batch.started_at)`.execute(
    db,
  );
  return found.rows.map((row) => row.call_seq);
}

/** These are terms for a query of attempts. */
export const ATTEMPT_ENDED_AT = sql`(CAST(${jsonPart("outcome", 0)} AS bigint) + CAST(${jsonPart("outcome", 1)} AS bigint))`;
export const IS_ACCEPTED_REPLAY = sql`(${jsonPart("outcome", 2)} LIKE 'replay %' AND CAST(${jsonPart("outcome", 3)} AS text) = '200')`;

/** The names in JSON add about 200 bytes to an attempt's row. */
export const ATTEMPT_BYTES = sql`octet_length(outcome) + 200`;
/** Several lists may be in memory at once. */
export const LISTED_BYTES = 4 * 1024 * 1024;

/** What of the answer to a call's last attempt is kept, or null. It is a term for a query of calls. */
export const ANSWER = sql`
  CASE WHEN status_code IS NOT NULL THEN (
    SELECT nullif(${jsonPart("outcome", 5)}, '') FROM attempts WHERE call_seq = calls.seq AND number = calls.attempt_count
      AND CAST(${jsonPart("outcome", 3)} AS text) = CAST(calls.status_code AS text)) END`;

/** PostgreSQL reads the parts of an outcome as text. */
const SENT = { sent: "bigint", call_seq: "bigint", started_at: "text", duration_ms: "text", cause: "text" } as const;

export function attemptLists(db: Db) {
  return {
    /** Resolves, by call id, to what of the answer to its last attempt is kept. */
    async listAnswers(callbackId: string, callIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
      const { rows } = await sql<{ id: string; answer: string | null }>`
        SELECT calls.id, ${ANSWER} AS answer FROM ${valueList([...new Set(callIds)], "text")}
        ${crossJoin} calls ON calls.id = batch.value
        WHERE calls.callback_key = (SELECT key FROM callbacks WHERE callbacks.id = ${callbackId} AND deleted_at IS NULL)`.execute(
        db,
      );
      return new Map(rows.flatMap(({ id, answer }) => (answer === null ? [] : [[id, answer] as const])));
    },

    /** Resolves to the bytes of the attempts that `listAttempts` returns of a call. */
    async sizeOfAttempts(callbackId: string, callId: string): Promise<number> {
      const { rows } = await sql<{ bytes: number }>`
        SELECT coalesce(sum(${ATTEMPT_BYTES}), 0) AS bytes FROM calls ${crossJoin} attempts ON attempts.call_seq = calls.seq
        WHERE calls.id = ${callId}
          AND calls.callback_key = (SELECT key FROM callbacks WHERE callbacks.id = ${callbackId} AND deleted_at IS NULL)`.execute(
        db,
      );
      return Math.min(Number(rows[0]?.bytes ?? 0), LISTED_BYTES);
    },

    /** Resolves to the attempts by call id, in order of number: at most the `latest` ones of each, and of those the latest that take 4 MiB. */
    async listAttempts(
      callbackId: string,
      callIds: readonly string[],
      latest = Number.MAX_SAFE_INTEGER,
    ): Promise<ReadonlyMap<string, readonly Attempt[]>> {
      const { rows } = await sql<Row<"attempts"> & { id: string }>`
        WITH sized AS (
          SELECT calls.id, attempts.call_seq, attempts.number,
            sum(${ATTEMPT_BYTES}) OVER (PARTITION BY attempts.call_seq ORDER BY attempts.number DESC) AS bytes
          FROM ${valueList([...new Set(callIds)], "text")}
          ${crossJoin} calls ON calls.id = batch.value
          ${crossJoin} attempts ON attempts.call_seq = calls.seq AND attempts.number > calls.attempt_count - ${latest}
          WHERE calls.callback_key = (SELECT key FROM callbacks WHERE callbacks.id = ${callbackId} AND deleted_at IS NULL))
        SELECT sized.id, attempts.* FROM sized
        ${crossJoin} attempts ON attempts.call_seq = sized.call_seq AND attempts.number = sized.number
        WHERE sized.bytes <= ${LISTED_BYTES}`.execute(db);
      const byCall = new Map<string, Attempt[]>();
      for (const row of rows) {
        const attempts = byCall.get(row.id) ?? [];
        attempts.push(decodeAttempt(row.number, row.outcome));
        byCall.set(row.id, attempts);
      }
      for (const attempts of byCall.values()) attempts.sort((one, other) => one.number - other.number);
      return byCall;
    },
  };
}

/** Erases the endpoints' answers, which may repeat what they were sent. */
export async function eraseAttempts(db: Db, seqs: readonly number[]): Promise<void> {
  const erased = perDatabase({
    sqlite: sql`
      CASE json_type(outcome, '$[3]')
      WHEN 'text' THEN json_set(outcome, '$[4]', '') ELSE json_set(outcome, '$[4]', '', '$[5]', '') END`,
    postgres: () => sql`
      (SELECT pg_catalog.json_agg(CASE WHEN place = 5 OR (place = 6 AND ${jsonPart("outcome", 3)} ~ '^[0-9]+$') THEN '""'::json
        ELSE part END ORDER BY place)::text
       FROM json_array_elements(outcome::json) WITH ORDINALITY AS parts(part, place))`,
  });
  await sql`
    UPDATE attempts SET outcome = ${erased}
    WHERE call_seq ${inList(seqs, "bigint")}`.execute(db);
}

function encodeOutcome({ startedAt, durationMs, sentFrom, result, ...attempt }: NewAttempt): StoredOutcome {
  const cause: StoredCause = sentFrom === undefined ? attempt.cause : `replay ${sentFrom}`;
  const resent: Resent = result.resent ? [1] : [];
  if (result.kind === "unreachable") return [startedAt, durationMs, cause, result.reason, result.detail, ...resent];
  const { statusCode, statusMessage, body } = result;
  return [startedAt, durationMs, cause, statusCode, statusMessage, body, ...lastParts(result, resent)];
}

function lastParts({ retryAfterMs, isCut }: Extract<DeliveryResult, { kind: "answered" }>, resent: Resent) {
  const first = resent[0] ?? 0;
  if (isCut) return [first, retryAfterMs ?? null, 1] as const;
  return retryAfterMs === undefined ? resent : ([first, retryAfterMs] as const);
}

function decodeAttempt(number: number, text: string): Attempt {
  const stored: StoredOutcome = JSON.parse(text);
  const [startedAt, durationMs, cause, ...result] = stored;
  const sender = isClientReplay(cause) ? { cause: "replay" as const, sentFrom: cause.slice("replay ".length) } : { cause };
  return {
    number,
    startedAt,
    durationMs,
    ...sender,
    result: isAnswered(result) ? answeredResult(result) : unreachableResult(result),
  };
}

function isClientReplay(cause: StoredCause): cause is `replay ${string}` {
  return cause.startsWith("replay ");
}

function isAnswered(result: Answered | Unreachable): result is Answered {
  return typeof result[0] === "number";
}

function answeredResult([statusCode, statusMessage, body, resent, retryAfterMs, isCut]: Answered): DeliveryResult {
  const last = {
    ...(isCut && { isCut: true as const }),
    ...(resent && { resent: true as const }),
    ...(retryAfterMs != null && { retryAfterMs }),
  };
  return { kind: "answered", statusCode, statusMessage, body, ...last };
}

function unreachableResult([reason, detail, resent]: Unreachable): DeliveryResult {
  return { kind: "unreachable", reason, detail, ...(resent && { resent: true }) };
}
