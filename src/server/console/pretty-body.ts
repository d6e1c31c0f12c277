import type { BodyFormat } from "../../domain/callback.js";

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
