/** A stream of any length, line by line, in bounded memory. */
import { StringDecoder } from "node:string_decoder";

/** A line is one response; a longer one is reported and passed over. */
export const LONGEST_LINE = 1_048_576;

export interface Line {
  /** 1 for the first. */
  readonly number: number;
  /** null where the line was longer than LONGEST_LINE. */
  readonly text: string | null;
}

/** Lines end with \n or \r\n; the last one needs no end. Reading waits while the caller works: that is the back-pressure. */
export async function* readLines(stream: AsyncIterable<Buffer | string>): AsyncGenerator<Line> {
  const decoder = new StringDecoder("utf8");
  let number = 0;
  let rest = "";
  let isTooLong = false;
  const lineOf = (text: string): Line => {
    number += 1;
    const line: Line = { number, text: isTooLong || text.length > LONGEST_LINE ? null : text.replace(/\r$/, "") };
    isTooLong = false;
    return line;
  };
  for await (const chunk of stream) {
    const text = typeof chunk === "string" ? chunk : decoder.write(chunk);
    const end = text.lastIndexOf("\n");
    // A piece of a line is only put behind the rest: to look through that at each piece would make a long line in crumbs cost its square.
    if (end !== -1) for (const line of (rest + text.slice(0, end)).split("\n")) yield lineOf(line);
    rest = end === -1 ? rest + text : text.slice(end + 1);
    if (rest.length > LONGEST_LINE) {
      isTooLong = true;
      rest = "";
    }
  }
  rest += decoder.end();
  if (rest !== "" || isTooLong) yield lineOf(rest);
}
