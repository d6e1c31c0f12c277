/** Lines are read in bounded memory. */
import { isUtf8 } from "node:buffer";
import { CollectedBytes } from "../../wire/collected-bytes.js";
import { STREAM_BYTES } from "../requests/bodies.js";
import type { ByteBudget } from "../requests/byte-budget.js";

/** Lines of more bytes are reported and skipped. */
export const LONGEST_LINE = 10_485_760;
/** A line of more bytes needs room. */
export const SHORT_LINE = STREAM_BYTES / 2;

export interface Line {
  /** The first line is 1. */
  readonly number: number;
  /** If it is null, `problem` says why. */
  readonly text: string | null;
  readonly problem?: string;
}

const TOO_LONG = "the line is longer than 10 MiB";

const LINE_FEED = 10;

/**
 * Gives `take` one line after the other, and ends when that returns false. Lines end with \n or \r\n, which the last one may lack; empty ones
 * are skipped. Reads no faster than lines are taken, and keeps none that was taken.
 */
export async function readLines(
  stream: AsyncIterable<Buffer | string>,
  { room, owner }: { readonly room: ByteBudget; readonly owner: string },
  take: (line: Line) => Promise<boolean>,
): Promise<void> {
  const rest = new CollectedBytes();
  let number = 0;
  let isTooLong = false;
  let hasRoom = false;
  const lineOf = (text: string | null): Line => {
    number += 1;
    const problem = isTooLong || isOverLimit(text ?? "") ? TOO_LONG : "the line isn't UTF-8";
    const isReadable = text !== null && problem !== TOO_LONG;
    isTooLong = false;
    return isReadable ? { number, text: text.replace(/\r$/, "") } : { number, text: null, problem };
  };
  // The loop below would keep the last values that it had, while it waits for the stream.
  const takeLines = async (): Promise<boolean> => {
    for (const text of linesOf(rest.take())) {
      if (text === "" && !isTooLong) number += 1;
      else if (!(await take(lineOf(text)))) return false;
    }
    return true;
  };
  const leaveRoom = (): void => {
    if (hasRoom) room.release(owner, LONGEST_LINE);
    hasRoom = false;
  };
  try {
    for await (const piece of stream) {
      const chunk = typeof piece === "string" ? Buffer.from(piece) : piece;
      // Only the chunk is searched: rescanning the rest is O(n²).
      const end = chunk.lastIndexOf(LINE_FEED);
      if (end !== -1) {
        rest.add(chunk.subarray(0, end));
        if (!(await takeLines())) return;
      }
      rest.add(chunk.subarray(end + 1));
      if (rest.length > LONGEST_LINE) {
        isTooLong = true;
        rest.take();
      }
      if (rest.length <= SHORT_LINE) leaveRoom();
      else if (!hasRoom) {
        await room.reserve(owner, LONGEST_LINE);
        hasRoom = true;
      }
    }
    if (rest.length > 0 || isTooLong) await takeLines();
  } finally {
    leaveRoom();
  }
}

/** A line that isn't UTF-8 is null. Latin-1 has a character for each byte. */
function linesOf(bytes: Buffer): readonly (string | null)[] {
  if (isUtf8(bytes)) return bytes.toString().split("\n");
  return bytes
    .toString("latin1")
    .split("\n")
    .map((line) => Buffer.from(line, "latin1"))
    .map((line) => (isUtf8(line) ? line.toString() : null));
}

function isOverLimit(text: string): boolean {
  // A character has at most 3 bytes.
  return text.length * 3 > LONGEST_LINE && Buffer.byteLength(text) > LONGEST_LINE;
}
