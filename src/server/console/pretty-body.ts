import type { BodyFormat } from "../../domain/callback.js";
import type { MessageResponse } from "../../domain/message-response.js";

/** Characters. */
const SHOWN = { content: 32_768, parameters: 16_384, sender: 200 };

/** What a page has room for. */
export function shownPart(response: MessageResponse): { readonly part: MessageResponse; readonly isWhole: boolean } {
  const { from, responseMessage, customParameters } = response;
  let room = SHOWN.parameters;
  const parameters = Object.entries(customParameters).filter(([name, value]) => {
    room -= name.length + value.length;
    return room >= 0;
  });
  let isWhole = room >= 0;
  const cut = (text: string, length: number): string => {
    isWhole &&= text.length <= length;
    return excerpt(text, length);
  };
  const part = {
    ...response,
    from: {
      name: cut(from.name, SHOWN.sender),
      mri: cut(from.mri, SHOWN.sender),
      mobile: cut(from.mobile, SHOWN.sender),
      email: cut(from.email, SHOWN.sender),
      voice: cut(from.voice, SHOWN.sender),
    },
    responseMessage: { ...responseMessage, content: cut(responseMessage.content, SHOWN.content) },
    customParameters: Object.fromEntries(parameters),
  };
  return { part, isWhole };
}

/** Never ends with half a character. */
export function excerpt(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** A body that the service has written, with a line per value. Only white space between values differs. */
export function prettyBody(body: string, format: BodyFormat): string {
  return format === "json" ? JSON.stringify(JSON.parse(body), null, 2) : prettyXml(body);
}

/** Text has no "<": it is escaped. */
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
