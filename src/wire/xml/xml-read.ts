/** docs/contract.md, XML. */
import { XMLParser } from "fast-xml-parser";
import { WhcbError } from "../../domain/errors.js";
import { isObject, type JsonObject, listOf, objectOf } from "../json/json-value.js";

/** 1 000 full calls have about 30 000. */
const MAX_TAGS = 200_000;
const MAX_DEPTH = 20;

export interface XmlDocument {
  readonly root: string;
  readonly value: JsonObject;
}

/** Empty ones are empty objects. */
const CONTAINERS = new Set(["auth", "callbacks", "from", "responseMessage", "customParameters", "callback", "call"]);
/** White space around these is layout; a sender's `name` isn't trimmed. */
const TRIMMED = new Set(
  "id name url type contentType removeHTML retriesEnabled email reply undeliverable acknowledged channel status messageId messageid".split(
    " ",
  ),
);

/** One per document: the parser keeps state. */
function newParser(): XMLParser {
  return new XMLParser({
    ignoreAttributes: true,
    removeNSPrefix: true,
    parseTagValue: false,
    trimValues: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
    htmlEntities: true, // for numeric references
    maxNestedTags: MAX_DEPTH,
    processEntities: { enabled: true, maxTotalExpansions: Number.POSITIVE_INFINITY, maxExpandedLength: Number.POSITIVE_INFINITY },
  });
}

/**
 * Values are strings, objects, or lists if the element repeats; attributes are dropped. Throws `malformed` if not well-formed, with a DTD
 * (no sender's entities), or with too many tags or levels.
 */
export function readXml(text: string): XmlDocument {
  rejectDtd(text);
  let parsed: unknown;
  try {
    parsed = newParser().parse(text, true);
  } catch (error) {
    throw new WhcbError("malformed", "the body isn't well-formed XML", { cause: error });
  }
  const roots = Object.entries(objectOf(parsed)).filter(([name]) => name !== "#text");
  const [[root, value] = [undefined]] = roots;
  if (root === undefined || roots.length > 1 || Array.isArray(value)) {
    throw new WhcbError("malformed", "the body isn't well-formed XML: it must have one root element");
  }
  return { root, value: objectOf(tidy({ name: root, parent: "", isContainer: true }, value)) };
}

/** Any root around `<ns2:call>` elements is a list; otherwise it is one call. */
export function callsFromXml({ root, value }: XmlDocument): JsonObject {
  return root !== "call" && value.call !== undefined ? { calls: listOf(value.call) } : value;
}

/** Outside CDATA and comments, `<!` always begins a declaration. Linear time. */
function rejectDtd(text: string): void {
  let tags = 0;
  for (let at = text.indexOf("<"); at !== -1; at = text.indexOf("<", at + 1)) {
    tags += 1;
    if (tags > MAX_TAGS) throw new WhcbError("malformed", `the body has more than ${MAX_TAGS} tags`);
    if (text[at + 1] !== "!") continue;
    const end = text.startsWith("<![CDATA[", at) ? "]]>" : text.startsWith("<!--", at) ? "-->" : null;
    if (end === null) throw new WhcbError("malformed", "the body has a document type declaration, which isn't allowed");
    const closed = text.indexOf(end, at + 4);
    if (closed === -1) throw new WhcbError("malformed", "the body isn't well-formed XML");
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
  return parent !== "from" && TRIMMED.has(name) ? value.trim() : value;
}
