/** A list of failed calls, or a log of rejected requests, isn't a list of what was received (docs/reconcile.md). */
import { idKey } from "../../domain/call.js";
import { count } from "../../domain/count.js";
import { WhcbError } from "../../domain/errors.js";
import { isSecretName, maskUrlsIn } from "../../domain/mask.js";
import { objectOf } from "../../wire/json/json-value.js";
import {
  COMPARED,
  COMPARED_FIELDS,
  columnName,
  columnsOf,
  emptyColumns,
  type Fields,
  fieldsOfBody,
  ID_COLUMNS,
  isDeliveredBody,
  lacksValue,
  MAX_NAME,
  otherMembers,
  readDocument,
} from "./body-fields.js";
import {
  DISTINCT_KINDS,
  isArrivalDate,
  mentionsRefusal,
  readArrival,
  saysReceived,
  saysRefused,
  saysWhetherReceived,
} from "./received-field.js";

interface Column {
  /** The names of all levels, as `columnName` returns them: `res.statuscode`. */
  readonly name: string;
  /** Its first values, that which mentions a refusal before the others. */
  values: Map<string, { readonly value: string; readonly line: number }>;
  /** All its values are of these kinds. */
  kinds: typeof DISTINCT_KINDS;
  /** So many lines have it. The index is that of the last one. */
  lines: number;
  lastIndex: number;
  mentionsRefusal: boolean;
}

/** Programs leave out what has no value. */
const MISSING = "(missing)";
/** A body in a column `rejected` wasn't received. */
const BODY = "(body)";
const NAMELESS = "unnamed";

/** Collects the columns of a list that don't say that their line was received. */
export class UncomparedColumns {
  readonly #ignored: ReadonlySet<string>;
  readonly #columns = new Map<string, Column>();
  readonly #lines: number[] = [];
  #ids: Fields = [];
  #bodies: Fields[] = [];
  #arrivals: (readonly number[])[] = [];
  #refusals: Fields[number][] = [];
  /** These say that their line was received, or have its body. The value is the index of the first line that lacks the column. */
  readonly #received = new Map<string, number>();

  constructor(ignored: ReadonlySet<string>) {
    this.#ignored = ignored;
  }

  /** What is added next is of this line. Its fields have our names. */
  beginLine(line: number, fields: Fields): void {
    this.#lines.push(line);
    this.#ids = fields.filter(([name]) => ID_COLUMNS.has(name));
    this.#bodies = [];
    this.#arrivals = [];
    this.#refusals = [];
  }

  /** The bodies that the line has, which a call is compared with as with the line itself. */
  get bodies(): readonly Fields[] {
    return this.#bodies;
  }

  /** The line says so often when it arrived, each time at one of these instants. */
  get arrivals(): readonly (readonly number[])[] {
    return this.#arrivals;
  }

  /** What the line's ignored columns say of a refusal. */
  get refusals(): Fields {
    return this.#refusals;
  }

  /** Looks at all levels of the value, also where it is a text that is JSON or XML. What is ignored may have a body of the line all the same. */
  add(name: string, value: unknown, isIgnored = this.ignores(name)): void {
    const inner = typeof value === "string" && /^\s*[{[<]/.test(value) ? readDocument(value.trim())?.value : value;
    const members = typeof inner === "object" && inner !== null ? Object.entries(inner) : [];
    if (members.length === 0) this.#addLeaf(name || NAMELESS, textOf(value), isIgnored);
    const isBody = this.#isBodyOfLine(inner);
    if (isBody && (isDeliveredBody(inner) || saysThatItIsABody(name.split(".").at(-1) ?? "")))
      this.#addBody(name, objectOf(inner), isIgnored);
    if (isBody && !isIgnored && !saysThatItIsABody(name)) this.#addValue(name, BODY);
    for (const [member, memberValue] of isBody ? otherMembers(inner) : members) {
      const column = isBody ? member : columnName(member);
      const whole = `${name}.${column}`.slice(-MAX_NAME);
      const isIgnoredToo = isIgnored || this.ignores(whole);
      // The header has the id of the call that was received. Elsewhere a sender may have written it.
      const isHeader = column === "webhookid" && REQUEST_HEADERS.test(name) && !this.#ignored.has(whole);
      const id = isHeader ? headerText(memberValue) : "";
      if (id !== "") this.#bodies.push([[column, id]]);
      if (id !== "" && !isIgnoredToo && isPlain(name)) this.#noteReceived(whole);
      else this.add(whole, memberValue, isIgnoredToo);
    }
  }

  #addLeaf(name: string, value: string, isIgnored: boolean): void {
    if (!isIgnored) this.#addValue(name, value);
    else if (saysRefused(name, value)) this.#refusals.push([name, value]);
  }

  /** A line that lacks what others have a body in, or an empty value of it, may be one that a join hasn't found. */
  #addBody(name: string, body: object, isIgnored: boolean): void {
    const fields = fieldsOfBody(body).filter(([field]) => COMPARED.has(field));
    this.#bodies.push(fields);
    if (isIgnored) return;
    this.#noteReceived(name);
    for (const column of emptyColumns([body], (field) => COMPARED.has(field)).flat())
      if (lacksValue(column, fields)) this.#addValue(`${name}.${column}`, "");
  }

  /** A value of a compared field is missing, or took no part in the comparison of its line. Equal keys are of equal values. */
  addUnused(name: string, line: number, value = MISSING, key = value): void {
    if (!this.ignores(name)) this.#addColumn(name, line, value, key);
  }

  /** A log may have the body that was received. If the line has only the call's id, its form tells. */
  #isBodyOfLine(value: unknown): boolean {
    const ids = columnsOf(value).filter(([name]) => ID_COLUMNS.has(name));
    const isOfLine = ([, id]: readonly [string, unknown]): boolean =>
      this.#ids.some(([, known]) => idKey(known.trim()) === idKey(String(id).trim()));
    const lacksMessage = this.#ids.every(([name]) => name !== "messageid");
    return ids.length > 0 && (ids.every(isOfLine) || (lacksMessage && isDeliveredBody(value)));
  }

  #addValue(name: string, value: string): void {
    if (saysReceived(name, value)) {
      this.#noteReceived(name);
      if (isArrivalDate(value)) this.#arrivals.push(readArrival(value));
    } else this.#addColumn(name, this.#lines.at(-1) ?? 0, value);
  }

  #noteReceived(name: string): void {
    const index = this.#lines.length - 1;
    const firstWithout = this.#received.get(name) ?? 0;
    this.#received.set(name, firstWithout === index ? index + 1 : firstWithout);
  }

  #addColumn(name: string, line: number, value: string, key = value): void {
    const nothing = { values: new Map(), kinds: DISTINCT_KINDS, lines: 0, lastIndex: -1, mentionsRefusal: false };
    const column: Column = this.#columns.get(name) ?? { name, ...nothing };
    this.#columns.set(name, column);
    // An empty value has been named already.
    if (value === MISSING && column.mentionsRefusal) return;
    if (!column.mentionsRefusal && (isId(name) || mentionsRefusal(name, value))) {
      column.mentionsRefusal = true;
      column.values = new Map([[key, { value, line }], ...column.values]);
    }
    if (column.values.size < MAX_COUNTED && !column.values.has(key)) column.values.set(key, { value, line });
    column.kinds = column.kinds.filter((isOfKind) => isOfKind(value));
    if (column.lastIndex !== this.#lines.length) column.lines += 1;
    column.lastIndex = this.#lines.length;
  }

  /** Such a column can say yes of one line and no of another. Dates and ids can't if each line has its own. */
  #differs({ values, kinds, lines }: Column): boolean {
    const isRepeated = values.size < Math.min(lines, MAX_COUNTED);
    return (values.size > 1 && (kinds.length === 0 || isRepeated)) || lines < this.#lines.length;
  }

  ignores(name: string): boolean {
    return this.#ignored.size > 0 && prefixesOf(name || NAMELESS).some((prefix) => this.#ignored.has(prefix));
  }

  /** Throws `usage` for --ignore if the list has nothing of a name. */
  requireIgnored(names: readonly string[], shown: string): void {
    const known = names.map((name) => columnName(name) || NAMELESS);
    const isKnown = (ignored: string): boolean =>
      known.some((name) => prefixesOf(name).includes(ignored) || ignored.startsWith(`${name}.`));
    const missing = [...this.#ignored].filter((ignored) => !isKnown(ignored));
    if (missing.length > 0)
      throw new WhcbError("usage", `--ignore: the list has no ${missing.join(", ")}`, { hint: `it has ${shown}` });
  }

  /** Throws `malformed` with each column that was added, and those that only some lines have. */
  requireNone(): void {
    for (const [name, firstWithout] of this.#received) {
      const line = this.#lines[firstWithout];
      if (line !== undefined) this.#addColumn(name, line, MISSING);
    }
    if (this.#columns.size === 0) return;
    const columns = [...this.#columns.values()];
    const refusals = columns.filter((column) => column.mentionsRefusal);
    const others = columns.filter((column) => !column.mentionsRefusal && !this.#differs(column));
    const different = columns.filter((column) => !column.mentionsRefusal && this.#differs(column));
    const message = [
      ...(others.length === 0 ? [] : [`the list has columns that aren't compared: ${showColumns(others, 1)}`]),
      ...(different.length === 0
        ? []
        : [`columns that aren't compared differ between lines: ${showColumns(different, MAX_VALUES, this.#lines.length)}`]),
      ...(refusals.length === 0 ? [] : [`${showColumns(refusals, MAX_VALUES)} may say that the line wasn't received`]),
    ];
    const hint = [
      ...(refusals.length === 0 ? [] : ["give only the lines that were received"]),
      ...(others.length + different.length === 0
        ? []
        : ["--ignore NAME for each column that isn't compared, if none of its values means that its line wasn't received"]),
      ...(refusals.some(({ name }) => name.endsWith(".webhookid")) ? [HEADERS_HINT] : []),
      others.length + different.length === 0
        ? "--ignore NAME if a column means something else"
        : `for what a call has too: --map content=NAME (names: ${COMPARED_FIELDS.join(", ")})`,
      "nothing was done",
    ];
    throw new WhcbError("malformed", message.join("; "), { hint: hint.join("; ") });
  }
}

const HEADERS_HINT =
  "a webhook-id is the line's call id in headers or, at any level, in req.headers, request.headers or such, unless --ignore has its whole name, and nowhere else";

/** One that isn't the line's is another call's. */
function isId(name: string): boolean {
  return ID_COLUMNS.has(name.split(".").at(-1) ?? "");
}

function saysThatItIsABody(name: string): boolean {
  return name.split(".").every((part) => /^(?:http|raw|json|text)*(?:request|req|body|payload|data)+$/.test(part));
}

const REQUEST_HEADERS = /(?:^|(?:request|req|event|http)\.)(?:http|raw|request|req)*headers?$/;

/** Go logs each header as a list. Returns "" if it isn't one text. */
function headerText(value: unknown): string {
  const text = Array.isArray(value) && value.length === 1 ? value[0] : value;
  return typeof text === "string" ? text.trim() : "";
}

/** A `rejected.request.headers` isn't. */
function isPlain(name: string): boolean {
  return name.split(".").every((part) => /^(?:http|raw|json|request|req|event|headers?)+$/.test(part));
}

/** An empty object or list isn't an empty text. */
function textOf(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? "").trim();
}

/** Returns "a", "a.b" and "a.b.c" for "a.b.c". */
function prefixesOf(name: string): readonly string[] {
  return [...name.matchAll(/\.|$/g)].map(({ index }) => name.slice(0, index));
}

/** A log may have as many values as lines. */
const MAX_COUNTED = 1_000;
const MAX_SHOWN = 20;
const MAX_VALUES = 3;
const MAX_VALUE = 40;
/** The headers of a log have keys. */
const LONGEST_FLAG = 5;

/** Shows so many values of each column. One that fewer than `linesInAll` lines have is named as missing on others. */
function showColumns(columns: readonly Column[], shownValues: number, linesInAll = 0): string {
  const shown = columns.slice(0, MAX_SHOWN).map(({ name, values, lines }) => {
    const isSecret = isSecretName(name) && !saysWhetherReceived(name);
    const texts = [...values.values()].slice(0, shownValues).map(({ value, line }) => {
      const text = isSecret && value.length > LONGEST_FLAG ? "****" : maskUrlsIn(value).slice(0, MAX_VALUE);
      return `${text || "(empty)"} on line ${line}`;
    });
    const more = shownValues === 1 ? 0 : values.size - texts.length;
    const others = more > 0 ? [`and ${values.size === MAX_COUNTED ? "at least " : ""}${count(more, "other value")}`] : [];
    return `${name}=${[...texts, ...others, ...(lines < linesInAll ? [`${MISSING} on others`] : [])].join(", ")}`;
  });
  const more = columns.length - MAX_SHOWN;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join(", ");
}
