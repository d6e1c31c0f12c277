/** The service's answers in XML: the same documents as in JSON, with the elements and namespaces of the platform. */
import { isObject, type JsonObject, listOf, objectOf, textOf } from "../json/json-value.js";
import { element, escapeXml, textElement, XML_DECLARATION } from "./xml-text.js";

const API = "http://schemas.api.whispir.com";
const DAP = "http://schemas.api.whispir.com/dap";

/** How a document is wrapped: a list by the name of its items, a single thing by its own. */
export type XmlShape = "callbacks" | "callback" | "calls" | "call" | "attempts" | "outages" | "accepted" | "error" | "token";

/** Takes the document as it would be said in JSON. */
export function toXml(shape: XmlShape, document: JsonObject): string {
  return XML_DECLARATION + root(shape, document);
}

function root(shape: XmlShape, document: JsonObject): string {
  switch (shape) {
    case "callbacks":
      return list(
        document,
        items(
          document.callbacks,
          (callback) => element("ns2:callback", fields(callback) + attributeLinks(callback.link)),
          "ns2:callbacks",
        ),
      );
    case "calls":
      return list(
        document,
        items(document.calls, (call) => element("ns2:call", callFields(call))),
      );
    case "attempts":
      return list(
        document,
        items(document.attempts, (attempt) => element("attempt", fields(attempt)), "attempts"),
      );
    case "outages":
      return list(
        document,
        items(document.outages, (outage) => element("outage", fields(outage)), "outages"),
      );
    case "callback":
      return single("ns2:companyapicallback", fields(document) + attributeLinks(document.link));
    case "call":
      return single("ns2:call", callFields(document));
    case "accepted":
      return single("ns2:accepted", fields(document));
    case "error":
      return single("ns2:error", fields(document));
    case "token":
      return single("ns2:auth", fields(document));
  }
}

function list(document: JsonObject, content: string): string {
  const status = textElement("status", textOf(document.status));
  return `<ns2:return xmlns:ns2="${DAP}" xmlns:ns3="${API}">${status}${content}${attributeLinks(document.link)}</ns2:return>`;
}

function single(name: string, content: string): string {
  return `<${name} xmlns:ns2="${API}" xmlns:ns3="${DAP}">${content}</${name}>`;
}

function items(value: unknown, write: (item: JsonObject) => string, wrapper?: string): string {
  const written = listOf(value).map((item) => write(objectOf(item)));
  return written.length === 0 || wrapper === undefined ? written.join("") : element(wrapper, written.join(""));
}

function callFields(call: JsonObject): string {
  const { attempts, ...rest } = call;
  const expanded = items(attempts, (attempt) => element("attempt", fields(attempt)), "attempts");
  return fields(rest) + expanded + elementLinks(call.link);
}

/** One element per field, in order; a list repeats its element. Links are written by the caller: their form differs. */
function fields(document: JsonObject): string {
  return Object.entries(document)
    .filter(([name]) => name !== "link")
    .map(([name, value]) => field(name, value))
    .join("");
}

function field(name: string, value: unknown): string {
  if (Array.isArray(value)) return value.map((item) => field(name, item)).join("");
  if (!isObject(value)) return typeof value === "string" ? textElement(name, value) : textElement(name, textOf(value) || null);
  return element(name, name === "customParameters" ? entries(value) : fields(value));
}

/** Keys that a message's sender chose may be no XML names. */
function entries(parameters: JsonObject): string {
  return Object.entries(parameters)
    .map(([key, value]) => element("entry", textElement("key", key) + textElement("value", textOf(value))))
    .join("");
}

function attributeLinks(links: unknown): string {
  const attribute = ([name, value]: [string, unknown]): string => ` ${name}="${escapeXml(textOf(value), true)}"`;
  return listOf(links)
    .map((link) => `<ns2:link${Object.entries(objectOf(link)).map(attribute).join("")}/>`)
    .join("");
}

function elementLinks(links: unknown): string {
  return listOf(links)
    .map((link) => element("link", fields(objectOf(link))))
    .join("");
}
