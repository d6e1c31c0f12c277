/** A list says what the receiver has (docs/reconcile.md). */
import { idKey } from "../../domain/call.js";
import { MINUTE_MS } from "../../domain/duration.js";
import { WhcbError } from "../../domain/errors.js";
import type { ResponseKind } from "../../domain/message-response.js";
import { readDate } from "../../wire/dates.js";
import {
  COMPARED,
  columnName,
  contentKey,
  DATE_FIELDS,
  type Fields,
  ID_COLUMNS,
  lacksValue,
  OTHER_SENDER,
  textKey,
  valueKey,
} from "./body-fields.js";
import { type DateOrder, findDateOrder, readListDate, saysListZone } from "./list-dates.js";
import {
  type NameField,
  readRecords,
  requireWhole,
  type SeenFormat,
  type SeenRecord,
  listNames as showNames,
  unreadableLine,
} from "./list-records.js";
import { looksLikeId, saysWhetherReceived } from "./received-field.js";
import { UncomparedColumns } from "./uncompared-columns.js";

export interface SeenList {
  readonly format: SeenFormat;
  /** Identical lines are there once, with the number of the first. */
  readonly lines: readonly SeenLine[];
  readonly read: number;
  /** These lines may be headings of what follows, or have ids that look so. */
  readonly headings: readonly Heading[];
  /** The others have these in a column of call ids, or as bare ids. A heading may be spelled like an id, but not like one of a call. */
  readonly callIds: readonly Heading[];
  /** Its lines say nothing but which calls and messages they are of. */
  readonly hasOnlyIds: boolean;
  /** The list has these (`idKey`) in a field `id`, which isn't compared. */
  readonly otherIds: ReadonlySet<string>;
  readonly zones: DateZones;
  /** What the list calls these fields, where that isn't our name. */
  readonly listNames: ReadonlyMap<string, string>;
  readonly ignored: ReadonlySet<string>;
}

export interface Heading {
  readonly line: number;
  /** The column is named as in the list (`columnName`). */
  readonly name: string;
  readonly id: string;
}

/** `DateZones` has true if a date says its time zone, and false if one doesn't. null tells nothing. */
export type DateZones = ReadonlySet<boolean | null>;

/** What a line doesn't give is null. */
export interface SeenLine {
  /** Lines are counted from 1. */
  readonly line: number;
  /** The id is kept as it is spelled. */
  readonly callId: string | null;
  /** It is that of the request's header. */
  readonly hasWebhookId: boolean;
  /** `messageId` is the id's key (`idKey`). */
  readonly messageId: string | null;
  /** The id may be a call's or a message's, and is kept as it is spelled. */
  readonly id: string | null;
  readonly kind: ResponseKind | null;
  /** Minutes count from the epoch. */
  readonly minute: number | null;
  readonly content: string | null;
  readonly mobile: string | null;
  readonly email: string | null;
  readonly mri: string | null;
  readonly voice: string | null;
  readonly name: string | null;
  /** The address may be of any of these kinds. */
  readonly from: string | null;
  /** A body says this, too, about the sender. It is JSON. */
  readonly otherSender: string | null;
  readonly values: readonly SeenValue[];
  /** The line says so often when it arrived, each time at one of these instants. */
  readonly arrivals: readonly (readonly number[])[];
  /** Columns that are ignored mention a refusal, with the key of a content (`contentKey`). */
  readonly refusals: readonly { readonly name: string; readonly key: string }[];
  /** A line with bodies has its own fields and those of each body also apart. The whole line has the last value of each. */
  readonly parts: readonly SeenLine[];
}

/** A line has these but for its ids. */
export interface SeenValue {
  readonly name: string;
  readonly key: string;
  /** The line has no other value in its place. */
  readonly isCompared: boolean;
}

/** An address counts whether it can be compared or not. */
export function givesAddress({ mobile, email, mri, voice, from }: SeenLine): boolean {
  return [mobile, email, mri, voice, from].some((given) => given !== null);
}

export interface ListOptions {
  /** Without it, the dates must tell whether the day or the month comes first. */
  readonly dateOrder?: DateOrder | undefined;
  /** The key is the list's name of a field, the value is ours. Both are as `columnName` returns them. */
  readonly fieldNames?: ReadonlyMap<string, string> | undefined;
  /** Fields of these names (`columnName`) don't say whether a line was received. */
  readonly ignored?: ReadonlySet<string> | undefined;
}

/** Dates without a zone are of `timezone`. Throws `malformed` with the line number, and `usage` for a name that the list doesn't have. */
export function readSeenList(text: string, timezone: string, options: ListOptions = {}): SeenList {
  const { dateOrder, fieldNames = new Map(), ignored = new Set() } = options;
  const mapped = new Set(fieldNames.values());
  const nameField: NameField = (name) => fieldNames.get(name) ?? (mapped.has(name) ? `another ${name}` : name);
  const { format, names, records } = readRecords(text, nameField);
  requireNames(fieldNames.keys(), names);
  const columns = new UncomparedColumns(ignored);
  // A line that says nothing lacks a content (below), whatever the list has.
  columns.requireIgnored(format === "ids" ? ["id"] : [...names, "content"], showNames(names));
  const areBodies = format === "ndjson" || format === "xml";
  const headings: Heading[] = [];
  const callIds: Heading[] = [];
  const otherIds = new Set<string>();
  const read = records.map(({ line, fields, empty }) => {
    const isBareId = format === "ids";
    const isCompared = ([name]: Fields[number]): boolean => isBareId || COMPARED.has(nameField(name));
    const renamed = fields.map(([name, value]): Fields[number] => [nameField(name), value]);
    columns.beginLine(line, renamed);
    for (const field of fields) {
      const [name, value] = field;
      const isCallId = isBareId || CALL_IDS.has(nameField(name));
      const isId = isCallId || nameField(name) === "messageid";
      if (isId && !columns.ignores(name)) {
        if (!looksLikeId(value)) headings.push({ line, name, id: value });
        else if (isCallId) callIds.push({ line, name, id: value });
      }
      // Its value is compared with the ids of the FAILED calls.
      if (name === "id" && !isCompared(field) && /\d/.test(value) && !columns.ignores(name)) otherIds.add(idKey(value));
      else if (!isCompared(field) || saysWhetherReceived(name)) columns.add(name, value);
    }
    for (const name of empty) if (lacksValue(nameField(name), renamed)) columns.add(name, "");
    return { line, fields: renamed, bodies: columns.bodies, arrivals: columns.arrivals, refused: columns.refusals };
  });
  requireExact(callIds);
  const order = dateOrder ?? requireOrder(read, areBodies);
  // The dates of bodies are written as they were delivered.
  const bodies = read.flatMap(({ line, bodies }) => bodies.map((fields) => ({ line, fields })));
  const bodyOrder = requireOrder(bodies, true, dateOrder);
  const distinct = new Map<string, SeenLine>();
  const zones = new Set<boolean | null>();
  for (const { line, fields, bodies, arrivals, refused } of read) {
    if (!areBodies) for (const field of fields) requireWhole(line, field);
    const ids = [fields, ...bodies].flat().filter(([name]) => ID_COLUMNS.has(name));
    const parts = [fields, ...bodies].map((part, index) => {
      const reading = { timezone, order: index === 0 ? order : bodyOrder, areIds: format === "ids" };
      for (const [name, value] of part) if (DATE_FIELDS.has(name)) zones.add(saysListZone(value, reading.order));
      return seenLine(line, [...ids, ...part], reading);
    });
    const refusals = refused.map(([name, value]) => ({ name, key: contentKey(value) }));
    const seen = { ...parts.reduce(addGiven), arrivals, refusals, parts: bodies.length === 0 ? [] : parts };
    const key = JSON.stringify({ ...seen, line: 0 });
    if (!distinct.has(key)) distinct.set(key, seen);
  }
  const lines = [...distinct.values()];
  const listNames = new Map([...fieldNames].map(([listed, ours]) => [ours, listed]));
  // A join that found no row leaves out what the others say, at whatever level.
  const named = lines.filter(({ callId }) => callId !== null);
  const silent = named.some(saysWhat) ? named.find((line) => !saysWhat(line)) : undefined;
  const [saying = "content"] = SAYING.flatMap((field) => names.map(columnName).filter((name) => nameField(name) === field));
  if (silent !== undefined) columns.addUnused(saying, silent.line);
  columns.requireNone();
  const hasOnlyIds = format === "ids" || names.every((name) => ID_COLUMNS.has(nameField(columnName(name))));
  return {
    format,
    lines,
    read: records.length,
    headings,
    callIds,
    hasOnlyIds,
    otherIds,
    zones,
    listNames,
    ignored,
  };
}

const SAYING = ["content", ...DATE_FIELDS];

function saysWhat({ content, minute }: SeenLine): boolean {
  return content !== null || minute !== null;
}

function requireNames(wanted: Iterable<string>, names: readonly string[]): void {
  const known = new Set(names.map(columnName));
  const missing = [...wanted].filter((name) => !known.has(name));
  if (missing.length > 0)
    throw new WhcbError("usage", `--map: the list has no ${missing.join(", ")}`, { hint: `it has ${showNames(names)}` });
}

/** Throws if neither the dates nor the flag tell whether the day or the month comes first. */
function requireOrder(records: readonly Pick<SeenRecord, "line" | "fields">[], areBodies: boolean, flag?: DateOrder): DateOrder {
  const dates = records.flatMap(({ line, fields }) =>
    fields.flatMap(([name, text]) => (DATE_FIELDS.has(name) ? [{ line, text }] : [])),
  );
  const order = findDateOrder(dates, areBodies);
  if (typeof order === "string") return order;
  if (flag !== undefined) return flag;
  throw unreadableLine(order.line, `${JSON.stringify(order.text)} may have the day or the month first`, ORDER_HINT);
}

const ORDER_HINT = "--date-order dmy or mdy says which comes first; nothing was done";

const CALL_IDS: ReadonlySet<string> = new Set(["callid", "webhookid"]);

/** Throws if all long ids are round: a spreadsheet keeps 15 digits. Generated ids have 32, and letters as a rule. */
function requireExact(ids: readonly Heading[]): void {
  const [first, ...others] = ids.filter(({ id }) => /^\d{16,31}$/.test(id));
  if (first === undefined || ![first, ...others].every(({ id }) => /^\d{15}0+$/.test(id))) return;
  throw unreadableLine(
    first.line,
    `its ${first.name} is ${first.id}: a spreadsheet keeps 15 digits, and writes zeros for others`,
    "format the column as text, and export it again; if the ids of your system end in zeros, --ignore with the column's name; nothing was done",
  );
}

interface LineReading {
  readonly timezone: string;
  readonly order: DateOrder;
  readonly areIds: boolean;
}

const UNNAMED_ID_HINT =
  "`whcb calls list` writes such lists; if your system stored the webhook-id there: --map callid=id; nothing was done";
const OTHER_ID_HINT =
  "a line has one; a webhook-id of another system is ignored by its whole name, as --ignore req.headers.webhookid; nothing was done";

function addGiven(line: SeenLine, part: SeenLine): SeenLine {
  const given = Object.entries(part).filter(([, value]) => value !== null);
  return { ...line, ...Object.fromEntries(given), values: [...line.values, ...part.values] };
}

function seenLine(line: number, given: Fields, { timezone, order, areIds }: LineReading): SeenLine {
  const fields = new Map(given);
  const text = (name: string): string | null => fields.get(name)?.trim() || null;
  const id = (what: string, ...names: readonly string[]): string | null => {
    const ids = given.flatMap(([name, value]) => (names.includes(name) && value.trim() !== "" ? [value] : []));
    if (new Set(ids.map(idKey)).size > 1) throw unreadableLine(line, `it has two different ${what}`, OTHER_ID_HINT);
    return ids[0] ?? null;
  };
  const callId = id("call ids", ...CALL_IDS);
  const messageId = id("message ids", "messageid");
  const bareId = areIds ? id("ids", "id") : null;
  if (callId === null && messageId === null && bareId === null) {
    const found = showNames(given.flatMap(([name]) => (name === OTHER_SENDER ? [] : [name])));
    const hint = fields.has("id") ? UNNAMED_ID_HINT : undefined;
    throw unreadableLine(line, `it has neither a call id nor a message id, only ${found}`, hint);
  }
  const kind = text("undeliverable") !== null ? "undeliverable" : text("acknowledged") !== null ? "reply" : null;
  const date = text("undeliverable") ?? text("acknowledged");
  const at = date === null ? null : readListDate(date, order, timezone);
  if (date !== null && at === null)
    throw unreadableLine(line, `${JSON.stringify(date)} isn't a date${inOtherOrder(date, order)}`);
  const content = fields.get("content");
  const values = given.filter(([name, value]) => COMPARED.has(name) && !ID_COLUMNS.has(name) && value.trim() !== "");
  const isUsed = ([name, value]: Fields[number]): boolean =>
    value === fields.get(name) && (!DATE_FIELDS.has(name) || value.trim() === date);
  return {
    line,
    callId,
    hasWebhookId: (fields.get("webhookid") ?? "").trim() !== "",
    messageId: messageId && idKey(messageId),
    id: bareId,
    kind,
    minute: at === null ? null : Math.floor(at / MINUTE_MS),
    content: content === undefined ? null : contentKey(content),
    mobile: text("mobile"),
    email: text("email"),
    mri: text("mri"),
    voice: text("voice"),
    name: text("name"),
    from: text("from"),
    otherSender: text(OTHER_SENDER),
    values: values.map((field) => ({ name: field[0], key: valueKey(...field), isCompared: isUsed(field) })),
    arrivals: [],
    refusals: [],
    parts: [],
  };
}

/** Returns a message's id as lists of the format may have it. All but NDJSON are trimmed, and programs differ in how they write TSV. */
export function messageIdsIn(format: SeenFormat, id: string): readonly string[] {
  if (format === "ndjson") return [id];
  return format === "tsv" ? [id, id.trim(), textKey(id)] : [id, id.trim()];
}

function inOtherOrder(date: string, order: DateOrder): string {
  const other = order === "dmy" ? "mdy" : "dmy";
  if (readListDate(date, other) === null) return "";
  return order === "dmy" ? " with the day first (--date-order mdy reads the month first)" : " with the month first";
}

/** Returns null if it isn't a date. */
export function minuteOf(date: string, timezone: string): number | null {
  const at = readDate(date, timezone);
  return at === null ? null : Math.floor(at / MINUTE_MS);
}
