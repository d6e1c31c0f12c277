/** The documents are those of docs/contract.md, XML. */
import { XMLParser } from "fast-xml-parser";
import { WhcbError } from "../../domain/errors.js";
import { isObject, type JsonObject, listOf, objectOf } from "../json/json-value.js";

/** 1 000 full calls have about 30 000 tags. */
const MAX_TAGS = 50_000;
/** Each new name costs the parser as much as ten tags of a known one, and so does each name of an element that has many. */
const MAX_NAMES = 10_000;
const MANY_NAMES = 64;
const MAX_DEPTH = 20;
/** A tag may have so many characters, with its attributes, and so may an instruction. */
const MAX_TAG_LENGTH = 8192;
const TEXT_PIECE = 65_536;
/** The parser takes no longer ones. */
const LONGEST_REFERENCE = 64;

/** Closing tags, instructions, comments and sections have none. */
const NAME = /[^\s/<>!?][^\s/<>]*/y;
const TAG = /^<(?:[^>"']|"[^"]*"|'[^']*')*>/;
/** The parser ends it at a `?>` outside quotes, its validator at any. */
const INSTRUCTION = /^<\?(?:(?!\?>)[^"']|"(?:(?!\?>)[^"])*"|'(?:(?!\?>)[^'])*')*\?>/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are looked for
const ILLEGAL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;
const NUMBER_REFERENCE = /&#(x[\da-f]+|\d+);/gi;

export interface XmlDocument {
  readonly root: string;
  readonly value: JsonObject;
}

/** Empty elements of these names are empty objects. */
const CONTAINERS = new Set(["auth", "callbacks", "from", "responseMessage", "customParameters", "callback", "call"]);
/** White space around these is layout; a sender's `name` isn't trimmed. */
const TRIMMED = new Set(
  "id name url type contentType removeHTML retriesEnabled email reply undeliverable acknowledged channel status messageId messageid".split(
    " ",
  ),
);

/** Each document needs its own, as the parser keeps state. */
function newParser(): XMLParser {
  return new XMLParser({
    ignoreAttributes: true,
    removeNSPrefix: true,
    parseTagValue: false,
    trimValues: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
    htmlEntities: true, // Numeric references need it.
    maxNestedTags: MAX_DEPTH,
    processEntities: { enabled: true, maxTotalExpansions: Number.POSITIVE_INFINITY, maxExpandedLength: Number.POSITIVE_INFINITY },
  });
}

/**
 * Values are strings, objects, or lists if the element repeats; attributes are dropped. Throws `malformed` if not well-formed, with a DTD
 * (no sender's entities), or with too many tags or levels, or a long tag or instruction.
 */
export function readXml(text: string): XmlDocument {
  const document = boundForParser(withUnixLines(text));
  let parsed: unknown;
  try {
    parsed = newParser().parse(document, true);
  } catch (error) {
    throw malformed("the body isn't well-formed XML", error);
  }
  const roots = Object.entries(objectOf(parsed)).filter(([name]) => name !== "#text");
  const [[root, value] = [undefined]] = roots;
  if (root === undefined || roots.length > 1 || Array.isArray(value)) {
    throw malformed("the body isn't well-formed XML: it must have one root element");
  }
  return { root, value: objectOf(trimTexts({ name: root, parent: "", isContainer: true }, value)) };
}

const NAMESPACE = /\sxmlns(?::[^\s="'<>]*)?=(?:"[^"]*"|'[^']*')/g;

/** Tells whether a well-formed document has what `readXml` drops: text beside elements, attributes, comments, instructions. */
export function hasDroppedParts(text: string): boolean {
  let [end, hasText, isInLeaf] = [0, false, false];
  for (let at = text.indexOf("<"); at !== -1; at = text.indexOf("<", end)) {
    hasText ||= text.slice(end, at).trim() !== "";
    end = endOfMarkup(text, at);
    const markup = text.slice(at, end);
    if (markup.startsWith("<![CDATA[")) {
      hasText = true;
      continue;
    }
    const isDeclaration = at === 0 && /^<\?xml\s/.test(markup);
    if (!isDeclaration && (/^<[!?]/.test(markup) || markup.replace(NAMESPACE, "").includes("="))) return true;
    if (hasText && !(isInLeaf && markup.startsWith("</"))) return true;
    hasText = false;
    isInLeaf = !/^<[/?]|\/>$/.test(markup);
  }
  return text.slice(end).trim() !== "";
}

/** Any root around `<ns2:call>` elements is a list; otherwise it is one call. */
export function callsFromXml({ root, value }: XmlDocument): JsonObject {
  return root !== "call" && value.call !== undefined ? { calls: listOf(value.call) } : value;
}

/**
 * Returns the same document so that the parser can read it in bounded memory: it collects names, attributes and text character by
 * character, at 32 bytes each. Long tags are rejected; an empty CDATA section ends the collecting of text, and so does an instruction after
 * a comment, which doesn't. Takes linear time.
 */
function boundForParser(text: string): string {
  if (ILLEGAL.test(text)) throw illegalCharacter();
  const pieces: string[] = [];
  const names = new Set<string>();
  /** The names in each element that is open. */
  const children: Set<string>[] = [new Set()];
  let manyNames = 0;
  let end = 0;
  for (let tags = 1, at = text.indexOf("<"); at !== -1; tags++, at = text.indexOf("<", end)) {
    if (tags > MAX_TAGS) throw malformed(`the body has more than ${MAX_TAGS} tags`);
    checkReferences(text.slice(end, at));
    for (let cut = cutAfter(text, end); cut < at; cut = cutAfter(text, end)) {
      pieces.push(text.slice(end, cut), "<![CDATA[]]>");
      end = cut;
    }
    const start = end;
    end = endOfMarkup(text, at);
    pieces.push(text.slice(start, end));
    if (text.startsWith("<!--", at)) pieces.push("<?c?>");
    NAME.lastIndex = at + 1;
    const [name] = NAME.exec(text) ?? [];
    if (name === undefined) {
      if (text[at + 1] === "/" && children.length > 1) children.pop();
      continue;
    }
    const siblings = children.at(-1);
    if (siblings !== undefined && !siblings.has(name) && siblings.add(name).size > MANY_NAMES) manyNames += 1;
    if (names.add(name).size > MAX_NAMES || manyNames > MAX_NAMES)
      throw malformed(`the body has more than ${MAX_NAMES} different tags`);
    if (text[end - 2] !== "/") children.push(new Set());
  }
  return pieces.concat(text.slice(end)).join("");
}

/** The parser drops most of these, and keeps some as they are written. */
function checkReferences(text: string): void {
  for (const [, number] of text.matchAll(NUMBER_REFERENCE)) {
    const code = Number(`0${number}`);
    const isSurrogate = code >= 0xd800 && code <= 0xdfff;
    if (isSurrogate || code > 0x10ffff || ILLEGAL.test(String.fromCodePoint(code))) throw illegalCharacter();
  }
}

/** Returns where text is cut, but never within a reference. */
function cutAfter(text: string, from: number): number {
  const end = from + TEXT_PIECE;
  const reference = text.slice(end - LONGEST_REFERENCE, end).lastIndexOf("&");
  return reference === -1 ? end : end - LONGEST_REFERENCE + reference;
}

function endOfMarkup(text: string, at: number): number {
  if (text.startsWith("<![CDATA[", at)) return endOf(text, "]]>", at + 9);
  if (text.startsWith("<!--", at)) return endOf(text, "-->", at + 4);
  // Elsewhere, `<!` always begins a declaration.
  if (text[at + 1] === "!") throw malformed("the body has a document type declaration, which isn't allowed");
  const [tag = ""] = (text[at + 1] === "?" ? INSTRUCTION : TAG).exec(text.slice(at, at + MAX_TAG_LENGTH)) ?? [];
  if (tag === "") throw malformed(`the body has a tag or an instruction that doesn't end within ${MAX_TAG_LENGTH} characters`);
  return at + tag.length;
}

function endOf(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  if (at === -1) throw malformed("the body isn't well-formed XML");
  return at + mark.length;
}

/** Many line ends to convert at once would take the parser hundreds of MB. */
function withUnixLines(text: string): string {
  if (!text.includes("\r")) return text;
  const pieces: string[] = [];
  for (let from = 0, end = 0; from < text.length; from = end) {
    end = from + TEXT_PIECE;
    if (text[end] === "\n") end += 1;
    pieces.push(text.slice(from, end).split("\r\n").join("\n").split("\r").join("\n"));
  }
  return pieces.join("");
}

function illegalCharacter(): WhcbError {
  return malformed("the body has characters that aren't allowed in XML");
}

function malformed(message: string, cause?: unknown): WhcbError {
  return new WhcbError("malformed", message, { cause });
}

interface Place {
  readonly name: string;
  readonly parent: string;
  readonly isContainer: boolean;
}

function trimTexts(place: Place, value: unknown): unknown {
  const { name, parent, isContainer } = place;
  if (Array.isArray(value)) return value.map((item) => trimTexts(place, item));
  if (isObject(value)) {
    const children = Object.entries(value).filter(([child]) => child !== "#text");
    return Object.fromEntries(
      children.map(([child, item]) => [
        child,
        trimTexts({ name: child, parent: name, isContainer: CONTAINERS.has(child) }, item),
      ]),
    );
  }
  if (typeof value !== "string") return value;
  if (isContainer && value.trim() === "") return {};
  return parent !== "from" && TRIMMED.has(name) ? value.trim() : value;
}
