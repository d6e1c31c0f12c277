/** The requests that the service made, as rows. */
import { type Selectable, sql } from "kysely";
import type { Attempt } from "../domain/attempt.js";
import type { AttemptTable, Db } from "./schema.js";
import { batchOf, cell, listOf } from "./sqlite/json-rows.js";
import type { AttemptOutcome } from "./store.js";

export async function saveAttempts(db: Db, outcomes: readonly AttemptOutcome[]): Promise<void> {
  if (outcomes.length === 0) return;
  const rows = outcomes.map(({ callSeq, attempt: { number, startedAt, durationMs, cause, result } }) =>
    result.kind === "answered"
      ? [callSeq, number, startedAt, durationMs, cause, result.statusCode, null, result.statusMessage, result.body]
      : [callSeq, number, startedAt, durationMs, cause, null, result.reason, result.detail, null],
  );
  await sql`
    INSERT INTO attempts (call_seq, number, started_at, duration_ms, cause, status_code, error, message, body)
    SELECT ${cell(0)}, ${cell(1)}, ${cell(2)}, ${cell(3)}, ${cell(4)}, ${cell(5)}, ${cell(6)}, ${cell(7)}, ${cell(8)}
    FROM ${batchOf(rows)} WHERE true
    ON CONFLICT (call_seq, number) DO NOTHING`.execute(db);
}

export async function listAttempts(
  db: Db,
  callbackId: string,
  callIds: readonly string[],
): Promise<ReadonlyMap<string, readonly Attempt[]>> {
  const { rows } = await sql<Selectable<AttemptTable> & { id: string }>`
    SELECT calls.id, attempts.* FROM ${listOf([...new Set(callIds)])}
    CROSS JOIN calls ON calls.id = batch.value
    CROSS JOIN attempts ON attempts.call_seq = calls.seq
    WHERE calls.callback_key = (SELECT key FROM callbacks WHERE callbacks.id = ${callbackId} AND deleted_at IS NULL)`.execute(db);
  const byCall = new Map<string, Attempt[]>();
  for (const row of rows) {
    const attempts = byCall.get(row.id) ?? [];
    attempts.push(toAttempt(row));
    byCall.set(row.id, attempts);
  }
  for (const attempts of byCall.values()) attempts.sort((one, other) => one.number - other.number);
  return byCall;
}

function toAttempt({
  number,
  started_at,
  duration_ms,
  cause,
  status_code,
  error,
  message,
  body,
}: Selectable<AttemptTable>): Attempt {
  return {
    number,
    startedAt: started_at,
    durationMs: duration_ms,
    cause,
    result:
      error === null
        ? { kind: "answered", statusCode: status_code ?? 0, statusMessage: message, body: body ?? "" }
        : { kind: "unreachable", reason: error, detail: message },
  };
}
