/** What record-writes.c has recorded, and what the test has noted in between: the order of both is that of the file. */
import { appendFileSync, readFileSync } from "node:fs";

/**
 * a file is created: C inode, path · a folder: D inode, path · bytes are written: W inode, offset, bytes · a file is cut off: T inode, length
 * · a flush begins: F inode, number · and ends: E inode, number · R from, to: renamed · L from, to: linked · U path: removed · N: a note
 */
export type Operation = "C" | "D" | "W" | "T" | "F" | "E" | "R" | "L" | "U" | "N";

export interface TraceRecord {
  readonly operation: Operation;
  readonly a: number;
  readonly b: number;
  readonly bytes: Buffer;
}

const HEAD = /^([CDWTFERLUN]) (-?\d+) (-?\d+) (\d+)$/;
const LONGEST_HEAD = 80;

export function readTrace(file: string): readonly TraceRecord[] {
  const whole = readFileSync(file);
  const records: TraceRecord[] = [];
  for (let at = 0; at < whole.length; ) {
    const start = whole.indexOf("\n", at) + 1;
    const [, operation, a, b, length] = HEAD.exec(whole.toString("latin1", at, Math.min(start - 1, at + LONGEST_HEAD))) ?? [];
    if (!isOperation(operation)) throw new Error(`the trace ${file} is damaged at byte ${at}`);
    at = start + Number(length);
    records.push({ operation, a: Number(a), b: Number(b), bytes: whole.subarray(start, at) });
  }
  return records;
}

function isOperation(text: string | undefined): text is Operation {
  return text !== undefined;
}

/** What the note says has been seen before everything that is recorded after it. */
export function writeNote(file: string, note: unknown): void {
  const text = Buffer.from(JSON.stringify(note));
  appendFileSync(file, Buffer.concat([Buffer.from(`N 0 0 ${text.length}\n`), text]));
}
