import { createReadStream } from "node:fs";
import { systemErrorCode, WhcbError } from "../../domain/errors.js";
import { parseStep, type RunStep } from "./run-step.js";

export interface JournalEnd {
  /** Up to the end of the last whole line: where a resumed run appends. */
  readonly length: number;
  /** The writer adds the missing line end. */
  readonly lacksLineEnd: boolean;
}

const LINE_END = 0x0a;

/** In order; a torn last line is ignored. Throws `malformed` for a bad line before good ones, `not-found` without a file. */
export async function readJournal(path: string, onStep: (step: RunStep) => void): Promise<JournalEnd> {
  let length = 0;
  let offset = 0;
  let badAt: number | null = null;
  let rest: Buffer = Buffer.alloc(0);

  function readLine(bytes: Buffer): boolean {
    const step = parseStep(bytes.toString("utf8"));
    if (step === null) return false;
    if (badAt !== null) throw new WhcbError("malformed", `the journal ${path} is damaged at byte ${badAt}`);
    onStep(step);
    return true;
  }

  for await (const chunk of readChunks(path)) {
    const bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(LINE_END); end !== -1; end = bytes.indexOf(LINE_END, start)) {
      if (readLine(bytes.subarray(start, end))) length = offset + end + 1;
      else badAt ??= offset + start;
      start = end + 1;
    }
    rest = bytes.subarray(start);
    offset += start;
  }
  if (rest.length > 0 && badAt === null && readLine(rest)) return { length: offset + rest.length, lacksLineEnd: true };
  return { length, lacksLineEnd: false };
}

async function* readChunks(path: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) yield chunk;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") {
      throw new WhcbError("not-found", `no run journal ${path}`, { cause: error });
    }
    throw error;
  }
}
