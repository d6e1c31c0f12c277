import type { Static } from "@sinclair/typebox";
import { type Attempt, type DeliveryResult, MAX_REPORT_AHEAD_MS } from "../../domain/attempt.js";
import type { MarkedBy } from "../../domain/call.js";
import type { RunLease } from "../../domain/callback.js";
import type { MessageResponse } from "../../domain/message-response.js";
import { readDate, toIsoDate } from "../dates.js";
import { isObject } from "./json-value.js";
import {
  checkerOf,
  invalidFields,
  MarkSchema,
  ReplayReportSchema,
  RunLeaseSchema,
  SubmissionListSchema,
  SubmissionSchema,
} from "./request-schemas.js";
import { readResponse } from "./response-json.js";

const checkOne = checkerOf(SubmissionSchema);
const checkMany = checkerOf(SubmissionListSchema);
const checkMark = checkerOf(MarkSchema);
const checkLease = checkerOf(RunLeaseSchema);
const checkReport = checkerOf(ReplayReportSchema);

export interface Submission {
  /** null: generated. */
  readonly id: string | null;
  readonly response: MessageResponse;
}

/** One call, or `{"calls": [...]}` of 1 to 1 000. `now` (dd/MM/yy HH:mm) dates an undated response. Throws `invalid` or `malformed`. */
export function parseSubmissions(value: unknown, now: string): readonly Submission[] {
  if (!isObject(value) || value.calls === undefined) return [parseSubmission(value, now)];
  return checkMany(value).calls.map((call) => submissionOf(call, call.id, now));
}

export function parseSubmission(value: unknown, now: string): Submission {
  const call = checkOne(value);
  return submissionOf(call, call.id, now);
}

export interface Mark {
  readonly status: "SUCCESS" | "FAILED";
  readonly settledBy: MarkedBy;
  readonly replays: readonly ReplayReport[];
}

/** `now`: see `parseReplayReports`. Throws `invalid` or `malformed`. */
export function parseMark(value: unknown, now: number): Mark {
  const { status, settledBy = "user", replays } = checkMark(value);
  return { status, settledBy, replays: replays === undefined ? [] : readReport(replays, now, "replays.") };
}

export interface ReplayReport {
  readonly callId: string;
  readonly attempt: Omit<Attempt, "number">;
}

/** At most 100. `now`: an attempt can't begin much later. Throws `invalid` or `malformed`. */
export function parseReplayReports(value: unknown, now: number): readonly ReplayReport[] {
  return readReport(checkReport(value), now, "");
}

/** `path`: of the report in the body. */
function readReport(
  { sentFrom, attempts }: Static<typeof ReplayReportSchema>,
  now: number,
  path: "" | "replays.",
): readonly ReplayReport[] {
  return attempts.map(({ id, attemptedDate, durationMs, statusCode, statusMessage = "", error, body = "" }, index) => {
    const startedAt = readDate(attemptedDate);
    if (startedAt === null || startedAt < 0 || startedAt > now + MAX_REPORT_AHEAD_MS) {
      const problem = `must be ISO 8601, from 1970 to 5 minutes after the service's clock, which is at ${toIsoDate(now)}`;
      throw invalidFields(new Map([[`${path}attempts.${index}.attemptedDate`, problem]]));
    }
    const result: DeliveryResult =
      statusCode === undefined
        ? { kind: "unreachable", reason: error ?? "protocol", detail: storable(statusMessage) }
        : { kind: "answered", statusCode, statusMessage: storable(statusMessage), body: storable(body) };
    return { callId: id, attempt: { startedAt, durationMs, cause: "replay", sentFrom, result } };
  });
}

/** Throws `invalid` or `malformed`. */
export function parseRunLease(value: unknown): RunLease {
  const { run, holder, done = 0, total = 0 } = checkLease(value);
  return { run, holder, done, total };
}

function submissionOf(value: unknown, id: string | undefined, now: string): Submission {
  const response = readResponse(value);
  const isUndeliverable = response.responseMessage.kind === "undeliverable";
  return {
    id: id ?? null,
    response: {
      messageId: storable(response.messageId),
      messageLocation: storable(response.messageLocation),
      from: {
        name: storable(response.from.name),
        mri: storable(response.from.mri),
        mobile: storable(response.from.mobile),
        email: storable(response.from.email),
        voice: storable(response.from.voice),
      },
      responseMessage: {
        ...response.responseMessage,
        date: storable(response.responseMessage.date) || (isUndeliverable ? now : ""),
        content: storable(response.responseMessage.content),
      },
      customParameters: storableValues(response.customParameters),
    },
  };
}

function storableValues(parameters: MessageResponse["customParameters"]): MessageResponse["customParameters"] {
  return Object.fromEntries(Object.entries(parameters).map(([key, value]) => [storable(key), storable(value)]));
}

/** NUL and lone surrogates: some databases can't store them, nor XML represent them. */
const UNSTORABLE = /\p{Surrogate}|\0/gu;

function storable(text: string): string {
  return text.replace(UNSTORABLE, "\ufffd");
}
