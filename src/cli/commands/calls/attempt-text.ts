import { isAcceptedStatus } from "../../../domain/attempt.js";
import { formatDuration } from "../../../domain/duration.js";
import { dateOrNull } from "../../../wire/dates.js";
import { type FOLLOWED_FIELDS, type Json, pickFields } from "../../output/json-fields.js";
import type { RenderOptions, Screen } from "../../output/screen.js";
import { joinText, type ScreenText, safeJson, text } from "../../output/screen-text.js";
import { formatInstant } from "../../output/times.js";
import type { FollowedAttempt } from "./attempt-reader.js";

/** Writes lines of equal columns on a terminal, tab-separated ones in a pipe, or JSON. */
export function openAttemptLines(screen: Screen): (attempts: readonly FollowedAttempt[]) => Promise<void> {
  const isJson = screen.format === "json" || screen.format === "ndjson";
  const toLine = (attempt: FollowedAttempt): ScreenText =>
    isJson ? safeJson(pickFields(attemptJson(attempt), screen.jsonFields)) : renderAttempt(attempt, screen.renderOptions);
  return (attempts) => screen.out(joinText(attempts.map((attempt) => text`${toLine(attempt)}\n`)));
}

const CAUSE_WIDTH = 9;
const TOOK_WIDTH = 6;

export function renderAttempt(attempt: FollowedAttempt, { palette, utc, width }: RenderOptions): ScreenText {
  const { callback, callId, attemptedAt, statusCode, statusMessage, details } = attempt;
  const cause = details === null ? "" : `${details.cause} ${details.number}`;
  const at = attemptedAt === null ? "" : formatInstant(attemptedAt, utc);
  const took = details === null ? "" : formatDuration(details.durationMs);
  const code = statusCode === null ? "none" : String(statusCode);
  const reason = statusMessage ?? "";
  if (width === null) return joinText([at, callback.name, cause, took, callId, code, reason], "\t");
  const paint = isAcceptedStatus(statusCode) ? palette.good : palette.bad;
  const columns = [
    palette.dim(at),
    callback.name,
    cause.padEnd(CAUSE_WIDTH),
    took.padStart(TOOK_WIDTH),
    callId,
    paint(code.padEnd(4)),
    reason,
  ];
  return joinText(columns, "  ");
}

function attemptJson({
  callback,
  callId,
  status,
  attemptedAt,
  statusCode,
  statusMessage,
  details,
}: FollowedAttempt): Json<typeof FOLLOWED_FIELDS> {
  return {
    callbackId: callback.id,
    callback: callback.name,
    callId,
    status,
    number: details?.number ?? null,
    attemptedDate: dateOrNull(attemptedAt),
    durationMs: details?.durationMs ?? null,
    cause: details?.cause ?? null,
    sentFrom: details?.sentFrom ?? null,
    statusCode,
    statusMessage,
    error: details?.error ?? null,
  };
}
