/** The one reader of journals. */
import { createReadStream } from "node:fs";
import { WhcbError } from "../../domain/errors.js";
import { type JournalLine, parseJournalLine } from "./journal-line.js";

export interface JournalEnd {
  /** Bytes up to the end of the last whole line: a writer that goes on starts there. */
  readonly length: number;
  /** The last whole line has no line end: the writer gives it one. */
  readonly lacksLineEnd: boolean;
}

const LINE_END = 0x0a;

/**
 * Gives every line to `take`, in order. What stands behind the last whole line was being written when its process or the machine
 * stopped, and is passed over. Throws `malformed` for a bad line with good ones behind it, `not-found` where there is no file.
 */
export async function readJournal(path: string, take: (line: JournalLine) => void): Promise<JournalEnd> {
  let length = 0;
  let offset = 0;
  let badAt: number | null = null;
  let rest: Buffer = Buffer.alloc(0);

  function takeText(bytes: Buffer): boolean {
    const line = parseJournalLine(bytes.toString("utf8"));
    if (line === null) return false;
    if (badAt !== null) throw new WhcbError("malformed", `the journal ${path} is damaged at byte ${badAt}`);
    take(line);
    return true;
  }

  for await (const chunk of readChunks(path)) {
    const bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(LINE_END); end !== -1; end = bytes.indexOf(LINE_END, start)) {
      if (takeText(bytes.subarray(start, end))) length = offset + end + 1;
      else badAt ??= offset + start;
      start = end + 1;
    }
    rest = bytes.subarray(start);
    offset += start;
  }
  if (rest.length > 0 && badAt === null && takeText(rest)) return { length: offset + rest.length, lacksLineEnd: true };
  return { length, lacksLineEnd: false };
}

async function* readChunks(path: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) yield chunk;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      throw new WhcbError("not-found", `no run journal ${path}`, { cause: error });
    }
    throw error;
  }
}
