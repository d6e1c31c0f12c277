/** XML that a stranger sent, as the JSON that would have said the same. */
import { XMLParser } from "fast-xml-parser";
import { WhcbError } from "../../domain/errors.js";
import { isObject, type JsonObject, listOf, objectOf } from "../json/json-value.js";

/** 1 000 calls with every field take about 30 000. */
const MOST_TAGS = 200_000;
const DEEPEST = 20;

export interface XmlDocument {
  /** The root's name, without its prefix. */
  readonly root: string;
  readonly value: JsonObject;
}

/** Elements that hold others: empty, they read as an empty object. */
const CONTAINERS = new Set(["auth", "callbacks", "from", "responseMessage", "customParameters", "callback", "call"]);
/** Elements whose text is a word of the contract: white space around it is layout (but a sender's name is kept as it is). */
const WORDS = new Set(
  "id name url type contentType removeHTML retriesEnabled email reply undeliverable acknowledged channel status messageId messageid".split(
    " ",
  ),
);

/** The parser keeps state between documents and is made anew for each: it is cheap beside any document. */
function newParser(): XMLParser {
  return new XMLParser({
    ignoreAttributes: true,
    removeNSPrefix: true,
    parseTagValue: false,
    trimValues: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
    htmlEntities: true, // else numeric references stay unread
    maxNestedTags: DEEPEST,
    processEntities: { enabled: true, maxTotalExpansions: Number.POSITIVE_INFINITY, maxExpandedLength: Number.POSITIVE_INFINITY },
  });
}

/**
 * Every value is a string, an object, or a list where an element is repeated; attributes are left out. Throws `malformed`
 * for what isn't well-formed, holds a DTD (so no entity of the sender's own is ever read), or is deeper or has more tags
 * than any document of the contract.
 */
export function readXml(text: string): XmlDocument {
  refuseDtd(text);
  let parsed: unknown;
  try {
    parsed = newParser().parse(text, true);
  } catch (error) {
    throw new WhcbError("malformed", "the body is no well-formed XML", { cause: error });
  }
  const roots = Object.entries(objectOf(parsed)).filter(([name]) => name !== "#text");
  const [[root, value] = [undefined]] = roots;
  if (root === undefined || roots.length > 1 || Array.isArray(value)) {
    throw new WhcbError("malformed", "the body is no well-formed XML: it must have one root");
  }
  return { root, value: objectOf(tidy({ name: root, parent: "", isContainer: true }, value)) };
}

/** `<ns2:calls>` (or any root) around `<ns2:call>` elements is a list; else the root is the one call. */
export function callsFromXml({ root, value }: XmlDocument): JsonObject {
  return root !== "call" && value.call !== undefined ? { calls: listOf(value.call) } : value;
}

/** Outside CDATA and comments `<!` can only begin a declaration. One pass, so that no text makes it slow. */
function refuseDtd(text: string): void {
  let tags = 0;
  for (let at = text.indexOf("<"); at !== -1; at = text.indexOf("<", at + 1)) {
    tags += 1;
    if (tags > MOST_TAGS) throw new WhcbError("malformed", `the body has more than ${MOST_TAGS} tags`);
    if (text[at + 1] !== "!") continue;
    const end = text.startsWith("<![CDATA[", at) ? "]]>" : text.startsWith("<!--", at) ? "-->" : null;
    if (end === null) throw new WhcbError("malformed", "the body has a document type declaration, and none is read");
    const closed = text.indexOf(end, at + 4);
    if (closed === -1) throw new WhcbError("malformed", "the body is no well-formed XML");
    at = closed;
  }
}

interface Place {
  readonly name: string;
  readonly parent: string;
  readonly isContainer: boolean;
}

function tidy(place: Place, value: unknown): unknown {
  const { name, parent, isContainer } = place;
  if (Array.isArray(value)) return value.map((item) => tidy(place, item));
  if (isObject(value)) {
    const children = Object.entries(value).filter(([child]) => child !== "#text");
    return Object.fromEntries(
      children.map(([child, item]) => [child, tidy({ name: child, parent: name, isContainer: CONTAINERS.has(child) }, item)]),
    );
  }
  if (typeof value !== "string") return value;
  if (isContainer && value.trim() === "") return {};
  return parent !== "from" && WORDS.has(name) ? value.trim() : value;
}
