/** Splits a stream of any length into lines, in bounded memory. */
import { StringDecoder } from "node:string_decoder";

/** In bytes. A line is one response; a longer line is reported and skipped. */
export const LONGEST_LINE = 10_485_760;
/** A line over this many characters needs room. */
export const SHORT_LINE = 1_048_576;

export interface Line {
  /** 1 for the first. */
  readonly number: number;
  /** null if the line was longer than LONGEST_LINE. */
  readonly text: string | null;
}

/** The memory for a long line, shared by all streams. */
export interface LineRoom {
  reserve(bytes: number): Promise<void>;
  release(bytes: number): void;
}

/** Lines end with \n or \r\n, the last one also without. The stream is read no faster than lines are taken. */
export async function* readLines(stream: AsyncIterable<Buffer | string>, room: LineRoom): AsyncGenerator<Line> {
  const decoder = new StringDecoder("utf8");
  let number = 0;
  let rest = "";
  let isTooLong = false;
  let hasRoom = false;
  const lineOf = (text: string): Line => {
    number += 1;
    const line: Line = { number, text: isTooLong || isOverLimit(text) ? null : text.replace(/\r$/, "") };
    isTooLong = false;
    return line;
  };
  const leaveRoom = (): void => {
    if (hasRoom) room.release(LONGEST_LINE);
    hasRoom = false;
  };
  try {
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
      if (rest.length <= SHORT_LINE) leaveRoom();
      else if (!hasRoom) {
        await room.reserve(LONGEST_LINE);
        hasRoom = true;
      }
    }
    rest += decoder.end();
    if (rest !== "" || isTooLong) yield lineOf(rest);
  } finally {
    leaveRoom();
  }
}

function isOverLimit(text: string): boolean {
  // A character has at most 3 bytes.
  return text.length * 3 > LONGEST_LINE && Buffer.byteLength(text) > LONGEST_LINE;
}
