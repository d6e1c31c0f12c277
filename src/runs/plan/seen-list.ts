/** A list has bodies as NDJSON or XML, a table as CSV or TSV, or bare ids (docs/cli.md, Reconcile). */
import { createHash } from "node:crypto";
import { idKey } from "../../domain/call.js";
import { WhcbError } from "../../domain/errors.js";
import type { ResponseKind } from "../../domain/message-response.js";
import { readDate, saysZone } from "../../wire/dates.js";
import { columnName, DATE_FIELDS, type Fields, fieldsOfBody, ID_COLUMNS, KNOWN_FIELDS, OTHER_SENDER } from "./body-fields.js";
import { lineFeeds, readCsv, readTsv } from "./read-table.js";
import { meansNotReceived, meansReceived, saysWhetherReceived } from "./received-field.js";

export type SeenFormat = "ndjson" | "xml" | "csv" | "tsv" | "ids";

export interface SeenList {
  readonly format: SeenFormat;
  /** Identical lines are there once, with the number of the first. */
  readonly lines: readonly SeenLine[];
  readonly read: number;
  /** No call has the fields of these names, which are in lower case. */
  readonly notCompared: readonly string[];
  readonly zones: DateZones;
}

/** `DateZones` has true if a date says its time zone, and false if one doesn't. null tells nothing. */
export type DateZones = ReadonlySet<boolean | null>;

/** What a line doesn't give is null. */
export interface SeenLine {
  /** Lines are counted from 1. */
  readonly line: number;
  /** The id is kept as it is spelled. */
  readonly callId: string | null;
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
}

/** An address counts whether it can be compared or not. */
export function givesAddress({ mobile, email, mri, voice, from }: SeenLine): boolean {
  return [mobile, email, mri, voice, from].some((given) => given !== null);
}

/** Dates without a zone are of `timezone`. Throws `malformed` with the line number. */
export function readSeenList(text: string, timezone: string): SeenList {
  const content = text.replace(/^\uFEFF/, "");
  const format = detectFormat(content);
  const records = recordsIn(content, format);
  const distinct = new Map<string, SeenLine>();
  const notCompared = new Set<string>();
  const zones = new Set<boolean | null>();
  for (const { line, fields } of records) {
    const isDoubtful = ([name, value]: Fields[number]): boolean =>
      saysWhetherReceived(name) ? !meansReceived(name, value) : !KNOWN_FIELDS.has(name) && meansNotReceived(name, value);
    const [name, value] = fields.find(isDoubtful) ?? [];
    if (value !== undefined) {
      const shown = value.trim().slice(0, MAX_SHOWN) || "empty";
      throw unreadableLine(
        line,
        `its ${name} is ${shown}, which isn't known to mean received (leave the field out if it means something else)`,
      );
    }
    for (const [name, value] of fields) if (DATE_FIELDS.has(name)) zones.add(saysZone(value));
    if (fields.length > 1) for (const [name] of fields) if (!KNOWN_FIELDS.has(name)) notCompared.add(name);
    const seen = seenLine(line, fields, timezone);
    const key = JSON.stringify({ ...seen, line: 0 });
    if (!distinct.has(key)) distinct.set(key, seen);
  }
  return { format, lines: [...distinct.values()], read: records.length, notCompared: [...notCompared], zones };
}

const MAX_SHOWN = 100;

interface SeenRecord {
  readonly line: number;
  readonly fields: Fields;
}

function detectFormat(text: string): SeenFormat {
  const first = text.trimStart();
  if (first.startsWith("{")) return "ndjson";
  if (first.startsWith("<")) return "xml";
  const header = first.split(/\r?\n/, 1)[0] ?? "";
  if (header.includes("\t")) return "tsv";
  return /[,;]/.test(header) || ID_COLUMNS.has(columnName(header)) ? "csv" : "ids";
}

function recordsIn(text: string, format: SeenFormat): readonly SeenRecord[] {
  switch (format) {
    case "ndjson":
      return jsonRecords(text);
    case "xml":
      return xmlRecords(text);
    case "csv":
    case "tsv":
      return tableRecords(text, format);
    case "ids":
      return idRecords(text);
  }
}

function jsonRecords(text: string): readonly SeenRecord[] {
  return text.split("\n").flatMap((source, index) => {
    if (source.trim() === "") return [];
    const fields = fieldsOfBody(source);
    if (fields === null) throw unreadableLine(index + 1, "it isn't a JSON object");
    return [{ line: index + 1, fields }];
  });
}

const END_OF_BODY = /<\/(?:[\w-]+:)?deliveryResponse\s*>/g;

/** Documents follow one another, on one line or several. */
function xmlRecords(text: string): readonly SeenRecord[] {
  const records: SeenRecord[] = [];
  let line = 1;
  let start = 0;
  for (const end of [...text.matchAll(END_OF_BODY), null]) {
    const stop = end === null ? text.length : end.index + end[0].length;
    const source = text.slice(start, stop);
    const body = source.trimStart();
    const firstLine = line + lineFeeds(source.slice(0, source.length - body.length));
    line += lineFeeds(source);
    start = stop;
    if (body.trimEnd() === "") continue;
    const fields = fieldsOfBody(body.trimEnd());
    if (fields === null) throw unreadableLine(firstLine, "it isn't a deliveryResponse document");
    records.push({ line: firstLine, fields });
  }
  return records;
}

function tableRecords(text: string, format: "csv" | "tsv"): readonly SeenRecord[] {
  const rows = format === "tsv" ? readTsv(text) : readCsv(text);
  if ("reason" in rows) throw unreadableLine(rows.line, rows.reason);
  const [names = { cells: [], line: 1 }, ...values] = rows;
  const columns = names.cells.map(columnName);
  if (!columns.some((column) => ID_COLUMNS.has(column))) {
    throw unreadableLine(names.line, "the header must name a column messageid or callid");
  }
  return values.map(({ cells, line }) => {
    const fields = cells.map((value, index): [string, string] => [columns[index] ?? "", value.trim()]);
    // An empty cell counts as missing, and so does a database's NULL, which some write as \N.
    const isGiven = (value: string): boolean => !/^(?:null)?$/i.test(value) && value !== "\\N";
    return { line, fields: fields.filter(([name, value]) => isGiven(value) || saysWhetherReceived(name)) };
  });
}

/**
 * A sender may choose almost any id, but a line with one of these characters, one that isn't seen or isn't UTF-8, or a database's NULL, is
 * something else.
 */
const ID = /^(?!null$)[^\s,;"'<>{}\p{Cc}\p{Cf}\ufffd]{1,128}$/iu;

/** Ids may be quoted. Skips blank lines and comments (#). */
function idRecords(text: string): readonly SeenRecord[] {
  return text.split(/\r?\n/).flatMap((source, index) => {
    const id = source.trim().replace(/^(["'])(.*)\1$/, "$2");
    if (id === "" || id.startsWith("#")) return [];
    if (!ID.test(id)) throw unreadableLine(index + 1, "it isn't an id");
    return [{ line: index + 1, fields: [["id", id]] }];
  });
}

function seenLine(line: number, given: Fields, timezone: string): SeenLine {
  const fields = new Map(given);
  const text = (name: string): string | null => fields.get(name)?.trim() || null;
  const id = (what: string, ...names: readonly string[]): string | null => {
    const ids = given.flatMap(([name, value]) => (names.includes(name) && value.trim() !== "" ? [value] : []));
    if (new Set(ids.map(idKey)).size > 1) throw unreadableLine(line, `it has two different ${what}`);
    return ids[0] ?? null;
  };
  const callId = id("call ids", "callid", "webhookid");
  const messageId = id("message ids", "messageid");
  const bareId = fields.size === 1 ? id("ids", "id") : null;
  if (callId === null && messageId === null && bareId === null) {
    throw unreadableLine(line, "it has neither a call id nor a message id");
  }
  const kind = text("undeliverable") !== null ? "undeliverable" : text("acknowledged") !== null ? "reply" : null;
  const date = text("undeliverable") ?? text("acknowledged");
  const minute = date === null ? null : minuteOf(date, timezone);
  if (date !== null && minute === null) throw unreadableLine(line, `${JSON.stringify(date)} isn't a date`);
  const content = fields.get("content");
  return {
    line,
    callId,
    messageId: messageId && idKey(messageId),
    id: bareId,
    kind,
    minute,
    content: content === undefined ? null : contentKey(content),
    mobile: text("mobile"),
    email: text("email"),
    mri: text("mri"),
    voice: text("voice"),
    name: text("name"),
    from: text("from"),
    otherSender: text(OTHER_SENDER),
  };
}

/** Returns a message's id as lists of the format may have it. All but NDJSON are trimmed, and programs differ in how they write TSV. */
export function messageIdsIn(format: SeenFormat, id: string): readonly string[] {
  if (format === "ndjson") return [id];
  return format === "tsv" ? [id, id.trim(), textKey(id)] : [id, id.trim()];
}

/** Returns null if it isn't a date. */
export function minuteOf(date: string, timezone: string): number | null {
  const at = readDate(date, timezone);
  return at === null ? null : Math.floor(at / 60_000);
}

/** In TSV, a quote may be of the program that wrote it, and a line break, tab or backslash is an escape of some. */
const SPACES = /(?:\\[bfnrtv]?|[\s\p{Cc}])+/gu;

/** The key ignores quotes, and how what separates words is written. */
export function textKey(text: string): string {
  return text.replaceAll('"', "").replace(SPACES, " ").trim();
}

/** The key is a hash, as contents may be long, and a service lists many. */
export function contentKey(content: string): string {
  return createHash("sha256").update(textKey(content), "utf16le").digest("base64");
}

function unreadableLine(line: number, reason: string): WhcbError {
  return new WhcbError("malformed", `line ${line} can't be read: ${reason}`, {
    hint: "--seen takes NDJSON or XML bodies, CSV or TSV with a header, or one id per line; nothing was done",
  });
}
