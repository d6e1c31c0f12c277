/** A body as an endpoint receives it, set out to be read. */
import type { VNode } from "preact";
import type { BodyFormat } from "../../../domain/callback.js";

export function PostedBody({ format, body }: { format: BodyFormat; body: string }): VNode {
  return <pre>{format === "xml" ? layOutXml(body) : layOutJson(body)}</pre>;
}

function layOutJson(body: string): string {
  return JSON.stringify(JSON.parse(body), null, 2);
}

/** An element per line; one with a text stays on its line. */
function layOutXml(body: string): string {
  let depth = 0;
  return body
    .replaceAll("><", ">\n<")
    .split("\n")
    .map((line) => {
      if (line.startsWith("</")) depth -= 1;
      const indented = `${"  ".repeat(Math.max(0, depth))}${line}`;
      if (/^<[^/?!]/.test(line) && !/<\/|\/>$/.test(line)) depth += 1;
      return indented;
    })
    .join("\n");
}
