/** Splits a stream of any length into lines, in bounded memory. */
import { StringDecoder } from "node:string_decoder";

/** In characters. A line is one response; a longer line is reported and skipped. */
export const LONGEST_LINE = 1_048_576;

export interface Line {
  /** 1 for the first. */
  readonly number: number;
  /** null if the line was longer than LONGEST_LINE. */
  readonly text: string | null;
}

/** Lines end with \n or \r\n, the last one also without. The stream is read no faster than lines are taken. */
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
    // Only the chunk is searched: rescanning the rest per chunk is O(n²).
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
