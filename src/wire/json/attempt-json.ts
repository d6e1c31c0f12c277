/** Attempts as JSON, written and read. Only `whcb serve` tells them. */
import type { Attempt, AttemptCause } from "../../domain/attempt.js";
import { resultMessage } from "../../domain/attempt.js";
import { readDate, toIsoDate } from "../dates.js";
import { countOf, objectOf, textOf } from "./json-value.js";
import { listStatus, NO_RECORDS, readList } from "./list-json.js";
import { readStatusCode } from "./read-call.js";

export function attemptToJson(attempt: Attempt): Record<string, unknown> {
  const { result } = attempt;
  return {
    number: attempt.number,
    attemptedDate: toIsoDate(attempt.startedAt),
    durationMs: attempt.durationMs,
    ...(result.kind === "answered" && { statusCode: result.statusCode }),
    statusMessage: resultMessage(result),
    ...(result.kind === "unreachable" && { error: result.reason }),
    cause: attempt.cause,
    ...(result.kind === "answered" && result.body !== "" && { body: result.body }),
  };
}

export function attemptsToJson(attempts: readonly Attempt[]): Record<string, unknown> {
  const status = attempts.length === 0 ? NO_RECORDS : listStatus(0, attempts.length, attempts.length);
  return { status, attempts: attempts.map(attemptToJson) };
}

export interface ListedAttempt {
  readonly number: number;
  readonly attemptedAt: number;
  readonly durationMs: number;
  readonly statusCode: number | null;
  readonly statusMessage: string;
  readonly error: string | null;
  readonly cause: AttemptCause;
  readonly body: string | null;
}

export function readAttempts(document: unknown, timezone = "UTC"): readonly ListedAttempt[] {
  return readList("attempts", document).items.map((item, index) => {
    const attempt = objectOf(item);
    return {
      number: countOf(attempt.number) ?? index + 1,
      attemptedAt: readDate(attempt.attemptedDate, timezone) ?? 0,
      durationMs: countOf(attempt.durationMs) ?? 0,
      statusCode: readStatusCode(attempt.statusCode),
      statusMessage: textOf(attempt.statusMessage),
      error: textOf(attempt.error) || null,
      cause: readCause(attempt.cause),
      body: textOf(attempt.body) || null,
    };
  });
}

function readCause(value: unknown): AttemptCause {
  return value === "retry" || value === "probe" || value === "replay" ? value : "first";
}
