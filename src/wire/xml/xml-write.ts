/** The documents are those of docs/contract.md, XML. */
import { isObject, type JsonObject, listOf, objectOf, textOf } from "../json/json-value.js";

const API = "http://schemas.api.whispir.com";
const DAP = "http://schemas.api.whispir.com/dap";

export type XmlShape =
  | "callbacks"
  | "callback"
  | "calls"
  | "call"
  | "groups"
  | "attempts"
  | "outages"
  | "audit"
  | "accepted"
  | "call-ids"
  | "call-states"
  | "call-places"
  | "replay"
  | "error"
  | "token";

export function toXml(shape: XmlShape, document: JsonObject): string | LongXml {
  return xmlDocument(rootElement(shape, document));
}

export function xmlDocument(root: string): string | LongXml {
  const draft = XML_DECLARATION + root;
  return draft.length > LONG_DRAFT ? new LongXml(draft) : withoutMarks(draft);
}

/** V8 takes many times the memory of a long text with much to escape, so here texts are escaped in pieces, and only while it is read. */
export class LongXml {
  readonly #draft: string;
  readonly byteLength: number;

  constructor(draft: string) {
    this.#draft = draft;
    this.byteLength = partsOf(draft).reduce(
      (sum, { text, isMarked }) => sum + Buffer.byteLength(text) + (isMarked ? extraBytes(text) : 0),
      0,
    );
  }

  toBytes(): Buffer {
    const bytes = Buffer.alloc(this.byteLength);
    let length = 0;
    for (const piece of piecesOf(this.#draft)) length += bytes.write(piece, length);
    return bytes;
  }

  toString(): string {
    return withoutMarks(this.#draft);
  }
}

const LONG_DRAFT = 1024 * 1024;
const PIECE_LENGTH = 16 * 1024;

function withoutMarks(draft: string): string {
  return draft.includes(MARK) ? [...piecesOf(draft)].join("") : draft;
}

function* piecesOf(draft: string): Generator<string> {
  for (const { text, isMarked } of partsOf(draft)) {
    if (isMarked) yield* escapedPieces(text);
    else yield text;
  }
}

function partsOf(draft: string): { readonly text: string; readonly isMarked: boolean }[] {
  return draft.split(MARK).map((text, index) => ({ text, isMarked: index % 2 === 1 }));
}

function* escapedPieces(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    let end = start + PIECE_LENGTH;
    // A pair of surrogates stays together.
    if (/[\ud800-\udbff]/.test(text.charAt(end - 1))) end += 1;
    yield escapeXml(text.slice(start, end));
    start = end;
  }
}

function rootElement(shape: XmlShape, document: JsonObject): string {
  switch (shape) {
    case "callbacks":
      return listElement(document, itemElements(document.callbacks, "ns2:callback", linkedFields, "ns2:callbacks"));
    case "calls":
      return listElement(document, itemElements(document.calls, "ns2:call", callFields), elementLinks(document.link, "ns2:link"));
    case "groups":
      return listElement(
        document,
        textElement("groupedBy", textOf(document.groupedBy)) + itemElements(document.groups, "group", fieldElements, "groups"),
        element("retried", fieldElements(objectOf(document.retried))),
      );
    case "attempts":
      return listElement(document, itemElements(document.attempts, "attempt", fieldElements, "attempts"));
    case "outages":
      return listElement(document, itemElements(document.outages, "outage", fieldElements, "outages"));
    case "audit":
      return listElement(document, itemElements(document.audit, "entry", fieldElements, "audit"));
    case "callback":
      return documentElement("ns2:companyapicallback", linkedFields(document));
    case "call":
      return documentElement("ns2:call", callFields(document));
    case "accepted":
    case "replay":
    case "error":
      return documentElement(`ns2:${shape}`, fieldElements(document));
    case "call-ids":
      return documentElement("ns2:callIds", fieldElements(document));
    case "call-states":
      return documentElement("ns2:callStates", itemElements(document.calls, "call", fieldElements, "calls"));
    case "call-places":
      return documentElement(
        "ns2:callPlaces",
        itemElements(document.calls, "call", fieldElements, "calls") + fieldElements({ hasMore: document.hasMore }),
      );
    case "token":
      return documentElement("ns2:auth", fieldElements(document));
  }
}

function listElement(document: JsonObject, content: string, links = attributeLinks(document.link)): string {
  const status = textElement("status", textOf(document.status));
  return `<ns2:return xmlns:ns2="${DAP}" xmlns:ns3="${API}">${status}${content}${links}</ns2:return>`;
}

function documentElement(name: string, content: string): string {
  return `<${name} xmlns:ns2="${API}" xmlns:ns3="${DAP}">${content}</${name}>`;
}

function itemElements(value: unknown, name: string, write: (item: JsonObject) => string, wrapper?: string): string {
  const written = listOf(value).map((item) => element(name, write(objectOf(item))));
  return written.length === 0 || wrapper === undefined ? written.join("") : element(wrapper, written.join(""));
}

function callFields(call: JsonObject): string {
  const { attempts, ...rest } = call;
  const expanded = itemElements(attempts, "attempt", fieldElements, "attempts");
  return elements({ ...rest, link: undefined }) + expanded + elementLinks(call.link);
}

function linkedFields(callback: JsonObject): string {
  return fieldElements(callback) + attributeLinks(callback.link);
}

/** Leaves out empty lists, and links, whose form differs: the caller writes them. */
function fieldElements(document: JsonObject): string {
  const shown = Object.entries(document).filter(
    ([name, value]) => name !== "link" && !(Array.isArray(value) && value.length === 0),
  );
  return elements(Object.fromEntries(shown));
}

/** null and an empty list are empty elements. Another list repeats its element. */
export function elements(document: JsonObject): string {
  let xml = "";
  for (const name of Object.keys(document)) {
    const value = document[name];
    if (value !== undefined) xml += fieldElement(name, value);
  }
  return xml;
}

function fieldElement(name: string, value: unknown): string {
  if (!ELEMENT_NAME.test(name)) return entryElement(name, value);
  if (!Array.isArray(value) || value.length === 0) return element(name, contentOf(name, value));
  return value.map((item) => element(name, contentOf(name, item))).join("");
}

function contentOf(name: string, value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "" : fieldElement(name, value);
  if (!isObject(value)) return escapeOrMark(textOf(value));
  if (name !== "customParameters") return elements(value);
  let xml = "";
  for (const key of Object.keys(value)) xml += entryElement(key, value[key]);
  return xml;
}

/** A sender may choose names that aren't an element's, and long ones, which a list would repeat. */
const ELEMENT_NAME = /^(?![xX][mM][lL])[A-Za-z_][A-Za-z0-9_.-]{0,31}$/;

function entryElement(key: string, value: unknown): string {
  return element("entry", textElement("key", key) + fieldElement("value", value));
}

function attributeLinks(links: unknown): string {
  const attribute = ([name, value]: [string, unknown]): string => ` ${name}="${escapeXml(textOf(value), ATTRIBUTE_ENTITIES)}"`;
  return listOf(links)
    .map((link) => `<ns2:link${Object.entries(objectOf(link)).map(attribute).join("")}/>`)
    .join("");
}

function elementLinks(links: unknown, name = "link"): string {
  return listOf(links)
    .map((link) => element(name, fieldElements(objectOf(link))))
    .join("");
}

/** In a draft, it is on both sides of a long text that is still to escape. XML can't contain it. */
const MARK = "\0";
/** A response has about a thousand texts at most, so shorter ones take little memory. */
const LONG_TEXT = 4 * 1024;

function escapeOrMark(text: string): string {
  if (!NEEDS_ESCAPE.test(text)) return text;
  if (text.length <= LONG_TEXT) return escapeXml(text);
  // Both characters become U+FFFD.
  return MARK + text.replace(/\0/g, "\u0001") + MARK;
}

/** XML 1.0 doesn't allow these characters, even escaped. They become U+FFFD. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the regular expression is about control characters
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;
const SPECIAL = /[&<>"\r\t\n]/g;
const NEEDS_ESCAPE = /[&<>"\r\p{Surrogate}\ufffe\uffff]|[^\P{Cc}\t\n\u007f-\u009f]/u;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\r": "&#13;", // A bare one reads as a newline.
};
const ATTRIBUTE_ENTITIES: Readonly<Record<string, string>> = { ...ENTITIES, "\t": "&#9;", "\n": "&#10;" };

function escapeXml(text: string, entities = ENTITIES): string {
  return text.replace(FORBIDDEN, "\ufffd").replace(SPECIAL, (character) => entities[character] ?? character);
}

const LAST_ESCAPED = ">".charCodeAt(0);
/** Escaping adds so many bytes to each character up to the last one. It adds none to others. */
const EXTRA_BYTES = Uint8Array.from(
  { length: LAST_ESCAPED + 1 },
  (_, code) => Buffer.byteLength(escapeXml(String.fromCharCode(code))) - 1,
);

function extraBytes(text: string): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code <= LAST_ESCAPED) bytes += EXTRA_BYTES[code] ?? 0;
  }
  return bytes;
}

/** Returns "" if the value is null or undefined. */
function textElement(name: string, value: string | number | boolean | null | undefined): string {
  return value === null || value === undefined ? "" : `<${name}>${escapeOrMark(String(value))}</${name}>`;
}

function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`;
}

const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
