/** A value out of range is a 422 with the name. Unknown parameters are ignored, except where they could widen a change. */
import type { CallStatus } from "../../domain/call.js";
import { type CallFilter, parseStatusCodePattern } from "../../domain/call-filter.js";
import { WhcbError } from "../../domain/errors.js";
import { channelOf } from "../../domain/message-response.js";
import type { PageQuery, Sort } from "../../store/paging.js";
import { MAX_IDS_PER_REQUEST } from "../../wire/bulk-ids.js";
import { readDate } from "../../wire/dates.js";
import { withoutUndefined } from "../../wire/json/json-value.js";

/** A repeated name has a list. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Paging selects nothing, and an empty key is a wrong one. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set(["limit", "offset", "cursor", "sortFields", "sortOrder", "apikey"]);

/** Returns the error for a parameter without a value, or null. A variable of a program that isn't set must not select everything. */
export function emptyParameter(query: Query): WhcbError | null {
  const isEmpty = (name: string) => [query[name] ?? []].flat().some((text) => text.trim() === "");
  const empty = Object.keys(query).find((name) => !MAY_BE_EMPTY.has(name) && isEmpty(name));
  return empty === undefined ? null : new WhcbError("invalid", `${empty.slice(0, MAX_SHOWN_NAME)} must not be empty`);
}

const MAX_SHOWN_NAME = 64;

const DEFAULT_LIMIT = 20;

/** Databases limit the number of conditions. */
const MAX_STATUS_CODES = 100;

export function readPage(query: Query, largest: number): PageQuery {
  const limit = readNumber(query, "limit") ?? DEFAULT_LIMIT;
  if (limit < 1) throw new WhcbError("invalid", "limit must be 1 or more");
  const cursor = readParameter(query, "cursor");
  return {
    limit: Math.min(limit, largest),
    offset: readNumber(query, "offset") ?? 0,
    ...(cursor !== undefined && { cursor }),
  };
}

/** `fields` says of each whether it is descending by default. */
export function readSort<Field extends string>(
  query: Query,
  fields: Readonly<Record<Field, boolean>>,
  byDefault: NoInfer<Field>,
): readonly Sort<Field>[] {
  const order = readParameter(query, "sortOrder")?.toLowerCase();
  if (order !== undefined && order !== "asc" && order !== "desc") throw new WhcbError("invalid", "sortOrder must be asc or desc");
  const names = (readParameter(query, "sortFields") ?? byDefault).split(",").map((name) => name.trim());
  const isField = (name: string): name is Field => Object.hasOwn(fields, name);
  return names.map((name) => {
    if (!isField(name)) throw new WhcbError("invalid", `sortFields may be ${Object.keys(fields).join(", ")}`);
    return { field: name, descending: order === undefined ? fields[name] : order === "desc" };
  });
}

const ID_PARAMETER = /^id(?:\[\d*\])?$/;
const FILTER_PARAMETERS = ["status", "since", "until", "statusCode", "reason", "channel", "messageId", "from", "q", "answer"];

/** Throws `invalid` for any parameter but ids and filters: if a misspelled filter was ignored, more calls would be selected. */
export function rejectUnknown(query: Query): void {
  const unknown = Object.keys(query).find(
    (name) => !ID_PARAMETER.test(name) && !FILTER_PARAMETERS.includes(name) && name !== "apikey",
  );
  if (unknown !== undefined) throw new WhcbError("invalid", `${unknown.slice(0, MAX_SHOWN_NAME)} is not a parameter here`);
}

/** Throws `invalid` for a filter beside ids, which it would not narrow, and as `rejectUnknown`. The `status` of the mark itself is none. */
export function rejectFilter(query: Query, status: string): void {
  const filter = FILTER_PARAMETERS.find((name) => query[name] !== undefined && !(name === "status" && query[name] === status));
  if (filter !== undefined) throw new WhcbError("invalid", `id and ${filter} can't be combined`);
  rejectUnknown(query);
}

/** A database compares the text that is searched for with a content from each of its characters on. */
export const LONGEST_SEARCH = 256;

export function readFilter(query: Query): CallFilter {
  return withoutUndefined({
    status: readStatus(query),
    since: readInstant(query, "since"),
    until: readInstant(query, "until"),
    statusCodes: readStatusCodes(query),
    reason: readParameter(query, "reason"),
    channel: readChannel(query),
    messageId: readParameter(query, "messageId"),
    from: readParameter(query, "from"),
    text: readSearched(query, "q"),
    answer: readSearched(query, "answer"),
  });
}

function readChannel(query: Query): string | undefined {
  const channel = readParameter(query, "channel");
  return channel && channelOf(channel);
}

function readSearched(query: Query, name: string): string | undefined {
  const text = readParameter(query, name);
  if (text !== undefined && text.length > LONGEST_SEARCH)
    throw new WhcbError("invalid", `${name} must have at most ${LONGEST_SEARCH} characters`);
  return text;
}

/** Reads `id` and `id[]`, repeated or comma-separated. Returns each once. */
export function readIds(query: Query): readonly string[] {
  const values = Object.entries(query).flatMap(([name, value]) => (ID_PARAMETER.test(name) && value !== undefined ? value : []));
  const ids = [...new Set(values.flatMap((value) => value.split(",")))];
  if (ids.some((id) => id.trim() === "")) throw new WhcbError("invalid", "id must not be empty");
  if (ids.length > MAX_IDS_PER_REQUEST)
    throw new WhcbError("invalid", `id may be given at most ${MAX_IDS_PER_REQUEST} times, not ${ids.length}`);
  return ids;
}

/** Returns undefined if it is empty, as a field of a form may be; the API has rejected it before (`emptyParameter`). */
export function readParameter(query: Query, name: string): string | undefined {
  const value = query[name];
  if (value === undefined || value === "") return undefined;
  if (typeof value !== "string") throw new WhcbError("invalid", `${name} must be given once`);
  if (value.includes("\0")) throw new WhcbError("invalid", `${name} must have no control characters`);
  return value;
}

export function readNumber(query: Query, name: string): number | undefined {
  const text = readParameter(query, name);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new WhcbError("invalid", `${name} must be a whole number`);
  return Number(text);
}

function readInstant(query: Query, name: string): number | undefined {
  const text = readParameter(query, name);
  if (text === undefined) return undefined;
  // The query parser turns the + of a zone into a space. Behind a date alone, it is a time.
  const at = readDate(text.replace(/(?<=:\S*) (\d{2}:?\d{2})$/, "+$1")) ?? readDate(text);
  if (at === null) throw new WhcbError("invalid", `${name} must be a date: ISO 8601 or dd/MM/yy HH:mm`);
  return at;
}

function readStatus(query: Query): CallStatus | undefined {
  const status = readParameter(query, "status")?.toUpperCase();
  if (status === undefined || status === "SUCCESS" || status === "FAILED" || status === "PENDING") return status;
  throw new WhcbError("invalid", "status must be FAILED, SUCCESS or PENDING");
}

function readStatusCodes(query: Query): CallFilter["statusCodes"] {
  const texts = readParameter(query, "statusCode")
    ?.split(",")
    .map((text) => text.trim());
  if (texts === undefined) return undefined;
  const patterns = [...new Set(texts)];
  if (patterns.length > MAX_STATUS_CODES) {
    throw new WhcbError("invalid", `statusCode may be at most ${MAX_STATUS_CODES} codes, not ${patterns.length}`);
  }
  return patterns.map(readPattern);
}

function readPattern(text: string): NonNullable<ReturnType<typeof parseStatusCodePattern>> {
  const pattern = parseStatusCodePattern(text);
  if (pattern === null) throw new WhcbError("invalid", "statusCode must be codes such as 500, classes such as 5xx, or none");
  return pattern;
}
