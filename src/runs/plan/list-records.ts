/** A list has bodies as NDJSON or XML, a table as CSV or TSV, or bare ids (docs/reconcile.md). */
import { findIndented, INDENTED, UNINDENTED_HINT } from "../../domain/call.js";
import { WhcbError } from "../../domain/errors.js";
import {
  COMPARED,
  COMPARED_FIELDS,
  columnName,
  emptyColumns,
  type Fields,
  fieldsOfBody,
  ID_COLUMNS,
  OTHER_SENDER,
  readBody,
} from "./body-fields.js";
import { lineFeeds, readCsv, readTsv, type TableRow } from "./read-table.js";
import { idsLike, saysWhetherReceived } from "./received-field.js";

export type SeenFormat = "ndjson" | "xml" | "csv" | "tsv" | "ids";

export interface SeenRecord {
  readonly line: number;
  /** The fields have the list's names. */
  readonly fields: Fields;
  /** These columns have no value. */
  readonly empty: readonly string[];
}

export interface SeenRecords {
  readonly format: SeenFormat;
  /** Names are as the list spells those of a table, and as `columnName` returns others. */
  readonly names: readonly string[];
  readonly records: readonly SeenRecord[];
}

/** Returns our name for a field that has this name in the list (`columnName`). */
export type NameField = (column: string) => string;

/** Throws `malformed` with the line number. */
export function readRecords(text: string, nameField: NameField): SeenRecords {
  // PowerShell may write the type of the rows before their header.
  const list = text.replace(/^\uFEFF/, "").replace(/^#TYPE .*/, "");
  const format = detectFormat(list, nameField);
  if (format === "csv" || format === "tsv") return tableRecords(list, format, nameField);
  const records = RECORDS[format](list, (column) => isCompared(column, nameField));
  if (format === "ndjson") requireTexts(records, list.split("\n"), nameField);
  const columns = records.flatMap(({ fields, empty }) => [...fields.map(([name]) => name), ...empty]);
  const names = new Set(columns.map((name) => (name === OTHER_SENDER ? "from" : name)));
  return { format, names: format === "ids" ? [] : [...names], records };
}

const RECORDS = { ndjson: jsonRecords, xml: xmlRecords, ids: idRecords };

/** An empty value of another column, or of one that says whether its line was received, may mean that it wasn't. */
function isCompared(column: string, nameField: NameField): boolean {
  return COMPARED.has(nameField(column)) && !saysWhetherReceived(column);
}

function isId(column: string, nameField: NameField): boolean {
  return ID_COLUMNS.has(nameField(columnName(column)));
}

function detectFormat(text: string, nameField: NameField): SeenFormat {
  const first = text.trimStart();
  if (/^[{[]/.test(first)) return "ndjson";
  if (first.startsWith("<")) return "xml";
  const header = first.split(/\r?\n/, 1)[0] ?? "";
  if (header.includes("\t")) return "tsv";
  return /[,;]/.test(header) || header.split("|").some((column) => isId(column, nameField)) ? "csv" : "ids";
}

function jsonRecords(text: string, isCompared: (column: string) => boolean): readonly SeenRecord[] {
  const found = text.split("\n").flatMap((source, index) => {
    if (source.trim() === "") return [];
    const body = readBody(source);
    if (body === null) throw unreadableLine(index + 1, "it isn't a JSON object (jq -c writes one per line), or has a name twice");
    return [{ line: index + 1, body }];
  });
  const bodies = found.map(({ body }) => body);
  const empty = emptyColumns(bodies, isCompared);
  return found.map(({ line, body }, index) => ({ line, fields: fieldsOfBody(body, isCompared), empty: empty[index] ?? [] }));
}

/** Throws if an id may have been rounded: a text has quotes, and programs read numbers as doubles. */
function requireTexts(records: readonly SeenRecord[], sources: readonly string[], nameField: NameField): void {
  for (const { line, fields } of records)
    for (const [name, value] of fields)
      if (isId(name, nameField) && Number(value) > Number.MAX_SAFE_INTEGER && !sources[line - 1]?.includes(`"${value}"`))
        throw unreadableLine(
          line,
          `its ${name} is the number ${value}, which programs round`,
          "export it as text; nothing was done",
        );
}

const MAY_BE_NUMBERS: ReadonlySet<string> = new Set([...ID_COLUMNS, "id", "from", "mobile", "voice", "mri"]);

/** Throws if a spreadsheet has shortened a long number, as 6.14587E+10 or 6,14587E+10. */
export function requireWhole(line: number, [name, value]: Fields[number]): void {
  if (!MAY_BE_NUMBERS.has(name)) return;
  if (/^-?\d+(?:[.,]\d+)?E\+\d+$/i.test(value))
    throw unreadableLine(line, `its ${name} is ${value}: the spreadsheet has shortened a number`, SHORTENED_HINT);
  if (/^\d{7,}[.,]0+$/.test(value))
    throw unreadableLine(line, `its ${name} is ${value}: a program has read it as a number with decimals`, SHORTENED_HINT);
}

const SHORTENED_HINT = "format the column as text, and export it again; nothing was done";

const END_OF_BODY = /<\/(?:[\w-]+:)?deliveryResponse\s*>/g;

/** Documents follow one another, on one line or several. */
function xmlRecords(list: string, isCompared: (column: string) => boolean): readonly SeenRecord[] {
  const records: SeenRecord[] = [];
  let line = 1;
  let start = 0;
  for (const end of [...list.matchAll(END_OF_BODY), null]) {
    const stop = end === null ? list.length : end.index + end[0].length;
    const source = list.slice(start, stop);
    const text = source.trimStart();
    const firstLine = line + lineFeeds(source.slice(0, source.length - text.length));
    line += lineFeeds(source);
    start = stop;
    if (text.trimEnd() === "") continue;
    const body = readBody(text.trimEnd());
    if (body === null)
      throw unreadableLine(firstLine, "it isn't a deliveryResponse document, or has more than elements and their texts");
    records.push({ line: firstLine, fields: fieldsOfBody(body), empty: emptyColumns([body], isCompared).flat() });
  }
  return records;
}

function tableRecords(text: string, format: "csv" | "tsv", nameField: NameField): SeenRecords {
  const rows = format === "tsv" ? readTsv(text) : readCsv(text);
  if ("reason" in rows) throw unreadableLine(rows.line, rows.reason);
  const [{ cells: names, line: header } = { cells: [], line: 1 }, ...values] = rows;
  const areIds = names.map((column) => isId(column, nameField));
  if (!areIds.includes(true)) throw unreadableLine(header, `none of its columns is messageid or callid: ${listNames(names)}`);
  const columns = names.map(columnName);
  const fields = columns.map(nameField).filter((name) => COMPARED_FIELDS.includes(name) && !ID_COLUMNS.has(name));
  const twice = fields.find((name, index) => fields.indexOf(name) < index);
  if (twice !== undefined) throw unreadableLine(header, `two of its columns are ${twice}: ${listNames(names)}`);
  requireNoRowInside(values, (cells) => cells.filter((id, index) => areIds[index] && id.trim() !== ""));
  // An empty cell counts as missing, and so does a database's NULL, which some write as \N.
  const isGiven = (value: string): boolean => !/^(?:null)?$/i.test(value) && value !== "\\N";
  const records = values.map(({ cells, line }) => {
    const fields = cells.map((value, index): Fields[number] => [columns[index] ?? "", value.trim()]);
    const given = fields.filter(([name, value]) => isGiven(value) || !isCompared(name, nameField));
    return { line, fields: given, empty: fields.flatMap(([name, value]) => (isGiven(value) ? [] : [name])) };
  });
  return { format, names, records };
}

/** Throws if a line inside a quoted value looks like a row: it has as many values, and an id that is spelled like those of the rows. */
function requireNoRowInside(rows: readonly TableRow[], idsOf: (cells: readonly string[]) => readonly string[]): void {
  if (rows.every(({ inner }) => inner.length === 0)) return;
  const isLikeOne = idsLike(rows.flatMap(({ cells }) => idsOf(cells)));
  for (const { line, cells, inner } of rows) {
    const index = inner.findIndex((values) => values.length === cells.length && idsOf(values).some(isLikeOne));
    if (index !== -1)
      throw unreadableLine(line, `a quoted value takes in line ${line + index + 1}, which looks like a row`, ROW_HINT);
  }
}

const ROW_HINT =
  "a quote inside a value must be doubled, and the value quoted; if the line is the value's, export NDJSON instead; nothing was done";

/**
 * A sender may choose almost any id, but a line with one of these characters, one that isn't seen or isn't UTF-8, or a database's NULL, is
 * something else.
 */
const ID = /^(?!null$)[^\s,;"'<>{}\p{Cc}\p{Cf}\ufffd]{1,128}$/iu;

/** Ids may be quoted. Skips blank lines. No list of words has all comments (#) that mean the opposite. */
function idRecords(text: string): readonly SeenRecord[] {
  const records: SeenRecord[] = [];
  const lines = text.split(/\r?\n/);
  const indented = findIndented(lines);
  if (indented !== -1) throw unreadableLine(indented + 1, INDENTED, UNINDENTED_HINT);
  for (const [index, source] of lines.entries()) {
    const line = index + 1;
    const id = source.trim().replace(/^(["'])(.*)\1$/, "$2");
    if (id === "") continue;
    if (id.startsWith("#")) throw unreadableLine(line, COMMENT, HEADING_HINT);
    if (!ID.test(id)) throw unreadableLine(line, "it isn't an id");
    records.push({ line, fields: [["id", id]], empty: [] });
  }
  return records;
}

const COMMENT = "its comment may be a heading of what wasn't received";
const HEADING_HINT = "give only the ids of what was received; nothing was done";

const MAX_SHOWN = 500;

export function listNames(names: readonly string[]): string {
  return names.join(", ").slice(0, MAX_SHOWN) || "none";
}

const TAKEN = "--seen takes NDJSON or XML bodies, CSV or TSV with a header, or one id per line";
const KNOWN = `known names are ${COMPARED_FIELDS.join(", ")}; --map messageid=NAME says what the list calls it`;

export function unreadableLine(line: number, reason: string, hint = `${TAKEN}; ${KNOWN}; nothing was done`): WhcbError {
  return new WhcbError("malformed", `line ${line} can't be read: ${reason}`, { hint });
}
