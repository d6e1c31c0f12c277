import type { Static } from "@sinclair/typebox";
import { type DeliveryResult, MAX_REPORT_AHEAD_MS, type NewAttempt } from "../../domain/attempt.js";
import type { MarkedBy } from "../../domain/call.js";
import { cutText } from "../../domain/call-filter.js";
import type { RunLease } from "../../domain/callback.js";
import { WhcbError } from "../../domain/errors.js";
import { type GivenMembers, givenValues, type Members, type MessageResponse } from "../../domain/message-response.js";
import { readDate, toIsoDate } from "../dates.js";
import { isObject, textsByName } from "./json-value.js";
import { findExcess } from "./read-json.js";
import {
  checkerOf,
  invalidFields,
  ListedChangeSchema,
  MarkSchema,
  ReplayReportSchema,
  RunLeaseSchema,
  requireKnownMembers,
  SubmissionListSchema,
  SubmissionSchema,
} from "./request-schemas.js";
import { mapSender, readResponse } from "./response-json.js";

const checkOne = checkerOf(SubmissionSchema);
const checkMany = checkerOf(SubmissionListSchema);
const checkMark = checkerOf(MarkSchema);
const checkLease = checkerOf(RunLeaseSchema);
const checkReport = checkerOf(ReplayReportSchema);

export interface Submission {
  /** A call without an id gets one. */
  readonly id: string | null;
  readonly response: MessageResponse;
}

/** Takes one call, or `{"calls": [...]}` of 1 to 1 000. Throws `invalid` or `malformed`. */
export function parseSubmissions(value: unknown): readonly Submission[] {
  if (!isObject(value) || value.calls === undefined) return [parseSubmission(value)];
  if (Object.keys(value).length > 1) throw mixedCallsError("");
  return checkMany(value).calls.map((call, index) => submissionOf(call, call.id, `calls.${index}.`));
}

export function parseSubmission(value: unknown): Submission {
  const call = checkOne(value);
  return submissionOf(call, call.id, "");
}

export interface Mark {
  readonly status: "SUCCESS" | "FAILED";
  readonly settledBy: MarkedBy;
  readonly replays: readonly ReplayReport[];
  readonly unlessDeliveredSince?: number;
  readonly unlessSettled: boolean;
  readonly unlessFailedSince?: number;
  readonly unlessChanged?: readonly ListedChange[];
  readonly markedAt?: number;
}

/** `now` limits the dates, as in `parseReplayReports`. Throws `invalid` or `malformed`. */
export function parseMark(value: unknown, now: number): Mark {
  const mark = checkMark(value);
  requireKnownMembers(mark, MarkSchema, "isn't a member of a mark");
  const { status, settledBy = "user", replays, unlessSettled = false, unlessChanged, markedAt } = mark;
  const deliveredSince = readGuard(mark, "unlessDeliveredSince", "FAILED");
  const failedSince = readGuard(mark, "unlessFailedSince", "SUCCESS");
  if (unlessSettled && status === "FAILED") throw invalidFields(new Map([["unlessSettled", "must be false with FAILED"]]));
  const at = markedAt === undefined ? undefined : readDate(markedAt);
  if (at === null || (at !== undefined && (at < 0 || at > now + MAX_REPORT_AHEAD_MS))) {
    const problem = "must be ISO 8601, from 1970 to 5 minutes after the service's clock";
    throw invalidFields(new Map([["markedAt", problem]]));
  }
  const report = replays === undefined ? [] : readReport(replays, now, "replays.");
  return {
    status,
    settledBy,
    replays: report,
    unlessSettled,
    ...(unlessChanged !== undefined && { unlessChanged: unlessChanged.map(readListedChange) }),
    ...(deliveredSince !== undefined && { unlessDeliveredSince: deliveredSince }),
    ...(failedSince !== undefined && { unlessFailedSince: failedSince }),
    ...(at !== undefined && { markedAt: at }),
  };
}

type Guard = "unlessDeliveredSince" | "unlessFailedSince";

function readGuard(
  mark: Partial<Record<Guard, string>> & Pick<Mark, "status">,
  name: Guard,
  only: Mark["status"],
): number | undefined {
  const text = mark[name];
  if (text === undefined) return undefined;
  const date = readDate(text);
  if (date === null || mark.status !== only) throw invalidFields(new Map([[name, `must be a date, with ${only} only`]]));
  return date;
}

type ListedChange = readonly [callId: string, { readonly changedAt?: number; readonly acceptedAt?: number }];

function readListedChange(listed: Static<typeof ListedChangeSchema>, index: number): ListedChange {
  const path = `unlessChanged.${index}.`;
  requireKnownMembers(listed, ListedChangeSchema, "isn't a member of a listed call", path);
  const { id, changedDate, submittedDate } = listed;
  const missing = "is required, unless there is a submittedDate";
  if (changedDate === undefined && submittedDate === undefined) throw invalidFields(new Map([[`${path}changedDate`, missing]]));
  const read = (name: "changedDate" | "submittedDate"): number => {
    const at = readDate(listed[name]);
    if (at === null) throw invalidFields(new Map([[`${path}${name}`, "must be a date"]]));
    return at;
  };
  const changed = changedDate !== undefined && { changedAt: read("changedDate") };
  return [id, { ...changed, ...(submittedDate !== undefined && { acceptedAt: read("submittedDate") }) }];
}

export interface ReplayReport {
  readonly callId: string;
  readonly attempt: NewAttempt;
}

/** Returns at most 100. An attempt can't begin much later than `now`. Throws `invalid` or `malformed`. */
export function parseReplayReports(value: unknown, now: number): readonly ReplayReport[] {
  return readReport(checkReport(value), now, "");
}

/** `path` leads to the report within the body. */
function readReport(
  { sentFrom, attempts }: Static<typeof ReplayReportSchema>,
  now: number,
  path: "" | "replays.",
): readonly ReplayReport[] {
  return attempts.map(({ id, attemptedDate, durationMs, resent, ...answer }, index) => {
    const { statusCode, statusMessage = "", error, body = "" } = answer;
    const startedAt = readDate(attemptedDate);
    if (startedAt === null || startedAt < 0 || startedAt > now + MAX_REPORT_AHEAD_MS) {
      const problem = `must be ISO 8601, from 1970 to 5 minutes after the service's clock, which is at ${toIsoDate(now)}`;
      throw invalidFields(new Map([[`${path}attempts.${index}.attemptedDate`, problem]]));
    }
    const result: DeliveryResult =
      statusCode === undefined
        ? { kind: "unreachable", reason: error ?? "protocol", detail: replaceUnstorable(statusMessage) }
        : { kind: "answered", statusCode, statusMessage: replaceUnstorable(statusMessage), body: replaceUnstorable(body) };
    const attempt = { startedAt, durationMs, cause: "replay", sentFrom } as const;
    return { callId: id, attempt: { ...attempt, result: resent ? { ...result, resent } : result } };
  });
}

/** Throws `invalid` or `malformed`. */
export function parseRunLease(value: unknown): RunLease {
  const { run, holder, done = 0, total = 0 } = checkLease(value);
  return { run, holder, done, total };
}

/** Without a body no run asks for the replay. Throws `invalid` or `malformed`. */
export function parseReplayRun(value: unknown): RunLease | null {
  if (value == null || (isObject(value) && Object.keys(value).length === 0)) return null;
  requireKnownMembers(value, RunLeaseSchema, "isn't a member here: the query selects the calls");
  return parseRunLease(value);
}

const KNOWN_MEMBERS = Object.keys(SubmissionSchema.properties);

/** `path` leads to the submission within the body. Another document, without a known member, would be an empty response. */
function submissionOf(value: object, id: string | undefined, path: string): Submission {
  if (Object.hasOwn(value, "calls")) throw mixedCallsError(path);
  if (!KNOWN_MEMBERS.some((name) => Object.hasOwn(value, name))) {
    const [first] = Object.keys(value);
    const [field, verb] = first === undefined ? [path.slice(0, -1) || "the body", "has no"] : [path + cutText(first), "isn't a"];
    throw invalidFields(new Map([[field, `${verb} member of a response, such as messageId, from or responseMessage`]]));
  }
  const { messageId, messageLocation, from, responseMessage, customParameters, given } = readResponse(value);
  return {
    id: id ?? null,
    response: {
      messageId: replaceUnstorable(messageId),
      messageLocation: replaceUnstorable(messageLocation),
      from: mapSender(from, replaceUnstorable),
      responseMessage: {
        channel: replaceUnstorable(responseMessage.channel),
        kind: responseMessage.kind,
        date: replaceUnstorable(responseMessage.date),
        content: replaceUnstorable(responseMessage.content),
      },
      customParameters: storableValues(customParameters),
      given: given && storableGiven(given),
    },
  };
}

/** What is beside a list of calls, or in one that isn't alone, would be lost. */
function mixedCallsError(path: string): WhcbError {
  return invalidFields(new Map([[`${path}calls`, "must be the only member, or left out"]]));
}

/** A JSON text is escaped once more in a JSON body or a database, and XML writes a quote as six characters: 6 MB of quotes would become 42 MB. */
const MAX_JSON_LENGTH = 12 * 1024 * 1024;
/** The values of all lists and objects of a response count: XML repeats the name for each item of a list. */
const MAX_GIVEN_VALUES = 1_000;

function storableGiven(given: GivenMembers): GivenMembers {
  const values = givenValues(given);
  // Those without a value of their own have known names.
  if (values.length === 0) return given;
  const text = values.map(([, json]) => json).join(",");
  if (text.length > MAX_JSON_LENGTH)
    throw new WhcbError("invalid", "the values besides the documented ones may take at most 12 MiB as JSON");
  if (findExcess(text, { values: MAX_GIVEN_VALUES }) !== null)
    throw new WhcbError("invalid", `a response may have at most ${MAX_GIVEN_VALUES} values besides the documented ones`);
  return {
    response: given.response.map(storableMember),
    from: given.from.map(storableMember),
    responseMessage: given.responseMessage.map(storableMember),
  };
}

/** Shorter parameters can't be longer as JSON than is permitted. */
const MIN_LONG_LENGTH = MAX_JSON_LENGTH / 6;

function storableValues(parameters: MessageResponse["customParameters"]): MessageResponse["customParameters"] {
  const length = Object.values(parameters).reduce((sum, value) => sum + value.length, 0);
  if (length > MIN_LONG_LENGTH && JSON.stringify(parameters).length > MAX_JSON_LENGTH)
    throw new WhcbError("invalid", "customParameters may take at most 12 MiB as JSON");
  return textsByName(Object.entries(parameters).map(([key, value]) => [replaceUnstorable(key), replaceUnstorable(value)]));
}

function storableMember(member: Members[number]): Members[number] {
  return typeof member === "string" ? member : [replaceUnstorable(member[0]), storableJson(member[1])];
}

/** Some databases can't store NUL and lone surrogates, nor can XML represent them. */
const UNSTORABLE = /\p{Surrogate}|\0/gu;

function replaceUnstorable(text: string): string {
  return text.isWellFormed() && !text.includes("\0") ? text : text.replace(UNSTORABLE, "\ufffd");
}

/** No piece ends within an escape. */
const JSON_PIECE = /(?:[^\\]|\\u.{4}|\\.){1,65536}/g;
const ESCAPE = /\\(?:u0000|ud[89a-f][\da-f]{2}|.)/g;

/** JSON.stringify has escaped what isn't storable. Replacing millions of escapes at once would take hundreds of MB. */
function storableJson(json: string): string {
  const pieces: string[] = [];
  for (const [piece] of json.matchAll(JSON_PIECE)) {
    pieces.push(piece.replace(ESCAPE, (escaped) => (escaped.length > 2 ? "\\ufffd" : escaped)));
  }
  return pieces.join("");
}
