/** A list and a call are compared by the fields of a body as a callback receives it. */
import { createHash } from "node:crypto";
import { WhcbError } from "../../domain/errors.js";
import { objectOf } from "../../wire/json/json-value.js";
import { hasRepeatedNames, keepSpellings, readJson } from "../../wire/json/read-json.js";
import { hasDroppedParts, readXml } from "../../wire/xml/xml-read.js";
import { isArrivalDate } from "./received-field.js";

/** Names are in lower case, without spaces, dashes and underscores. If a name repeats, the last one counts. */
export type Fields = readonly (readonly [name: string, value: string])[];

/** Other members, which a sender may have added, can't pass for an id or for one of these in another spelling. */
const PARTS = {
  from: ["mobile", "email", "mri", "voice", "name"],
  responsemessage: ["acknowledged", "undeliverable", "content"],
} as const;

export const ID_COLUMNS = new Set(["messageid", "callid", "webhookid"]);
export const COMPARED_FIELDS: readonly string[] = [...ID_COLUMNS, "from", ...PARTS.from, ...PARTS.responsemessage];

export const DATE_FIELDS: ReadonlySet<string> = new Set(["acknowledged", "undeliverable"]);

/** No column has this name. */
export const OTHER_SENDER = "OTHER SENDER";

export const COMPARED: ReadonlySet<string> = new Set([...COMPARED_FIELDS, OTHER_SENDER]);

const MESSAGE_NAMES: ReadonlySet<string> = new Set(["channel", ...PARTS.responsemessage]);

/** A delivered body has one of these: what is beside the first is the receiver's. */
const LOCATIONS: readonly string[] = ["messagelocation", "location"];

/** Names are looked at for each line. */
export const MAX_NAME = 200;

/** More than any body that whcb accepts has, and fewer levels than a value's text may have. */
const LINE_LIMITS = { values: 300_000, levels: 1_000 };

/** Returns null if it can't be read, or isn't an object. */
export function readBody(body: string): object | null {
  const read = readDocument(body);
  if (read === null || (read.root !== null && read.root !== "deliveryResponse")) return null;
  return typeof read.value === "object" && !Array.isArray(read.value) ? read.value : null;
}

/**
 * Returns what JSON or XML has, with the name of the root element, or null if it can't be read, or has something that wouldn't be looked
 * at: a name twice in an object, or what a body in XML doesn't have.
 */
export function readDocument(text: string): { readonly root: string | null; readonly value: unknown } | null {
  try {
    if (text.startsWith("<")) {
      const document = readXml(text);
      return hasDroppedParts(text) ? null : document;
    }
    const read = readJson(text, "line", LINE_LIMITS);
    // An id such as 12.10 is another one than 12.1.
    const exact = keepSpellings(text);
    const value = exact === text ? read : readJson(exact, "line", LINE_LIMITS);
    return hasRepeatedNames(text, value) ? null : { root: null, value };
  } catch (error) {
    if (error instanceof WhcbError) return null;
    throw error;
  }
}

/**
 * The body is one that a callback receives, or has all fields in one object. What has no value is left out, but for columns that aren't
 * compared.
 */
export function fieldsOfBody(body: object, isCompared: (column: string) => boolean = () => true): Fields {
  const top = membersByName(body);
  const isField = (column: string, value: unknown): value is string | number => COMPARED.has(column) && isText(value);
  const fields = columnsOf(body).flatMap(([column, value]): Fields => (isField(column, value) ? [[column, String(value)]] : []));
  for (const [column, value] of otherMembers(body)) {
    if (isField(column, value) || (value === null && isCompared(column))) continue;
    // What isn't text can't be compared.
    fields.push([
      COMPARED.has(column) ? `${column}.value` : column,
      isText(value) ? String(value) : value === null ? "" : JSON.stringify(value),
    ]);
  }
  const other = otherSenderOf(top?.get("from"));
  if (other !== null) fields.push([OTHER_SENDER, other]);
  for (const [part, names] of Object.entries(PARTS)) {
    const given = objectOf(top?.get(part));
    // Of several spellings, the name's own comes last.
    const members = [...columnsOf(given), ...names.map((name): Column => [name, given[name]])];
    for (const [column, value] of members)
      if (names.some((name) => name === column) && isText(value)) fields.push([column, String(value)]);
  }
  return fields;
}

/**
 * Returns, for each body, its columns without a value, and which compared ones of the others it lacks. A delivered body has what its sender
 * gave, and only one with other columns, such as a call's id, is one of those others.
 */
export function emptyColumns(bodies: readonly object[], isCompared: (column: string) => boolean): readonly (readonly string[])[] {
  const lines = bodies.map((body) => {
    const isAdded = ([column, value]: Column): boolean =>
      isCompared(column) && column !== "messageid" && column !== "from" && !(ID_COLUMNS.has(column) && isEmpty(value));
    const added = columnsOf(body).filter(isAdded);
    return { columns: new Map(flatColumns(body)), added: isDeliveredBody(body) ? new Map(added) : null };
  });
  const others = lines.filter(({ added }) => added?.size !== 0);
  const compared = new Set(others.flatMap(({ columns }) => [...columns.keys()].filter(isCompared)));
  return lines.map(({ columns, added }) => {
    const table = added ?? columns;
    const names = added === null ? new Set([...columns.keys(), ...compared]) : added.keys();
    return [...names].filter((column) => isEmpty(table.get(column)));
  });
}

function flatColumns(body: object): readonly Column[] {
  return columnsOf(body).flatMap(([column, value]): readonly Column[] => {
    const [, names] = Object.entries(PARTS).find(([part]) => part === column) ?? [];
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return names !== undefined && isObject
      ? columnsOf(value).filter(([member]) => names.some((name) => name === member))
      : [[column, value]];
  });
}

/** Of those in one list, a line needs one. */
const ALTERNATIVES: readonly ReadonlySet<string>[] = [
  ...[...ID_COLUMNS, "content"].map((name) => new Set([name])),
  new Set(["from", ...PARTS.from]),
  DATE_FIELDS,
];

/** Tells whether a line with these fields has neither a value in this column nor another in its place. */
export function lacksValue(column: string, fields: Fields): boolean {
  const names = ALTERNATIVES.find((alternatives) => alternatives.has(column));
  if (names === undefined) return false;
  return ID_COLUMNS.has(column) || !fields.some(([name, value]) => names.has(name) && value.trim() !== "");
}

type Column = readonly [name: string, value: unknown];

/** Returns what a body doesn't have by its contract. What a sender has written in it says nothing of the receiver. */
export function otherMembers(body: unknown): readonly Column[] {
  const columns = columnsOf(body);
  const location = isDeliveredBody(body) ? LOCATIONS.find((name) => columns.some(([column]) => column === name)) : undefined;
  return columns.flatMap(([column, value]): readonly Column[] => {
    if (column === "responsemessage" && isMessage(value))
      return columnsOf(value).flatMap(([name, member]) =>
        MESSAGE_NAMES.has(name) && (member === null || isText(member)) ? [] : [[`${column}.${name}`, member]],
      );
    return isOfBody(column, value) || column === location ? [] : [[column, value]];
  });
}

function isOfBody(column: string, value: unknown): boolean {
  if (column === "customparameters") return typeof value === "object";
  if (value === null) return COMPARED.has(column) || LOCATIONS.includes(column);
  if (DATE_FIELDS.has(column)) return value === "" || (isText(value) && isArrivalDate(String(value)));
  return COMPARED.has(column) && (isText(value) || (column === "from" && typeof value === "object"));
}

/** Only a body that a callback receives has such an object. One without a value is that of a join that found nothing. */
export function isDeliveredBody(body: unknown): boolean {
  return isMessage(membersByName(body)?.get("responsemessage"));
}

function isMessage(value: unknown): boolean {
  const members = membersByName(value);
  const hasValue = [...MESSAGE_NAMES].some((name) => !isEmpty(members?.get(name)));
  return hasValue && PARTS.responsemessage.some((name) => members?.has(name));
}

function isEmpty(value: unknown): boolean {
  return String(value ?? "").trim() === "";
}

export function columnsOf(value: unknown): readonly Column[] {
  return Object.entries(objectOf(value)).map(([name, member]) => [columnName(name), member]);
}

/** Returns null if there is nothing that could be an address, such as `whatsapp` or a list of numbers. */
function otherSenderOf(from: unknown): string | null {
  if (from === undefined || isText(from)) return null;
  const members = membersByName(from);
  if (members === null) return from === null ? null : JSON.stringify(from);
  const isKnown = (name: string, value: unknown): boolean => isText(value) && PARTS.from.some((known) => known === name);
  const others = [...members].filter(([name, value]) => value !== null && value !== "" && !isKnown(name, value));
  return others.length === 0 ? null : JSON.stringify(others.sort());
}

function membersByName(value: unknown): ReadonlyMap<string, unknown> | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return new Map(Object.entries(value).map(([name, member]) => [columnName(name), member]));
}

function isText(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}

/** Salesforce ends the names of an organization's own fields with __c, Azure's logs with the type (_s), Elasticsearch with .keyword. */
export function columnName(name: string): string {
  return name
    .slice(0, MAX_NAME)
    .toLowerCase()
    .replace(/(?:__p?c|_[sdbgt]|\.(?:keyword|raw))$/, "")
    .replace(/[\s"',_-]/g, "");
}

/** In TSV, a quote may be of the program that wrote it, and a line break, tab or backslash is an escape of some. */
const SPACES = /(?:\\[bfnrtv]?|[\s\p{Cc}])+/gu;

/** The key ignores quotes, and how what separates words is written. */
export function textKey(text: string): string {
  return text.replaceAll('"', "").replace(SPACES, " ").trim();
}

/** The key is a hash, as contents may be long, and a service lists many. */
export function contentKey(content: string): string {
  return hashOf(textKey(content));
}

/** Equal keys are of equal values of a field. */
export function valueKey(name: string, value: string): string {
  return name === "content" ? contentKey(value) : textKey(value);
}

function hashOf(text: string): string {
  return createHash("sha256").update(text, "utf16le").digest("base64");
}
