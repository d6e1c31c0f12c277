/** The filters of the console's calls have three forms: as typed in a URL, as the store takes them, and in words. */
import type { CallStatus } from "../../domain/call.js";
import { type CallFilter, FAILURE_REASONS, reasonWords, statusCodeText } from "../../domain/call-filter.js";
import { readTimeAgo } from "../../domain/duration.js";
import { isWhcbError, WhcbError } from "../../domain/errors.js";
import { saysZone, toIsoDate } from "../../wire/dates.js";
import { type Query, readFilter, readParameter } from "../routes/query-parameters.js";
import { consolePath } from "./console-path.js";

/** `FIELD_LABELS` have the order of the form. */
export const FIELD_LABELS = {
  since: "Since",
  until: "Until",
  statusCode: "Status code",
  q: "Text",
  reason: "Reason",
  channel: "Channel",
  from: "From",
  messageId: "Message id",
} as const;

export type FieldName = keyof typeof FIELD_LABELS;

export const FIELD_NAMES = Object.keys(FIELD_LABELS) as readonly FieldName[];

export const LONGEST_FIELD = 200;

/** ATTEMPTED means failed or successful. */
export type StatusChoice = CallStatus | "ATTEMPTED";

/** URLs have a filter as it was typed. */
export interface TypedFilter {
  readonly status: StatusChoice;
  /** Only the fields that were given are here. They are trimmed, and a time names its zone. */
  readonly fields: Readonly<Partial<Record<FieldName, string>>>;
}

export interface ParsedFilter {
  readonly typed: TypedFilter;
  /** Fields with a problem are left out. */
  readonly filter: CallFilter;
  /** A sentence says what is wrong with a field. */
  readonly problems: Readonly<Partial<Record<FieldName, string>>>;
}

/** Selects FAILED calls unless another status is asked for. since=1h means an hour before `now`. Throws `invalid` for an unknown status. */
export function parseFilter(query: Query, now: number): ParsedFilter {
  const status = readStatusChoice(query);
  const fields: Partial<Record<FieldName, string>> = {};
  const problems: Partial<Record<FieldName, string>> = {};
  let filter: CallFilter = status === "ATTEMPTED" ? {} : { status };
  for (const name of FIELD_NAMES) {
    try {
      const text = readParameter(query, name)?.trim() ?? "";
      if (text === "") continue;
      fields[name] = text.slice(0, LONGEST_FIELD);
      // The text is in many links of the page, and some texts take long to read.
      if (text.length > LONGEST_FIELD) throw new WhcbError("invalid", `${name} must have at most ${LONGEST_FIELD} characters`);
      filter = { ...filter, ...readField(name, text, now) };
      // A script may have another zone for what is typed next.
      if (isTime(name) && saysZone(text) === false) fields[name] = `${text} UTC`;
    } catch (error) {
      problems[name] = problemOf(name, error);
    }
  }
  const { since, until } = filter;
  if (since !== undefined && until !== undefined && since >= until) problems.until = "Must be later than Since";
  return { typed: { status, fields }, filter, problems };
}

/** Does what `parseFilter` does. Throws `invalid` for a problem. */
export function requireFilter(query: Query, now: number): ParsedFilter {
  const parsed = parseFilter(query, now);
  const [problem] = Object.entries(parsed.problems);
  if (problem !== undefined) throw new WhcbError("invalid", problem.join(": "));
  return parsed;
}

function readStatusChoice(query: Query): StatusChoice {
  const text = readParameter(query, "status")?.toUpperCase();
  if (text === "ATTEMPTED") return text;
  return readFilter({ status: text }).status ?? "FAILED";
}

export function isTime(name: FieldName): boolean {
  return name === "since" || name === "until";
}

function readField(name: FieldName, text: string, now: number): CallFilter {
  const agoMs = isTime(name) ? readTimeAgo(text) : null;
  if (agoMs !== null) return { [name]: now - agoMs };
  // A page shows its times so.
  const bare = text.replace(/ ?UTC$/i, "");
  if (isTime(name)) return readFilter({ [name]: saysZone(bare) === false ? bare : text });
  if (name !== "reason") return readFilter({ [name]: text });
  const reason = FAILURE_REASONS.find((one) => one === text);
  if (reason === undefined) throw new WhcbError("invalid", `reason must be one of ${FAILURE_REASONS.join(", ")}`);
  return { reason };
}

const TIME_EXPECTED =
  "Must be a time ago, such as 1h30m, 2d or 2w, or a date, such as 2026-11-26 02:00 or 2026-11-26T02:00+11:00";

function problemOf(name: FieldName, error: unknown): string {
  if (isTime(name) && error instanceof Error) return TIME_EXPECTED;
  if (!isWhcbError(error)) throw error;
  return error.message.replace(new RegExp(`^${name} m`), "M");
}

export function typedQuery({ status, fields }: TypedFilter, extra: Readonly<Record<string, string>> = {}): string {
  return new URLSearchParams({ ...(status !== "FAILED" && { status }), ...fields, ...extra }).toString();
}

/** Returns the path of the filtered calls. */
export function callsPath(callbackId: string, typed: TypedFilter, extra: Readonly<Record<string, string>> = {}): string {
  const query = typedQuery(typed, extra);
  const path = consolePath(callbackId);
  return query === "" ? path : `${path}?${query}`;
}

export function withField({ status, fields }: TypedFilter, name: FieldName, value: string | null): TypedFilter {
  const { [name]: _, ...others } = fields;
  return { status, fields: value === null ? others : { ...others, [name]: value } };
}

/** Adds the cause to the filter in place of another one, or removes it if it is there. */
export function withCause(typed: TypedFilter, cause: { readonly field: FieldName; readonly value: string }): TypedFilter {
  const { field, value } = cause;
  const without = withField(withField(typed, "statusCode", null), "reason", null);
  return typed.fields[field] === value ? without : withField(without, field, value);
}

/** Has instants instead of times ago, so a URL or form means the same later. */
export function settledFields(filter: CallFilter, { status, fields }: TypedFilter): Record<string, string> {
  const instants = { since: filter.since, until: filter.until };
  const settled = Object.entries(instants).flatMap(([name, at]) => (at === undefined ? [] : [[name, toIsoDate(at)] as const]));
  return { status, ...fields, ...Object.fromEntries(settled) };
}

const STATUS_WORDS: Readonly<Record<CallStatus, string>> = { FAILED: "failed", SUCCESS: "successful", PENDING: "waiting" };

export function statusWord(status: CallStatus): string {
  return STATUS_WORDS[status];
}

/** Describes each condition but the status; an instant is a number (epoch ms). */
export function describeFilter(filter: CallFilter): readonly (readonly [label: string, value: string | number])[] {
  const { since, until, statusCodes, reason, text, channel, from, messageId, answer } = filter;
  const conditions = [
    ["Last attempt since", since],
    ["Last attempt before", until],
    ["Status code", statusCodes?.map(statusCodeText).join(", ")],
    ["Reason", reason && reasonWords(reason)],
    ["Text contains", text],
    ["Answer contains", answer],
    ["Channel", channel],
    ["From", from],
    ["Message id", messageId],
  ] as const;
  return conditions.flatMap(([label, value]) => (value === undefined ? [] : [[label, value] as const]));
}
