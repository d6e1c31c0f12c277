import { type Selectable, sql } from "kysely";
import type { Attempt, AttemptCause, DeliveryResult, NewAttempt, UnreachableReason } from "../../domain/attempt.js";
import type { AttemptTable, Db } from "../schema.js";
import { batchOf, cell, jsonCell, listOf } from "../sql/batches.js";
import { crossJoin, jsonPart, perDatabase } from "../sql/per-database.js";

/** A column for each would double the cost of the most frequent row. */
type StoredOutcome = readonly [startedAt: number, durationMs: number, cause: StoredCause, ...result: Answered | Unreachable];
/** A client's replay includes `sentFrom`. */
type StoredCause = AttemptCause | `replay ${string}`;
type Answered = readonly [statusCode: number, statusMessage: string, body: string, ...Resent];
type Unreachable = readonly [reason: UnreachableReason, detail: string, ...Resent];
/** 1 if resent. */
type Resent = [] | [1];

export interface RecordedAttempt {
  readonly callSeq: number;
  readonly number: number;
  readonly attempt: NewAttempt;
}

export async function saveAttempts(db: Db, recorded: readonly RecordedAttempt[]): Promise<void> {
  if (recorded.length === 0) return;
  const rows = recorded.map(({ callSeq, number, attempt }) => [callSeq, number, encode(attempt)]);
  await sql`
    INSERT INTO attempts (call_seq, number, outcome) SELECT ${cell(0)}, ${cell(1)}, ${jsonCell(2)} FROM ${batchOf(rows, ["bigint", "bigint", "json"])} WHERE true
    ON CONFLICT (call_seq, number) DO NOTHING`.execute(db);
}

/** Those that are stored already. The endpoint's answer isn't compared: it may have been erased. Reads each call's attempts once. */
export async function findRecorded<Sent extends NewAttempt>(
  db: Db,
  sent: readonly { readonly callSeq: number; readonly attempt: Sent }[],
): Promise<ReadonlySet<Sent>> {
  if (sent.length === 0) return new Set();
  const rows = sent.map(({ callSeq, attempt }, index) => [callSeq, ...encode(attempt).slice(0, 3), index]);
  const seqs = [...new Set(sent.map(({ callSeq }) => callSeq))];
  const found = await sql<{ place: number }>`
    WITH stored AS MATERIALIZED (
      SELECT call_seq, ${jsonPart("outcome", 0)} AS started_at, ${jsonPart("outcome", 1)} AS duration_ms, ${jsonPart("outcome", 2)} AS cause
      FROM attempts WHERE call_seq IN (SELECT batch.value FROM ${listOf(seqs, "bigint")}))
    SELECT ${cell(4)} AS place FROM ${batchOf(rows, ["bigint", "text", "text", "text", "bigint"])}
    ${crossJoin} stored ON call_seq = ${cell(0)} AND started_at = ${cell(1)} AND duration_ms = ${cell(2)} AND cause = ${cell(3)}`.execute(
    db,
  );
  const places = new Set(found.rows.map(({ place }) => place));
  return new Set(sent.filter((_, index) => places.has(index)).map(({ attempt }) => attempt));
}

export function attemptLists(db: Db) {
  return {
    /** By call id, in order of number. `latest`: at most so many of each. */
    async listAttempts(
      callbackId: string,
      callIds: readonly string[],
      latest = Number.MAX_SAFE_INTEGER,
    ): Promise<ReadonlyMap<string, readonly Attempt[]>> {
      const { rows } = await sql<Selectable<AttemptTable> & { id: string }>`
        SELECT calls.id, attempts.* FROM ${listOf([...new Set(callIds)], "text")}
        ${crossJoin} calls ON calls.id = batch.value
        ${crossJoin} attempts ON attempts.call_seq = calls.seq AND attempts.number > calls.attempt_count - ${latest}
        WHERE calls.callback_key = (SELECT key FROM callbacks WHERE callbacks.id = ${callbackId} AND deleted_at IS NULL)`.execute(
        db,
      );
      const byCall = new Map<string, Attempt[]>();
      for (const row of rows) {
        const attempts = byCall.get(row.id) ?? [];
        attempts.push(decode(row.number, row.outcome));
        byCall.set(row.id, attempts);
      }
      for (const attempts of byCall.values()) attempts.sort((one, other) => one.number - other.number);
      return byCall;
    },
  };
}

/** An endpoint's answer may repeat what it was sent. */
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
    WHERE call_seq IN (SELECT batch.value FROM ${listOf(seqs, "bigint")})`.execute(db);
}

function encode({ startedAt, durationMs, sentFrom, result, ...attempt }: NewAttempt): StoredOutcome {
  const cause: StoredCause = sentFrom === undefined ? attempt.cause : `replay ${sentFrom}`;
  const resent: Resent = result.resent ? [1] : [];
  return result.kind === "answered"
    ? [startedAt, durationMs, cause, result.statusCode, result.statusMessage, result.body, ...resent]
    : [startedAt, durationMs, cause, result.reason, result.detail, ...resent];
}

function decode(number: number, text: string): Attempt {
  const stored: StoredOutcome = JSON.parse(text);
  const [startedAt, durationMs, cause, ...result] = stored;
  const sender = isClients(cause) ? { cause: "replay" as const, sentFrom: cause.slice("replay ".length) } : { cause };
  return { number, startedAt, durationMs, ...sender, result: isAnswered(result) ? answered(result) : unreachable(result) };
}

function isClients(cause: StoredCause): cause is `replay ${string}` {
  return cause.startsWith("replay ");
}

function isAnswered(result: Answered | Unreachable): result is Answered {
  return typeof result[0] === "number";
}

function answered([statusCode, statusMessage, body, resent]: Answered): DeliveryResult {
  return { kind: "answered", statusCode, statusMessage, body, ...(resent && { resent: true }) };
}

function unreachable([reason, detail, resent]: Unreachable): DeliveryResult {
  return { kind: "unreachable", reason, detail, ...(resent && { resent: true }) };
}
