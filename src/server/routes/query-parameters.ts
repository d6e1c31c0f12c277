/** Out of range: a 422 with the name. Unknown ones are ignored. */
import type { CallStatus } from "../../domain/call.js";
import { type CallFilter, parseStatusCodePattern } from "../../domain/call-filter.js";
import { WhcbError } from "../../domain/errors.js";
import type { PageQuery, Sort } from "../../store/store.js";
import { MAX_IDS_PER_REQUEST } from "../../wire/bulk-ids.js";
import { readDate } from "../../wire/dates.js";
import { readChannel } from "../../wire/json/response-json.js";

/** A repeated name is a list. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

const DEFAULT_LIMIT = 20;

/** Databases limit conditions. */
const MAX_STATUS_CODES = 100;

export function readPage(query: Query, largest: number): PageQuery {
  const limit = readNumber(query, "limit") ?? DEFAULT_LIMIT;
  if (limit < 1) throw new WhcbError("invalid", "limit must be 1 or more");
  const cursor = one(query, "cursor");
  return {
    limit: Math.min(limit, largest),
    offset: readNumber(query, "offset") ?? 0,
    ...(cursor !== undefined && { cursor }),
  };
}

/** `fields`: whether each is descending by default. */
export function readSort<Field extends string>(
  query: Query,
  fields: Readonly<Record<Field, boolean>>,
  byDefault: NoInfer<Field>,
): readonly Sort<Field>[] {
  const order = one(query, "sortOrder")?.toLowerCase();
  if (order !== undefined && order !== "asc" && order !== "desc") throw new WhcbError("invalid", "sortOrder must be asc or desc");
  const names = (one(query, "sortFields") ?? byDefault).split(",").map((name) => name.trim());
  const isField = (name: string): name is Field => Object.hasOwn(fields, name);
  return names.map((name) => {
    if (!isField(name)) throw new WhcbError("invalid", `sortFields may be ${Object.keys(fields).join(", ")}`);
    return { field: name, descending: order === undefined ? fields[name] : order === "desc" };
  });
}

export function readFilter(query: Query): CallFilter {
  const status = readStatus(query);
  const since = readInstant(query, "since");
  const until = readInstant(query, "until");
  const statusCodes = readStatusCodes(query);
  // An empty one is a filter too: for answers without a message.
  const reason = query.reason === "" ? "" : one(query, "reason");
  const channel = readChannelFilter(query);
  const messageId = one(query, "messageId");
  const from = one(query, "from");
  const text = one(query, "q");
  return {
    ...(status !== undefined && { status }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(statusCodes !== undefined && { statusCodes }),
    ...(reason !== undefined && { reason }),
    ...(channel !== undefined && { channel }),
    ...(messageId !== undefined && { messageId }),
    ...(from !== undefined && { from }),
    ...(text !== undefined && { text }),
  };
}

/** `id` and `id[]`, repeated or comma-separated, each once. */
export function readIds(query: Query): readonly string[] {
  const values = Object.entries(query).flatMap(([name, value]) =>
    /^id(?:\[\d*\])?$/.test(name) && value !== undefined ? value : [],
  );
  const ids = [...new Set(values.flatMap((value) => value.split(",")).map((id) => id.trim()))].filter((id) => id !== "");
  if (ids.length > MAX_IDS_PER_REQUEST)
    throw new WhcbError("invalid", `id may be given at most ${MAX_IDS_PER_REQUEST} times, not ${ids.length}`);
  return ids;
}

export function one(query: Query, name: string): string | undefined {
  const value = query[name];
  if (value === undefined || value === "") return undefined;
  if (typeof value !== "string") throw new WhcbError("invalid", `${name} must be given once`);
  if (value.includes("\0")) throw new WhcbError("invalid", `${name} must have no control characters`);
  return value;
}

function readNumber(query: Query, name: string): number | undefined {
  const text = one(query, name);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new WhcbError("invalid", `${name} must be a whole number`);
  return Number(text);
}

function readInstant(query: Query, name: string): number | undefined {
  const text = one(query, name);
  if (text === undefined) return undefined;
  // The query parser turns the + of a zone into a space. Behind a date alone, it is a time.
  const at = readDate(text.replace(/(?<=:\S*) (\d{2}:?\d{2})$/, "+$1")) ?? readDate(text);
  if (at === null) throw new WhcbError("invalid", `${name} must be a date: ISO 8601 or dd/MM/yy HH:mm`);
  return at;
}

function readStatus(query: Query): CallStatus | undefined {
  const status = one(query, "status")?.toUpperCase();
  if (status === undefined || status === "SUCCESS" || status === "FAILED" || status === "PENDING") return status;
  throw new WhcbError("invalid", "status must be FAILED, SUCCESS or PENDING");
}

function readChannelFilter(query: Query): CallFilter["channel"] {
  const text = one(query, "channel");
  const channel = readChannel(text);
  if (text !== undefined && channel === null) throw new WhcbError("invalid", "channel must be SMS, EMAIL or VOICE");
  return channel ?? undefined;
}

function readStatusCodes(query: Query): CallFilter["statusCodes"] {
  const texts = one(query, "statusCode")
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
