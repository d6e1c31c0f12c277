import type { BodyFormat } from "../../domain/callback.js";
import type { Members, MessageResponse } from "../../domain/message-response.js";
import { escapeJson, INVISIBLE } from "../../platform/unsafe-characters.js";
import { indentJson, isJson } from "../../wire/json/indent-json.js";
import { mapSender } from "../../wire/json/response-json.js";

/** A page shows so many characters. `parameters` counts whatever else was given, too. */
const SHOWN_LENGTHS = { content: 32_768, parameters: 16_384, sender: 200 };

/** Cuts a response to what a page has room for. */
export function shownPart(response: MessageResponse): { readonly part: MessageResponse; readonly isWhole: boolean } {
  const { from, responseMessage, customParameters } = response;
  let room = SHOWN_LENGTHS.parameters;
  const parameters = Object.entries(customParameters).filter(([name, value]) => {
    room -= name.length + value.length;
    return room >= 0;
  });
  let isWhole = room >= 0;
  const hasRoom = (member: Members[number]): boolean => {
    room -= typeof member === "string" ? 0 : member[0].length + member[1].length;
    isWhole &&= room >= 0;
    return room >= 0;
  };
  const cut = (text: string, length: number): string => {
    isWhole &&= text.length <= length;
    return shortenText(text, length);
  };
  const part = {
    ...response,
    from: mapSender(from, (text) => cut(text, SHOWN_LENGTHS.sender)),
    responseMessage: { ...responseMessage, content: cut(responseMessage.content, SHOWN_LENGTHS.content) },
    customParameters: Object.fromEntries(parameters),
    ...(response.given !== undefined && {
      given: {
        response: response.given.response.filter(hasRoom),
        from: response.given.from.filter(hasRoom),
        responseMessage: response.given.responseMessage.filter(hasRoom),
      },
    }),
  };
  return { part, isWhole };
}

/** The text never ends with half a character. */
export function shortenText(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** Is for a line with other texts: it leaves out what changes the direction of more than itself, even out of an element. */
export function excerpt(text: string, length: number): string {
  return shortenText(text, length).replace(/[\u202a-\u202e\u2066-\u2069]/g, "");
}

const INVISIBLE_CHARACTER = new RegExp(`[${INVISIBLE}]`, "gu");

/** Writes a body of the service with a line per value. It stays the same document: what would hide or reorder text is escaped. */
export function prettyBody(body: string, format: BodyFormat): string {
  if (format === "json") return escapeJson(JSON.stringify(JSON.parse(body), null, 2));
  return prettyXml(body).replace(INVISIBLE_CHARACTER, (one) => `&#x${one.codePointAt(0)?.toString(16)};`);
}

/** Writes an answer with a line per value if it is JSON. */
export function prettyAnswer(text: string): string {
  const indented = indentJson(text);
  return indented === null ? text : escapeJson(indented);
}

const MESSAGE = /"message"\s*:\s*(?:\[\s*)?("(?:[^"\\]|\\.)+")/i;
const TEXT_OR_NAME = /"(?:[^"\\]|\\.)*"(?:\s*:)?/g;

/** Returns what people read in an answer of JSON, also if it is cut: its message, or the first text of several words. */
export function messageOf(answer: string): string | null {
  if (!/^\s*[{[]/.test(answer)) return null;
  const isReadable = (part: string) => part.endsWith('"') && /\s\S*\p{L}/u.test(part);
  const text = MESSAGE.exec(answer)?.[1] ?? answer.match(TEXT_OR_NAME)?.find(isReadable);
  return text !== undefined && isJson(text) ? String(JSON.parse(text)) : null;
}

/** Text has no "<", as that is escaped. */
function prettyXml(xml: string): string {
  let depth = 0;
  const lines = xml.split(/(?<=>)(?=<)/).map((part) => {
    const isEnd = part.startsWith("</");
    const isWhole = !isEnd && /^<\?|\/>$|<\//.test(part);
    if (isEnd) depth -= 1;
    const line = "  ".repeat(depth) + part;
    if (!isEnd && !isWhole) depth += 1;
    return line;
  });
  return lines.join("\n");
}
